// What both twins do with a record that they have read.
#pragma once

#include "store/frame.h"
#include "store/store.h"

namespace vmq::store {

// Opens the frame of a stored record: value, marker or corrupted.
Row open_row(Space space, ByteView key, ByteView stored);

// Adds the row of one record to the answer, and counts it if it is corrupted.
void add_row(LoadAnswer& answer, const Row& row);

// True if a load with these limits must stop with these rows.
bool is_full(const Rows& rows, const LoadRequest& request);

}  // namespace vmq::store
