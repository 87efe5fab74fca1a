#include "topic/subscription_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/rng.h"
#include "topic/naive_match.h"
#include "topic/validate.h"

namespace vmq::topic {
namespace {

using Slots = std::vector<std::uint32_t>;

SessionHandle session(std::uint32_t slot) { return {ShardId{0}, slot}; }

struct SubscriptionIndexTest : testing::Test {
  FilterId subscribe(std::string_view filter, std::uint32_t slot, std::string_view group = {},
                     SubscriberOptions options = {}) {
    return index
        .subscribe({.mountpoint = {}, .filter = filter, .share_group = group},
                   Subscriber(session(slot), options))
        .id;
  }
  // The slots of all plain matches, in order.
  Slots matching(std::string_view topic, std::string_view mountpoint = {}) {
    index.match(mountpoint, topic, matches);
    Slots slots;
    for (const Subscriber found : matches.plain) slots.push_back(found.handle().slot());
    std::sort(slots.begin(), slots.end());
    return slots;
  }
  // The slots of the members of each group that matches, groups in order of their members.
  std::vector<Slots> matching_groups(std::string_view topic) {
    index.match("", topic, matches);
    std::vector<Slots> groups;
    for (const GroupMatch& group : matches.groups) {
      Slots& slots = groups.emplace_back();
      for (const Subscriber member : matches.members_of(group)) {
        slots.push_back(member.handle().slot());
      }
      std::sort(slots.begin(), slots.end());
    }
    std::sort(groups.begin(), groups.end());
    return groups;
  }

