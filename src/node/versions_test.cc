// A member whose release speaks a later version of the link protocol as well, or only that: what it
// sends are the recorded frames of version 1 (tests/records/stream.txt).
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "core/stream_frame.h"
#include "net/stages.h"
#include "node/clock.h"
#include "node/cluster_fixture.h"
#include "node/node_fixture.h"
#include "node/waiting_link.h"
#include "tests/notation.h"

namespace vmq::node {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes recorded(const std::string& name) {
  std::ifstream in(std::string(VMQ_RECORDS_DIR) + "/stream.txt");
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> parts = notation::split(line, '|');
    if (parts.size() == 4 && parts[0] == name) return notation::ByteNotation(parts[2]).read();
  }
  ADD_FAILURE() << "no record " << name;
  return {};
}

class VersionsTest : public testing::Test {
 protected:
  VersionsTest() {
    node_.listen_for_clients();
    node_.start();
  }
  // A client that was there before the node was a member, so that no owner is asked for.
  void subscribe() {
    reader_ = std::make_unique<Client>(node_.client_address());
    ASSERT_EQ(reader_->connect("reader"), 0);
    reader_->subscribe("t", 0);
  }
  void join() { node_.node->set_members(members_of(2)); }
  // Nobody listens where member 1 is said to be.
  cluster::Members members_of(cluster::MemberNumber self) const {
    cluster::Members members;
    members.self = self;
    members.cluster = 77;
    members.all = {{1, "a@127.0.0.1", "127.0.0.1:1", 1, true},
                   {2, "b@127.0.0.1", node_.address(), 2, true}};
    return members;
  }
  // Dials as shard 0 of member 1 does, with these versions.
  WaitingLink::Done dial(std::uint8_t version_min, std::uint8_t version_max) {
    config::Config config;
    config.node.name = "a@127.0.0.1";
    config.node.cookie = "secret";
    auto gate = LinkGate::make(config, 1, 0);
    EXPECT_TRUE(gate);
    (*gate)->set_members(members_of(1));
    cluster::Handshake::Setup setup = (*gate)->stream_to(members_of(1).all[1], 0);
    setup.self.version_min = version_min;
    setup.self.version_max = version_max;
    auto stages = std::make_unique<net::Stages>((*gate)->transport(false), node_.address(), setup);
    link_ = std::make_unique<WaitingLink>(std::move(stages), -1);
    const auto target = cluster::parse_address(node_.address());
    const Instant deadline = read_clock().instant + seconds(20);
    const auto connected = link_->connect(*net::ip_address(target->host, target->port), deadline);
    EXPECT_TRUE(connected);
    return link_->shake_hands(deadline);
  }
  void send(const Bytes& frames) {
    for (ByteView rest = frames; !rest.empty();) {
      // A message of the link is a frame: both have their size in front.
      const std::size_t size = load_be32(rest.data());
      ASSERT_TRUE(link_->send(rest.subspan(4, size), read_clock().instant + seconds(20)));
      rest = rest.subspan(4 + size);
    }
  }
  // Kind and first number of the next answer; kind 0: there will be none.
  std::pair<int, std::uint64_t> answer() {
    const auto frame = link_->receive(1000, read_clock().instant + seconds(20));
    if (!frame || frame->size() != 9) return {0, 0};
    return {(*frame)[0], load_be64(frame->data() + 1)};
  }
  // Others may come before it; they repeat what is known.
  bool answers(int kind, std::uint64_t number) {
    auto got = answer();
    while (got.first != 0 && got != std::pair(kind, number)) got = answer();
    return got.first != 0;
  }
  void expect_conversation(const Bytes& frames) {
    send(frames);
    EXPECT_TRUE(answers(16, 0));  // opened
    EXPECT_TRUE(answers(18, 1));  // the interest is known
    EXPECT_EQ(reader_->receive(), std::string("\x30\x04\x00\x01tx", 6));
    EXPECT_EQ(reader_->receive(), std::string("\x30\x04\x00\x01ty", 6));
    EXPECT_TRUE(answers(17, 1));  // confirmed
  }

  TestNode node_{"b@127.0.0.1", 2};
  std::unique_ptr<WaitingLink> link_;
  std::unique_ptr<Client> reader_;
};

TEST_F(VersionsTest, a_member_of_version_1_is_understood_and_answered_as_ever) {
  subscribe();
  join();
  ASSERT_TRUE(dial(1, 1));
  expect_conversation(recorded("conversation"));
}

TEST_F(VersionsTest, a_member_that_speaks_the_next_version_too_is_served_in_this_one) {
  subscribe();
  join();
  ASSERT_TRUE(dial(1, 2));
  // What it may say beside version 1 is left out, wherever it comes.
  Bytes frames;
  const Bytes extra = recorded("a later kind that may be left out");
  const ByteView later = ByteView(extra).first(9);
  const Bytes conversation = recorded("conversation");
  for (ByteView rest = conversation; !rest.empty();) {
    const std::size_t size = core::cut_stream_frame(rest).frame.size;
    frames.insert(frames.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size));
    frames.insert(frames.end(), later.begin(), later.end());
    rest = rest.subspan(size);
  }
  expect_conversation(frames);
}

TEST_F(VersionsTest, a_frame_that_must_be_known_ends_the_connection_and_the_log_says_why) {
  join();
  ASSERT_TRUE(dial(1, 2));
  send(recorded("open"));
  EXPECT_TRUE(answers(16, 0));
  send({0, 0, 0, 2, 100, 1});
  EXPECT_FALSE(answers(100, 0));  // the connection is closed
  EXPECT_TRUE(node_.logs("a frame of a kind that is not known"));
}

TEST_F(VersionsTest, a_member_of_later_versions_only_is_refused_and_both_know_why) {
  subscribe();
  join();
  const auto refused = dial(2, 3);
  ASSERT_FALSE(refused);
  const std::string reason =
      "no version of the link protocol in common: b@127.0.0.1 speaks 1 to 1, a@127.0.0.1 speaks 2 "
      "to 3";
  EXPECT_NE(refused.error().text.find(reason), std::string::npos) << refused.error().text;
  EXPECT_TRUE(node_.logs(reason));
  // Nobody else is the worse for it.
  reader_->publish("t", "x", 0);
  EXPECT_EQ(reader_->receive(), std::string("\x30\x04\x00\x01tx", 6));
}

}  // namespace
}  // namespace vmq::node
