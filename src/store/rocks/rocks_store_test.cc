#include "store/rocks/rocks_store.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "store/rocks/test_directory.h"
#include "store/rocks/tuning.h"
#include "store/store_contract.h"

namespace vmq::store {

namespace {

using StorePointer = std::unique_ptr<Store>;

StorePointer open_or_fail(const std::string& path, const RocksOptions& options) {
  Result<StorePointer, OpenError> opened = open_rocks_store(path, options);
  if (!opened) {
    ADD_FAILURE() << opened.error().text;
    std::abort();
  }
  return std::move(*opened);
}

// Flips a bit of the stored bytes with RocksDB alone.
void corrupt_record(const std::string& path, Space space, std::string_view key) {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  const RocksOptions options;
  for (std::size_t i = 0; i < space_count; ++i) {
    const Space each = static_cast<Space>(i);
    families.emplace_back(family_name(each), family_options(each, options, nullptr));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(rocksdb::DBOptions(), path, families, &handles, &db).ok());
  rocksdb::ColumnFamilyHandle* family = handles[index_of(space)];
  std::string value;
  const rocksdb::Slice name(key.data(), key.size());
  EXPECT_TRUE(db->Get(rocksdb::ReadOptions(), family, name, &value).ok());
  value.back() = static_cast<char>(value.back() ^ 1);
  EXPECT_TRUE(db->Put(rocksdb::WriteOptions(), family, name, value).ok());
  for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  delete db;
}

class RocksTwin final : public TwinUnderTest {
 public:
  explicit RocksTwin(SyncMode sync)
      : options_{.sync = sync, .interval_ms = 1, .shards = contract_shards, .wake = wakes_.wake()} {
    store_ = open_or_fail(directory_.path(), options_);
  }
  Store& store() override { return *store_; }
  void reopen() override {
    EXPECT_TRUE(store_->close().has_value());
    store_ = nullptr;
    store_ = open_or_fail(directory_.path(), options_);
  }
  void wait() override { wakes_.wait(); }
  void corrupt(Space space, std::string_view key) override {
    EXPECT_TRUE(store_->close().has_value());
    store_ = nullptr;
    corrupt_record(directory_.path(), space, key);
    store_ = open_or_fail(directory_.path(), options_);
  }

 private:
  TestDirectory directory_;
  WakeCount wakes_;
  RocksOptions options_;
  StorePointer store_;
};

}  // namespace

std::unique_ptr<TwinUnderTest> make_twin(SyncMode sync) {
  return std::make_unique<RocksTwin>(sync);
}

namespace {

std::string error_of_opening(const std::string& path) {
  Result<StorePointer, OpenError> opened = open_rocks_store(path, {});
  return opened ? "" : opened.error().text;
}

TEST(OpenRocksStore, a_second_process_is_told_that_the_first_one_is_there) {
  TestDirectory directory;
  const StorePointer first = open_or_fail(directory.path(), {});
  const std::string error = error_of_opening(directory.path());
  EXPECT_NE(error.find("another process uses it"), std::string::npos) << error;
  EXPECT_NE(error.find(directory.path()), std::string::npos) << error;
}

TEST(OpenRocksStore, a_missing_parent_is_named) {
  TestDirectory directory;
  const std::string error = error_of_opening(directory.path() + "/missing/store");
  EXPECT_NE(error.find("make its parent directory"), std::string::npos) << error;
}

TEST(OpenRocksStore, a_store_of_a_newer_version_is_not_touched) {
  TestDirectory directory;
  open_or_fail(directory.path(), {}).reset();
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (std::size_t i = 0; i < space_count; ++i) {
    const Space each = static_cast<Space>(i);
    families.emplace_back(family_name(each), family_options(each, {}, nullptr));
  }
  families.emplace_back("future", rocksdb::ColumnFamilyOptions());
  rocksdb::DBOptions options;
  options.create_missing_column_families = true;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(options, directory.path(), families, &handles, &db).ok());
  for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  delete db;
  const std::string error = error_of_opening(directory.path());
  EXPECT_NE(error.find("newer version"), std::string::npos) << error;
}

TEST(OpenRocksStore, damaged_files_are_an_error_and_no_crash) {
  TestDirectory directory;
  open_or_fail(directory.path(), {}).reset();
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    if (entry.path().filename().string().rfind("MANIFEST", 0) == 0) {
      std::ofstream(entry.path()) << "this is no manifest at all, whatever its name says";
    }
  }
  const std::string error = error_of_opening(directory.path());
  EXPECT_NE(error.find("damaged"), std::string::npos) << error;
}

