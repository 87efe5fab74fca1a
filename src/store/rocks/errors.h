// RocksDB's states as ours. Included by .cc files only.
#pragma once

#include <rocksdb/status.h>

#include <string>

#include "store/rocks/rocks_store.h"

namespace vmq::store {

StoreError store_error(const rocksdb::Status& status);
OpenError open_error(const std::string& path, const rocksdb::Status& status);

}  // namespace vmq::store
