// The facts of a running node.
#pragma once

#include <string>

#include "http/facts.h"
#include "node/node.h"

namespace vmq::http {

// The node is asked as long as the facts live.
Facts facts_of(node::Node& node, std::string version);

}  // namespace vmq::http
