#include "cluster/etcd/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>
#include <utility>

namespace vmq::cluster::etcd {

namespace {

// etcd takes every ETCD_… of its environment as an option; those of another one on this machine
// are not meant for ours.
std::vector<std::string> environment() {
  std::vector<std::string> result;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("ETCD_")) result.emplace_back(*variable);
  }
#if defined(__aarch64__)
  // etcd 3.4 runs there only when it is told so.
  result.emplace_back("ETCD_UNSUPPORTED_ARCH=arm64");
#endif
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// What the child does between its start and the program's. It shares the memory of its parent,
// which stands still meanwhile: system calls only.
[[noreturn]] void become(char** arguments, char** variables, int null, int output, pid_t parent,
                         volatile int& error) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  // Not SIGKILL: an etcd that is asked to end hands on what it leads, and the others need not find
  // out by themselves that it has gone.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  // A parent that died before the line above would be missed.
  if (getppid() != parent) _exit(127);
  dup2(null, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  close_range(3, ~0u, 0);
  execve(arguments[0], arguments, variables);
  error = errno;
  _exit(127);
}

}  // namespace

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    return access(name.c_str(), X_OK) == 0 ? name : std::string();
  }
  const char* path = getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (!rest.empty() && !name.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string file = std::string(rest.substr(0, colon)) + '/' + name;
    if (access(file.c_str(), X_OK) == 0) return file;
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  return {};
}

Result<Process, std::string> Process::start(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = arguments;
  std::vector<std::string> variables = environment();
  const std::vector<char*> word_pointers = pointers(words);
  const std::vector<char*> variable_pointers = pointers(variables);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return failure("no pipe: " + std::string(strerror(errno)));
  }
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const pid_t parent = getpid();
  volatile int error = 0;
  // A fork would copy the page tables of a process of gigabytes, and make each of its writes fault.
  const pid_t pid = vfork();
  if (pid == 0) {
    become(const_cast<char**>(word_pointers.data()), const_cast<char**>(variable_pointers.data()),
           null, ends[1], parent, error);
  }
  const int fork_error = errno;
  close(ends[1]);
  close(null);
  if (pid > 0 && error == 0) {
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return Process(pid, ends[0], static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  }
  close(ends[0]);
  if (pid > 0) waitpid(pid, nullptr, 0);
  return failure(words[0] + ": " + strerror(pid > 0 ? error : fork_error));
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::exchange(other.output_, -1)),
      end_(std::exchange(other.end_, -1)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  close_all();
  pid_ = std::exchange(other.pid_, -1);
  output_ = std::exchange(other.output_, -1);
  end_ = std::exchange(other.end_, -1);
  return *this;
}

Process::~Process() { close_all(); }

void Process::close_all() {
  if (pid_ > 0) {
    signal(SIGKILL);
    wait();
  }
  if (output_ >= 0) close(output_);
  if (end_ >= 0) close(end_);
  output_ = end_ = -1;
}

bool Process::read(std::string& into) const {
  char buffer[4096];
  const ssize_t count = ::read(output_, buffer, sizeof buffer);
  if (count > 0) into.append(buffer, static_cast<std::size_t>(count));
  return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

void Process::signal(int number) const {
  if (pid_ > 0) kill(pid_, number);
}

int Process::wait() {
  int status = 0;
  while (pid_ > 0 && waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
  pid_ = -1;
  return status;
}

std::string end_text(int status) {
  if (WIFSIGNALED(status)) return "was killed by signal " + std::to_string(WTERMSIG(status));
  return "exited with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace vmq::cluster::etcd
