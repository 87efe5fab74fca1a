#include "cluster/member_record.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::cluster {
namespace {

TEST(MemberRecord, comes_back_as_it_was_written) {
  const MemberRecord record{7, MemberState::Leaving, 4, "10.0.3.4:44053"};
  EXPECT_EQ(to_text(record), "v1 7 leaving 4 10.0.3.4:44053");
  EXPECT_EQ(parse_member_record(to_text(record)), record);
}

TEST(MemberRecord, words_of_a_later_version_are_left_alone) {
  EXPECT_EQ(parse_member_record("v1 65534 joining 64 h:1 more of it"),
            (MemberRecord{65534, MemberState::Joining, 64, "h:1"}));
}

TEST(MemberRecord, anything_else_is_none) {
  for (const char* text :
       {"", "v1", "v2 7 member 4 h:1", "v1 0 member 4 h:1", "v1 65536 member 4 h:1",
        "v1 -7 member 4 h:1", "v1 7 guest 4 h:1", "v1 7 member 0 h:1", "v1 7 member 65 h:1",
        "v1 7 member 4", "v1 7 member 4 ", "v1 7  member 4 h:1"}) {
    EXPECT_FALSE(parse_member_record(text)) << text;
  }
}

TEST(MemberRecord, a_number_is_digits_within_its_bound) {
  EXPECT_EQ(parse_number("18446744073709551615", ~0ull), ~0ull);
  EXPECT_FALSE(parse_number("18446744073709551616", ~0ull));
  EXPECT_EQ(parse_number("5", 5), 5u);
  EXPECT_FALSE(parse_number("6", 5));
  EXPECT_FALSE(parse_number("", 5));
  EXPECT_FALSE(parse_number("+1", 5));
}

TEST(MemberRecord, keys_name_members) {
  EXPECT_EQ(member_node_key("a@h"), "members/node/a@h");
  EXPECT_EQ(parse_member_up_key(member_up_key(12)), MemberNumber{12});
  EXPECT_FALSE(parse_member_up_key("members/up/"));
  EXPECT_FALSE(parse_member_up_key("members/up/0"));
  EXPECT_FALSE(parse_member_up_key(member_node_key("a@h")));
}

TEST(MemberRecord, a_cluster_is_a_number_that_is_not_0) {
  EXPECT_EQ(parse_cluster_record(cluster_record(42)), 42u);
  EXPECT_FALSE(parse_cluster_record("v1 0"));
  EXPECT_FALSE(parse_cluster_record("v2 42"));
  EXPECT_FALSE(parse_cluster_record("v1"));
}

TEST(KnownMembers, come_back_without_a_majority_and_with_nobody_up) {
  Members members{2, true, {{1, "a@h", "h:1", 4, true}, {2, "b@h", "h:2", 8, true}}, 42};
  const std::string text = to_text(members);
  EXPECT_EQ(text, "v1 42 2\nmember 1 4 a@h h:1\nmember 2 8 b@h h:2\n");
  members.has_quorum = false;
  for (Member& member : members.all) member.is_up = false;
  EXPECT_EQ(parse_members(text), members);
}

TEST(KnownMembers, lines_of_a_later_version_are_left_alone) {
  EXPECT_TRUE(parse_members("v1 42 2 x\nrack 3\nmember 2 8 b@h h:2 x\n\n"));
}

TEST(KnownMembers, what_is_cut_off_or_wrong_is_none) {
  const std::string text = "v1 42 2\nmember 1 4 a@h h:1\nmember 2 8 b@h h:2\n";
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(parse_members(text.substr(0, size))) << size;
  }
  EXPECT_FALSE(parse_members("v1 0 2\nmember 2 8 b@h h:2\n"));
  EXPECT_FALSE(parse_members("v1 42 3\nmember 2 8 b@h h:2\n"));
  EXPECT_FALSE(parse_members("v1 42 2\nmember 2 8 b@h h:2\nmember 2 8 c@h h:2\n"));
}

}  // namespace
}  // namespace vmq::cluster
