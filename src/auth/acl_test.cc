#include "auth/acl.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

namespace {
std::size_t allocation_count = 0;
}

// Counts what the hot path must not do.
void* operator new(std::size_t bytes) {
  ++allocation_count;
  if (void* memory = std::malloc(bytes)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace vmq::auth {
namespace {

Acl acl_of(std::string_view text) {
  auto acl = parse_acl(text);
  EXPECT_TRUE(acl.has_value()) << acl.error().line << ": " << acl.error().reason;
  return acl ? std::move(*acl) : Acl();
}

void expect_error(std::string_view text, std::size_t line, std::string_view reason_part) {
  const auto acl = parse_acl(text);
  ASSERT_FALSE(acl.has_value()) << text;
  EXPECT_EQ(acl.error().line, line) << acl.error().reason;
  EXPECT_NE(acl.error().reason.find(reason_part), std::string::npos) << acl.error().reason;
}

const AclSubject anonymous{std::nullopt, "client", ""};
const AclSubject bob{"bob", "client", ""};
const AclSubject eve{"eve", "client", ""};

// One rule for everybody; whether it lets a client subscribe the filter.
bool covers(std::string_view rule, std::string_view filter) {
  return acl_of("topic " + std::string(rule)).may_subscribe(anonymous, filter);
}

TEST(Acl, no_rule_allows_nothing) {
  for (const Acl& acl : {acl_of(""), acl_of("# topic a\n\n"), Acl()}) {
    EXPECT_FALSE(acl.may_publish(anonymous, "a"));
    EXPECT_FALSE(acl.may_subscribe(bob, "a"));
  }
}

TEST(Acl, the_shipped_rule_allows_everything) {
  const Acl acl = acl_of("topic #\n");
  for (std::string_view topic : {"a", "a/b", "/", "$SYS/x", "$share/g/a"}) {
    EXPECT_TRUE(acl.may_publish(anonymous, topic)) << topic;
    EXPECT_TRUE(acl.may_subscribe(bob, topic)) << topic;
  }
  EXPECT_TRUE(acl.may_subscribe(anonymous, "#"));
  EXPECT_TRUE(acl.may_subscribe(anonymous, "$SYS/#"));
}

TEST(Acl, read_is_subscribe_write_is_publish_and_no_word_is_both) {
  const Acl acl = acl_of("topic read r\ntopic write w\ntopic b\ntopic readwrite rw\n");
  const auto check = [&](std::string_view topic, bool read, bool write) {
    EXPECT_EQ(acl.may_subscribe(anonymous, topic), read) << topic;
    EXPECT_EQ(acl.may_publish(anonymous, topic), write) << topic;
  };
  check("r", true, false);
  check("w", false, true);
  check("b", true, true);
  check("rw", true, true);
  check("read r", false, false);
}

TEST(Acl, a_read_rule_and_a_write_rule_of_one_topic_add_up) {
  const Acl acl = acl_of("topic read a/#\ntopic write a/#\n");
  EXPECT_TRUE(acl.may_subscribe(anonymous, "a/#"));
  EXPECT_TRUE(acl.may_publish(anonymous, "a/b"));
}

TEST(Acl, a_topic_named_like_an_access_word_is_a_topic) {
  const Acl acl = acl_of("topic read\ntopic write write");
  EXPECT_TRUE(acl.may_publish(anonymous, "read"));
  EXPECT_TRUE(acl.may_publish(anonymous, "write"));
  EXPECT_FALSE(acl.may_subscribe(anonymous, "write"));
}

TEST(Acl, rules_after_a_user_line_belong_to_that_user_alone) {
  const Acl acl = acl_of("topic all\nuser bob\ntopic his\nuser eve\ntopic hers\nuser bob\ntopic 2");
  EXPECT_TRUE(acl.may_publish(anonymous, "all"));
  EXPECT_TRUE(acl.may_publish(bob, "all"));
  EXPECT_TRUE(acl.may_publish(bob, "his"));
  EXPECT_TRUE(acl.may_publish(bob, "2"));
  EXPECT_FALSE(acl.may_publish(bob, "hers"));
  EXPECT_FALSE(acl.may_publish(anonymous, "his"));
  EXPECT_TRUE(acl.may_publish(eve, "hers"));
  EXPECT_FALSE(acl.may_publish(eve, "2"));
}

TEST(Acl, a_client_id_equal_to_a_user_name_gives_nothing) {
  const Acl acl = acl_of("user bob\ntopic his\n");
  EXPECT_FALSE(acl.may_publish({std::nullopt, "bob", "bob"}, "his"));
}

TEST(Acl, user_names_may_hold_blanks) {
  EXPECT_TRUE(acl_of("user  bob smith \ntopic a").may_publish({"bob smith", "c", ""}, "a"));
}

TEST(Acl, patterns_are_for_everybody_wherever_they_stand) {
  const Acl acl = acl_of("user bob\npattern in/%c/#\npattern write %u/%m/x\n");
  EXPECT_TRUE(acl.may_publish({std::nullopt, "c1", "m"}, "in/c1/a"));
  EXPECT_TRUE(acl.may_subscribe({"eve", "c1", "m"}, "in/c1/#"));
  EXPECT_FALSE(acl.may_subscribe({"eve", "c2", "m"}, "in/c1/#"));
  EXPECT_TRUE(acl.may_publish({"eve", "c1", "m"}, "eve/m/x"));
  EXPECT_FALSE(acl.may_subscribe({"eve", "c1", "m"}, "eve/m/x"));
  EXPECT_FALSE(acl.may_publish({"eve", "c1", "n"}, "eve/m/x"));
}

TEST(Acl, a_substitution_is_a_whole_level_and_only_in_patterns) {
  const Acl acl = acl_of("pattern a/x%c\ntopic b/%c\npattern c/%x");
  EXPECT_FALSE(acl.may_publish(anonymous, "a/xclient"));
  EXPECT_TRUE(acl.may_publish(anonymous, "a/x%c"));
  EXPECT_FALSE(acl.may_publish(anonymous, "b/client"));
  EXPECT_TRUE(acl.may_publish(anonymous, "b/%c"));
  EXPECT_TRUE(acl.may_publish(anonymous, "c/%x"));
}

TEST(Acl, anonymous_clients_and_empty_names_have_no_user_level) {
  const Acl acl = acl_of("pattern u/%u\npattern c/%c\npattern m/%m");
  EXPECT_FALSE(acl.may_publish(anonymous, "u/"));
  EXPECT_FALSE(acl.may_publish({"", "client", ""}, "u/"));
  EXPECT_FALSE(acl.may_publish({"", "", ""}, "c/"));
  EXPECT_TRUE(acl.may_publish(anonymous, "m/")) << "the default mountpoint is the empty text";
}

TEST(Acl, a_name_of_wildcards_opens_nothing) {
  const Acl acl = acl_of("pattern in/%c\npattern of/%u/x\npattern at/%m/#");
  for (std::string_view name : {"+", "#", "+/#", "a/b", "/"}) {
    const AclSubject subject{name, name, name};
    EXPECT_FALSE(acl.may_subscribe(subject, "in/" + std::string(name))) << name;
    EXPECT_FALSE(acl.may_subscribe(subject, "of/" + std::string(name) + "/x")) << name;
    EXPECT_FALSE(acl.may_subscribe(subject, "at/" + std::string(name) + "/#")) << name;
    EXPECT_FALSE(acl.may_subscribe(subject, "in/other"));
  }
}

TEST(Acl, a_client_cannot_reach_system_topics_by_its_name) {
  const Acl acl = acl_of("pattern %c/#\npattern %u/#\npattern %m/#\ntopic +/uptime");
  EXPECT_FALSE(acl.may_subscribe({"$SYS", "$SYS", "$SYS"}, "$SYS/uptime"));
  EXPECT_TRUE(acl.may_subscribe({"x", "c", ""}, "c/uptime"));
}

TEST(Acl, a_filter_is_allowed_only_with_every_topic_that_it_can_match) {
  EXPECT_FALSE(covers("a/+", "a/#"));
  EXPECT_TRUE(covers("a/+", "a/+"));
  EXPECT_TRUE(covers("a/#", "a/#"));
  EXPECT_TRUE(covers("a/#", "a/+/c"));
  EXPECT_TRUE(covers("a/#", "a"));
  EXPECT_TRUE(covers("a/#", "a/+/#"));
  EXPECT_FALSE(covers("a/+/#", "a/#"));
  EXPECT_FALSE(covers("a/b", "a/+"));
  EXPECT_FALSE(covers("a", "+"));
  EXPECT_FALSE(covers("+", "#"));
  EXPECT_TRUE(covers("+/#", "#"));
  EXPECT_TRUE(covers("#", "+/a"));
  EXPECT_FALSE(covers("+/#", "$SYS/#"));
  EXPECT_FALSE(covers("+/x", "$SYS/x"));
  EXPECT_TRUE(covers("$SYS/#", "$SYS/+/x"));
  EXPECT_FALSE(covers("$SYS/#", "#"));
  EXPECT_TRUE(covers("a/+", "a/")) << "an empty level is a level";
  EXPECT_FALSE(covers("a/+", "a"));
}

TEST(Acl, rules_do_not_join_to_cover_a_filter) {
  const Acl acl = acl_of("topic a\ntopic a/+\ntopic a/+/#\n");
  EXPECT_FALSE(acl.may_subscribe(anonymous, "a/#"));
}

TEST(Acl, a_shared_subscription_is_allowed_as_its_filter_is) {
  EXPECT_TRUE(covers("a/b", "$share/g/a/b"));
  EXPECT_TRUE(covers("a/#", "$share/g/a/+"));
  EXPECT_FALSE(covers("a/+", "$share/g/a/#"));
  EXPECT_FALSE(covers("b", "$share/g/a/b"));
  EXPECT_TRUE(covers("/a", "$share/g//a"));
  EXPECT_TRUE(covers("$SYS/#", "$share/g/$SYS/x"));
}

TEST(Acl, a_rule_about_the_shared_text_allows_that_and_no_more) {
  EXPECT_TRUE(covers("$share/g/a/#", "$share/g/a/b"));
  EXPECT_TRUE(covers("$share/+/a/b", "$share/g/a/b"));
  EXPECT_FALSE(covers("$share/g/a/b", "$share/h/a/b"));
  EXPECT_FALSE(covers("$share/g/a/b", "a/b"));
  for (std::string_view malformed : {"$share//a", "$share/a/", "$share/a", "$share/"}) {
    EXPECT_FALSE(covers("+", malformed)) << malformed;
  }
}

TEST(Acl, lines_may_be_indented_spaced_and_end_in_crlf) {
  const Acl acl =
      acl_of("\xEF\xBB\xBF# \xE9\r\n\r\n  topic\tread   a b/c \t\r\n\t# x\r\nuser bob\r\ntopic d");
  EXPECT_TRUE(acl.may_subscribe(anonymous, "a b/c"));
  EXPECT_TRUE(acl.may_publish(bob, "d"));
  EXPECT_EQ(acl.rule_count(), 2u);
}

TEST(Acl, errors_name_the_line) {
  expect_error("topic", 1, "no topic");
  expect_error("topic a\r\ntopic \r\n", 2, "no topic");
  expect_error("pattern", 1, "no topic");
  expect_error("\n\nuser\n", 3, "no user name");
  expect_error("user \n", 1, "no user name");
  expect_error("topics a", 1, "expected");
  expect_error("TOPIC a", 1, "expected");
  expect_error("a/b", 1, "expected");
  expect_error("topic a/#/b", 1, "last level");
  expect_error("topic read a+", 1, "whole levels");
  expect_error("topic a\npattern write a/b#", 2, "whole levels");
  expect_error("topic deny secret/#", 1, "deny");
  expect_error(std::string_view("topic a\0b", 9), 1, "zero byte");
}

TEST(Acl, the_deepest_rule_is_accepted_and_one_level_more_is_not) {
  std::string topic = "+";
  for (std::size_t i = 1; i < acl_rule_levels_max; ++i) topic += "/+";
  const Acl acl = acl_of("topic " + topic);
  EXPECT_TRUE(acl.may_publish(anonymous, topic));
  EXPECT_FALSE(acl.may_publish(anonymous, topic + "/a"));
  expect_error("topic " + topic + "/+", 1, "128 levels");
}

TEST(Acl, the_longest_topic_is_accepted_and_one_byte_more_is_not) {
  EXPECT_EQ(acl_of("topic write " + std::string(65535, 'a')).rule_count(), 1u);
  expect_error("topic write " + std::string(65536, 'a'), 1, "65535");
  expect_error("topic write " + std::string(70000, 'a'), 1, "line too long");
}

TEST(Acl, the_walk_has_room_for_every_branch_of_the_deepest_rules) {
  // Along `x/x/…` every level can also be taken by `+`, %u, %c and %m, so each step leaves four
  // others waiting, and a topic that is too long makes the walk try them all.
  std::string rules = "pattern +";
  for (std::size_t i = 1; i < acl_rule_levels_max; ++i) rules += "/+";
  rules += "\n";
  std::string prefix;
  for (std::size_t i = 0; i < acl_rule_levels_max; ++i) {
    for (std::string_view level : {"%u", "%c", "%m", "+", "x"}) {
      const bool last = i + 1 == acl_rule_levels_max;
      rules += "pattern " + prefix + std::string(level) + (last ? "\n" : "/no\n");
    }
    prefix += "x/";
  }
  const Acl acl = acl_of(rules);
  const std::string topic = prefix.substr(0, prefix.size() - 1);
  const AclSubject subject{"x", "x", "x"};
  EXPECT_FALSE(acl.may_publish(subject, topic + "/more"));
  EXPECT_TRUE(acl.may_publish(subject, "y" + topic.substr(1)));
}

TEST(Acl, many_rules_are_each_found) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "topic dev/" + std::to_string(i) + "/cmd\n";
  for (int i = 0; i < 500; ++i) {
    text += "user u" + std::to_string(i) + "\ntopic own/" + std::to_string(i) + "\n";
  }
  const Acl acl = acl_of(text);
  for (int i = 0; i < 5000; ++i) {
    EXPECT_TRUE(acl.may_publish(anonymous, "dev/" + std::to_string(i) + "/cmd")) << i;
  }
  for (int i = 0; i < 500; ++i) {
    const std::string user = "u" + std::to_string(i);
    EXPECT_TRUE(acl.may_publish({user, "c", ""}, "own/" + std::to_string(i))) << i;
    EXPECT_FALSE(acl.may_publish({user, "c", ""}, "own/" + std::to_string(i + 1))) << i;
  }
  EXPECT_FALSE(acl.may_publish(anonymous, "dev/5000/cmd"));
}

TEST(Acl, cached_rules_of_a_user_answer_like_the_look_up) {
  const Acl acl = acl_of("topic all\nuser bob\ntopic his\n");
  const UserRules* rules = acl.rules_of("bob");
  ASSERT_NE(rules, nullptr);
  EXPECT_EQ(acl.rules_of("eve"), nullptr);
  EXPECT_EQ(acl.rules_of(std::nullopt), nullptr);
  EXPECT_TRUE(acl.may_publish(bob, rules, "his"));
  EXPECT_TRUE(acl.may_subscribe(bob, rules, "all"));
  EXPECT_FALSE(acl.may_publish(bob, nullptr, "his"));
}

TEST(Acl, a_question_allocates_nothing) {
  const Acl acl = acl_of("topic a/+/c\npattern in/%c/%u/#\nuser bob\ntopic x/#\n");
  const std::size_t before = allocation_count;
  bool allowed = acl.may_publish(bob, "a/a-level-longer-than-any-small-string/c");
  allowed = acl.may_publish(bob, "in/client/bob/x/y/z") && allowed;
  allowed = acl.may_subscribe(bob, "$share/group/x/+/a-level-longer-than-small") && allowed;
  EXPECT_EQ(allocation_count, before);
  EXPECT_TRUE(allowed);
  EXPECT_GT(before, 0u) << "the counter counts";
}

}  // namespace
}  // namespace vmq::auth
