#include "passwd/edit.h"

#include <gtest/gtest.h>

#include "auth/password_file.h"

namespace vmq::passwd {
namespace {

const std::string salted =
    "$6$AQIDBAUGBwgJCgsM$k4h6DJTPKKgPqwiLW87w0j5t6eo2nkDOCc72xNQ6goxbMrAMEDvsnYteF9SSd1cyXtc8SuF5I0"
    "GVPt7YRi6Wdw==";

Result<std::string, auth::HashError> marked(std::string_view password) {
  return "<" + std::string(password) + ">";
}

std::string hashed(const std::string& text) {
  const auto result = with_passwords_hashed(text, marked);
  EXPECT_TRUE(result.has_value());
  return result ? result->text : std::string();
}

void expect_fault(const std::string& text, std::size_t line) {
  const auto result = with_passwords_hashed(text, marked);
  ASSERT_FALSE(result.has_value()) << text;
  EXPECT_EQ(result.error().line, line) << result.error().reason;
}

TEST(Edit, a_new_user_goes_to_the_end) {
  EXPECT_EQ(with_user("", "bob", "H"), "bob:H\n");
  EXPECT_EQ(with_user("eve:E\n", "bob", "H"), "eve:E\nbob:H\n");
  EXPECT_EQ(with_user("eve:E", "bob", "H"), "eve:E\nbob:H\n");
  EXPECT_EQ(with_user("bobby:E\n", "bob", "H"), "bobby:E\nbob:H\n");
  EXPECT_EQ(with_user("bob\n", "bob", "H"), "bob\nbob:H\n");
}

TEST(Edit, a_known_user_keeps_the_place_and_everything_else_its_bytes) {
  EXPECT_EQ(with_user("# people\r\n\nbob:old\r\n bob:x\neve:E", "bob", "H"),
            "# people\r\n\nbob:H\r\n bob:x\neve:E");
  EXPECT_EQ(with_user("eve:E\nbob:old", "bob", "H"), "eve:E\nbob:H\n");
}

TEST(Edit, a_user_has_one_line_afterwards) {
  EXPECT_EQ(with_user("bob:1\neve:E\nbob:2\n", "bob", "H"), "bob:H\neve:E\n");
}

TEST(Edit, a_byte_order_mark_stays_in_front_and_belongs_to_no_name) {
  const std::string mark = "\xEF\xBB\xBF";
  EXPECT_EQ(with_user(mark + "bob:old\n", "bob", "H"), mark + "bob:H\n");
  EXPECT_EQ(with_user(mark, "bob", "H"), mark + "bob:H\n");
  EXPECT_EQ(without_user(mark + "bob:1\neve:E\n", "bob"), mark + "eve:E\n");
  EXPECT_EQ(hashed(mark + "bob:x\n"), mark + "bob:<x>\n");
  EXPECT_FALSE(user_fault(mark + "bob").empty());
}

TEST(Edit, comments_are_no_users) {
  EXPECT_EQ(with_user("#bob:1\n", "bob", "H"), "#bob:1\nbob:H\n");
  EXPECT_FALSE(without_user("#bob:1\n", "#bob").has_value());
}

TEST(Edit, deleting_takes_all_lines_of_the_user_and_nothing_else) {
  EXPECT_EQ(without_user("bob:1\r\neve:E\r\nbob:2\n# x", "bob"), "eve:E\r\n# x");
  EXPECT_EQ(without_user("bob:1", "bob"), "");
  EXPECT_FALSE(without_user("bobby:1\nbob\n", "bob").has_value());
  EXPECT_FALSE(without_user("", "bob").has_value());
}

TEST(Edit, hashing_touches_plain_text_passwords_only) {
  EXPECT_EQ(hashed("# x\r\nbob:secret\r\neve:" + salted + "\n\nmal:a:b c \n"),
            "# x\r\nbob:<secret>\r\neve:" + salted + "\n\nmal:<a:b c >\n");
  EXPECT_EQ(hashed(""), "");
  EXPECT_EQ(with_passwords_hashed("a:1\nb:" + salted + "\nc:2", marked)->count, 2u);
}

TEST(Edit, hashing_refuses_what_it_might_destroy_and_names_the_line) {
  expect_fault("bob:x\neve:" + salted.substr(0, 40) + "\n", 2);
  expect_fault("eve:$7$101$c2FsdA==$aGFzaA==\n", 1);
  expect_fault("# x\nbob\n", 2);
  expect_fault(":x\n", 1);
  expect_fault("bob:\n", 1);
  expect_fault(std::string(auth::password_line_bytes_max, 'u') + ":x\n", 1);
}

TEST(Edit, names_that_would_not_be_read_back_are_refused) {
  for (std::string_view name : {"", "a:b", "#bob", "a\nb", "a\tb", "a\x7f"}) {
    EXPECT_FALSE(user_fault(name).empty()) << name;
  }
  for (std::string_view name : {"bob", "bob smith", "b#", "\xC3\xA4", "$SYS"}) {
    EXPECT_TRUE(user_fault(name).empty()) << name;
  }
}

}  // namespace
}  // namespace vmq::passwd