  EpochDomain domain;
  SubscriptionIndex index{domain, HashKey{1}};
  Matches matches;
};

TEST(Subscriber, every_field_survives_packing) {
  const SubscriberOptions options{.subscription_identifier = 268435455,
                                  .qos = 2,
                                  .no_local = true,
                                  .retain_as_published = false,
                                  .durable = true,
                                  .online = false};
  const SessionHandle handle(ShardId{63}, SessionHandle::slots_max - 1);
  const Subscriber packed(handle, options);
  EXPECT_EQ(packed.handle(), handle);
  EXPECT_EQ(packed.handle().shard(), ShardId{63});
  EXPECT_EQ(packed.handle().slot(), SessionHandle::slots_max - 1);
  EXPECT_EQ(packed.subscription_identifier(), 268435455u);
  EXPECT_EQ(packed.qos(), 2);
  EXPECT_TRUE(packed.no_local());
  EXPECT_FALSE(packed.retain_as_published());
  EXPECT_TRUE(packed.durable());
  EXPECT_FALSE(packed.online());
  EXPECT_TRUE(packed.with_online(true).online());
  EXPECT_EQ(packed.with_online(true).with_online(false), packed);
  EXPECT_FALSE(Subscriber().handle().is_valid());
}

TEST_F(SubscriptionIndexTest, an_exact_filter_matches_its_topic_only) {
  subscribe("a/b", 1);
  EXPECT_EQ(matching("a/b"), Slots{1});
  EXPECT_EQ(matching("a"), Slots{});
  EXPECT_EQ(matching("a/b/c"), Slots{});
  EXPECT_EQ(matching("a/b/"), Slots{});
  EXPECT_FALSE(matches.overlapping);
}

TEST_F(SubscriptionIndexTest, a_hash_matches_its_parent_and_everything_below) {
  subscribe("a/#", 1);
  EXPECT_EQ(matching("a"), Slots{1});
  EXPECT_EQ(matching("a/"), Slots{1});
  EXPECT_EQ(matching("a/b/c/d"), Slots{1});
  EXPECT_EQ(matching("b"), Slots{});
  EXPECT_EQ(matching("aa"), Slots{});
}

TEST_F(SubscriptionIndexTest, dollar_topics_hide_from_leading_wildcards_only) {
  subscribe("#", 1);
  subscribe("+/x", 2);
  subscribe("+", 3);
  subscribe("+/#", 4);
  subscribe("$SYS/#", 5);
  subscribe("$SYS/+", 6);
  subscribe("$SYS/x", 7);
  EXPECT_EQ(matching("$SYS/x"), (Slots{5, 6, 7}));
  EXPECT_EQ(matching("$SYS"), Slots{5});
  EXPECT_EQ(matching("a/x"), (Slots{1, 2, 4}));
  EXPECT_EQ(matching("a/$x"), (Slots{1, 4}));
}

TEST_F(SubscriptionIndexTest, empty_levels_are_levels) {
  subscribe("/+", 1);
  subscribe("+/", 2);
  subscribe("//", 3);
  subscribe("/#", 4);
  subscribe("+//+", 5);
  EXPECT_EQ(matching("/"), (Slots{1, 2, 4}));
  EXPECT_EQ(matching("//"), (Slots{3, 4, 5}));
  EXPECT_EQ(matching("a/"), Slots{2});
}

TEST_F(SubscriptionIndexTest, a_second_subscription_of_a_session_replaces_the_first) {
  const FilterKey key{.mountpoint = {}, .filter = "a/+", .share_group = {}};
  const SubscribeResult first = index.subscribe(key, Subscriber(session(1), {.qos = 0}));
  const SubscribeResult second = index.subscribe(key, Subscriber(session(1), {.qos = 2}));
  EXPECT_TRUE(first.is_new);
  EXPECT_FALSE(second.is_new);
  EXPECT_EQ(first.id, second.id);
  EXPECT_EQ(matching("a/b"), Slots{1});
  EXPECT_EQ(matches.plain[0].qos(), 2);
  EXPECT_EQ(index.subscription_count(), 1u);
}

TEST_F(SubscriptionIndexTest, an_update_changes_a_subscription_and_never_makes_one) {
  const FilterId id = subscribe("a", 1);
  EXPECT_TRUE(index.update(id, Subscriber(session(1), {.online = true})));
  EXPECT_FALSE(index.update(id, Subscriber(session(2), {.online = true})));
  EXPECT_EQ(matching("a"), Slots{1});
  EXPECT_TRUE(matches.plain[0].online());
  EXPECT_TRUE(index.subscription(id, session(1)).online());
  EXPECT_FALSE(index.subscription(id, session(2)).handle().is_valid());
}

TEST_F(SubscriptionIndexTest, an_unsubscribed_filter_is_gone_and_another_unsubscribe_says_so) {
  const FilterId a = subscribe("a/+/c", 1);
  subscribe("a/+/c", 2);
  EXPECT_TRUE(index.unsubscribe(a, session(1)));
  EXPECT_FALSE(index.unsubscribe(a, session(1)));
  EXPECT_EQ(matching("a/b/c"), Slots{2});
  EXPECT_TRUE(index.unsubscribe(a, session(2)));
  EXPECT_EQ(matching("a/b/c"), Slots{});
  EXPECT_EQ(index.filter_count(), 0u);
}

TEST_F(SubscriptionIndexTest, mountpoints_are_separate_worlds) {
  for (const std::string_view filter : {"a/b", "a/+", "#"}) {
    index.subscribe({.mountpoint = "m", .filter = filter, .share_group = {}},
                    Subscriber(session(1), {}));
    index.subscribe({.mountpoint = "", .filter = filter, .share_group = {}},
                    Subscriber(session(2), {}));
  }
  EXPECT_EQ(matching("a/b", "m"), (Slots{1, 1, 1}));
  EXPECT_EQ(matching("a/b"), (Slots{2, 2, 2}));
  EXPECT_EQ(matching("a/b", "other"), Slots{});
  EXPECT_EQ(matching("m"), Slots{2});
}

TEST_F(SubscriptionIndexTest, share_groups_stand_apart_from_each_other_and_from_plain_ones) {
  subscribe("a/b", 1, "g");
  subscribe("a/b", 2, "g");
  subscribe("a/b", 3, "h");
  subscribe("a/+", 4, "g");
  subscribe("a/b", 1);
  EXPECT_EQ(matching_groups("a/b"), (std::vector<Slots>{{1, 2}, {3}, {4}}));
  EXPECT_EQ(matching("a/b"), Slots{1});
  EXPECT_FALSE(matches.overlapping);
  EXPECT_EQ(index.filter_count(), 4u);
}

TEST_F(SubscriptionIndexTest, a_group_goes_with_its_last_member_and_keeps_its_id_till_then) {
  const FilterId id = subscribe("a/#", 1, "g");
  EXPECT_EQ(subscribe("a/#", 2, "g"), id);
  matching_groups("a");
  const std::uint32_t group = matches.groups[0].group;
  index.unsubscribe(id, session(1));
  EXPECT_EQ(matching_groups("a"), (std::vector<Slots>{{2}}));
  EXPECT_EQ(matches.groups[0].group, group);
  index.unsubscribe(id, session(2));
  EXPECT_TRUE(matching_groups("a").empty());
  EXPECT_EQ(index.filter_count(), 0u);
}

TEST_F(SubscriptionIndexTest, overlapping_filters_are_reported_and_merge_side_by_side) {
  subscribe("a/b", 7);
  subscribe("a/b", 3);
  EXPECT_EQ(matching("a/b"), (Slots{3, 7}));
  EXPECT_FALSE(matches.overlapping);
  subscribe("a/#", 5);
  subscribe("+/b", 7);
  index.match("", "a/b", matches);
  EXPECT_TRUE(matches.overlapping);
  merge_overlapping(matches);
  Slots slots;
  for (const Subscriber found : matches.plain) slots.push_back(found.handle().slot());
  EXPECT_EQ(slots, (Slots{3, 5, 7, 7}));
}

TEST_F(SubscriptionIndexTest, the_index_gives_back_the_text_of_every_kind_of_filter) {
  std::string filter, group;
  for (const std::string_view text :
       {"a", "a/b", "#", "+", "+/+", "a/#", "a/+/c/#", "+/b", "/", "/+", "a//+", "+/+/+/x"}) {
    for (const std::string_view name : {"", "g"}) {
      const FilterId id = subscribe(text, 1, name);
      index.filter_text(id, filter, group);
      EXPECT_EQ(filter, text);
      EXPECT_EQ(group, name);
      EXPECT_EQ(index.find({.mountpoint = {}, .filter = text, .share_group = name}), id);
    }
  }
}

TEST_F(SubscriptionIndexTest, find_sees_only_filters_that_have_a_subscriber) {
  subscribe("a/+/c", 1);
  subscribe("x", 1, "g");
  for (const std::string_view absent : {"a/+", "a", "a/+/d", "x", "a/+/#", "+/c"}) {
    EXPECT_EQ(index.find({.mountpoint = {}, .filter = absent, .share_group = {}}), std::nullopt);
  }
}

TEST_F(SubscriptionIndexTest, each_change_makes_a_new_generation) {
  const std::uint64_t before = index.generation();
  const FilterId id = subscribe("a", 1);
  const std::uint64_t subscribed = index.generation();
  EXPECT_GT(subscribed, before);
  index.match("", "a", matches);
  EXPECT_EQ(index.generation(), subscribed);
  index.unsubscribe(id, session(1));
  EXPECT_GT(index.generation(), subscribed);
}

TEST_F(SubscriptionIndexTest, a_deep_topic_costs_levels_and_no_stack) {
  std::string filter, topic;
  for (int i = 0; i < 20000; ++i) {
    filter += "+/";
    topic += "a/";
  }
  subscribe(filter + "#", 1);
  subscribe(filter + "x", 2);
  EXPECT_EQ(matching(topic + "x"), (Slots{1, 2}));
  EXPECT_EQ(matching(topic + "y"), Slots{1});
}

// Every filter of up to three levels against every topic of up to three levels.
TEST_F(SubscriptionIndexTest, every_short_filter_matches_exactly_what_the_standard_says) {
  std::vector<std::string> filters, topics;
  const auto enumerate = [](const std::vector<std::string>& levels) {
    std::vector<std::string> all, last = levels;
    for (int depth = 0; depth < 3; ++depth) {
      all.insert(all.end(), last.begin(), last.end());
      std::vector<std::string> longer;
      for (const std::string& front : last) {
        for (const std::string& level : levels) longer.push_back(front + "/" + level);
      }
      last = longer;
    }
    return all;
  };
  for (const std::string& text : enumerate({"", "a", "b", "$", "+", "#"})) {
    if (parse_filter(text, 10)) filters.push_back(text);
  }
  for (const std::string& text : enumerate({"", "a", "b", "c", "$"})) {
    if (check_name(text, 10)) topics.push_back(text);
  }
  ASSERT_GT(filters.size(), 180u);
  for (std::uint32_t i = 0; i < filters.size(); ++i) subscribe(filters[i], i);
  for (const std::string& topic : topics) {
    Slots expected;
    for (std::uint32_t i = 0; i < filters.size(); ++i) {
      if (naive::matches(filters[i], topic)) expected.push_back(i);
    }
    EXPECT_EQ(matching(topic), expected) << topic;
  }
}

// A set of one filter through all its forms: one word, short table, hashed table, and back.
TEST_F(SubscriptionIndexTest, a_filter_keeps_any_number_of_subscribers_and_shrinks_again) {
  constexpr std::uint32_t count = 5000;
  FilterId id;
  for (std::uint32_t i = 0; i < count; ++i) {
    id = subscribe("a/+", i);
    if (i % 97 == 0 || i < 70) {
      EXPECT_EQ(matching("a/b").size(), i + 1);
    }
  }
  const std::size_t bytes_full = index.bytes();
  for (std::uint32_t i = 0; i < count; ++i) {
    ASSERT_TRUE(index.unsubscribe(id, session((i * 7) % count)));
    if (i % 97 == 0 || count - i < 70) {
      EXPECT_EQ(matching("a/b").size(), count - i - 1);
    }
  }
  EXPECT_LT(index.bytes() + count * 8, bytes_full);
}

TEST_F(SubscriptionIndexTest, one_filter_keeps_any_number_of_groups) {
  std::vector<FilterId> ids;
  for (std::uint32_t i = 0; i < 300; ++i) ids.push_back(subscribe("a", i, std::to_string(i)));
  EXPECT_EQ(matching_groups("a").size(), 300u);
  for (std::uint32_t i = 0; i < 299; ++i) index.unsubscribe(ids[i], session(i));
  EXPECT_EQ(matching_groups("a"), (std::vector<Slots>{{299}}));
}

TEST_F(SubscriptionIndexTest, all_memory_comes_back) {
  const std::size_t bytes_empty = index.bytes();
  std::vector<FilterId> ids;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    ids.push_back(subscribe("exact/" + std::to_string(i), i));
    ids.push_back(subscribe("wild/" + std::to_string(i) + "/+/x", i));
    ids.push_back(subscribe("shared/" + std::to_string(i % 50) + "/#", i, "g"));
  }
  const std::size_t numbers = 4 * 8 * 4096;  // The directory keeps its chunks.
  for (std::uint32_t i = 0; i < ids.size(); ++i) index.unsubscribe(ids[i], session(i / 3));
  EXPECT_EQ(index.subscription_count(), 0u);
  EXPECT_LE(index.bytes(), bytes_empty + numbers);
  domain.collect();
  EXPECT_EQ(domain.pending(), 0u);
}

// Numbers of nodes are part of their children's keys: they must rest while a reader may know them.
TEST_F(SubscriptionIndexTest, a_filters_number_is_not_reused_while_a_reader_may_know_it) {
  const ReaderId reader = domain.register_reader();
  std::set<std::uint32_t> given;
  for (std::uint32_t i = 0; i < 100; ++i) {
    const FilterId id = subscribe(std::to_string(i), 1);
    EXPECT_TRUE(given.insert(id.value).second);
    index.unsubscribe(id, session(1));
  }
  for (int i = 0; i < 3; ++i) {
    domain.quiescent(reader);
    index.unsubscribe(subscribe("x", 1), session(1));
  }
  EXPECT_TRUE(given.contains(subscribe("y", 1).value));
}

// The model: what the index should hold, in plain containers.
class Model {
 public:
  using Key = std::tuple<std::string, std::string, std::string>;  // mountpoint, filter, group

