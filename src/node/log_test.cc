#include "node/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "node/rule_files.h"

namespace vmq::node {
namespace {

using config::LogLevel;

class LogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/vmq-log-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    config_.console = config::LogConsole::File;
    config_.console_file = folder_ + "/console.log";
    config_.error_file = folder_ + "/error.log";
  }
  void TearDown() override {
    for (const char* file :
         {"/console.log", "/error.log", "/moved.log", "/console.log.0", "/console.log.1"}) {
      ::unlink((folder_ + file).c_str());
    }
    ::rmdir(folder_.c_str());
  }
  std::string text(const std::string& file) const {
    return read_text_file(folder_ + "/" + file).value_or("");
  }
  static std::size_t lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  std::string folder_;
  config::LogConfig config_;
};

TEST(LogEvent, text_quotes_what_could_be_mistaken) {
  EXPECT_EQ(
      text_event(LogLevel::Warning, "name", {{"a", "plain"}, {"b", 7}, {"c", "two words"}}, 0),
      "[warning] name a=plain b=7 c=\"two words\"");
  EXPECT_EQ(text_event(LogLevel::Info, "name", {{"a", ""}}, 3), "[info] name a=\"\" suppressed=3");
}

TEST(LogEvent, a_clients_text_cannot_forge_a_line_in_either_format) {
  const std::string evil = "x\n[error] forged \"y\" \x7f";
  EXPECT_EQ(text_event(LogLevel::Info, "n", {{"id", evil}}, 0),
            "[info] n id=\"x\\u000a[error] forged \\\"y\\\" \\u007f\"");
  EXPECT_EQ(json_event(LogLevel::Info, "n", {{"id", evil}, {"k", 1}}, 0),
            "\"level\":\"info\",\"event\":\"n\","
            "\"id\":\"x\\u000a[error] forged \\\"y\\\" \\u007f\",\"k\":1");
}

// The console as a file in place of standard output, for as long as it lives.
class Console {
 public:
  explicit Console(const std::string& path) : before_(::dup(STDOUT_FILENO)) {
    std::fflush(stdout);
    const int file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    ::dup2(file, STDOUT_FILENO);
    ::close(file);
  }
  ~Console() {
    std::fflush(stdout);
    ::dup2(before_, STDOUT_FILENO);
    ::close(before_);
    ::unsetenv("JOURNAL_STREAM");
  }
  static void be_the_journal(ino_t off_by) {
    struct stat found {};
    ::fstat(STDOUT_FILENO, &found);
    ::setenv("JOURNAL_STREAM",
             (std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino + off_by)).c_str(),
             1);
  }

 private:
  const int before_;
};

TEST_F(LogTest, lines_for_the_journal_begin_with_their_priority) {
  config_.console = config::LogConsole::Console;
  config_.error_enabled = false;
  for (const auto format : {config::LogFormat::Text, config::LogFormat::Json}) {
    config_.console_format = format;
    {
      const Console console(folder_ + "/console.log");
      Console::be_the_journal(0);
      Log log(config_);
      log.error("first");
      log.event(LogLevel::Emergency, "second");
      log.info("third");
    }
    const std::string all = text("console.log");
    EXPECT_EQ(lines(all), 3u);
    EXPECT_EQ(all.rfind("<3>", 0), 0u) << all;
    EXPECT_NE(all.find("\n<0>"), all.npos) << all;
    EXPECT_NE(all.find("\n<6>"), all.npos) << all;
    EXPECT_NE(all.find("third"), all.npos) << all;
  }
}

TEST_F(LogTest, a_console_that_is_not_the_journals_has_no_priorities) {
  config_.console = config::LogConsole::Console;
  config_.error_enabled = false;
  {
    const Console console(folder_ + "/console.log");
    Console::be_the_journal(1);
    Log(config_).error("first");
  }
  EXPECT_EQ(text("console.log").substr(0, 2), "20");
  EXPECT_FALSE(is_journal(STDOUT_FILENO, nullptr));
  EXPECT_FALSE(is_journal(STDOUT_FILENO, "nonsense"));
}

TEST_F(LogTest, a_loggers_level_changes_while_it_runs_and_outlives_a_rotation) {
  Log log(config_);
  const std::vector<Logger> before = log.loggers();
  ASSERT_EQ(before.size(), 2U);
  EXPECT_EQ(before[0].name + " " + before[0].type + " " + before[0].file,
            "consolefile file " + config_.console_file);
  EXPECT_EQ(before[1].name, "default");
  EXPECT_TRUE(log.set_level("consolefile", LogLevel::Debug));
  log.event(LogLevel::Debug, "small");
  EXPECT_EQ(lines(text("console.log")), 1U);
  log.reopen();
  log.event(LogLevel::Debug, "small");
  EXPECT_EQ(lines(text("console.log")), 2U);
  EXPECT_EQ(log.loggers()[0].level, LogLevel::Debug);
  EXPECT_FALSE(log.set_level("other", LogLevel::Debug));
}

