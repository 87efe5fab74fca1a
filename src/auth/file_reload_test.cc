#include "auth/file_reload.h"

#include <gtest/gtest.h>

namespace vmq::auth {
namespace {

const std::string bob =
    "bob:$6$AQIDBAUGBwgJCgsM$k4h6DJTPKKgPqwiLW87w0j5t6eo2nkDOCc72xNQ6goxbMrAMEDvsnYteF9SSd1cyXtc8Su"
    "F5I0GVPt7YRi6Wdw==\n";
const AclSubject anonymous{std::nullopt, "client", ""};

TEST(FileReload, the_first_reading_gives_generation_one) {
  const auto first = reload_acl(nullptr, "vmq.acl", "topic a");
  ASSERT_NE(first.current, nullptr);
  EXPECT_TRUE(first.changed);
  EXPECT_FALSE(first.error.has_value());
  EXPECT_EQ(first.current->generation(), 1u);
}

TEST(FileReload, an_error_at_the_start_leaves_nothing) {
  const auto first = reload_acl(nullptr, "vmq.acl", "topic a\ntopc b\n");
  EXPECT_EQ(first.current, nullptr);
  EXPECT_FALSE(first.changed);
  ASSERT_TRUE(first.error.has_value());
  EXPECT_EQ(first.error->text(), "vmq.acl:2: expected `topic`, `user`, `pattern` or a comment");
}

TEST(FileReload, a_changed_file_replaces_the_rules_and_leaves_the_old_ones_whole) {
  const auto first = reload_acl(nullptr, "vmq.acl", "topic a");
  const auto second = reload_acl(first.current, "vmq.acl", "topic b");
  EXPECT_TRUE(second.changed);
  EXPECT_EQ(second.current->generation(), 2u);
  EXPECT_TRUE(second.current->may_publish(anonymous, "b"));
  EXPECT_FALSE(second.current->may_publish(anonymous, "a"));
  EXPECT_TRUE(first.current->may_publish(anonymous, "a"));
}

TEST(FileReload, an_unchanged_file_gives_the_same_rules_back) {
  const auto first = reload_acl(nullptr, "vmq.acl", "topic a");
  const auto second = reload_acl(first.current, "vmq.acl", "topic a");
  EXPECT_FALSE(second.changed);
  EXPECT_EQ(second.current, first.current);
}

TEST(FileReload, an_error_keeps_the_old_rules_in_force_until_it_is_corrected) {
  const auto first = reload_acl(nullptr, "vmq.acl", "topic a");
  const auto broken = reload_acl(first.current, "/etc/vmq.acl", "topic a\n\ntopic b/#/c");
  EXPECT_FALSE(broken.changed);
  EXPECT_EQ(broken.current, first.current);
  ASSERT_TRUE(broken.error.has_value());
  EXPECT_EQ(broken.error->file, "/etc/vmq.acl");
  EXPECT_EQ(broken.error->line, 3u);
  const auto mended = reload_acl(broken.current, "vmq.acl", "topic b");
  EXPECT_TRUE(mended.changed);
  EXPECT_EQ(mended.current->generation(), 2u);
}

TEST(FileReload, passwords_follow_the_same_rules) {
  const auto first = reload_passwords(nullptr, "vmq.passwd", bob);
  ASSERT_NE(first.current, nullptr);
  const auto broken = reload_passwords(first.current, "vmq.passwd", bob + "eve:secret");
  EXPECT_EQ(broken.current, first.current);
  ASSERT_TRUE(broken.error.has_value());
  EXPECT_EQ(broken.error->text().rfind("vmq.passwd:2: plain-text password", 0), 0u);
  const auto emptied = reload_passwords(first.current, "vmq.passwd", "");
  EXPECT_TRUE(emptied.changed);
  EXPECT_EQ(emptied.current->user_count(), 0u);
  EXPECT_EQ(emptied.current->generation(), 2u);
}

TEST(FileReload, a_file_beyond_its_bound_is_an_error_of_the_whole_file) {
  const std::string text(acl_file_bytes_max + 1, '\n');
  const auto first = reload_acl(nullptr, "vmq.acl", text);
  ASSERT_TRUE(first.error.has_value());
  EXPECT_EQ(first.error->text(), "vmq.acl: longer than 67108864 bytes");
}

}  // namespace
}  // namespace vmq::auth