  std::map<Key, std::map<std::uint32_t, Subscriber>> filters;

  // Words of plain matches, sorted, and the sorted members of each group.
  std::pair<std::vector<std::uint64_t>, std::vector<std::vector<std::uint64_t>>> match(
      const std::string& mountpoint, const std::string& topic) const {
    std::vector<std::uint64_t> plain;
    std::vector<std::vector<std::uint64_t>> groups;
    for (const auto& [key, subscribers] : filters) {
      const auto& [own_mountpoint, filter, group] = key;
      if (own_mountpoint != mountpoint || !naive::matches(filter, topic)) continue;
      if (!group.empty()) groups.emplace_back();
      for (const auto& [slot, subscriber] : subscribers) {
        (group.empty() ? plain : groups.back()).push_back(subscriber.word());
      }
    }
    std::sort(plain.begin(), plain.end());
    std::sort(groups.begin(), groups.end());
    return {plain, groups};
  }
};

std::string random_text(Rng& rng, std::initializer_list<std::string_view> levels) {
  std::string text;
  for (std::uint64_t i = 0, depth = 1 + rng.below(4); i < depth; ++i) {
    if (i > 0) text += '/';
    text += levels.begin()[rng.below(levels.size())];
    if (text.ends_with('#')) break;
  }
  return text.empty() ? "a" : text;
}

struct ModelTest : SubscriptionIndexTest, testing::WithParamInterface<std::uint64_t> {
  void change(Rng& rng) {
    const auto slot = static_cast<std::uint32_t>(rng.below(rng.below(10) == 0 ? 200 : 6));
    if (rng.below(2) == 0 || model.filters.empty()) {
      return put({mountpoints[rng.below(2)],
                  random_text(rng, {"a", "b", "c", "", "$x", "+", "+", "#"}), groups[rng.below(4)]},
                 slot, rng);
    }
    auto at = std::next(model.filters.begin(),
                        static_cast<std::ptrdiff_t>(rng.below(model.filters.size())));
    const auto& [mountpoint, filter, group] = at->first;
    const auto id = index.find({.mountpoint = mountpoint, .filter = filter, .share_group = group});
    ASSERT_TRUE(id.has_value());
    const std::uint32_t gone = rng.below(3) == 0 ? slot : at->second.begin()->first;
    EXPECT_EQ(index.unsubscribe(*id, session(gone)), at->second.erase(gone) > 0);
    if (at->second.empty()) model.filters.erase(at);
  }

