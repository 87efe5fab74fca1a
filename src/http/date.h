#pragma once

#include <ctime>
#include <string>

namespace vmq::http {

// As headers have it: Sun, 06 Nov 1994 08:49:37 GMT.
std::string http_date(std::time_t time);

}  // namespace vmq::http
