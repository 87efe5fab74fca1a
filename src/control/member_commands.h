// `cluster join` and `cluster leave`, on the member that is meant: the other members are asked for
// what they do about themselves.
#pragma once

#include "control/control.h"
#include "node/cluster.h"

namespace vmq::control {

// Binds them, and answers other members from now on. REQUIRES: the node's questions end before
// `cluster` does.
void bind_member_commands(Handlers& handlers, node::Node& node, node::Log& log,
                          node::Cluster& cluster);

}  // namespace vmq::control
