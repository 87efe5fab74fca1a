#include "store/rocks/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "store/reading.h"
#include "store/rocks/errors.h"
#include "store/rocks/tuning.h"

namespace vmq::store {

namespace {

using FilesInUse = std::shared_lock<std::shared_mutex>;
using FilesExclusive = std::unique_lock<std::shared_mutex>;

// A write batch above this size gives its memory back.
constexpr std::size_t group_bytes_kept = 1u << 20;
constexpr std::size_t probe_bytes = 1u << 20;
constexpr std::size_t scan_readahead_bytes = 1u << 20;

ByteView view_of(const rocksdb::Slice& slice) {
  return as_bytes(std::string_view(slice.data(), slice.size()));
}

rocksdb::Slice slice_of(ByteView bytes) { return {as_text(bytes).data(), bytes.size()}; }

void add_record(rocksdb::WriteBatch& group, rocksdb::ColumnFamilyHandle* family,
                const BatchRecord& record) {
  const rocksdb::Slice key = slice_of(record.key);
  const rocksdb::Slice value = slice_of(record.value);
  switch (record.op) {
    case BatchOp::Put:
      group.Put(family, key, value).PermitUncheckedError();
      return;
    case BatchOp::PutNewer:
      group.Merge(family, key, value).PermitUncheckedError();
      return;
    case BatchOp::Erase:
      group.Delete(family, key).PermitUncheckedError();
      return;
    case BatchOp::EraseRange:
      group.DeleteRange(family, key, value).PermitUncheckedError();
      return;
  }
}

Row row_of(Space space, const std::string& key, const rocksdb::Status& status,
           const rocksdb::PinnableSlice& stored) {
  if (status.ok()) return open_row(space, as_bytes(key), view_of(stored));
  const RowState state = status.IsNotFound() ? RowState::Missing : RowState::Corrupted;
  return {as_bytes(key), {}, 0, state};
}

}  // namespace

Database::Database(std::string path, const RocksOptions& options, rocksdb::Env* env)
    : path_(std::move(path)),
      options_(options),
      env_(env != nullptr ? env : rocksdb::Env::Default()),
      cache_(rocksdb::NewLRUCache(options.cache_bytes, 2)),
      group_(std::make_unique<rocksdb::WriteBatch>()) {}

Database::~Database() { close(); }

Result<std::unique_ptr<Database>, OpenError> Database::open(const std::string& path,
                                                            const RocksOptions& options,
                                                            rocksdb::Env* env) {
  std::unique_ptr<Database> database(new Database(path, options, env));
  const rocksdb::Status status = database->open_files();
  if (!status.ok()) return failure(open_error(path, status));
  return database;
}

rocksdb::Status Database::open_files() {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (std::size_t i = 0; i < space_count; ++i) {
    const Space space = static_cast<Space>(i);
    families.emplace_back(family_name(space), family_options(space, options_, cache_));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      rocksdb::DB::Open(database_options(options_, env_), path_, families, &handles, &db);
  if (!status.ok()) return status;
  db_.reset(db);
  std::copy(handles.begin(), handles.end(), families_.begin());
  return status;
}

void Database::close_files() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle*& handle : families_) {
    db_->DestroyColumnFamilyHandle(std::exchange(handle, nullptr)).PermitUncheckedError();
  }
  db_->Close().PermitUncheckedError();
  db_.reset();
}

void Database::close() {
  const FilesExclusive files(files_mutex_);
  close_files();
}

void Database::start_group() {
  if (group_->GetDataSize() > group_bytes_kept) {
    group_ = std::make_unique<rocksdb::WriteBatch>();
  } else {
    group_->Clear();
  }
}

void Database::add_to_group(const Batch& batch) {
  for (const BatchRecord& record : batch) add_record(*group_, family(record.space), record);
}

Result<void, StoreError> Database::write_group(WriteSync sync) {
  if (db_ == nullptr) return failure(StoreError{StoreErrorKind::Io, "the files are not open"});
  if (group_->Count() == 0) return {};
  rocksdb::WriteOptions options;
  options.sync = sync == WriteSync::Yes;
  const rocksdb::Status status = db_->Write(options, group_.get());
  if (!status.ok()) return failure(store_error(status));
  return {};
}

Result<void, StoreError> Database::sync_log() {
  if (db_ == nullptr) return failure(StoreError{StoreErrorKind::Io, "the files are not open"});
  const rocksdb::Status status = db_->SyncWAL();
  if (!status.ok()) return failure(store_error(status));
  return {};
}

