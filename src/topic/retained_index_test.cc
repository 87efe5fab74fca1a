#include "topic/retained_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "topic/naive_match.h"
#include "topic/retained_pages.h"
#include "topic/validate.h"

namespace vmq::topic {
namespace {

using Topics = std::vector<std::string>;

struct RetainedIndexTest : testing::Test {
  RetainedIndex::Put put(std::string_view topic, std::string_view blob = "x",
                         std::int64_t expires_ms = 0, std::string_view mountpoint = {}) {
    return index.put(mountpoint, topic, as_bytes(blob), WallTime{expires_ms});
  }
  // All topics that the filter matches, in the order of the scan.
  Topics scan(std::string_view filter, std::size_t visit_max = 1000000,
              std::string_view mountpoint = {}) {
    Topics topics;
    RetainedCursor cursor;
    while (!cursor.done()) {
      index.scan(mountpoint, filter, cursor, visit_max,
                 [&](const RetainedView& view) { topics.emplace_back(view.topic); });
    }
    return topics;
  }
  std::string blob(std::string_view topic) {
    std::string text = "none";
    index.get("", topic, [&](const RetainedView& view) { text = as_text(view.blob); });
    return text;
  }
  static void ignore(const RetainedView&) {}

  RetainedIndex index{HashKey{5}};
};

TEST(CompareTopics, a_level_stands_with_everything_below_it) {
  Topics topics{"a!", "a/b", "b", "a", "a/", "a/b/c", "a//", "a/\1", "a\1", "a/c", "$a", "\xff"};
  std::sort(topics.begin(), topics.end(),
            [](const std::string& x, const std::string& y) { return compare_topics(x, y) < 0; });
  EXPECT_EQ(topics, (Topics{"$a", "a", "a/", "a//", "a/\1", "a/b", "a/b/c", "a/c", "a\1", "a!", "b",
                            "\xff"}));
}

TEST(CompareTopics, long_common_prefixes_do_not_hide_the_difference) {
  const std::string same(37, 's');
  EXPECT_LT(compare_topics(same + "a", same + "b"), 0);
  EXPECT_GT(compare_topics(same + "a/", same + "a"), 0);
  EXPECT_LT(compare_topics(same + "/b", same + "!b"), 0);
  EXPECT_EQ(compare_topics(same, same), 0);
}

TEST_F(RetainedIndexTest, a_put_is_found_and_a_second_one_replaces_it) {
  const RetainedIndex::Put first = put("a/b", "one");
  EXPECT_FALSE(first.replaced);
  EXPECT_EQ(blob("a/b"), "one");
  const RetainedIndex::Put second = put("a/b", "other");
  EXPECT_TRUE(second.replaced);
  EXPECT_GT(second.version, first.version);
  EXPECT_EQ(blob("a/b"), "other");
  EXPECT_EQ(blob("a"), "none");
  EXPECT_EQ(index.count(), 1u);
}

TEST_F(RetainedIndexTest, an_erased_topic_is_gone) {
  put("a");
  put("b");
  EXPECT_TRUE(index.erase("", "a"));
  EXPECT_FALSE(index.erase("", "a"));
  EXPECT_EQ(scan("#"), Topics{"b"});
  EXPECT_EQ(index.count(), 1u);
}

TEST_F(RetainedIndexTest, of_versions_that_others_gave_the_highest_stands) {
  const std::uint64_t known = put("a", "here").version;
  EXPECT_FALSE(index.put_version("", "a", as_bytes("older"), {0}, known - 2));
  EXPECT_TRUE(index.put_version("", "a", as_bytes("newer"), {0}, known + 10));
  EXPECT_EQ(blob("a"), "newer");
  EXPECT_FALSE(index.erase_version("", "a", known + 4));
  // Of equal ones the greater bytes, whichever came first.
  EXPECT_FALSE(index.put_version("", "a", as_bytes("alike"), {0}, known + 10));
  EXPECT_TRUE(index.put_version("", "a", as_bytes("other"), {0}, known + 10));
  EXPECT_FALSE(index.erase_version("", "a", known + 10));
  // What is put here after that is above all that was seen.
  EXPECT_GT(put("b").version, known + 10);
  EXPECT_EQ(index.put("", "c", {}, {0}, known + 101).version, known + 102);
  EXPECT_TRUE(index.erase_version("", "a", known + 200));
  EXPECT_EQ(blob("a"), "none");
}

TEST_F(RetainedIndexTest, an_erasure_that_is_remembered_keeps_older_messages_away) {
  put("a");
  EXPECT_TRUE(index.erase_version("", "a", 100));
  EXPECT_TRUE(index.put_version("", "a", as_bytes("back"), {0}, 50));  // nobody remembers
  index.remember_erasures(2);
  const auto erased = index.erase("", "a", 1000);
  EXPECT_TRUE(index.erase("", "never there"));
  EXPECT_FALSE(index.put_version("", "a", as_bytes("late"), {0}, *erased - 2));
  EXPECT_TRUE(index.put_version("", "a", as_bytes("new"), {0}, *erased + 2));
  // The oldest is forgotten first.
  const auto x = index.erase("", "x");
  EXPECT_TRUE(index.erase("", "y"));
  EXPECT_TRUE(index.erase("", "z"));
  EXPECT_TRUE(index.put_version("", "x", as_bytes("late"), {0}, *x - 2));
  EXPECT_FALSE(index.put_version("", "y", as_bytes("late"), {0}, *x - 2));
  index.remember_erasures(0);
  EXPECT_TRUE(index.put_version("", "y", as_bytes("late"), {0}, *x - 2));
}

TEST_F(RetainedIndexTest, what_has_expired_keeps_older_messages_away_too) {
  index.remember_erasures(2);
  const auto version = put("a", "x", 1234).version;
  EXPECT_TRUE(index.expire({2000}, 10, [](const RetainedView&) {}));
  EXPECT_FALSE(index.put_version("", "a", as_bytes("late"), {0}, version - 2));
  EXPECT_TRUE(index.put_version("", "a", as_bytes("new"), {0}, version + 2));
}

TEST_F(RetainedIndexTest, a_blob_may_be_empty_or_hold_any_bytes) {
  put("a", "");
  EXPECT_EQ(blob("a"), "");
  put("a", std::string_view("\0x", 2));
  EXPECT_EQ(blob("a"), std::string_view("\0x", 2));
}

TEST_F(RetainedIndexTest, a_view_carries_time_and_version) {
  const auto version = put("a", "x", 1234).version;
  EXPECT_TRUE(index.get("", "a", [&](const RetainedView& view) {
    EXPECT_EQ(view.expires_at.ms, 1234);
    EXPECT_EQ(view.version, version);
    EXPECT_EQ(view.topic, "a");
  }));
}

TEST_F(RetainedIndexTest, wildcard_scans_give_what_matches_in_order) {
  for (const char* topic : {"a", "a/b", "a/b/c", "a/c/c", "a!", "b/b", "$SYS/x", "/", "a/"}) {
    put(topic);
  }
  EXPECT_EQ(scan("a/#"), (Topics{"a", "a/", "a/b", "a/b/c", "a/c/c"}));
  EXPECT_EQ(scan("a/+"), (Topics{"a/", "a/b"}));
  EXPECT_EQ(scan("a/+/c"), (Topics{"a/b/c", "a/c/c"}));
  EXPECT_EQ(scan("+/b"), (Topics{"a/b", "b/b"}));
  EXPECT_EQ(scan("+"), (Topics{"a", "a!"}));
  EXPECT_EQ(scan("a/b"), Topics{"a/b"});
  EXPECT_EQ(scan("a/x"), Topics{});
  EXPECT_EQ(scan("$SYS/#"), Topics{"$SYS/x"});
  EXPECT_EQ(scan("#").size(), 8u);
}

TEST_F(RetainedIndexTest, mountpoints_are_separate_worlds) {
  put("a", "1");
  put("a", "2", 0, "m");
  put("b", "3", 0, "m");
  EXPECT_EQ(scan("#"), Topics{"a"});
  EXPECT_EQ(scan("#", 10, "m"), (Topics{"a", "b"}));
  EXPECT_EQ(scan("#", 10, "other"), Topics{});
  EXPECT_TRUE(index.erase("m", "a"));
  EXPECT_TRUE(index.erase("m", "b"));
  EXPECT_FALSE(index.erase("m", "b"));
  EXPECT_EQ(blob("a"), "1");
}

TEST_F(RetainedIndexTest, a_scan_looks_at_no_more_topics_than_asked) {
  for (int i = 0; i < 1000; ++i) put("t/" + std::to_string(i));
  RetainedCursor cursor;
  int seen = 0;
  index.scan("", "t/+", cursor, 10, [&](const RetainedView&) { ++seen; });
  EXPECT_EQ(seen, 10);
  EXPECT_FALSE(cursor.done());
  EXPECT_EQ(scan("t/+", 7).size(), 1000u);
}

TEST_F(RetainedIndexTest, a_scan_jumps_over_what_cannot_match) {
  for (int device = 0; device < 50; ++device) {
    for (int i = 0; i < 200; ++i) {
      put("d/" + std::to_string(device) + "/" + std::to_string(i) + "/log");
    }
    put("d/" + std::to_string(device) + "/state");
  }
  RetainedCursor cursor;
  int seen = 0;
  index.scan("", "d/+/state", cursor, 160, [&](const RetainedView&) { ++seen; });
  EXPECT_TRUE(cursor.done());
  EXPECT_EQ(seen, 50);
}

TEST_F(RetainedIndexTest, a_cursor_survives_any_change_and_misses_nothing_that_stays) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed);
    for (int i = 0; i < 500; ++i) put("stay/" + std::to_string(i));
    std::map<std::string, int> seen;
    RetainedCursor cursor;
    while (!cursor.done()) {
      index.scan("", "stay/+", cursor, 1 + rng.below(9),
                 [&](const RetainedView& view) { ++seen[std::string(view.topic)]; });
      for (int i = 0; i < 20; ++i) {
        const std::string other = "stay/" + std::to_string(rng.below(500)) + "x";
        rng.below(2) == 0 ? static_cast<void>(put(other))
                          : static_cast<void>(index.erase("", other));
      }
    }
    for (int i = 0; i < 500; ++i)
      EXPECT_EQ(seen["stay/" + std::to_string(i)], 1) << "seed " << seed;
  }
}

