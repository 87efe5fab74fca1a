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

TEST(JsonText, text_is_escaped) {
  EXPECT_EQ(json_quoted("a\"b\\c\nd\x01\x7f"), R"("a\"b\\c\nd\u0001\u007f")");
  EXPECT_EQ(json_quoted(std::string_view("\0", 1)), R"("\u0000")");
  EXPECT_EQ(json_quoted("grün €𝄞"), "\"grün €𝄞\"");
}

TEST(JsonText, what_is_not_utf8_is_replaced_byte_by_byte) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(json_quoted("\xff"), '"' + bad + '"');
  EXPECT_EQ(json_quoted("\xC0\x80"), '"' + bad + bad + '"');            // too long
  EXPECT_EQ(json_quoted("\xED\xA0\x80"), '"' + bad + bad + bad + '"');  // a surrogate
  EXPECT_EQ(json_quoted("\xE2\x82"), '"' + bad + bad + '"');            // cut
  EXPECT_EQ(json_quoted("\xF4\x90\x80\x80"), '"' + bad + bad + bad + bad + '"');
}

}  // namespace
}  // namespace vmq::http
