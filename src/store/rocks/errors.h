// RocksDB's states as ours.
#pragma once

#include <string>

#include "store/rocks/rocks_store.h"

namespace rocksdb {
class Status;
}

namespace vmq::store {

StoreError store_error(const rocksdb::Status& status);
OpenError open_error(const std::string& path, const rocksdb::Status& status);

}  // namespace vmq::store
