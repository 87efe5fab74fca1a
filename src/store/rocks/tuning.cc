#include "store/rocks/tuning.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <algorithm>
#include <memory>

#include "store/rocks/newer_merge.h"

namespace vmq::store {

namespace {

constexpr std::uint64_t wal_bytes_max = 256u << 20;
constexpr int open_files_max = 512;

// Whole records stand in these spaces for a short time: written once in ascending order, deleted
// soon.
bool is_write_once(Space space) { return space == Space::Journal || space == Space::Message; }

// After an error that stops writes only Database::recover may go on. RocksDB's own recovery would,
// in its background, go on in a log with a torn record. What stops only compactions it may mend by
// itself.
class NoRecoveryBehindOurBack final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status error,
                            bool* may_recover) override {
    if (error.severity() >= rocksdb::Status::Severity::kHardError) *may_recover = false;
  }
};

}  // namespace

const char* family_name(Space space) {
  switch (space) {
    case Space::Meta:
      return "default";  // RocksDB insists on a family of this name
    case Space::Session:
      return "session";
    case Space::Queue:
      return "queue";
    case Space::Message:
      return "message";
    case Space::Journal:
      return "journal";
    case Space::Retained:
      return "retained";
  }
  return "";
}

rocksdb::DBOptions database_options(const RocksOptions& options, rocksdb::Env* env) {
  rocksdb::DBOptions db;
  db.env = env;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.max_total_wal_size = wal_bytes_max;
  db.db_write_buffer_size = options.memtable_bytes;
  db.max_background_jobs = 2;
  db.max_open_files = open_files_max;
  db.table_cache_numshardbits = 2;
  db.bytes_per_sync = 1 << 20;
  db.wal_bytes_per_sync = options.sync == SyncMode::Always ? 0 : 1 << 20;
  db.compaction_readahead_size = 512 << 10;
  // One thread writes: what RocksDB does for many writers only costs.
  db.allow_concurrent_memtable_write = false;
  db.enable_write_thread_adaptive_yield = false;
  // Old files are removed by background jobs, not by the reads and writes that let go of them.
  db.avoid_unnecessary_blocking_io = true;
  // The committer alone decides when to try again after an error, and opens anew for it
  // (database.cc).
  db.max_bgerror_resume_count = 0;
  db.listeners.push_back(std::make_shared<NoRecoveryBehindOurBack>());
  db.info_log_level = rocksdb::WARN_LEVEL;
  db.max_log_file_size = 1 << 20;
  db.keep_log_file_num = 2;
  // An idle broker does nothing: no statistics thread.
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  return db;
}

rocksdb::ColumnFamilyOptions family_options(Space space, const RocksOptions& options,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  // Indexes and filters live in the cache, so that its size bounds the memory of all reading.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.block_size = is_write_once(space) ? 16 << 10 : 8 << 10;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  // Journal records are only ever read by range, which no filter helps.
  if (space != Space::Journal) table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));

  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.merge_operator = make_newer_merge(space);
  family.write_buffer_size =
      std::min<std::size_t>(is_write_once(space) ? 16u << 20 : 8u << 20, options.memtable_bytes);
  family.max_write_buffer_number = 3;
  family.arena_block_size = 256 << 10;
  family.compression = rocksdb::kLZ4Compression;
  // A drained queue is a run of tombstones that every later look walks through: files full of them
  // are compacted first.
  family.table_properties_collector_factories.push_back(
      rocksdb::NewCompactOnDeletionCollectorFactory(1024, 512));
  if (is_write_once(space)) {
    // Most records are dead before a compaction meets them: merge many files at once and rarely,
    // and spend no compression on what is about to go.
    family.compaction_style = rocksdb::kCompactionStyleUniversal;
    family.level0_file_num_compaction_trigger = 6;
    family.compaction_options_universal.size_ratio = 20;
    family.compaction_options_universal.allow_trivial_move = true;
    family.compression = rocksdb::kNoCompression;
    family.bottommost_compression = rocksdb::kLZ4Compression;
  } else {
    family.level_compaction_dynamic_level_bytes = true;
    family.target_file_size_base = 16 << 20;
    family.max_bytes_for_level_base = 64 << 20;
  }
  return family;
}

}  // namespace vmq::store
