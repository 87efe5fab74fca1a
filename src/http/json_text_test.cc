#include "http/json_text.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vmq::http {
namespace {

TEST(JsonText, commas_come_where_they_belong) {
  JsonText json;
  json.begin_object().key("a").begin_array().number(1).text("x").null().end_array();
  json.key("b").begin_object().end_object().key("c").flag(false).end_object();
  EXPECT_EQ(json.take(), R"({"a":[1,"x",null],"b":{},"c":false})");
}

TEST(JsonText, numbers_are_short_and_what_is_none_is_null) {
  JsonText json;
  json.begin_array().number(2.0).number(0.25).number(1.0 / 3).number(-7).number(NAN);
  json.number(std::uint64_t{18446744073709551615u}).end_array();
  EXPECT_EQ(json.take(), "[2,0.25,0.333,-7,null,18446744073709551615]");
}

TEST(JsonText, texts_and_keys_are_escaped) {
  JsonText json;
  json.begin_object().key("a\"").text("b\n\xff").end_object();
  EXPECT_EQ(json.take(), "{\"a\\\"\":\"b\\n\xEF\xBF\xBD\"}");
}

}  // namespace
}  // namespace vmq::http
