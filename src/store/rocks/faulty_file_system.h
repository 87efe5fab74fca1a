// A file system for tests that counts syncs of the log and refuses writes until told otherwise.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace vmq::store {

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

}  // namespace vmq::store
