// How RocksDB is set up for each space, and why.
#pragma once

#include <memory>

#include "store/batch.h"
#include "store/rocks/rocks_store.h"

namespace rocksdb {
struct ColumnFamilyOptions;
struct DBOptions;
class Cache;
class Env;
}  // namespace rocksdb

namespace vmq::store {

// The column family of a space; on disk, never changed.
const char* family_name(Space space);

// `env` is not null.
rocksdb::DBOptions database_options(const RocksOptions& options, rocksdb::Env* env);
rocksdb::ColumnFamilyOptions family_options(Space space, const RocksOptions& options,
                                            const std::shared_ptr<rocksdb::Cache>& cache);

}  // namespace vmq::store
