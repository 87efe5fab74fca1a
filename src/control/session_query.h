// Rows about sessions, their subscriptions and what waits for them, of all shards of this node.
#pragma once

#include "admin/table.h"
#include "control/query.h"
#include "node/node.h"

namespace vmq::control {

// The fields of `session show` and of `queue show`. The error says that the node is busy.
// The error: a shard has not answered in time.
[[nodiscard]] Result<admin::Table, std::string> query_sessions(node::Node& node,
                                                               std::shared_ptr<const Query> query);

}  // namespace vmq::control
