#include "store/memory_store.h"

#include <gtest/gtest.h>

#include <string>

#include "store/store_contract.h"

namespace vmq::store {

namespace {

class MemoryTwin final : public TwinUnderTest {
 public:
  explicit MemoryTwin(SyncMode sync) : store_({.shards = contract_shards, .sync = sync}) {}
  Store& store() override { return store_; }
  void reopen() override {
    EXPECT_TRUE(store_.close().has_value());
    store_.crash(CrashKind::MachineLosesAll);
  }
  void wait() override { store_.step(); }
  void corrupt(Space space, std::string_view key) override {
    EXPECT_TRUE(store_.corrupt(space, key));
  }

 private:
  MemoryStore store_;
};

}  // namespace

std::unique_ptr<TwinUnderTest> make_twin(SyncMode sync) {
  return std::make_unique<MemoryTwin>(sync);
}

namespace {

constexpr ShardId shard{0};

void put(MemoryStore& store, std::uint64_t ticket, std::string_view key,
         std::string_view value = "v") {
  Batch batch;
  batch.put(Space::Queue, key, value);
  store.submit(shard, std::move(batch), StoreTicket{ticket});
}

std::uint64_t durable(MemoryStore& store) {
  Completions completions;
  store.poll(shard, completions);
  return completions.durable.value;
}

std::string keys(MemoryStore& store) {
  std::string text;
  EXPECT_TRUE(store
                  .scan(Space::Queue, "", "",
                        [&](const Row& row) {
                          text += as_text(row.key);
                          return true;
                        })
                  .has_value());
  return text;
}

TEST(MemoryStore, nothing_happens_without_a_step) {
  MemoryStore store({});
  put(store, 1, "a");
  EXPECT_EQ(durable(store), 0u);
  EXPECT_EQ(keys(store), "");
  EXPECT_TRUE(store.is_busy());
  store.step();
  EXPECT_EQ(durable(store), 1u);
  EXPECT_FALSE(store.is_busy());
}

TEST(MemoryStore, a_crash_takes_what_was_only_submitted) {
  MemoryStore store({});
  put(store, 1, "a");
  store.step();
  put(store, 2, "b");
  store.crash(CrashKind::Process);
  EXPECT_EQ(keys(store), "a");
  EXPECT_EQ(durable(store), 0u);
  put(store, 1, "c");
  store.step();
  EXPECT_EQ(durable(store), 1u);
}

TEST(MemoryStore, a_power_cut_takes_what_was_written_but_not_synced) {
  for (const CrashKind kind : {CrashKind::Process, CrashKind::MachineLosesAll}) {
    MemoryStore store({});
    put(store, 1, "a");
    store.step();
    store.set_faults({.sync_steps_min = 5, .sync_steps_max = 5});
    put(store, 2, "b");
    store.step();
    EXPECT_EQ(durable(store), 1u);
    EXPECT_EQ(keys(store), "ab");
    store.crash(kind);
    EXPECT_EQ(keys(store), kind == CrashKind::Process ? "ab" : "a");
  }
}

TEST(MemoryStore, without_sync_durable_means_written_and_a_power_cut_shows_the_difference) {
  for (const SyncMode sync : {SyncMode::Interval, SyncMode::Off}) {
    MemoryStore store({.sync = sync, .interval_steps = 3});
    put(store, 1, "a");
    for (int i = 0; i < 10; ++i) store.step();
    put(store, 2, "b");
    store.step();
    EXPECT_EQ(durable(store), 2u);
    store.crash(CrashKind::MachineLosesAll);
    EXPECT_EQ(keys(store), sync == SyncMode::Interval ? "a" : "");
  }
}

TEST(MemoryStore, a_drawn_prefix_survives_and_every_length_occurs) {
  bool seen[6] = {};
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    MemoryStore store({.sync = SyncMode::Off, .seed = seed});
    for (std::uint64_t i = 1; i <= 5; ++i) {
      put(store, i, std::string(1, static_cast<char>('a' + i - 1)));
      store.step();
    }
    store.crash(CrashKind::MachineKeepsSome);
    const std::string left = keys(store);
    EXPECT_EQ(left, std::string("abcde").substr(0, left.size()));
    seen[left.size()] = true;
  }
  for (const bool length : seen) EXPECT_TRUE(length);
}

TEST(MemoryStore, a_killed_process_may_leave_a_batch_that_was_not_reported) {
  bool seen[2] = {};
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    MemoryStore store({.seed = seed});
    store.set_faults({.write_steps_min = 5, .write_steps_max = 5});
    put(store, 1, "a");
    store.step();
    EXPECT_EQ(durable(store), 0u);
    store.crash(CrashKind::Process);
    seen[keys(store).size()] = true;
  }
  EXPECT_TRUE(seen[0]);
  EXPECT_TRUE(seen[1]);
}

