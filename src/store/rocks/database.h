// RocksDB itself, without threads of ours: opening, writing a group of batches, reading,
// recovering. Every failure is a value; nothing throws.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/rocks/rocks_store.h"
#include "store/store.h"

namespace rocksdb {
class Cache;
class ColumnFamilyHandle;
class DB;
class Env;
class Status;
class WriteBatch;
}  // namespace rocksdb

namespace vmq::store {

struct Submitted {
  ShardId shard;
  StoreTicket ticket;
  Batch batch;
};

enum class WriteSync : std::uint8_t { No, Yes };

// Threads: one thread writes and recovers; any number of threads read meanwhile.
class Database {
 public:
  // `env` null: the operating system's. It must outlive the database.
  static Result<std::unique_ptr<Database>, OpenError> open(const std::string& path,
                                                           const RocksOptions& options,
                                                           rocksdb::Env* env);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  // Collects batches into the next write, which is one atomic record of the log.
  void start_group();
  void add_to_group(const Batch& batch);
  // Writes the group. After an error the same group may be written again, any number of times: its
  // records come to the same in the end, since nothing else was written between.
  Result<void, StoreError> write_group(WriteSync sync);
  // Brings everything written to the disk.
  Result<void, StoreError> sync_log();
  // Leaves the state in which an error has put RocksDB, if the disk takes writes again. REQUIRES:
  // called after every error above, until it succeeds, before anything is written again.
  Result<void, StoreError> recover();

  LoadAnswer load(const LoadRequest& request);
  LoadAnswer load_keys(const LoadKeysRequest& request);
  Result<void, StoreError> scan(Space space, AnyBytes from, AnyBytes to, const ScanVisitor& visit);
  std::uint64_t bytes_on_disk() const;
  // Reads that met a block whose checksum did not match.
  std::uint64_t damaged_reads() const { return damaged_reads_.load(std::memory_order_relaxed); }
  // Lets go of the files. REQUIRES: no call is under way, none but bytes_on_disk follows.
  void close();

 private:
  struct Range {
    std::string_view from;
    std::string_view to;
  };
  enum class CacheUse : std::uint8_t { Fill, Bypass };

  Database(std::string path, const RocksOptions& options, rocksdb::Env* env);
  rocksdb::Status open_files();
  void close_files();
  rocksdb::Status probe_disk();
  rocksdb::Status visit_range(Space space, const Range& range, CacheUse cache,
                              const ScanVisitor& visit);
  rocksdb::ColumnFamilyHandle* family(Space space) const { return families_[index_of(space)]; }

  const std::string path_;
  const RocksOptions options_;
  rocksdb::Env* const env_;
  std::shared_ptr<rocksdb::Cache> cache_;
  // Held exclusively only while `recover` opens the files anew.
  std::shared_mutex files_mutex_;
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, space_count> families_{};
  std::unique_ptr<rocksdb::WriteBatch> group_;
  std::atomic<std::uint64_t> damaged_reads_{0};
};

}  // namespace vmq::store
