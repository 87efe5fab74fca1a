// The store on a disk that fails: a file system that counts syncs of the log and refuses writes
// until told otherwise.
#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "base/rng.h"
#include "store/rocks/open_with.h"
#include "store/rocks/test_directory.h"

namespace vmq::store {
namespace {

constexpr ShardId shard{0};

enum class DiskFault : std::uint8_t {
  None,
  NoSpace,     // ENOSPC
  WriteError,  // EIO on write
  SyncError,   // EIO on fsync, after the write went well
};

struct DiskState {
  std::atomic<DiskFault> fault{DiskFault::None};
  // With a fault of writes, so many bytes still reach the file: the record is torn.
  std::atomic<std::size_t> torn_bytes{0};
  std::atomic<std::uint64_t> log_syncs{0};
  std::atomic<std::uint64_t> refusals{0};

  rocksdb::IOStatus refusal() {
    refusals.fetch_add(1);
    if (fault == DiskFault::NoSpace) return rocksdb::IOStatus::NoSpace("No space left on device");
    return rocksdb::IOStatus::IOError("Input/output error");
  }
  bool refuses_writes() const {
    const DiskFault now = fault;
    return now == DiskFault::NoSpace || now == DiskFault::WriteError;
  }
};

class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<rocksdb::FSWritableFile> file, DiskState& disk, bool is_log)
      : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk), is_log_(is_log) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    if (!disk_.refuses_writes()) return target()->Append(data, options, debug);
    const std::size_t kept = std::min(disk_.torn_bytes.load(), data.size());
    target()->Append({data.data(), kept}, options, debug).PermitUncheckedError();
    return disk_.refusal();
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo&,
                           rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    if (disk_.fault != DiskFault::None) return disk_.refusal();
    if (is_log_) disk_.log_syncs.fetch_add(1);
    return target()->Sync(options, debug);
  }

 private:
  DiskState& disk_;
  const bool is_log_;
};

class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyFileSystem(DiskState& disk)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(disk) {}
  const char* Name() const override { return "FaultyFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSWritableFile> inner;
    rocksdb::IOStatus status = target()->NewWritableFile(name, options, &inner, debug);
    if (status.ok()) {
      const bool is_log = name.size() > 4 && name.compare(name.size() - 4, 4, ".log") == 0;
      *file = std::make_unique<FaultyFile>(std::move(inner), disk_, is_log);
    }
    return status;
  }

 private:
  DiskState& disk_;
};

class DiskFaults : public testing::Test {
 protected:
  explicit DiskFaults(SyncMode sync = SyncMode::Always)
      : env_(rocksdb::NewCompositeEnv(std::make_shared<FaultyFileSystem>(disk_))),
        options_{.sync = sync, .wake = wakes_.wake(), .retry_ms_min = 1, .retry_ms_max = 4} {
    open();
  }

  void open() {
    store_.reset();
    auto opened = open_rocks_store_with(directory_.path(), options_, env_.get());
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
    store_ = std::move(*opened);
    ticket_ = 0;
  }

  // Every batch also counts in one key, so that lost or reordered batches show.
  void submit(const std::string& key) {
    Batch batch;
    batch.put(Space::Queue, key, "entry");
    batch.put(Space::Meta, "last", key);
    store_->submit(shard, std::move(batch), StoreTicket{++ticket_});
  }

  template <typename Condition>
  Completions await(const Condition& condition) {
    Completions completions;
    for (store_->poll(shard, completions); !condition(completions);
         store_->poll(shard, completions)) {
      wakes_.wait();
    }
    return completions;
  }
  void await_durable() {
    await([&](const Completions& now) { return now.durable.value >= ticket_; });
  }
  void await_refusal() {
    await([](const Completions& now) { return !now.writable; });
  }
  void await_recovery() {
    await([](const Completions& now) { return now.writable; });
  }

  std::size_t count(Space space) {
    std::size_t rows = 0;
    EXPECT_TRUE(store_
                    ->scan(space, "", "",
                           [&](const Row& row) {
                             rows += row.state == RowState::Value;
                             return true;
                           })
                    .has_value());
    return rows;
  }
  std::string last() {
    std::string value;
    EXPECT_TRUE(store_
                    ->scan(Space::Meta, "last", "",
                           [&](const Row& row) {
                             value = as_text(row.value);
                             return false;
                           })
                    .has_value());
    return value;
  }

  TestDirectory directory_;
  DiskState disk_;
  WakeCount wakes_;
  std::unique_ptr<rocksdb::Env> env_;
  RocksOptions options_;
  std::unique_ptr<Store> store_;
  std::uint64_t ticket_ = 0;
};

class DiskFaultsWithoutSync : public DiskFaults {
 protected:
  DiskFaultsWithoutSync() : DiskFaults(SyncMode::Off) {}
};

