#include "http/base64.h"

#include <gtest/gtest.h>

namespace vmq::http {
namespace {

TEST(Base64, texts_of_every_length_come_back) {
  EXPECT_EQ(base64_decoded(""), "");
  EXPECT_EQ(base64_decoded("Zg=="), "f");
  EXPECT_EQ(base64_decoded("Zm8="), "fo");
  EXPECT_EQ(base64_decoded("Zm9v"), "foo");
  EXPECT_EQ(base64_decoded("Zm9vYmFy"), "foobar");
  EXPECT_EQ(base64_decoded("+/+/"), "\xFB\xFF\xBF");
}

TEST(Base64, everything_else_is_refused) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "====", "=Zg=", "Zm9 ", "Zm-_", "Zh==", "Zm9="}) {
    EXPECT_EQ(base64_decoded(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace vmq::http
