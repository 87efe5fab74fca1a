#include "http/date.h"

#include <gtest/gtest.h>

namespace vmq::http {
namespace {

TEST(Date, is_what_headers_have_in_the_time_of_greenwich) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
}

}  // namespace
}  // namespace vmq::http