TEST_F(DiskFaults, a_full_disk_is_told_and_the_batches_follow_when_there_is_space) {
  submit("a");
  await_durable();
  disk_.fault = DiskFault::NoSpace;
  submit("b");
  await_refusal();
  submit("c");
  const StoreHealth full = store_->health();
  EXPECT_FALSE(full.writable);
  EXPECT_NE(full.last_error.find("No space"), std::string::npos) << full.last_error;
  EXPECT_GT(full.bytes_pending, 0u);
  EXPECT_FALSE(store_->sync().has_value());
  disk_.fault = DiskFault::None;
  await_durable();
  await_recovery();
  EXPECT_TRUE(store_->health().writable);
  open();
  EXPECT_EQ(count(Space::Queue), 3u);
  EXPECT_EQ(last(), "c");
}

TEST_F(DiskFaults, readers_go_on_while_the_disk_is_full) {
  submit("a");
  await_durable();
  disk_.fault = DiskFault::NoSpace;
  store_->load(shard, {.id = 1, .space = Space::Queue});
  const Completions loaded = await([](const Completions& now) { return !now.loads.empty(); });
  EXPECT_EQ(loaded.loads[0].rows.size(), 1u);
  submit("b");
  await_refusal();
  EXPECT_EQ(count(Space::Queue), 1u);
  disk_.fault = DiskFault::None;
  await_durable();
}

// The record that failed lies torn in the log. What comes after it must not be lost behind it, even
// if it was the first record ever.
TEST_F(DiskFaults, what_follows_a_torn_record_survives) {
  for (const DiskFault fault : {DiskFault::NoSpace, DiskFault::WriteError, DiskFault::SyncError}) {
    for (const std::size_t torn : {std::size_t{0}, std::size_t{5}, std::size_t{40}}) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(fault) << " torn " << torn);
      disk_.torn_bytes = torn;
      disk_.fault = fault;
      submit("1");
      await_refusal();
      disk_.fault = DiskFault::None;
      await_durable();
      submit("2");
      await_durable();
      open();
      EXPECT_EQ(count(Space::Queue), 2u);
      EXPECT_EQ(last(), "2");
    }
  }
}

TEST_F(DiskFaults, faults_that_come_and_go_lose_and_reorder_nothing) {
  Rng rng(7);
  constexpr DiskFault faults[] = {DiskFault::NoSpace, DiskFault::WriteError, DiskFault::SyncError};
  int number = 1000;
  for (int round = 0; round < 20; ++round) {
    for (std::uint64_t i = rng.below(5); i > 0; --i) submit(std::to_string(++number));
    disk_.torn_bytes = rng.below(60);
    disk_.fault = faults[rng.below(3)];
    for (std::uint64_t i = 1 + rng.below(5); i > 0; --i) submit(std::to_string(++number));
    await_refusal();
    disk_.fault = DiskFault::None;
    await_durable();
    if (rng.below(4) == 0) open();
  }
  open();
  EXPECT_EQ(count(Space::Queue), static_cast<std::size_t>(number - 1000));
  EXPECT_EQ(last(), std::to_string(number));
}

TEST_F(DiskFaults, closing_on_a_full_disk_ends_and_keeps_what_was_durable) {
  submit("a");
  await_durable();
  disk_.fault = DiskFault::NoSpace;
  submit("b");
  await_refusal();
  const auto closed = store_->close();
  EXPECT_FALSE(closed.has_value());
  disk_.fault = DiskFault::None;
  open();
  EXPECT_GE(count(Space::Queue), 1u);
}

TEST_F(DiskFaults, always_means_that_the_log_is_synced_before_a_batch_is_durable) {
  for (std::uint64_t i = 1; i <= 5; ++i) {
    const std::uint64_t syncs = disk_.log_syncs;
    submit(std::to_string(i));
    await_durable();
    EXPECT_EQ(disk_.log_syncs, syncs + 1);
  }
  EXPECT_EQ(store_->health().syncs, 5u);
}

TEST_F(DiskFaultsWithoutSync, off_never_syncs_until_asked) {
  const std::uint64_t syncs = disk_.log_syncs;
  submit("a");
  await_durable();
  EXPECT_EQ(disk_.log_syncs, syncs);
  EXPECT_TRUE(store_->sync().has_value());
  EXPECT_EQ(disk_.log_syncs, syncs + 1);
}

TEST_F(DiskFaultsWithoutSync, a_sync_that_fails_says_so_and_the_store_recovers) {
  submit("a");
  await_durable();
  disk_.fault = DiskFault::SyncError;
  EXPECT_FALSE(store_->sync().has_value());
  EXPECT_FALSE(store_->health().writable);
  disk_.fault = DiskFault::None;
  await_recovery();
  EXPECT_TRUE(store_->sync().has_value());
  open();
  EXPECT_EQ(count(Space::Queue), 1u);
}

}  // namespace
}  // namespace vmq::store
