#include "store/rocks/errors.h"

#include <rocksdb/status.h>

#include <cerrno>
#include <cstring>

namespace vmq::store {

namespace {

bool mentions(const rocksdb::Status& status, const char* text) {
  return status.ToString().find(text) != std::string::npos;
}

// RocksDB keeps of an errno only its text.
bool is_about(const rocksdb::Status& status, int error_number) {
  return mentions(status, std::strerror(error_number));
}

std::string advice_for(const rocksdb::Status& status) {
  if (mentions(status, "lock hold by current process") || is_about(status, EAGAIN)) {
    return "another process uses it: stop the other broker, or give this one a directory of its "
           "own";
  }
  if (is_about(status, EACCES) || is_about(status, EPERM) || is_about(status, EROFS)) {
    return "this process may not write there: give the directory to the user that runs the broker";
  }
  if (status.IsNoSpace() || is_about(status, ENOSPC)) {
    return "the disk is full: free some space and start again";
  }
  if (is_about(status, ENOENT) || is_about(status, ENOTDIR)) {
    return "make its parent directory first";
  }
  if (mentions(status, "Column famil")) {
    return "a newer version of the broker has written it: start that version";
  }
  if (status.IsCorruption()) {
    return "its files are damaged: keep a copy, then restore a backup or start with an empty "
           "directory";
  }
  return "see the file LOG in that directory";
}

}  // namespace

StoreError store_error(const rocksdb::Status& status) {
  StoreErrorKind kind = StoreErrorKind::Io;
  if (status.IsNoSpace()) kind = StoreErrorKind::NoSpace;
  if (status.IsCorruption()) kind = StoreErrorKind::Corruption;
  return {kind, status.ToString()};
}

OpenError open_error(const std::string& path, const rocksdb::Status& status) {
  return {"cannot open the message store in " + path + ": " + advice_for(status) + " (" +
          status.ToString() + ")"};
}

}  // namespace vmq::store