TEST(MemoryStore, delays_are_in_steps) {
  MemoryStore store({});
  store.set_faults({.write_steps_min = 2,
                    .write_steps_max = 2,
                    .sync_steps_min = 3,
                    .sync_steps_max = 3,
                    .load_steps_min = 1,
                    .load_steps_max = 1});
  put(store, 1, "a");
  store.load(shard, {.id = 1, .space = Space::Queue});
  Completions completions;
  int loaded_after = 0, durable_after = 0;
  for (int step = 1; durable_after == 0; ++step) {
    store.step();
    store.poll(shard, completions);
    if (!completions.loads.empty()) loaded_after = step;
    if (completions.durable.value == 1) durable_after = step;
  }
  EXPECT_EQ(loaded_after, 3);
  EXPECT_EQ(durable_after, 6);
}

TEST(MemoryStore, a_full_disk_keeps_batches_in_order_and_recovers) {
  int wakes = 0;
  MemoryStore store({.wake = [&](ShardId) { ++wakes; }});
  store.set_faults({.full_disk = true});
  put(store, 1, "a", "old");
  store.step();
  put(store, 2, "a", "new");
  put(store, 3, "b");
  for (int i = 0; i < 5; ++i) store.step();
  EXPECT_EQ(durable(store), 0u);
  EXPECT_EQ(wakes, 1);
  EXPECT_FALSE(store.health().writable);
  EXPECT_FALSE(store.health().last_error.empty());
  EXPECT_FALSE(store.sync().has_value());
  store.set_faults({});
  store.step();
  store.step();
  EXPECT_EQ(durable(store), 3u);
  EXPECT_TRUE(store.health().writable);
  EXPECT_EQ(keys(store), "ab");
  EXPECT_TRUE(
      store.scan(Space::Queue, "a", "b", [](const Row& row) { return as_text(row.value) == "new"; })
          .has_value());
}

TEST(MemoryStore, a_stall_answers_nothing_and_loses_nothing) {
  MemoryStore store({});
  store.set_faults({.stall = true});
  put(store, 1, "a");
  for (int i = 0; i < 5; ++i) store.step();
  EXPECT_EQ(durable(store), 0u);
  EXPECT_FALSE(store.is_busy());
  EXPECT_TRUE(store.health().writable);
  store.set_faults({});
  store.step();
  EXPECT_EQ(durable(store), 1u);
}

TEST(MemoryStore, a_read_error_is_an_answer) {
  MemoryStore store({});
  store.set_faults({.read_error = true});
  store.load(shard, {.id = 4, .space = Space::Queue});
  store.step();
  Completions completions;
  store.poll(shard, completions);
  ASSERT_EQ(completions.loads.size(), 1u);
  EXPECT_EQ(completions.loads[0].id, 4u);
  EXPECT_EQ(completions.loads[0].status, LoadStatus::Failed);
  EXPECT_FALSE(completions.loads[0].error.empty());
  EXPECT_FALSE(store.scan(Space::Queue, "", "", [](const Row&) { return true; }).has_value());
  EXPECT_EQ(store.health().read_errors, 2u);
}

TEST(MemoryStore, too_much_waiting_congests_first_and_then_stops_writes) {
  Pressure pressure;
  EXPECT_FALSE(pressure.update(pending_bytes_congested, false));
  EXPECT_TRUE(pressure.update(pending_bytes_congested + 1, false));
  EXPECT_TRUE(pressure.congested());
  EXPECT_TRUE(pressure.writable());
  EXPECT_TRUE(pressure.update(pending_bytes_max + 1, false));
  EXPECT_FALSE(pressure.writable());
  EXPECT_FALSE(pressure.update(pending_bytes_max / 2 + 1, false));
  EXPECT_TRUE(pressure.update(pending_bytes_max / 2, false));
  EXPECT_TRUE(pressure.writable());
  EXPECT_TRUE(pressure.update(0, false));
  EXPECT_FALSE(pressure.congested());
  EXPECT_TRUE(pressure.update(0, true));
  EXPECT_FALSE(pressure.writable());
}

TEST(MemoryStore, same_seed_and_calls_give_the_same_run) {
  const auto run = [](std::uint64_t seed) {
    MemoryStore store({.seed = seed});
    store.set_faults({.write_steps_max = 4, .sync_steps_max = 4});
    std::string trace;
    for (std::uint64_t i = 1; i <= 50; ++i) {
      put(store, i, std::to_string(i));
      store.step();
      trace += std::to_string(durable(store)) + ' ';
    }
    store.crash(CrashKind::MachineKeepsSome);
    return trace + keys(store);
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(SyncTimes, each_duration_falls_into_the_first_bucket_above_it) {
  SyncTimes times;
  times.add(0);
  times.add(63);
  times.add(64);
  times.add(1u << 30);
  EXPECT_EQ(times.buckets[0], 2u);
  EXPECT_EQ(times.buckets[1], 1u);
  EXPECT_EQ(times.buckets[15], 1u);
  EXPECT_EQ(times.total_us, 127u + (1u << 30));
}

}  // namespace
}  // namespace vmq::store
