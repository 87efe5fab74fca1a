// The JSON documents about the node: /status.json as VerneMQ has it, /status/node.json of the page.
#pragma once

#include <string>

#include "http/facts.h"

namespace vmq::http {

std::string status_json(const Facts& facts);
std::string node_json(const Facts& facts);

}  // namespace vmq::http
