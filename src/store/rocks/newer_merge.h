// Batch::put_newer as a RocksDB merge operator: of all records of a key the one with the highest
// version stays, without a read before the write.
#pragma once

#include <memory>

#include "store/batch.h"

namespace rocksdb {
class MergeOperator;
}

namespace vmq::store {

// One operator a space: the checksum of a record covers its space. The operator's name is on disk.
std::shared_ptr<rocksdb::MergeOperator> make_newer_merge(Space space);

}  // namespace vmq::store