TEST_F(RetainedIndexTest, a_sweep_removes_what_is_due_in_bounded_steps) {
  for (int i = 0; i < 300; ++i) {
    put("t/" + std::to_string(i), "x", i % 3 == 0 ? 1000 : i % 3 == 1 ? 5000 : 0);
  }
  put("t/m", "x", 1000, "m");
  int gone = 0, calls = 1;
  while (!index.expire(WallTime{1000}, 10, [&](const RetainedView& view) {
    EXPECT_EQ(view.expires_at.ms, 1000);
    ++gone;
  })) {
    ++calls;
  }
  EXPECT_EQ(gone, 101);
  EXPECT_GE(calls, 30);
  EXPECT_EQ(index.count(), 200u);
  EXPECT_TRUE(index.expire(WallTime{9000}, 1000, &ignore));
  EXPECT_EQ(index.count(), 100u);
}

TEST_F(RetainedIndexTest, a_sweep_ends_at_once_when_nothing_can_expire) {
  for (int i = 0; i < 100; ++i) put(std::to_string(i), "x", 5);
  for (int i = 0; i < 100; ++i) put(std::to_string(i), "x");
  EXPECT_TRUE(index.expire(WallTime{1000}, 1, &ignore));
  EXPECT_EQ(index.count(), 100u);
}

