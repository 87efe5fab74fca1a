#include "auth/password_file.h"

#include <gtest/gtest.h>

namespace vmq::auth {
namespace {

const std::string bob_hash =
    "$6$AQIDBAUGBwgJCgsM$k4h6DJTPKKgPqwiLW87w0j5t6eo2nkDOCc72xNQ6goxbMrAMEDvsnYteF9SSd1cyXtc8SuF5I0"
    "GVPt7YRi6Wdw==";
const std::string eve_hash =
    "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$uL2hQzJmxaz0Tfm2KK6uNjA0+UvbrHBEBwVmJYrNX"
    "CE";
const std::string empty_password_hash =
    "$6$MDEyMzQ1Njc4OWFi$D1Wmwbo//Ju+TOxH6D+S+wXsEYYnYfPIcZXq2z8FSWAnek/S+F/spLYb2grR5FPUl7wZyHna66"
    "9O5GZ4DjHmyw==";

PasswordTable table_of(const std::string& text) {
  auto table = parse_password_file(text);
  EXPECT_TRUE(table.has_value()) << table.error().line << ": " << table.error().reason;
  return table ? std::move(*table) : PasswordTable();
}

void expect_error(const std::string& text, std::size_t line, std::string_view reason_part) {
  const auto table = parse_password_file(text);
  ASSERT_FALSE(table.has_value()) << text;
  EXPECT_EQ(table.error().line, line) << table.error().reason;
  EXPECT_NE(table.error().reason.find(reason_part), std::string::npos) << table.error().reason;
}

TEST(PasswordFile, verdicts_are_those_of_the_contract) {
  const PasswordTable table = table_of("bob:" + bob_hash + "\neve:" + eve_hash + "\n");
  EXPECT_EQ(verify(table, "bob", "correct horse"), PasswordVerdict::Accept);
  EXPECT_EQ(verify(table, "eve", "correct horse"), PasswordVerdict::Accept);
  EXPECT_EQ(verify(table, "bob", "wrong"), PasswordVerdict::Reject);
  EXPECT_EQ(verify(table, "eve", "wrong"), PasswordVerdict::Reject);
  EXPECT_EQ(verify(table, "bob", ""), PasswordVerdict::Reject);
  EXPECT_EQ(verify(table, "mallory", "correct horse"), PasswordVerdict::Next);
  EXPECT_EQ(verify(table, "Bob", "correct horse"), PasswordVerdict::Next);
  EXPECT_EQ(verify(table, "", "correct horse"), PasswordVerdict::Next);
  EXPECT_EQ(verify(table, std::nullopt, "correct horse"), PasswordVerdict::Next);
  EXPECT_EQ(verify(table, "bob", std::nullopt), PasswordVerdict::Next);
  EXPECT_EQ(verify(table, std::nullopt, std::nullopt), PasswordVerdict::Next);
}

TEST(PasswordFile, an_absent_password_is_not_an_empty_one) {
  const PasswordTable table = table_of("bob:" + empty_password_hash);
  EXPECT_EQ(verify(table, "bob", ""), PasswordVerdict::Accept);
  EXPECT_EQ(verify(table, "bob", std::nullopt), PasswordVerdict::Next);
}

TEST(PasswordFile, only_a_known_user_with_a_password_needs_hashing) {
  const PasswordTable table = table_of("bob:" + bob_hash);
  EXPECT_TRUE(table.needs_hashing("bob", "x"));
  EXPECT_FALSE(table.needs_hashing("eve", "x"));
  EXPECT_FALSE(table.needs_hashing("bob", std::nullopt));
  EXPECT_FALSE(table.needs_hashing(std::nullopt, "x"));
}

TEST(PasswordFile, an_empty_file_and_a_table_made_of_nothing_know_nobody) {
  EXPECT_EQ(table_of("").user_count(), 0u);
  EXPECT_EQ(table_of("\n\r\n  \n").user_count(), 0u);
  EXPECT_EQ(verify(PasswordTable(), "bob", "x"), PasswordVerdict::Next);
}

TEST(PasswordFile, comments_line_ends_and_byte_order_mark_are_no_trouble) {
  const PasswordTable table = table_of(
      "\xEF\xBB\xBF"
      "bob:" +
      bob_hash + "\r\n# eve:plain\r\n\r\n" + "eve:" + eve_hash + "  ");
  EXPECT_EQ(table.user_count(), 2u);
  EXPECT_EQ(verify(table, "bob", "correct horse"), PasswordVerdict::Accept);
  EXPECT_EQ(verify(table, "eve", "correct horse"), PasswordVerdict::Accept);
}

TEST(PasswordFile, user_names_keep_their_blanks) {
  const PasswordTable table = table_of("bob smith :" + bob_hash);
  EXPECT_NE(table.find("bob smith "), nullptr);
  EXPECT_EQ(table.find("bob smith"), nullptr);
}

TEST(PasswordFile, the_last_line_of_a_user_counts) {
  const PasswordTable table = table_of("bob:" + empty_password_hash + "\nbob:" + bob_hash);
  EXPECT_EQ(table.user_count(), 1u);
  EXPECT_EQ(verify(table, "bob", "correct horse"), PasswordVerdict::Accept);
  EXPECT_EQ(verify(table, "bob", ""), PasswordVerdict::Reject);
}

TEST(PasswordFile, errors_name_the_line) {
  const std::string good = "bob:" + bob_hash + "\n";
  expect_error(good + "\n# x\neve:secret\n", 4, "vmq-passwd -U");
  expect_error(good + "eve", 2, "user:hash");
  expect_error(good + ":" + bob_hash, 2, "no user name");
  expect_error("eve:\n" + good, 1, "plain-text");
  expect_error("eve:$5$101$c2FsdA==$aGFzaA==\n", 1, "unknown kind");
  expect_error(good + good + "eve:$6$AQID$short", 3, "malformed");
  expect_error("eve:$argon2id$v=19$m=4000000,t=2,p=1$c29tZXNhbHRz$" + std::string(43, 'A'), 1,
               "costs more");
}

TEST(PasswordFile, errors_do_not_tell_the_password) {
  const auto table = parse_password_file("eve:hunter2\n");
  ASSERT_FALSE(table.has_value());
  EXPECT_EQ(table.error().reason.find("hunter2"), std::string::npos);
}

TEST(PasswordFile, the_longest_line_is_accepted_and_one_byte_more_is_not) {
  const std::string user(password_line_bytes_max - 1 - bob_hash.size(), 'u');
  EXPECT_EQ(table_of(user + ":" + bob_hash + "\r\n").user_count(), 1u);
  expect_error(user + "u:" + bob_hash + "\n", 1, "line longer");
}

}  // namespace
}  // namespace vmq::auth
