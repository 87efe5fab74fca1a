#include "store/reading.h"

namespace vmq::store {

Row open_row(Space space, ByteView key, ByteView stored) {
  const Frame frame = open_frame(space, key, stored);
  switch (frame.state) {
    case FrameState::Value:
      return {key, frame.value, frame.version, RowState::Value};
    case FrameState::Erased:
      return {key, {}, frame.version, RowState::Erased};
    case FrameState::Corrupted:
      break;
  }
  return {key, frame.value, 0, RowState::Corrupted};
}

void add_row(LoadAnswer& answer, const Row& row) {
  answer.rows.add(row);
  if (row.state == RowState::Corrupted) ++answer.corrupted;
}

bool is_full(const Rows& rows, const LoadRequest& request) {
  if (rows.empty()) return false;
  return rows.size() >= request.limit_rows || rows.bytes() >= request.limit_bytes;
}

}  // namespace vmq::store
