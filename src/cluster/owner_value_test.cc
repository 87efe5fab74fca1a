#include "cluster/owner_value.h"

#include <gtest/gtest.h>

namespace vmq::cluster {
namespace {

using namespace std::string_literals;

TEST(OwnerValueTest, its_bytes_are_those_of_the_format) {
  EXPECT_EQ(to_text(OwnerValue{3, 9}), "\1\0\3\0\0\0\0\0\0\0\x9\0\0\0\0\0\0\0\0\0"s);
  EXPECT_EQ(to_text(OwnerValue{
                0x1234, 0x1112131415161718, 0x0102030405060708, {{0xfffe, 5}}, "re\0cord"s}),
            "\1\x12\x34\x11\x12\x13\x14\x15\x16\x17\x18\1\2\3\4\5\6\7\x8\1"
            "\xff\xfe\0\0\0\0\0\0\0\5re\0cord"s);
}

TEST(OwnerValueTest, what_was_written_is_read) {
  for (const OwnerValue& value :
       {OwnerValue{1, 1}, OwnerValue{65535, 2, 0, {}, "record"}, OwnerValue{2, 3, 1, {{1, 0}}},
        OwnerValue{7, ~std::uint64_t{0}, ~std::uint64_t{0}, {{65535, 7}, {1, 8}}, "\0\xff"s}}) {
    EXPECT_EQ(parse_owner_value(to_text(value)), value);
  }
}

TEST(OwnerValueTest, a_value_that_is_cut_off_or_of_another_format_is_none) {
  const std::string good = to_text(OwnerValue{2, 5, 9, {{1, 0}}});
  ASSERT_TRUE(parse_owner_value(good));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(parse_owner_value(std::string_view(good).substr(0, size))) << size;
  }
  for (const char format : {'\0', '\2', '1', '\xff'}) {
    std::string other = good;
    other[0] = format;
    EXPECT_FALSE(parse_owner_value(other));
  }
}

TEST(OwnerValueTest, a_value_that_makes_no_sense_is_none) {
  EXPECT_FALSE(parse_owner_value(to_text(OwnerValue{no_member, 5})));
  EXPECT_FALSE(parse_owner_value(to_text(OwnerValue{2, 0})));
  EXPECT_FALSE(parse_owner_value(to_text(OwnerValue{2, 5, 9, {}, "record"})));
  EXPECT_FALSE(parse_owner_value(to_text(OwnerValue{2, 5, 0, {{1, 0}}, "record"})));
}

TEST(OwnerValueTest, a_claim_remembers_the_last_few_owners) {
  OwnerValue value{1, 5, 0, {}, "record"};
  for (MemberNumber by = 2; by < 20; ++by) value = claimed_by(by, std::move(value), by * 10);
  EXPECT_EQ(value.owner, 19);
  EXPECT_EQ(value.epoch, 190u);
  ASSERT_EQ(value.earlier.size(), owner_steps_max);
  EXPECT_EQ(value.earlier.back(), (OwnerStep{18, 180}));
  EXPECT_EQ(value.earlier.front(), (OwnerStep{11, 110}));
  EXPECT_EQ(value.record, "record");
  EXPECT_EQ(parse_owner_value(to_text(value)), value);
}

TEST(OwnerValueTest, a_key_names_mountpoint_and_client) {
  EXPECT_EQ(to_text(OwnerKey{"m", "c"}), "owners/m\0c"s);
  EXPECT_EQ(to_text(OwnerKey{"", "a\0b"s}), "owners/\0a\0b"s);
  EXPECT_EQ(parse_owner_key("owners/m\0c"s), (OwnerKey{"m", "c"}));
  EXPECT_EQ(parse_owner_key("owners/\0a\0b"s), (OwnerKey{"", "a\0b"s}));
  EXPECT_EQ(parse_owner_key("owners/\0"s), (OwnerKey{"", ""}));
  EXPECT_FALSE(parse_owner_key("owners/m"));
  EXPECT_FALSE(parse_owner_key("members/m\0c"s));
  EXPECT_FALSE(parse_owner_key("owner"));
}

}  // namespace
}  // namespace vmq::cluster