TEST_F(RetainedIndexTest, all_memory_comes_back) {
  const std::size_t bytes_empty = index.bytes();
  for (int i = 0; i < 5000; ++i) put("some/topic/" + std::to_string(i), "payload", i);
  EXPECT_GT(index.bytes(), bytes_empty + 5000 * 40);
  for (int i = 0; i < 5000; ++i) {
    EXPECT_TRUE(index.erase("", "some/topic/" + std::to_string((i * 7) % 5000)));
  }
  EXPECT_EQ(index.bytes(), bytes_empty);
}

std::string random_text(Rng& rng, std::initializer_list<std::string_view> levels) {
  std::string text;
  for (std::uint64_t i = 0, depth = 1 + rng.below(4); i < depth; ++i) {
    if (i > 0) text += '/';
    text += levels.begin()[rng.below(levels.size())];
    if (text.ends_with('#')) break;
  }
  return text.empty() ? "a" : text;
}

struct RetainedModelTest : RetainedIndexTest, testing::WithParamInterface<std::uint64_t> {};

TEST_P(RetainedModelTest, scans_agree_with_a_naive_matcher_while_topics_come_and_go) {
  Rng rng(GetParam());
  std::map<std::string, std::string> model;
  for (int step = 0; step < 2000; ++step) {
    const std::string topic = random_text(rng, {"a", "b", "ab", "", "$x", "a!", "\1", "c"});
    if (rng.below(3) > 0) {
      const std::string value(rng.below(9), 'v');
      EXPECT_EQ(put(topic, value).replaced, model.contains(topic));
      model[topic] = value;
    } else {
      EXPECT_EQ(index.erase("", topic).has_value(), model.erase(topic) > 0);
    }
    if (step % 4 != 0) continue;
    const std::string filter = random_text(rng, {"a", "b", "", "$x", "+", "+", "ab", "#", "z"});
    Topics expected;
    for (const auto& [name, value] : model) {
      if (naive::matches(filter, name)) expected.push_back(name);
    }
    Topics found = scan(filter, 1 + rng.below(5));
    std::sort(found.begin(), found.end());
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(found, expected) << filter << " seed " << GetParam() << " step " << step;
    EXPECT_EQ(index.count(), model.size());
  }
  for (const auto& [name, value] : model) EXPECT_EQ(blob(name), value);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RetainedModelTest,
                         testing::Range(std::uint64_t{1}, std::uint64_t{7}));

}  // namespace
}  // namespace vmq::topic
