#include "store/store_contract.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/rng.h"

namespace vmq::store {
namespace {

constexpr ShardId shard_a{0};
constexpr ShardId shard_b{2};

class StoreContract : public testing::TestWithParam<SyncMode> {
 protected:
  StoreContract() : twin_(make_twin(GetParam())) {}

  Store& store() { return twin_->store(); }

  // Submits what `fill` puts into a batch; returns its ticket.
  template <typename Fill>
  StoreTicket submit(ShardId shard, const Fill& fill) {
    fill(batch_);
    const StoreTicket ticket{++tickets_[shard.value]};
    store().submit(shard, std::move(batch_), ticket);
    EXPECT_TRUE(batch_.empty());
    return ticket;
  }

  void await_durable(ShardId shard, StoreTicket ticket) {
    Completions completions;
    for (store().poll(shard, completions); completions.durable < ticket;
         store().poll(shard, completions)) {
      twin_->wait();
    }
    EXPECT_EQ(completions.durable, ticket);
  }

  LoadAnswer await_answer(ShardId shard) {
    Completions completions;
    for (store().poll(shard, completions); completions.loads.empty();
         store().poll(shard, completions)) {
      twin_->wait();
    }
    EXPECT_EQ(completions.loads.size(), 1u);
    return std::move(completions.loads.front());
  }

  LoadAnswer load(ShardId shard, LoadRequest request) {
    store().load(shard, std::move(request));
    return await_answer(shard);
  }

  // "key=value …" of everything in a space.
  std::string scan(Space space) {
    std::string text;
    const auto result = store().scan(space, "", "", [&](const Row& row) {
      text += describe(row) + ' ';
      return true;
    });
    EXPECT_TRUE(result.has_value());
    return text;
  }

  static std::string describe(const Row& row) {
    const std::string key(as_text(row.key));
    const std::string version = row.version == 0 ? "" : '@' + std::to_string(row.version);
    switch (row.state) {
      case RowState::Value:
        return key + version + '=' + std::string(as_text(row.value));
      case RowState::Erased:
        return key + version + " erased";
      case RowState::Corrupted:
        return key + " corrupted";
      case RowState::Missing:
        break;
    }
    return key + " missing";
  }

  static std::string describe(const LoadAnswer& answer) {
    std::string text;
    for (const Row& row : answer.rows) text += describe(row) + ' ';
    return text;
  }

  void reopen() {
    twin_->reopen();
    tickets_.clear();
  }

