// Every rule and every filter of a small world, compared with the definition itself: a filter is
// allowed when no topic of that world matches the filter and not the rule. Topics are one level
// longer than filters and have level texts that no rule names, so the world is big enough.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "auth/acl.h"

namespace vmq::auth {
namespace {

using Levels = std::vector<std::string>;

std::string joined(const Levels& levels) {
  std::string text;
  for (std::size_t i = 0; i < levels.size(); ++i) text += (i == 0 ? "" : "/") + levels[i];
  return text;
}

void extend(const Levels& words, std::size_t more, Levels& start, std::vector<Levels>& out) {
  if (!start.empty() && !joined(start).empty()) out.push_back(start);
  if (more == 0) return;
  for (const std::string& word : words) {
    start.push_back(word);
    extend(words, more - 1, start, out);
    start.pop_back();
  }
}

std::vector<Levels> all_topics(const Levels& words, std::size_t levels_max) {
  std::vector<Levels> out;
  Levels start;
  extend(words, levels_max, start, out);
  return out;
}

std::vector<Levels> all_filters(const Levels& words, std::size_t levels_max) {
  std::vector<Levels> out = all_topics(words, levels_max);
  std::vector<Levels> shorter = all_topics(words, levels_max - 1);
  shorter.push_back({});
  for (Levels& levels : shorter) {
    levels.push_back("#");
    out.push_back(levels);
  }
  return out;
}

enum class Bare : std::uint8_t { CoversSystem, SparesSystem };

// The definition: MQTT's matching, and what a bare `#` does with topics that begin with `$`.
bool topic_matches(const Levels& filter, const Levels& topic, Bare bare) {
  const bool system = topic[0].substr(0, 1) == "$";
  if (filter == Levels{"#"}) return !system || bare == Bare::CoversSystem;
  if (system && (filter[0] == "+" || filter[0] == "#")) return false;
  for (std::size_t i = 0; i < filter.size(); ++i) {
    if (filter[i] == "#") return true;
    if (i >= topic.size()) return false;
    if (filter[i] != "+" && filter[i] != topic[i]) return false;
    if (i + 1 == topic.size() && i + 2 == filter.size() && filter[i + 1] == "#") return true;
  }
  return filter.size() == topic.size();
}

struct World {
  std::vector<Levels> rules = all_filters({"a", "", "+", "$s"}, 3);
  std::vector<Levels> filters = rules;
  std::vector<Levels> topics = all_topics({"a", "", "z", "$s", "$z"}, 4);
};

TEST(AclCover, publishing_is_allowed_exactly_when_the_rule_matches_the_topic) {
  const World world;
  const AclSubject subject{std::nullopt, "client", ""};
  for (const Levels& rule : world.rules) {
    const Acl acl = parse_acl("topic " + joined(rule)).value();
    for (const Levels& topic : world.topics) {
      ASSERT_EQ(acl.may_publish(subject, joined(topic)),
                topic_matches(rule, topic, Bare::CoversSystem))
          << "rule " << joined(rule) << ", topic " << joined(topic);
    }
  }
}

TEST(AclCover, a_filter_is_allowed_exactly_when_the_rule_covers_all_its_topics) {
  const World world;
  const AclSubject subject{std::nullopt, "client", ""};
  std::size_t allowed_count = 0;
  // What each filter and each rule matches, as a row of bits over the topics.
  const auto rows = [&](const std::vector<Levels>& filters, Bare bare) {
    std::vector<std::vector<bool>> out;
    for (const Levels& filter : filters) {
      std::vector<bool> row;
      for (const Levels& topic : world.topics) row.push_back(topic_matches(filter, topic, bare));
      out.push_back(row);
    }
    return out;
  };
  const auto wanted = rows(world.filters, Bare::SparesSystem);
  const auto granted = rows(world.rules, Bare::CoversSystem);
  for (std::size_t r = 0; r < world.rules.size(); ++r) {
    const Acl acl = parse_acl("topic " + joined(world.rules[r])).value();
    for (std::size_t f = 0; f < world.filters.size(); ++f) {
      bool covered = true;
      for (std::size_t t = 0; t < world.topics.size() && covered; ++t) {
        covered = !wanted[f][t] || granted[r][t];
      }
      const std::string filter = joined(world.filters[f]);
      ASSERT_EQ(acl.may_subscribe(subject, filter), covered)
          << "rule " << joined(world.rules[r]) << ", filter " << filter;
      ASSERT_EQ(acl.may_subscribe(subject, "$share/g/" + filter), covered)
          << "rule " << joined(world.rules[r]) << ", shared filter " << filter;
      allowed_count += covered ? 1 : 0;
    }
  }
  EXPECT_GT(allowed_count, world.rules.size());
}

// A pattern is the rule that stands there after substitution, as long as no name is empty or
// holds a character with a meaning.
TEST(AclCover, a_pattern_allows_what_the_substituted_rule_allows) {
  const AclSubject subject{"a", "b", "c"};
  const std::vector<Levels> filters = all_filters({"a", "b", "c", "+"}, 3);
  for (const Levels& pattern : all_filters({"%u", "%c", "%m", "+", "a"}, 3)) {
    Levels rule = pattern;
    for (std::string& level : rule) {
      if (level == "%u") level = "a";
      if (level == "%c") level = "b";
      if (level == "%m") level = "c";
    }
    const Acl substituted = parse_acl("topic " + joined(rule)).value();
    const Acl acl = parse_acl("pattern " + joined(pattern)).value();
    for (const Levels& filter : filters) {
      ASSERT_EQ(acl.may_subscribe(subject, joined(filter)),
                substituted.may_subscribe(subject, joined(filter)))
          << "pattern " << joined(pattern) << ", filter " << joined(filter);
    }
  }
}

// Rules of one file only add up.
TEST(AclCover, a_file_allows_exactly_what_one_of_its_rules_allows) {
  const AclSubject subject{"u", "client", ""};
  const std::vector<Levels> rules = all_filters({"a", "+"}, 3);
  const std::vector<Levels> filters = all_filters({"a", "b", "+"}, 3);
  for (const Levels& one : rules) {
    const Acl first = parse_acl("topic " + joined(one)).value();
    for (const Levels& two : rules) {
      const Acl second = parse_acl("topic " + joined(two)).value();
      const Acl both = parse_acl("topic " + joined(one) + "\nuser u\ntopic " + joined(two)).value();
      const Acl together = parse_acl("topic " + joined(one) + "\ntopic " + joined(two)).value();
      for (const Levels& levels : filters) {
        const std::string filter = joined(levels);
        const bool allowed =
            first.may_subscribe(subject, filter) || second.may_subscribe(subject, filter);
        ASSERT_EQ(both.may_subscribe(subject, filter), allowed);
        ASSERT_EQ(together.may_subscribe(subject, filter), allowed);
      }
    }
  }
}

}  // namespace
}  // namespace vmq::auth
