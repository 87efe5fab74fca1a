// The file with the node's process id. The node holds a lock on it as long as it lives, so a file
// that a crash left behind, or whose number belongs to another process by now, misleads nobody.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"

namespace vmq::daemon {

class PidFile {
 public:
  enum class Failure { AlreadyRunning, Unusable };
  struct Error {
    Failure failure = Failure::Unusable;
    std::string reason;
  };

  // Makes the file and its folder where they are missing. The lock is the calling process's: not
  // passed on by fork.
  [[nodiscard]] static Result<PidFile, Error> take(const std::string& path);
  ~PidFile();
  PidFile(PidFile&& other) noexcept;
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  PidFile& operator=(PidFile&&) = delete;

 private:
  PidFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_ = -1;
};

// The process that holds the file; none when no node runs.
std::optional<pid_t> running_pid(const std::string& path);

}  // namespace vmq::daemon
