#include "cluster/members.h"

#include <gtest/gtest.h>

namespace vmq::cluster {
namespace {

TEST(Members, AreFoundByNumberAndByName) {
  Members members;
  members.self = 2;
  members.all = {{1, "a@10.0.0.1", "10.0.0.1:44053"}, {2, "b@10.0.0.2", "10.0.0.2:44053"}};
  ASSERT_NE(members.find(MemberNumber{2}), nullptr);
  EXPECT_EQ(members.find(MemberNumber{2})->name, "b@10.0.0.2");
  ASSERT_NE(members.find("a@10.0.0.1"), nullptr);
  EXPECT_EQ(members.find("a@10.0.0.1")->number, 1);
  EXPECT_EQ(members.find(MemberNumber{3}), nullptr);
  EXPECT_EQ(members.find("c@10.0.0.3"), nullptr);
}

TEST(Members, OneIsAlone) {
  Members members;
  EXPECT_TRUE(members.is_alone());
  members.all = {{1, "a@10.0.0.1", "10.0.0.1:44053"}};
  EXPECT_TRUE(members.is_alone());
  members.all.push_back({2, "b@10.0.0.2", "10.0.0.2:44053"});
  EXPECT_FALSE(members.is_alone());
}

TEST(MemberAddress, is_read_and_written) {
  const auto is = [](std::string_view text, MemberAddress address) {
    EXPECT_EQ(parse_address(text), address) << text;
    EXPECT_EQ(parse_address(to_string(address)), address) << text;
  };
  is("10.0.0.1:44053", {false, "10.0.0.1", 44053});
  is("tls://10.0.0.1:5", {true, "10.0.0.1", 5});
  is("node-1.vernemq.default.svc", {false, "node-1.vernemq.default.svc", 44053});
  is("tls://node-1", {true, "node-1", 44054});
  is("[fd00::1]:7", {false, "fd00::1", 7});
  is("[fd00::1]", {false, "fd00::1", 44053});
  for (const std::string_view text :
       {"", ":1", "a:", "a:0", "a:65536", "a:1x", "[::1", "[]:1", "[::1]x", "tls://", "a:-1"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
  EXPECT_FALSE(parse_address(std::string(254, 'a')));
}

TEST(MembersTest, a_member_is_lost_that_goes_down_or_leaves) {
  const auto of = [](std::vector<std::pair<MemberNumber, bool>> up) {
    Members members;
    for (const auto& [number, is_up] : up) {
      members.all.push_back({.number = number, .name = {}, .address = {}, .is_up = is_up});
    }
    return members;
  };
  const Members before = of({{1, true}, {2, true}, {3, false}});
  EXPECT_FALSE(has_lost_member(before, before));
  EXPECT_FALSE(has_lost_member(before, of({{1, true}, {2, true}, {3, true}, {4, false}})));
  EXPECT_FALSE(has_lost_member(before, of({{1, true}, {2, true}})));
  EXPECT_TRUE(has_lost_member(before, of({{1, true}, {2, false}, {3, true}})));
  EXPECT_TRUE(has_lost_member(before, of({{1, true}, {3, true}})));
}

TEST(MemberAddress, the_host_of_a_node_name_stands_behind_the_at) {
  EXPECT_EQ(host_of("VerneMQ@10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(host_of("VerneMQ"), "");
}

}  // namespace
}  // namespace vmq::cluster
