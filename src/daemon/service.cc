#include "daemon/service.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <optional>

#include "daemon/pid_file.h"
#include "daemon/places.h"

namespace vmq::daemon {

namespace {

constexpr rlim_t kFilesAdvised = 65'536;
constexpr int kStartSeconds = 15;
constexpr int kStopPatienceMs = 60'000;
constexpr const char* kReadyVariable = "VERNEMQ_READY_FD";

void complain(const std::string& text) { std::fputs((text + "\n").c_str(), stderr); }

// The name is VerneMQ's, so that units and scripts that set it keep their meaning.
int start_seconds() {
  const char* text = std::getenv("WAIT_FOR_ERLANG");
  const int seconds = text == nullptr ? 0 : std::atoi(text);
  return seconds > 0 ? std::min(seconds, 86'400) : kStartSeconds;
}

void warn_about_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max >= kFilesAdvised) return;
  complain("warning: the limit of open files is " + std::to_string(limit.rlim_max) + ", " +
           std::to_string(kFilesAdvised) + " or more are advised (ulimit -Hn, LimitNOFILE=)");
}

void become_silent(std::initializer_list<int> fds) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  for (const int fd : fds) ::dup2(null, fd);
  ::close(null);
}

// The child: what it says before it serves goes to the terminal, but the ready line, which is for
// those who watch a foreground. A fresh image, so that nothing of this process is in its way.
[[noreturn]] void serve_detached(const std::string& config_file, int ready_fd) {
  ::setsid();
  become_silent({STDIN_FILENO, STDOUT_FILENO});
  ::fcntl(ready_fd, F_SETFD, 0);
  ::setenv(kReadyVariable, std::to_string(ready_fd).c_str(), 1);
  std::array<const char*, 5> words{"vernemq", "-c", config_file.c_str(), "console", nullptr};
  ::execv("/proc/self/exe", const_cast<char* const*>(words.data()));
  complain(std::string("vernemq cannot start itself: ") + std::strerror(errno));
  std::_Exit(1);
}

enum class Outcome { Ready, Ended, TimedOut };

Outcome wait_until_ready(int fd, int seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return Outcome::TimedOut;
    pollfd entry{fd, POLLIN, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return Outcome::TimedOut;
    char byte = 0;
    return ::read(fd, &byte, 1) == 1 ? Outcome::Ready : Outcome::Ended;
  }
}

// Nothing, and the complaint is made, when the configuration does not tell.
std::optional<std::string> pid_path(const std::string& config_file) {
  const auto path = pid_file_of(config_file);
  if (path) return *path;
  std::fputs(path.error().c_str(), stderr);
  return std::nullopt;
}

// Nothing, and the complaint is made, when there is no running node.
std::optional<pid_t> pid_of_node(const std::string& config_file) {
  const std::optional<std::string> path = pid_path(config_file);
  if (!path) return std::nullopt;
  const std::optional<pid_t> pid = running_pid(*path);
  if (!pid) complain("Node is not running!");
  return pid;
}

}  // namespace

std::function<void()> readiness_of_parent() {
  const char* text = std::getenv(kReadyVariable);
  const int fd = text == nullptr ? -1 : std::atoi(text);
  if (fd <= STDERR_FILENO) return {};
  ::unsetenv(kReadyVariable);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return [fd] {
    become_silent({STDERR_FILENO});
    const char byte = '1';
    static_cast<void>(!::write(fd, &byte, 1));
    ::close(fd);
  };
}

bool is_running(const std::string& config_file) {
  const auto path = pid_file_of(config_file);
  return path && running_pid(*path).has_value();
}

int start_in_background(const std::string& config_file) {
  const std::optional<std::string> path = pid_path(config_file);
  if (!path) return 1;
  if (running_pid(*path)) {
    complain("Node is already running!");
    return 1;
  }
  warn_about_files();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    complain(std::string("vernemq cannot start: ") + std::strerror(errno));
    return 1;
  }
  const pid_t child = ::fork();
  if (child < 0) {
    complain(std::string("vernemq cannot start: ") + std::strerror(errno));
    return 1;
  }
  if (child == 0) {
    ::close(ends[0]);
    serve_detached(config_file, ends[1]);
  }
  ::close(ends[1]);
  const int seconds = start_seconds();
  switch (wait_until_ready(ends[0], seconds)) {
    case Outcome::Ready:
      return 0;
    case Outcome::Ended:
      ::waitpid(child, nullptr, 0);
      return 1;  // it has said why
    case Outcome::TimedOut:
      complain("vernemq is not ready after " + std::to_string(seconds) +
               " s and goes on starting as process " + std::to_string(child) +
               "; its log says how far it is (WAIT_FOR_ERLANG sets another time)");
      return 1;
  }
  return 1;
}

int stop_running(const std::string& config_file) {
  const std::optional<pid_t> pid = pid_of_node(config_file);
  if (!pid) return 1;
  // Opened before the signal, so that it is this process whose end is waited for.
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0));
  if (process < 0 || ::kill(*pid, SIGTERM) != 0) {
    complain("cannot stop process " + std::to_string(*pid) + ": " + std::strerror(errno));
    return 1;
  }
  pollfd entry{process, POLLIN, 0};
  const int ended = ::poll(&entry, 1, kStopPatienceMs);
  ::close(process);
  if (ended == 0) {
    complain("process " + std::to_string(*pid) + " is still stopping after " +
             std::to_string(kStopPatienceMs / 1000) + " s; its log says why");
    return 1;
  }
  std::puts("ok");
  return 0;
}

int print_pid(const std::string& config_file) {
  const std::optional<pid_t> pid = pid_of_node(config_file);
  if (!pid) return 1;
  std::printf("%d\n", *pid);
  return 0;
}

}  // namespace vmq::daemon
