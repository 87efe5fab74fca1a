// The one lock a pure room may hold: for structures that all shards of a node share and only
// *change* under it (the subscription index, the retained index). Readers on the path of a publish
// never take it. Held for microseconds: no call out of the structure while it is held.
// docs/decisions/0003 has the reasons.
#pragma once

#include <mutex>

namespace vmq {

using WriterLock = std::mutex;
using WriterGuard = std::lock_guard<std::mutex>;

}  // namespace vmq
