// The program as an operator and a container's start script use it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "auth/password_file.h"

namespace vmq {
namespace {

struct Outcome {
  int status = -1;  // exit status, or minus the signal that ended it
  std::string out;
  std::string err;
};

using Words = std::vector<std::string>;

[[noreturn]] void execute(const Words& words) {
  std::vector<char*> pointers{const_cast<char*>(VMQ_PASSWD)};
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  execv(VMQ_PASSWD, pointers.data());
  _exit(127);
}

int wait_for(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

std::string read_all(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

auth::PasswordVerdict check(const std::string& path, std::string_view user,
                            std::string_view password) {
  const auto table = auth::parse_password_file(read_all(path));
  EXPECT_TRUE(table.has_value()) << table.error().line << ": " << table.error().reason;
  return table ? auth::verify(*table, user, password) : auth::PasswordVerdict::Next;
}

constexpr auto accept = auth::PasswordVerdict::Accept;
constexpr auto reject = auth::PasswordVerdict::Reject;
constexpr auto next = auth::PasswordVerdict::Next;

class Program : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "vmq-passwd-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    file_ = (folder_ / "vmq.passwd").string();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Outcome run(const Words& words, const std::string& input = "") const {
    std::ofstream(folder_ / "in", std::ios::binary) << input;
    const pid_t child = fork();
    if (child == 0) {
      dup2(open((folder_ / "in").c_str(), O_RDONLY), STDIN_FILENO);
      dup2(open((folder_ / "out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
      dup2(open((folder_ / "err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
      execute(words);
    }
    Outcome outcome;
    outcome.status = wait_for(child);
    outcome.out = read_all(folder_ / "out");
    outcome.err = read_all(folder_ / "err");
    for (const char* name : {"in", "out", "err"}) std::filesystem::remove(folder_ / name);
    return outcome;
  }

  void expect_done(const Words& words, const std::string& input = "") const {
    const Outcome outcome = run(words, input);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
  }

  void expect_refused(const Words& words, const std::string& input, int status,
                      std::string_view reason_part) const {
    const Outcome outcome = run(words, input);
    EXPECT_EQ(outcome.status, status) << outcome.err;
    EXPECT_NE(outcome.err.find(reason_part), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }

  void put(const std::string& text) const { std::ofstream(file_, std::ios::binary) << text; }

  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      result.push_back(entry.path().filename().string());
    }
    return result;
  }

  std::filesystem::path folder_;
  std::string file_;
};

TEST_F(Program, c_makes_a_file_that_verifies_and_leaves_nothing_else) {
  expect_done({"-c", file_, "bob"}, "secret\nsecret\n");
  EXPECT_EQ(check(file_, "bob", "secret"), accept);
  EXPECT_EQ(check(file_, "bob", "Secret"), reject);
  EXPECT_EQ(read_all(file_).rfind("bob:$argon2id$v=19$m=16384,t=6,p=1$", 0), 0u);
  EXPECT_EQ(names(), std::vector<std::string>{"vmq.passwd"});
}

TEST_F(Program, c_refuses_to_overwrite_and_cf_overwrites) {
  put("eve:x\n");
  expect_refused({"-c", file_, "bob"}, "secret\nsecret\n", 1, "exists already");
  EXPECT_EQ(read_all(file_), "eve:x\n");
  expect_done({"-cf", file_, "bob"}, "secret\nsecret\n");
  EXPECT_EQ(check(file_, "bob", "secret"), accept);
  EXPECT_EQ(check(file_, "eve", "x"), next);
}

TEST_F(Program, c_fills_an_empty_file_as_packages_install_it) {
  put("");
  expect_done({"-c", file_, "bob"}, "secret\nsecret\n");
  EXPECT_EQ(check(file_, "bob", "secret"), accept);
}

TEST_F(Program, without_a_flag_a_user_is_added_or_gets_a_new_password) {
  expect_done({"--sha512", "-c", file_, "bob"}, "one\none\n");
  expect_done({"--sha512", file_, "eve"}, "two\ntwo\n");
  expect_done({"--sha512", file_, "bob"}, "three\nthree\n");
  EXPECT_EQ(check(file_, "bob", "three"), accept);
  EXPECT_EQ(check(file_, "bob", "one"), reject);
  EXPECT_EQ(check(file_, "eve", "two"), accept);
}

TEST_F(Program, sha512_writes_the_form_of_vernemq_with_a_new_salt_each_time) {
  expect_done({"--sha512", "-c", file_, "bob"}, "secret\nsecret\n");
  const std::string first = read_all(file_);
  EXPECT_EQ(first.rfind("bob:$6$", 0), 0u);
  // 12 bytes of salt and 64 of hash, in base64.
  EXPECT_EQ(first.size(), std::string("bob:$6$").size() + 16 + 1 + 88 + 1);
  EXPECT_EQ(check(file_, "bob", "secret"), accept);
  expect_done({"--sha512", "-cf", file_, "bob"}, "secret\nsecret\n");
  EXPECT_NE(read_all(file_), first);
}

TEST_F(Program, D_deletes_a_user_and_fails_when_there_is_none) {
  put("# people\nbob:x\neve:y\n");
  expect_done({"-D", file_, "bob"});
  EXPECT_EQ(read_all(file_), "# people\neve:y\n");
  expect_refused({"-D", file_, "bob"}, "", 1, "no user bob");
  EXPECT_EQ(read_all(file_), "# people\neve:y\n");
}

TEST_F(Program, U_hashes_all_plain_text_passwords_once) {
  put("bob:secret\n# x\neve:pass:word\n");
  const Outcome outcome = run({"-U", file_});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("2 passwords hashed"), std::string::npos) << outcome.out;
  EXPECT_EQ(check(file_, "bob", "secret"), accept);
  EXPECT_EQ(check(file_, "eve", "pass:word"), accept);
  const std::string text = read_all(file_);
  expect_done({"-U", file_});
  EXPECT_EQ(read_all(file_), text);
}

TEST_F(Program, U_changes_nothing_when_a_line_is_wrong) {
  put("bob:secret\neve\n");
  expect_refused({"-U", file_}, "", 1, "line 2: expected user:password");
  EXPECT_EQ(read_all(file_), "bob:secret\neve\n");
  EXPECT_EQ(names(), std::vector<std::string>{"vmq.passwd"});
}

TEST_F(Program, passwords_must_be_given_twice_and_alike) {
  expect_refused({"-c", file_, "bob"}, "secret\nsecrets\n", 1, "do not match");
  expect_refused({"-c", file_, "bob"}, "secret\n", 1, "no password given");
  expect_refused({"-c", file_, "bob"}, "", 1, "no password given");
  expect_refused({"-c", file_, "bob"}, "\n\n", 1, "empty");
  expect_refused({"-c", file_, "bob"}, std::string(65536, 'x') + "\n", 1, "too long");
  EXPECT_TRUE(names().empty());
}

TEST_F(Program, the_last_line_of_input_needs_no_end_and_may_end_in_crlf) {
  expect_done({"--sha512", "-c", file_, "bob"}, "secret\r\nsecret");
  EXPECT_EQ(check(file_, "bob", "secret"), accept);
}

TEST_F(Program, a_missing_file_is_an_error_for_all_but_c) {
  expect_refused({file_, "bob"}, "s\ns\n", 1, "no such file");
  expect_refused({"-D", file_, "bob"}, "", 1, "no such file");
  expect_refused({"-U", file_}, "", 1, "no such file");
  expect_refused({"-c", (folder_ / "no/vmq.passwd").string(), "bob"}, "s\ns\n", 1,
                 "cannot write into its folder");
  expect_refused({"-cf", folder_.string(), "bob"}, "s\ns\n", 1, "not a regular file");
}

TEST_F(Program, a_name_that_cannot_be_a_user_is_refused) {
  expect_refused({"-c", file_, "a:b"}, "s\ns\n", 1, "may not contain `:`");
  expect_refused({"-c", file_, ""}, "s\ns\n", 1, "empty");
  expect_refused({"-c", file_, std::string(1000, 'u')}, "s\ns\n", 1, "too long");
  EXPECT_TRUE(names().empty());
}

TEST_F(Program, wrong_usage_has_a_status_of_its_own) {
  expect_refused({}, "", 2, "usage:");
  expect_refused({file_}, "", 2, "expected FILE and USER");
  expect_refused({"-U", file_, "bob"}, "", 2, "expected FILE");
  expect_refused({"-c", "-D", file_, "bob"}, "", 2, "one of");
  expect_refused({"-x", file_, "bob"}, "", 2, "unknown option -x");
  EXPECT_EQ(run({"--help"}).status, 0);
}

TEST_F(Program, mode_and_symbolic_links_are_kept) {
  put("eve:x\n");
  ASSERT_EQ(chmod(file_.c_str(), 0604), 0);
  const std::string link = (folder_ / "link").string();
  ASSERT_EQ(symlink("vmq.passwd", link.c_str()), 0);
  expect_done({"-D", link, "eve"});
  struct stat status {};
  ASSERT_EQ(lstat(link.c_str(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
  ASSERT_EQ(stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0604u);
  EXPECT_EQ(read_all(file_), "");
}

TEST_F(Program, a_new_file_is_not_for_everybody_to_read) {
  expect_done({"--sha512", "-c", file_, "bob"}, "s\ns\n");
  struct stat status {};
  ASSERT_EQ(stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
}

TEST_F(Program, root_keeps_the_owner_and_gives_a_new_file_to_the_owner_of_its_folder) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  put("eve:x\n");
  ASSERT_EQ(chown(file_.c_str(), 1234, 1235), 0);
  ASSERT_EQ(chown(folder_.c_str(), 1236, 1237), 0);
  expect_done({"-D", file_, "eve"});
  struct stat status {};
  ASSERT_EQ(stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 1234u);
  EXPECT_EQ(status.st_gid, 1235u);
  const std::string other = (folder_ / "other").string();
  expect_done({"--sha512", "-c", other, "bob"}, "s\ns\n");
  ASSERT_EQ(stat(other.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 1236u);
  EXPECT_EQ(status.st_gid, 1237u);
}

TEST_F(Program, a_read_only_file_stays_as_it_is) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  put("eve:x\n");
  ASSERT_EQ(chmod(file_.c_str(), 0400), 0);
  expect_refused({"-D", file_, "eve"}, "", 1, "cannot write");
  EXPECT_EQ(read_all(file_), "eve:x\n");
}

// The program on a terminal of its own.
class Terminal {
 public:
  explicit Terminal(const Words& words) {
    child_ = forkpty(&master_, nullptr, nullptr, nullptr);
    if (child_ == 0) execute(words);
  }
  ~Terminal() { close(master_); }

  void wait_until_shown(std::string_view text) {
    while (shown_.find(text) == std::string::npos && read_more()) {
    }
    ASSERT_NE(shown_.find(text), std::string::npos) << shown_;
  }
  void type(std::string_view keys) {
    ASSERT_EQ(write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  bool echoes() const {
    termios state;
    EXPECT_EQ(tcgetattr(master_, &state), 0);
    return (state.c_lflag & ECHO) != 0;
  }
  int finish() {
    while (read_more()) {
    }
    return wait_for(child_);
  }
  const std::string& shown() const { return shown_; }

 private:
  bool read_more() {
    char buffer[256];
    const ssize_t count = read(master_, buffer, sizeof buffer);
    if (count > 0) shown_.append(buffer, static_cast<std::size_t>(count));
    return count > 0;
  }
  pid_t child_ = -1;
  int master_ = -1;
  std::string shown_;
};

TEST_F(Program, a_terminal_shows_both_prompts_and_no_password) {
  Terminal terminal({"-c", file_, "bob"});
  terminal.wait_until_shown("Password: ");
  EXPECT_FALSE(terminal.echoes());
  terminal.type("s3cret\n");
  terminal.wait_until_shown("Reenter password: ");
  terminal.type("s3cret\n");
  EXPECT_EQ(terminal.finish(), 0) << terminal.shown();
  EXPECT_EQ(terminal.shown(), "Password: \r\nReenter password: \r\n");
  EXPECT_EQ(check(file_, "bob", "s3cret"), accept);
}

TEST_F(Program, an_interrupted_prompt_ends_by_the_signal_with_the_echo_on_again) {
  // The other side stays open here, so that the terminal's state can be read afterwards.
  int master = -1;
  int slave = -1;
  ASSERT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(master);
    login_tty(dup(slave));
    execute({"-c", file_, "bob"});
  }
  std::string shown;
  char c = 0;
  while (shown.find("Password: ") == std::string::npos && read(master, &c, 1) == 1) shown += c;
  ASSERT_EQ(write(master, "s3c\x03", 4), 4);
  EXPECT_EQ(wait_for(child), -SIGINT);
  termios state;
  ASSERT_EQ(tcgetattr(slave, &state), 0);
  EXPECT_NE(state.c_lflag & ECHO, 0u);
  close(master);
  close(slave);
  EXPECT_TRUE(names().empty());
}

}  // namespace
}  // namespace vmq