  std::unique_ptr<TwinUnderTest> twin_;
  std::map<std::uint8_t, std::uint64_t> tickets_;
  Batch batch_;
};

TEST_P(StoreContract, a_batch_becomes_durable_and_survives_reopening) {
  await_durable(shard_a, submit(shard_a, [](Batch& batch) {
                  batch.put(Space::Queue, "b", "2");
                  batch.put(Space::Queue, "a", "1");
                  batch.put(Space::Session, "a", "other space");
                }));
  EXPECT_EQ(scan(Space::Queue), "a=1 b=2 ");
  reopen();
  EXPECT_EQ(scan(Space::Queue), "a=1 b=2 ");
  EXPECT_EQ(scan(Space::Session), "a=other space ");
  EXPECT_EQ(scan(Space::Meta), "");
}

TEST_P(StoreContract, records_take_effect_in_their_order) {
  submit(shard_a, [](Batch& batch) {
    for (const char* key : {"a", "b", "c", "d", "e"}) batch.put(Space::Queue, key, "1");
    batch.erase(Space::Queue, "a");
    batch.erase_range(Space::Queue, "b", "d");
    batch.put(Space::Queue, "c", "again");
  });
  await_durable(shard_a, submit(shard_a, [](Batch& batch) { batch.put(Space::Queue, "d", "2"); }));
  EXPECT_EQ(scan(Space::Queue), "c=again d=2 e=1 ");
}

TEST_P(StoreContract, an_empty_batch_completes_too) {
  await_durable(shard_a, submit(shard_a, [](Batch&) {}));
}

TEST_P(StoreContract, tickets_are_counted_for_each_shard_alone) {
  const StoreTicket last{500};
  store().submit(shard_a, Batch(), last);
  await_durable(shard_a, last);
  Completions completions;
  store().poll(shard_b, completions);
  EXPECT_EQ(completions.durable, StoreTicket{});
  await_durable(shard_b, submit(shard_b, [](Batch&) {}));
}

TEST_P(StoreContract, the_higher_version_stays_whatever_the_order) {
  submit(shard_a, [](Batch& batch) {
    batch.put_newer(Space::Retained, "t", 5, "five");
    batch.put_newer(Space::Retained, "t", 4, "four");
    batch.put_newer(Space::Retained, "gone", 5, "five");
    batch.put(Space::Retained, "plain", "unversioned");
  });
  const StoreTicket second = submit(shard_a, [](Batch& batch) {
    batch.put_newer(Space::Retained, "t", 5, "a lesser five");
    batch.erase_newer(Space::Retained, "gone", 6);
    batch.put_newer(Space::Retained, "plain", 1, "one");
    batch.put_newer(Space::Retained, "new", 1, "one");
  });
  await_durable(shard_a, second);
  EXPECT_EQ(scan(Space::Retained), "gone@6 erased new@1=one plain@1=one t@5=five ");
  reopen();
  await_durable(shard_a, submit(shard_a, [](Batch& batch) {
                  batch.put_newer(Space::Retained, "gone", 5, "late");
                  batch.put_newer(Space::Retained, "t", 6, "six");
                  batch.erase(Space::Retained, "new");
                }));
  EXPECT_EQ(scan(Space::Retained), "gone@6 erased plain@1=one t@6=six ");
}

TEST_P(StoreContract, a_load_sees_the_batches_submitted_before_it) {
  for (int i = 0; i < 50; ++i) {
    const std::string value = std::to_string(i);
    submit(shard_a, [&](Batch& batch) { batch.put(Space::Message, "k", value); });
    EXPECT_EQ(describe(load(shard_a, {.id = 1, .space = Space::Message})), "k=" + value + ' ');
  }
}

TEST_P(StoreContract, a_load_keeps_its_bounds_and_limits) {
  submit(shard_a, [](Batch& batch) {
    for (char c = 'a'; c <= 'f'; ++c) batch.put(Space::Message, std::string(1, c), "12345");
  });
  LoadAnswer answer =
      load(shard_a, {.id = 7, .space = Space::Message, .from = "b", .to = "e", .limit_rows = 2});
  EXPECT_EQ(answer.id, 7u);
  EXPECT_EQ(answer.status, LoadStatus::More);
  EXPECT_EQ(describe(answer), "b=12345 c=12345 ");
  answer = load(shard_a, {.id = 8, .space = Space::Message, .from = "d", .to = "e"});
  EXPECT_EQ(answer.status, LoadStatus::Complete);
  EXPECT_EQ(describe(answer), "d=12345 ");
  answer = load(shard_a, {.id = 9, .space = Space::Message, .from = "d", .limit_bytes = 7});
  EXPECT_EQ(answer.status, LoadStatus::More);
  EXPECT_EQ(describe(answer), "d=12345 e=12345 ");
  answer = load(shard_a, {.id = 10, .space = Space::Message, .from = "e", .limit_rows = 2});
  EXPECT_EQ(answer.status, LoadStatus::Complete);
  EXPECT_EQ(describe(answer), "e=12345 f=12345 ");
}

TEST_P(StoreContract, keys_are_answered_in_the_order_asked) {
  submit(shard_b, [](Batch& batch) {
    batch.put(Space::Session, "a", "1");
    batch.put(Space::Session, "b", "2");
    batch.erase_newer(Space::Session, "e", 3);
  });
  store().load_keys(shard_b, {.id = 3, .space = Space::Session, .keys = {"b", "x", "a", "e", "b"}});
  const LoadAnswer answer = await_answer(shard_b);
  EXPECT_EQ(answer.id, 3u);
  EXPECT_EQ(describe(answer), "b=2 x missing a=1 e@3 erased b=2 ");
}

TEST_P(StoreContract, answers_come_in_the_order_of_the_questions) {
  submit(shard_a, [](Batch& batch) { batch.put(Space::Session, "a", "1"); });
  for (std::uint64_t id = 1; id <= 20; ++id) {
    if (id % 2 == 0) {
      store().load(shard_a, {.id = id, .space = Space::Session});
    } else {
      store().load_keys(shard_a, {.id = id, .space = Space::Session, .keys = {"a"}});
    }
  }
  Completions completions;
  std::uint64_t expected = 1;
  while (expected <= 20) {
    store().poll(shard_a, completions);
    for (const LoadAnswer& answer : completions.loads) EXPECT_EQ(answer.id, expected++);
    if (completions.loads.empty()) twin_->wait();
  }
}

TEST_P(StoreContract, a_corrupted_record_is_reported_and_the_others_are_read) {
  await_durable(shard_a, submit(shard_a, [](Batch& batch) {
                  for (const char* key : {"a", "b", "c"}) batch.put(Space::Session, key, "sound");
                }));
  twin_->corrupt(Space::Session, "b");
  const LoadAnswer answer = load(shard_a, {.id = 1, .space = Space::Session});
  EXPECT_EQ(describe(answer), "a=sound b corrupted c=sound ");
  EXPECT_EQ(answer.corrupted, 1u);
  EXPECT_EQ(scan(Space::Session), "a=sound b corrupted c=sound ");
  EXPECT_EQ(store().health().corrupted_records, 2u);
  EXPECT_TRUE(store().health().writable);
}

TEST_P(StoreContract, a_scan_ends_when_its_visitor_says_so) {
  await_durable(shard_a, submit(shard_a, [](Batch& batch) {
                  for (const char* key : {"a", "b", "c"}) batch.put(Space::Session, key, "1");
                }));
  std::string seen;
  const auto visit = [&](const Row& row) {
    seen += as_text(row.key);
    return seen.size() < 2;
  };
  EXPECT_TRUE(store().scan(Space::Session, "", "", visit).has_value());
  EXPECT_EQ(seen, "ab");
  seen.clear();
  EXPECT_TRUE(store().scan(Space::Session, "b", "c", visit).has_value());
  EXPECT_EQ(seen, "b");
}

TEST_P(StoreContract, sync_and_close_write_everything_submitted) {
  const StoreTicket first = submit(shard_a, [](Batch& b) { b.put(Space::Meta, "a", "1"); });
  EXPECT_TRUE(store().sync().has_value());
  Completions completions;
  store().poll(shard_a, completions);
  EXPECT_EQ(completions.durable, first);
  EXPECT_EQ(store().health().bytes_pending, 0u);
  const StoreTicket second = submit(shard_b, [](Batch& b) { b.put(Space::Meta, "b", "2"); });
  EXPECT_TRUE(store().close().has_value());
  store().poll(shard_b, completions);
  EXPECT_GE(completions.durable.value, second.value);
  EXPECT_EQ(store().sync().error().kind, StoreErrorKind::Closed);
  reopen();
  EXPECT_EQ(scan(Space::Meta), "a=1 b=2 ");
}

// Random batches of three shards against a map: each shard writes keys of its own, so the order
// between shards does not matter.
TEST_P(StoreContract, random_batches_leave_what_a_map_would_hold) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Rng rng(seed);
    SCOPED_TRACE(seed);
    std::map<std::string, std::string> model;
    StoreTicket last[contract_shards];
    for (int turn = 0; turn < 200; ++turn) {
      const ShardId shard{static_cast<std::uint8_t>(rng.below(contract_shards))};
      last[shard.value] = submit(shard, [&](Batch& batch) {
        const std::string prefix(1, static_cast<char>('0' + shard.value));
        for (std::uint64_t i = rng.below(6); i > 0; --i) {
          const std::string key = prefix + std::to_string(rng.below(30));
          if (rng.below(3) == 0) {
            batch.erase(Space::Journal, key);
            model.erase(key);
          } else {
            model[key] = std::string(rng.below(2000), static_cast<char>('a' + rng.below(26)));
            batch.put(Space::Journal, key, model[key]);
          }
        }
      });
    }
    for (std::uint8_t shard = 0; shard < contract_shards; ++shard) {
      await_durable(ShardId{shard}, last[shard]);
    }
    if (seed == 2) reopen();
    std::string expected;
    for (const auto& [key, value] : model) expected += key + '=' + value + ' ';
    EXPECT_EQ(scan(Space::Journal), expected);
    submit(shard_a, [](Batch& batch) { batch.erase_range(Space::Journal, "0", "9"); });
    EXPECT_TRUE(store().sync().has_value());
    EXPECT_EQ(scan(Space::Journal), "");
  }
}

std::string mode_name(const testing::TestParamInfo<SyncMode>& mode) {
  switch (mode.param) {
    case SyncMode::Always:
      return "Always";
    case SyncMode::Interval:
      return "Interval";
    case SyncMode::Off:
      break;
  }
  return "Off";
}

INSTANTIATE_TEST_SUITE_P(EverySyncMode, StoreContract,
                         testing::Values(SyncMode::Always, SyncMode::Interval, SyncMode::Off),
                         mode_name);

}  // namespace
}  // namespace vmq::store
