#include "http/url.h"

#include <gtest/gtest.h>

namespace vmq::http {
namespace {

TEST(Url, percent_signs_are_decoded_once) {
  EXPECT_EQ(percent_decoded("a%20b%2Fc%2fd"), "a b/c/d");
  EXPECT_EQ(percent_decoded("%2541"), "%41");
  EXPECT_EQ(percent_decoded("a+b"), "a+b");
  EXPECT_EQ(percent_decoded("a+b%2B", Plus::IsBlank), "a b+");
  EXPECT_EQ(percent_decoded("%00"), std::string(1, '\0'));
}

TEST(Url, broken_encodings_are_refused) {
  for (const char* text : {"%", "%1", "a%", "%g0", "%0g", "%-1", "x%2"}) {
    EXPECT_EQ(percent_decoded(text), std::nullopt) << text;
    EXPECT_EQ(parse_query(std::string("a=") + text), std::nullopt) << text;
    EXPECT_EQ(path_words(std::string("/a/") + text), std::nullopt) << text;
  }
}

TEST(Url, a_query_keeps_order_and_tells_missing_from_empty_values) {
  const auto query = parse_query("b=2&a=1=1&--flag&&c=&d%3D=%26");
  ASSERT_TRUE(query);
  ASSERT_EQ(query->size(), 5u);
  EXPECT_EQ((*query)[0].name, "b");
  EXPECT_EQ((*query)[1].value, "1=1");
  EXPECT_EQ((*query)[2].name, "--flag");
  EXPECT_EQ((*query)[2].value, std::nullopt);
  EXPECT_EQ((*query)[3].value, "");
  EXPECT_EQ((*query)[4].name, "d=");
  EXPECT_EQ((*query)[4].value, "&");
}

TEST(Url, too_many_parameters_are_refused) {
  std::string query = "a";
  for (std::size_t i = 1; i < parameters_max; ++i) query += "&a";
  EXPECT_EQ(parse_query(query)->size(), parameters_max);
  EXPECT_EQ(parse_query(query + "&a"), std::nullopt);
}

TEST(Url, words_of_a_path_are_decoded_after_cutting) {
  EXPECT_EQ(path_words("/session//show/"), (std::vector<std::string>{"session", "show"}));
  EXPECT_EQ(path_words("/a%2Fb/c"), (std::vector<std::string>{"a/b", "c"}));
  EXPECT_EQ(path_words(""), std::vector<std::string>{});
}

}  // namespace
}  // namespace vmq::http