TEST_F(LogTest, events_below_the_level_are_left_out_and_errors_stand_in_both_files) {
  config_.level = LogLevel::Notice;
  Log log(config_);
  log.info("quiet");
  log.warning("loud");
  log.error("bad");
  EXPECT_EQ(lines(text("console.log")), 2u);
  EXPECT_NE(text("console.log").find("[warning] loud"), std::string::npos);
  EXPECT_EQ(lines(text("error.log")), 1u);
  EXPECT_NE(text("error.log").find("[error] bad"), std::string::npos);
}

TEST_F(LogTest, a_repeated_event_is_cut_short_and_others_are_not) {
  Log log(config_);
  for (int i = 0; i < 1000; ++i) log.warning("again");
  log.warning("once");
  EXPECT_EQ(lines(text("console.log")), Log::burst_max + 1);
}

TEST_F(LogTest, json_lines_are_whole_objects) {
  config_.console_file_format = config::LogFormat::Json;
  Log log(config_);
  log.info("started", {{"n", 1}});
  const std::string line = text("console.log");
  EXPECT_EQ(line.front(), '{');
  EXPECT_NE(line.find("\"level\":\"info\",\"event\":\"started\",\"n\":1}\n"), std::string::npos);
}

TEST_F(LogTest, reopening_leaves_a_moved_file_alone) {
  Log log(config_);
  log.info("before");
  ASSERT_EQ(::rename((folder_ + "/console.log").c_str(), (folder_ + "/moved.log").c_str()), 0);
  log.reopen();
  log.info("after");
  EXPECT_NE(text("moved.log").find("before"), std::string::npos);
  EXPECT_EQ(text("moved.log").find("after"), std::string::npos);
  EXPECT_NE(text("console.log").find("after"), std::string::npos);
}

TEST_F(LogTest, a_full_file_is_moved_aside_and_the_oldest_is_forgotten) {
  config_.console_rotation = {100, 2};
  Log log(config_);
  for (const char* name : {"first", "second", "third", "fourth"}) {
    log.info(name, {{"padding", std::string(70, 'x')}});
  }
  EXPECT_NE(text("console.log").find("fourth"), std::string::npos);
  EXPECT_NE(text("console.log.0").find("third"), std::string::npos);
  EXPECT_NE(text("console.log.1").find("second"), std::string::npos);
  EXPECT_EQ(lines(text("console.log.0")), 1u);
  EXPECT_EQ(text("console.log.2"), "");
}

TEST_F(LogTest, a_folder_that_is_not_there_is_made) {
  config_.console_file = folder_ + "/new/deep/console.log";
  {
    Log log(config_);
    log.info("here");
    EXPECT_NE(text("new/deep/console.log").find("here"), std::string::npos);
  }
  for (const char* name : {"/new/deep/console.log", "/new/deep", "/new"}) {
    EXPECT_EQ(::remove((folder_ + name).c_str()), 0) << name;
  }
}

TEST_F(LogTest, a_file_that_is_there_counts_and_is_appended_to) {
  config_.console_rotation = {200, 1};
  for (int i = 0; i < 3; ++i) {
    Log log(config_);
    log.info("again", {{"padding", std::string(40, 'x')}});
  }
  EXPECT_EQ(lines(text("console.log")), 1u);
  EXPECT_EQ(lines(text("console.log.0")), 2u);
}

TEST_F(LogTest, without_kept_files_a_full_one_begins_anew) {
  config_.console_rotation = {100, 0};
  Log log(config_);
  for (const char* name : {"first", "second"}) {
    log.info(name, {{"padding", std::string(70, 'x')}});
  }
  EXPECT_EQ(lines(text("console.log")), 1u);
  EXPECT_NE(text("console.log").find("second"), std::string::npos);
  EXPECT_EQ(text("console.log.0"), "");
}

TEST_F(LogTest, a_file_that_cannot_be_made_turns_into_the_console) {
  config_.console_file = "/proc/none/console.log";
  ::testing::internal::CaptureStdout();
  Log log(config_);
  log.info("still_here");
  const std::string out = ::testing::internal::GetCapturedStdout();
  EXPECT_NE(out.find("log_file_unusable"), std::string::npos);
  EXPECT_NE(out.find("still_here"), std::string::npos);
}

}  // namespace
}  // namespace vmq::node
