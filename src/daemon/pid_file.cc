#include "daemon/pid_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace vmq::daemon {

namespace {

struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

// Whether the name still leads to the open file: the last node removes it when it ends.
bool is_in_place(const std::string& path, int fd) {
  struct stat by_name {};
  struct stat by_fd {};
  return ::stat(path.c_str(), &by_name) == 0 && ::fstat(fd, &by_fd) == 0 &&
         by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev;
}

PidFile::Error unusable(const std::string& path) {
  return {PidFile::Failure::Unusable,
          fmt::format("cannot write the PID file {}: {}", path, std::strerror(errno))};
}

std::optional<pid_t> number_in(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  pid_t pid = 0;
  if (size <= 0) return std::nullopt;
  const auto result = std::from_chars(text.data(), text.data() + size, pid);
  if (result.ec != std::errc() || pid <= 0) return std::nullopt;
  return pid;
}

}  // namespace

Result<PidFile, PidFile::Error> PidFile::take(const std::string& path) {
  std::error_code ignored;  // opening the file tells
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  while (true) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return failure(unusable(path));
    const struct flock lock = whole_file();
    if (::fcntl(fd, F_SETLK, &lock) != 0) {
      const bool is_held = errno == EACCES || errno == EAGAIN;
      Error error = is_held ? Error{Failure::AlreadyRunning,
                                    fmt::format("Node is already running! ({} is locked)", path)}
                            : unusable(path);
      ::close(fd);
      return failure(std::move(error));
    }
    if (!is_in_place(path, fd)) {
      ::close(fd);
      continue;
    }
    PidFile file(path, fd);
    const std::string text = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd, 0) != 0 ||
        ::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
      return failure(unusable(path));
    }
    return file;
  }
}

PidFile::PidFile(PidFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

PidFile::~PidFile() {
  if (fd_ < 0) return;
  ::unlink(path_.c_str());
  ::close(fd_);
}

std::optional<pid_t> running_pid(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  struct flock lock = whole_file();
  std::optional<pid_t> pid;
  if (::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
    // 0 is a process that this one's namespace does not show.
    pid = lock.l_pid > 0 ? std::optional<pid_t>(lock.l_pid) : number_in(fd);
  }
  ::close(fd);
  return pid;
}

}  // namespace vmq::daemon
