// The way in for tests: the same store over a file system that can be made to fail.
#pragma once

#include "store/rocks/rocks_store.h"

namespace rocksdb {
class Env;
}

namespace vmq::store {

// `env` must outlive the store.
Result<std::unique_ptr<Store>, OpenError> open_rocks_store_with(const std::string& path,
                                                                RocksOptions options,
                                                                rocksdb::Env* env);

}  // namespace vmq::store