  void put(const Model::Key& key, std::uint32_t slot, Rng& rng) {
    const Subscriber subscriber(
        session(slot), {.subscription_identifier = static_cast<std::uint32_t>(rng.below(1000)),
                        .qos = static_cast<std::uint8_t>(rng.below(3)),
                        .no_local = rng.below(2) == 0});
    const auto& [mountpoint, filter, group] = key;
    const SubscribeResult result = index.subscribe(
        {.mountpoint = mountpoint, .filter = filter, .share_group = group}, subscriber);
    EXPECT_EQ(result.is_new, !model.filters[key].contains(slot));
    model.filters[key][slot] = subscriber;
  }

  void compare(const std::string& mountpoint, const std::string& topic) {
    index.match(mountpoint, topic, matches);
    std::vector<std::uint64_t> plain;
    for (const Subscriber found : matches.plain) plain.push_back(found.word());
    std::sort(plain.begin(), plain.end());
    std::vector<std::vector<std::uint64_t>> shared;
    for (const GroupMatch& group : matches.groups) {
      auto& words = shared.emplace_back();
      for (const Subscriber member : matches.members_of(group)) words.push_back(member.word());
      std::sort(words.begin(), words.end());
    }
    std::sort(shared.begin(), shared.end());
    const auto [expected_plain, expected_shared] = model.match(mountpoint, topic);
    ASSERT_EQ(plain, expected_plain) << topic;
    ASSERT_EQ(shared, expected_shared) << topic;
  }

  const std::string mountpoints[2] = {"", "m"};
  const std::string groups[4] = {"", "", "g", "h"};
  Model model;
};

TEST_P(ModelTest, the_index_agrees_with_a_naive_matcher_after_every_change) {
  Rng rng(GetParam());
  for (int step = 0; step < 4000; ++step) {
    change(rng);
    compare(mountpoints[rng.below(2)], random_text(rng, {"a", "b", "c", "", "$x"}));
    if (HasFatalFailure()) FAIL() << "seed " << GetParam() << " step " << step;
    EXPECT_EQ(index.filter_count(), model.filters.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ModelTest, testing::Range(std::uint64_t{1}, std::uint64_t{9}));

}  // namespace
}  // namespace vmq::topic
