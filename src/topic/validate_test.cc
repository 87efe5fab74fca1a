#include "topic/validate.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::topic {
namespace {

constexpr std::uint32_t depth_max = 10;

struct NameCase {
  std::string_view name;
  TopicError error;
};

TEST(CheckName, ordinary_names_are_valid) {
  for (const std::string_view name :
       {"a", "/", "a/b", "/a", "a/", "a//b", "$SYS/x", "a b", "$share/g/a", "\xc3\xa4/1"}) {
    EXPECT_TRUE(check_name(name, depth_max)) << name;
  }
}

TEST(CheckName, broken_names_say_what_is_broken) {
  const NameCase cases[] = {
      {"", TopicError::Empty},
      {"a/+", TopicError::WildcardInName},
      {"#", TopicError::WildcardInName},
      {"a+", TopicError::WildcardInName},
      {"a/b#/c", TopicError::WildcardInName},
      {std::string_view("a\0b", 3), TopicError::NulCharacter},
      {"1/2/3/4/5/6/7/8/9/10/11", TopicError::TooDeep},
  };
  for (const NameCase& broken : cases) {
    const auto checked = check_name(broken.name, depth_max);
    ASSERT_FALSE(checked) << broken.name;
    EXPECT_EQ(checked.error(), broken.error) << broken.name;
    EXPECT_FALSE(text_of(broken.error).empty());
  }
}

TEST(CheckName, length_and_depth_may_be_exactly_at_their_limits) {
  EXPECT_TRUE(check_name(std::string(65535, 'a'), depth_max));
  EXPECT_EQ(check_name(std::string(65536, 'a'), depth_max).error(), TopicError::TooLong);
  EXPECT_TRUE(check_name("1/2/3/4/5/6/7/8/9/10", depth_max));
  EXPECT_TRUE(check_name(std::string(9, '/'), depth_max));
  EXPECT_EQ(check_name(std::string(10, '/'), depth_max).error(), TopicError::TooDeep);
}

TEST(ParseFilter, plain_filters_are_taken_apart) {
  const auto exact = parse_filter("a/b", depth_max);
  ASSERT_TRUE(exact);
  EXPECT_EQ(exact->filter, "a/b");
  EXPECT_EQ(exact->share_group, "");
  EXPECT_FALSE(exact->has_wildcard);
  EXPECT_EQ(exact->depth, 2u);
  for (const std::string_view wild : {"#", "+", "a/#", "+/+", "a/+/b", "/+", "+/", "$SYS/#"}) {
    const auto parsed = parse_filter(wild, depth_max);
    ASSERT_TRUE(parsed) << wild;
    EXPECT_TRUE(parsed->has_wildcard) << wild;
  }
}

TEST(ParseFilter, a_shared_filter_gives_its_group_and_filter) {
  const auto shared = parse_filter("$share/workers/jobs/+/new", depth_max);
  ASSERT_TRUE(shared);
  EXPECT_EQ(shared->share_group, "workers");
  EXPECT_EQ(shared->filter, "jobs/+/new");
  EXPECT_TRUE(shared->has_wildcard);
  EXPECT_EQ(shared->depth, 3u);
  EXPECT_EQ(parse_filter("$share/g//", depth_max)->filter, "/");
}

TEST(ParseFilter, a_name_that_only_resembles_a_share_is_an_ordinary_filter) {
  EXPECT_EQ(parse_filter("$share", depth_max)->share_group, "");
  EXPECT_EQ(parse_filter("$shared/g/a", depth_max)->filter, "$shared/g/a");
}

TEST(ParseFilter, broken_filters_say_what_is_broken) {
  const NameCase cases[] = {
      {"", TopicError::Empty},
      {"a#", TopicError::MisplacedHash},
      {"a/#/b", TopicError::MisplacedHash},
      {"##", TopicError::MisplacedHash},
      {"#/", TopicError::MisplacedHash},
      {"a+", TopicError::MisplacedPlus},
      {"+a/b", TopicError::MisplacedPlus},
      {"++", TopicError::MisplacedPlus},
      {"+#", TopicError::MisplacedPlus},
      {std::string_view("a\0", 2), TopicError::NulCharacter},
      {"$share/", TopicError::ShareGroupEmpty},
      {"$share//a", TopicError::ShareGroupEmpty},
      {"$share/g", TopicError::ShareFilterEmpty},
      {"$share/g/", TopicError::ShareFilterEmpty},
      {"$share/+/a", TopicError::ShareGroupWild},
      {"$share/#/a", TopicError::ShareGroupWild},
      {"$share/g#/a", TopicError::ShareGroupWild},
      {"$share/g/a#", TopicError::MisplacedHash},
      {"1/2/3/4/5/6/7/8/9/10/+", TopicError::TooDeep},
  };
  for (const NameCase& broken : cases) {
    const auto parsed = parse_filter(broken.name, depth_max);
    ASSERT_FALSE(parsed) << broken.name;
    EXPECT_EQ(parsed.error(), broken.error) << broken.name;
  }
}

TEST(ParseFilter, the_share_prefix_does_not_count_as_depth) {
  EXPECT_TRUE(parse_filter("$share/g/1/2/3/4/5/6/7/8/9/10", depth_max));
  EXPECT_FALSE(parse_filter("$share/g/1/2/3/4/5/6/7/8/9/10/11", depth_max));
}

}  // namespace
}  // namespace vmq::topic
