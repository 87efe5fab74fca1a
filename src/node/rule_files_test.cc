#include "node/rule_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace vmq::node {
namespace {

class RuleFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/vmq-rules-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    config_.acl_file = folder_ + "/vmq.acl";
    config_.passwd_file = folder_ + "/vmq.passwd";
    log_config_.console = config::LogConsole::File;
    log_config_.console_file = folder_ + "/console.log";
    log_config_.error_enabled = false;
    log_ = std::make_unique<Log>(log_config_);
  }
  void TearDown() override {
    for (const char* file : {"/vmq.acl", "/vmq.passwd", "/console.log"}) {
      ::unlink((folder_ + file).c_str());
    }
    ::rmdir(folder_.c_str());
  }
  void write(const std::string& path, std::string_view text) {
    std::ofstream(path, std::ios::trunc) << text;
  }
  RuleFiles open() {
    return RuleFiles(
        config_, *log_, [this](const auth::PasswordSnapshot&) { ++password_changes_; },
        [this](const auth::AclSnapshot& acl) {
          acl_ = acl;
          ++acl_changes_;
        });
  }
  bool may_publish(std::string_view topic) {
    return acl_ != nullptr && acl_->may_publish({std::nullopt, "c", ""}, topic);
  }
  std::string logged() { return read_text_file(log_config_.console_file).value_or(""); }

  std::string folder_;
  config::FileAuthConfig config_;
  config::LogConfig log_config_;
  std::unique_ptr<Log> log_;
  auth::AclSnapshot acl_;
  int acl_changes_ = 0;
  int password_changes_ = 0;
};

TEST_F(RuleFilesTest, a_changed_file_comes_into_force_at_its_next_interval) {
  write(config_.acl_file, "topic write a\n");
  RuleFiles rules = open();
  rules.reload(RuleFiles::When::Always);
  EXPECT_TRUE(may_publish("a"));
  rules.tick({100'000});
  EXPECT_EQ(acl_changes_, 1);
  write(config_.acl_file, "topic write bb\n");
  rules.tick({100'000 + config_.acl_reload_interval.ms - 1});
  EXPECT_TRUE(may_publish("a"));
  rules.tick({100'000 + config_.acl_reload_interval.ms});
  EXPECT_FALSE(may_publish("a"));
  EXPECT_TRUE(may_publish("bb"));
}

TEST_F(RuleFilesTest, a_file_with_an_error_keeps_the_old_rules_and_names_the_line) {
  write(config_.acl_file, "topic write a\n");
  RuleFiles rules = open();
  rules.reload(RuleFiles::When::Always);
  write(config_.acl_file, "topic write b\nnonsense\n");
  rules.tick({1'000'000});
  EXPECT_TRUE(may_publish("a"));
  EXPECT_FALSE(may_publish("b"));
  EXPECT_NE(logged().find("acl_refused"), std::string::npos);
  EXPECT_NE(logged().find("vmq.acl:2:"), std::string::npos);
}

TEST_F(RuleFilesTest, a_file_that_disappears_keeps_the_old_rules_and_is_reported_once) {
  write(config_.acl_file, "topic write a\n");
  RuleFiles rules = open();
  rules.reload(RuleFiles::When::Always);
  ::unlink(config_.acl_file.c_str());
  for (int i = 1; i <= 5; ++i) rules.tick({1'000'000 * i});
  EXPECT_TRUE(may_publish("a"));
  const std::string text = logged();
  EXPECT_EQ(text.find("acl_unreadable"), text.rfind("acl_unreadable"));
  EXPECT_NE(text.find("acl_unreadable"), std::string::npos);
}

TEST_F(RuleFilesTest, a_plugin_that_is_off_reads_nothing) {
  config_.acl_enabled = false;
  config_.passwd_enabled = false;
  RuleFiles rules = open();
  rules.reload(RuleFiles::When::Always);
  rules.tick({1'000'000});
  EXPECT_EQ(logged(), "");
}

TEST_F(RuleFilesTest, an_interval_of_zero_never_looks_again) {
  config_.acl_reload_interval = {};
  write(config_.acl_file, "topic write a\n");
  RuleFiles rules = open();
  rules.reload(RuleFiles::When::Always);
  write(config_.acl_file, "topic write bb\n");
  rules.tick({1'000'000'000});
  EXPECT_TRUE(may_publish("a"));
  rules.reload(RuleFiles::When::Always);
  EXPECT_TRUE(may_publish("bb"));
}

}  // namespace
}  // namespace vmq::node
