// Is this node fit to serve? The paths and answers that load balancers know from VerneMQ.
#pragma once

#include <string_view>

#include "http/facts.h"
#include "http/message.h"

namespace vmq::http {

// `what` stands behind /health/: empty, ping, listeners, listeners_full_cluster. 404 otherwise.
Response health(std::string_view what, const Facts& facts);

}  // namespace vmq::http
