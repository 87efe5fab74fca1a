#include "passwd/prompt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <string_view>

namespace vmq::passwd {

namespace {

volatile sig_atomic_t caught_signal = 0;

void on_signal(int number) { caught_signal = number; }

// Switches the terminal's echo off, and on again whatever happens: signals that would end or stop
// the program are blocked. Only wait_for_input() lets them in, so none can slip in between looking
// for one and going to sleep.
class SilentTerminal {
 public:
  SilentTerminal() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigset_t blocked;
    sigemptyset(&blocked);
    for (const int number : signals) sigaddset(&blocked, number);
    sigprocmask(SIG_BLOCK, &blocked, &mask_);
    for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &action, &before_[i]);
    changed_ = tcgetattr(STDIN_FILENO, &shown_) == 0;
    if (!changed_) return;
    termios silent = shown_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ICANON | ECHONL;
    changed_ = tcsetattr(STDIN_FILENO, TCSADRAIN, &silent) == 0;
  }
  ~SilentTerminal() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSADRAIN, &shown_);
    for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &before_[i], nullptr);
    if (caught_signal != 0) raise(caught_signal);
    sigprocmask(SIG_SETMASK, &mask_, nullptr);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

  // False when a signal came instead.
  bool wait_for_input() const {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    while (ppoll(&input, 1, nullptr, &mask_) < 0) {
      if (errno != EINTR || caught_signal != 0) return false;
    }
    return true;
  }

 private:
  static constexpr std::array signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
  std::array<struct sigaction, signals.size()> before_;
  sigset_t mask_;
  termios shown_;
  bool changed_ = false;
};

void print_prompt(std::string_view prompt) {
  // Standard error: standard output may be redirected while someone sits at the terminal.
  static_cast<void>(!write(STDERR_FILENO, prompt.data(), prompt.size()));
}

// Byte by byte, so that nothing of the next line is taken along.
Result<std::string, std::string> read_line(const SilentTerminal* terminal) {
  std::string line;
  line.reserve(256);
  while (true) {
    if (terminal != nullptr && !terminal->wait_for_input()) {
      return failure(std::string("interrupted"));
    }
    char c = 0;
    const ssize_t count = read(STDIN_FILENO, &c, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(std::string("cannot read the password: ") + strerror(errno));
    if (count == 0 && line.empty()) return failure(std::string("no password given"));
    if (count == 0 || c == '\n') break;
    if (line.size() > password_bytes_max) return failure(std::string("the password is too long"));
    line += c;
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.size() > password_bytes_max) return failure(std::string("the password is too long"));
  return line;
}

Result<std::string, std::string> ask(std::string_view prompt) {
  if (isatty(STDIN_FILENO) == 0) return read_line(nullptr);
  const SilentTerminal silent;
  print_prompt(prompt);
  return read_line(&silent);
}

}  // namespace

Result<std::string, std::string> ask_new_password() {
  VMQ_TRY(first, ask("Password: "));
  if (first.empty()) return failure(std::string("the password is empty"));
  VMQ_TRY(second, ask("Reenter password: "));
  const bool same = first == second;
  explicit_bzero(second.data(), second.size());
  if (!same) return failure(std::string("the passwords do not match"));
  return first;
}

}  // namespace vmq::passwd