// Finds `text` in the data file that holds it and changes one of its bytes.
bool damage_file_with(const std::string& path, const std::string& text) {
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() != ".sst") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const std::size_t at = bytes.find(text);
    if (at == std::string::npos) continue;
    bytes[at + text.size() / 2] ^= 1;
    std::ofstream(entry.path(), std::ios::binary) << bytes;
    return true;
  }
  return false;
}

TEST(RocksStore, a_damaged_block_costs_only_the_records_that_it_has_damaged) {
  TestDirectory directory;
  WakeCount wakes;
  StorePointer store = open_or_fail(directory.path(), {});
  Batch batch;
  for (int i = 1000; i < 2000; ++i) {
    const std::string key = std::to_string(i);
    batch.put(Space::Journal, key, "value of record " + key + std::string(100, 'x'));
  }
  store->submit(ShardId{0}, std::move(batch), StoreTicket{1});
  store.reset();
  // Opening brings the log into a data file.
  open_or_fail(directory.path(), {}).reset();
  ASSERT_TRUE(damage_file_with(directory.path(), "value of record 1500"));

  store = open_or_fail(directory.path(), {.wake = wakes.wake()});
  store->load(ShardId{0}, {.id = 1, .space = Space::Journal, .limit_bytes = 1u << 30});
  Completions completions;
  for (store->poll(ShardId{0}, completions); completions.loads.empty();
       store->poll(ShardId{0}, completions)) {
    wakes.wait();
  }
  const LoadAnswer& answer = completions.loads[0];
  EXPECT_EQ(answer.status, LoadStatus::Complete) << answer.error;
  EXPECT_EQ(answer.rows.size(), 1000u);
  EXPECT_EQ(answer.corrupted, 1u);
  EXPECT_EQ(answer.rows[500].state, RowState::Corrupted);
  EXPECT_EQ(as_text(answer.rows[500].key), "1500");
  EXPECT_EQ(as_text(answer.rows[999].key), "1999");
  EXPECT_EQ(store->health().corrupted_records, 1u);
  EXPECT_EQ(store->health().read_errors, 1u);
}

// One shard's life: submits, waits for some, loads, checks what it reads.
void run_shard(Store& store, WakeCount& wakes, ShardId shard) {
  const std::string prefix = std::to_string(shard.value) + '/';
  Batch batch;
  Completions completions;
  std::uint64_t loads = 0, answers = 0;
  const auto drain = [&] {
    store.poll(shard, completions);
    for (const LoadAnswer& answer : completions.loads) {
      EXPECT_EQ(answer.id, ++answers);
      ASSERT_EQ(answer.rows.size(), 1u);
      EXPECT_GE(answer.rows[0].value.size(), answer.id);
    }
  };
  constexpr std::uint64_t batches = 400;
  for (std::uint64_t ticket = 1; ticket <= batches; ++ticket) {
    batch.put(Space::Queue, prefix + std::to_string(ticket), "entry");
    batch.put(Space::Session, prefix, std::string(ticket, 'x'));
    store.submit(shard, std::move(batch), StoreTicket{ticket});
    store.load_keys(shard, {.id = ++loads, .space = Space::Session, .keys = {prefix}});
    drain();
    // A bounded number of batches on their way, as a shard with clients that wait for their
    // answers.
    while (completions.durable.value + 20 < ticket) {
      wakes.wait();
      drain();
    }
  }
  for (drain(); completions.durable.value < batches || answers < loads; drain()) wakes.wait();
}

TEST(RocksStore, shards_work_at_the_same_time) {
  TestDirectory directory;
  constexpr std::uint8_t shards = 3;
  std::vector<WakeCount> wakes(shards);
  std::vector<Wake> wake_of;
  for (WakeCount& count : wakes) wake_of.push_back(count.wake());
  const StorePointer store = open_or_fail(
      directory.path(), {.sync = SyncMode::Off, .shards = shards, .wake = [&](ShardId shard) {
                           wake_of[shard.value](shard);
                         }});
  std::vector<std::thread> threads;
  for (std::uint8_t i = 0; i < shards; ++i) {
    threads.emplace_back([&, i] { run_shard(*store, wakes[i], ShardId{i}); });
  }
  for (std::thread& thread : threads) thread.join();
  std::size_t rows = 0;
  EXPECT_TRUE(store
                  ->scan(Space::Queue, "", "",
                         [&](const Row& row) {
                           rows += row.state == RowState::Value;
                           return true;
                         })
                  .has_value());
  EXPECT_EQ(rows, 1200u);
  const StoreHealth health = store->health();
  EXPECT_EQ(health.batches, 1200u);
  EXPECT_LE(health.writes, health.batches);
  EXPECT_EQ(health.bytes_pending, 0u);
  EXPECT_GT(health.bytes_on_disk, 0u);
}

}  // namespace
}  // namespace vmq::store
