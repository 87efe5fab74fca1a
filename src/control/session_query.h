// Rows about sessions, their subscriptions and what waits for them, of all shards of this node.
#pragma once

#include "admin/table.h"
#include "control/query.h"
#include "node/node.h"

namespace vmq::control {

// The fields of `session show` and of `queue show`. The error is what to answer instead: a shard
// has not answered in time, or the rows would take too much memory.
[[nodiscard]] Result<admin::Table, admin::Answer> query_sessions(
    node::Node& node, std::shared_ptr<const Query> query);

}  // namespace vmq::control
