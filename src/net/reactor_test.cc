#include "net/reactor.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

#include "net/reactor_fixture.h"

namespace vmq::net {
namespace {

class Client {
 public:
  explicit Client(const SocketAddress& address, int receive_buffer = 0)
      : fd_(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    if (receive_buffer > 0) {
      setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    const int on = 1;
    setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const int result = ::connect(fd_.get(), address.get(), address.size);
    EXPECT_TRUE(result == 0 || errno == EINPROGRESS);
  }
  // Returns how much the socket took.
  std::size_t send(std::string_view bytes) {
    const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  // Takes what is there.
  void receive() {
    char buffer[65536];
    ssize_t count = 0;
    while ((count = ::recv(fd_.get(), buffer, sizeof buffer, 0)) > 0) {
      received.append(buffer, static_cast<std::size_t>(count));
    }
    if (count == 0) is_ended = true;
    if (count < 0 && errno != EAGAIN) is_reset = true;
  }
  void close() { fd_.close(); }
  void reset() {
    const linger abort{1, 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    fd_.close();
  }

  std::string received;
  bool is_ended = false;
  bool is_reset = false;

 private:
  Fd fd_;
};

class ReactorTest : public ReactorFixture {
 protected:
  void SetUp() override { listen({}); }
};

TEST_F(ReactorTest, echoes_and_counts_bytes) {
  Client client(address());
  client.send(frame('e', "hello"));
  ASSERT_TRUE(until([&] { return client.receive(), client.received == "hello"; }));
  EXPECT_EQ(counters_.plain[static_cast<std::size_t>(core::Plain::BytesReceived)].value(), 10u);
  EXPECT_EQ(counters_.plain[static_cast<std::size_t>(core::Plain::BytesSent)].value(), 5u);
  EXPECT_EQ(fake().peers[0].substr(0, 10), "127.0.0.1:");
  EXPECT_EQ(listener_.shared->connections.load(), 1u);
  client.close();
  ASSERT_TRUE(until([&] { return reactor_->connection_count() == 0; }));
  EXPECT_EQ(fake().closed, std::vector{core::CloseCause::PeerClosed});
  EXPECT_EQ(listener_.shared->connections.load(), 0u);
}

TEST_F(ReactorTest, a_reset_is_reported_as_an_error) {
  Client client(address());
  ASSERT_TRUE(until([&] { return reactor_->connection_count() == 1; }));
  client.reset();
  ASSERT_TRUE(until([&] { return reactor_->connection_count() == 0; }));
  EXPECT_EQ(fake().closed, std::vector{core::CloseCause::ReadError});
}

TEST_F(ReactorTest, frames_cut_at_every_place_arrive_whole) {
  Client client(address());
  const std::string bytes = frame('e', "abc") + frame('e', "") + frame('e', "defgh");
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    client.received.clear();
    fake().frames.clear();
    const std::uint64_t before =
        counters_.plain[static_cast<std::size_t>(core::Plain::BytesReceived)].value();
    client.send(bytes.substr(0, cut));
    ASSERT_TRUE(until([&] {
      return counters_.plain[static_cast<std::size_t>(core::Plain::BytesReceived)].value() ==
             before + cut;
    }));
    client.send(bytes.substr(cut));
    ASSERT_TRUE(until([&] { return client.receive(), client.received == "abcdefgh"; })) << cut;
    EXPECT_EQ(fake().frames, (std::vector<std::string>{"eabc", "e", "edefgh"}));
  }
}

TEST_F(ReactorTest, big_frames_and_their_followers_arrive_whole) {
  Client client(address());
  std::string bytes;
  std::string expected;
  for (std::size_t size : {70'000u, 3u, 1'500'000u, 65'531u, 300'000u, 262'139u, 9u}) {
    std::string body(size, '\0');
    for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 7 + size);
    bytes += frame('e', body);
    expected += body;
  }
  std::size_t sent = 0;
  ASSERT_TRUE(until([&] {
    sent += client.send(std::string_view(bytes).substr(sent));
    client.receive();
    return client.received.size() >= expected.size();
  }));
  EXPECT_TRUE(client.received == expected);
}

TEST_F(ReactorTest, a_paused_connection_is_not_read_on_and_goes_on_with_its_kept_bytes) {
  Client client(address());
  client.send(frame('e', "1") + frame('p', "2") + frame('e', "3"));
  ASSERT_TRUE(until([&] { return client.receive(), client.received == "1"; }));
  client.send(frame('e', "4"));
  for (int i = 0; i < 5; ++i) turn();
  EXPECT_EQ(fake().frames, std::vector<std::string>{"e1"});
  const std::size_t before = turns_;
  turn(5);  // input of a paused connection must not keep the shard awake
  EXPECT_EQ(turns_, before + 1);

  fake().release(fake().id(0));
  ASSERT_TRUE(until([&] { return client.receive(), client.received == "134"; }));
}

TEST_F(ReactorTest, a_paused_connection_whose_peer_is_gone_still_delivers_what_it_sent) {
  Client client(address());
  client.send(frame('p', "1") + frame('e', "2"));
  ASSERT_TRUE(until([&] { return reactor_->connection_count() == 1; }));
  for (int i = 0; i < 5; ++i) turn();
  client.reset();
  for (int i = 0; i < 5; ++i) turn();
  EXPECT_EQ(reactor_->connection_count(), 1u);
  fake().release(fake().id(0));
  ASSERT_TRUE(until([&] { return reactor_->connection_count() == 0; }));
  EXPECT_EQ(fake().frames, (std::vector<std::string>{"p1", "e2"}));
}

TEST_F(ReactorTest, a_slow_reader_blocks_its_outbox_and_gets_every_byte_later) {
  Client client(address(), 4096);
  const std::string body(200'000, 'x');
  std::string bytes = frame('r', body);  // 12.8 MB come back
  std::size_t sent = 0;
  ASSERT_TRUE(until([&] {
    sent += client.send(std::string_view(bytes).substr(sent));
    return !fake().frames.empty() && core_.outbox(fake().id(0)).is_blocked();
  }));
  EXPECT_EQ(fake().drained, 0u);
  ASSERT_TRUE(until([&] {
    for (int i = 0; i < 100; ++i) client.receive();
    return client.received.size() == 64 * body.size();
  }));
  ASSERT_TRUE(until([&] { return fake().drained == 1; }));
  EXPECT_TRUE(core_.outbox(fake().id(0)).empty());
  client.send(frame('e', "end"));
  ASSERT_TRUE(until([&] { return client.receive(), client.received.ends_with("end"); }));
}

TEST_F(ReactorTest, a_graceful_close_delivers_the_last_words_though_input_is_unread) {
  Client client(address());
  client.send(frame('k', "reason") + std::string(200'000, '\0'));
  ASSERT_TRUE(until([&] { return client.receive(), client.is_ended; }));
  EXPECT_EQ(client.received, "reason");
  EXPECT_EQ(reactor_->connection_count(), 0u);
  EXPECT_EQ(reactor_->lingering_count(), 1u);
  client.close();
  ASSERT_TRUE(until([&] { return reactor_->lingering_count() == 0; }));
  EXPECT_EQ(listener_.shared->connections.load(), 0u);
}

TEST_F(ReactorTest, a_peer_that_never_answers_our_end_is_cut_after_a_while) {
  Client client(address());
  client.send(frame('k', "reason"));
  ASSERT_TRUE(until([&] { return reactor_->lingering_count() == 1; }));
  now_ = now_ + ReactorLimits{}.linger_max + milliseconds(-1);
  turn();
  EXPECT_EQ(reactor_->lingering_count(), 1u);
  now_ = now_ + milliseconds(1);
  turn();
  EXPECT_EQ(reactor_->lingering_count(), 0u);
  EXPECT_EQ(socket_counters_.linger_cut.value(), 1u);
}

TEST_F(ReactorTest, a_client_that_has_said_goodbye_gets_an_orderly_end_and_no_more_time) {
  Client client(address());
  client.send(frame('e', "before") + frame('g', ""));
  ASSERT_TRUE(until([&] { return client.receive(), client.is_ended || client.is_reset; }));
  EXPECT_TRUE(client.is_ended);
  EXPECT_FALSE(client.is_reset);
  EXPECT_EQ(client.received, "before");
  EXPECT_EQ(reactor_->lingering_count(), 0u);
  EXPECT_EQ(listener_.shared->connections.load(), 0u);
}

TEST_F(ReactorTest, an_abort_closes_at_once) {
  Client client(address());
  client.send(frame('a', ""));
  ASSERT_TRUE(until([&] { return client.receive(), client.is_ended || client.is_reset; }));
  EXPECT_EQ(reactor_->lingering_count(), 0u);
  ASSERT_TRUE(until([&] { return fake().closed.size() == 1; }));
}

TEST_F(ReactorTest, a_full_turn_is_carried_out_before_more_is_offered) {
  fake().turn_frames_max = 1;
  Client one(address());
  Client two(address());
  ASSERT_TRUE(until([&] { return reactor_->connection_count() == 2; }));
  one.send(frame('e', "a"));
  two.send(frame('e', "b"));
  ASSERT_TRUE(until([&] {
    one.receive(), two.receive();
    return one.received == "a" && two.received == "b";
  }));
}

TEST_F(ReactorTest, a_handed_over_connection_takes_its_unread_bytes_along) {
  Client client(address());
  client.send(frame('h', "first"));
  ASSERT_TRUE(until([&] { return to_adopt_.size() == 1; }));
  EXPECT_EQ(reactor_->connection_count(), 0u);
  EXPECT_EQ(as_text(to_adopt_[0].unread.bytes()), frame('h', "first"));
  EXPECT_EQ(listener_.shared->connections.load(), 1u);
  to_adopt_[0].unread.clear();
  to_adopt_[0].unread.append(as_bytes(frame('e', "x")), 0);
  client.send(frame('e', "y"));
  ASSERT_TRUE(until([&] { return client.receive(), client.received == "xy"; }));
  EXPECT_EQ(fake().peers[0], fake().peers[1]);
}

TEST_F(ReactorTest, a_client_may_get_the_slot_of_one_that_is_being_handed_over) {
  Client leaving(address());
  ASSERT_TRUE(until([&] { return reactor_->connection_count() == 1; }));
  turn();  // epoll keeps what it has told of in its list for a round; now the list is empty
  leaving.send(frame('h', ""));
  Client coming(address());
  ASSERT_TRUE(until([&] { return to_adopt_.size() == 1 && reactor_->connection_count() == 1; }));
  EXPECT_EQ(fake().conns.size(), 1u);  // it was in one turn, so the slot was used again
  EXPECT_EQ(as_text(to_adopt_[0].unread.bytes()), frame('h', ""));
  coming.send(frame('e', "here"));
  to_adopt_[0].unread.clear();
  to_adopt_[0].unread.append(as_bytes(frame('e', "there")), 0);
  ASSERT_TRUE(until([&] {
    coming.receive(), leaving.receive();
    return coming.received == "here" && leaving.received == "there";
  }));
}

TEST_F(ReactorTest, clients_above_the_listeners_maximum_are_refused_and_counted) {
  ListenerSpec spec;
  spec.connections_max = 2;
  listen(spec);
  Client one(address());
  Client two(address());
  ASSERT_TRUE(until([&] { return reactor_->connection_count() == 2; }));
  Client three(address());
  ASSERT_TRUE(until([&] { return three.receive(), three.is_ended || three.is_reset; }));
  EXPECT_EQ(socket_counters_.accept_refused.value(), 1u);
  EXPECT_EQ(listener_.shared->connections.load(), 2u);
  one.close();
  ASSERT_TRUE(until([&] { return reactor_->connection_count() == 1; }));
  Client four(address());
  ASSERT_TRUE(until([&] { return reactor_->connection_count() == 2; }));
}

TEST_F(ReactorTest, nothing_is_read_while_stalled_and_nothing_is_lost) {
  Client client(address());
  ASSERT_TRUE(until([&] { return reactor_->connection_count() == 1; }));
  reactor_->set_stalled(true);
  client.send(frame('e', "later"));
  for (int i = 0; i < 5; ++i) turn(5);
  EXPECT_TRUE(fake().frames.empty());
  EXPECT_EQ(socket_counters_.reads_stalled.value(), 1u);
  reactor_->set_stalled(false);
  ASSERT_TRUE(until([&] { return client.receive(), client.received == "later"; }));
}

TEST_F(ReactorTest, after_the_end_of_accepting_nobody_gets_in) {
  reactor_->stop_accepting();
  Client client(address());
  ASSERT_TRUE(until([&] { return client.receive(), client.is_reset; }));
  EXPECT_EQ(reactor_->connection_count(), 0u);
}

}  // namespace
}  // namespace vmq::net
