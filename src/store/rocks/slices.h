// RocksDB's views of bytes and ours. Included by .cc files only.
#pragma once

#include <rocksdb/slice.h>

#include <string_view>

#include "base/bytes.h"

namespace vmq::store {

inline ByteView view_of(const rocksdb::Slice& slice) {
  return as_bytes(std::string_view(slice.data(), slice.size()));
}
inline rocksdb::Slice slice_of(ByteView bytes) { return {as_text(bytes).data(), bytes.size()}; }

}  // namespace vmq::store