// RocksDB's own Resume goes on in the same log when its memtables are empty, behind the record that
// the error has torn: its writer then fails an assertion of the library, and what is written there
// would not be read at the next start. Opening anew is the way that every crash takes: read the log
// up to the tear, flush it to a file, start a new log. The old state goes on serving readers until
// the disk looks as if that can work.
Result<void, StoreError> Database::recover() {
  const rocksdb::Status probed = probe_disk();
  if (!probed.ok()) return failure(store_error(probed));
  const FilesExclusive files(files_mutex_);
  close_files();
  const rocksdb::Status opened = open_files();
  if (!opened.ok()) return failure(store_error(opened));
  return {};
}

rocksdb::Status Database::probe_disk() {
  std::uint64_t free_bytes = 0;
  if (env_->GetFreeSpace(path_, &free_bytes).ok() && free_bytes < options_.memtable_bytes) {
    return rocksdb::Status::NoSpace("less space free than the memtables need");
  }
  const std::string name = path_ + "/writable.probe";
  rocksdb::Status status =
      rocksdb::WriteStringToFile(env_, std::string(probe_bytes, '0'), name, true);
  env_->DeleteFile(name).PermitUncheckedError();
  return status;
}

// A damaged block fails its own checksum and would hide every record behind it. The second pass
// goes on there without that checksum: the frames tell the sound records of the block from the
// others.
rocksdb::Status Database::visit_range(Space space, const Range& range, CacheUse cache,
                                      const ScanVisitor& visit) {
  if (db_ == nullptr) return rocksdb::Status::IOError("the files are not open");
  std::string from(range.from);
  const rocksdb::Slice end(range.to.data(), range.to.size());
  rocksdb::ReadOptions options;
  if (!end.empty()) options.iterate_upper_bound = &end;
  options.fill_cache = cache == CacheUse::Fill;
  if (cache == CacheUse::Bypass) options.readahead_size = scan_readahead_bytes;
  while (true) {
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options, family(space)));
    for (at->Seek(from); at->Valid(); at->Next()) {
      if (!visit(open_row(space, view_of(at->key()), view_of(at->value())))) return {};
      from.assign(at->key().data(), at->key().size());
      from.push_back('\0');
    }
    if (!at->status().IsCorruption() || !options.verify_checksums) return at->status();
    damaged_reads_.fetch_add(1, std::memory_order_relaxed);
    options.verify_checksums = false;
    options.fill_cache = false;
  }
}

LoadAnswer Database::load(const LoadRequest& request) {
  const FilesInUse files(files_mutex_);
  LoadAnswer answer;
  answer.id = request.id;
  const auto add = [&](const Row& row) {
    if (is_full(answer.rows, request)) {
      answer.status = LoadStatus::More;
      return false;
    }
    add_row(answer, row);
    return true;
  };
  const rocksdb::Status status =
      visit_range(request.space, {request.from, request.to}, CacheUse::Fill, add);
  if (status.ok()) return answer;
  answer.status = LoadStatus::Failed;
  answer.error = status.ToString();
  return answer;
}

LoadAnswer Database::load_keys(const LoadKeysRequest& request) {
  const FilesInUse files(files_mutex_);
  LoadAnswer answer;
  answer.id = request.id;
  if (db_ == nullptr) {
    answer.status = LoadStatus::Failed;
    answer.error = "the files are not open";
    return answer;
  }
  const std::size_t count = request.keys.size();
  const std::vector<rocksdb::Slice> keys(request.keys.begin(), request.keys.end());
  std::vector<rocksdb::PinnableSlice> values(count);
  std::vector<rocksdb::Status> statuses(count);
  db_->MultiGet(rocksdb::ReadOptions(), family(request.space), count, keys.data(), values.data(),
                statuses.data());
  for (std::size_t i = 0; i < count; ++i) {
    const rocksdb::Status& status = statuses[i];
    if (!status.ok() && !status.IsNotFound() && !status.IsCorruption()) {
      answer.status = LoadStatus::Failed;
      answer.error = status.ToString();
      return answer;
    }
    add_row(answer, row_of(request.space, request.keys[i], status, values[i]));
  }
  return answer;
}

Result<void, StoreError> Database::scan(Space space, AnyBytes from, AnyBytes to,
                                        const ScanVisitor& visit) {
  const FilesInUse files(files_mutex_);
  const rocksdb::Status status =
      visit_range(space, {from.text(), to.text()}, CacheUse::Bypass, visit);
  if (!status.ok()) return failure(store_error(status));
  return {};
}

std::uint64_t Database::bytes_on_disk() const {
  std::vector<rocksdb::Env::FileAttributes> files;
  std::uint64_t bytes = 0;
  if (!env_->GetChildrenFileAttributes(path_, &files).ok()) return 0;
  for (const rocksdb::Env::FileAttributes& file : files) bytes += file.size_bytes;
  return bytes;
}

}  // namespace vmq::store
