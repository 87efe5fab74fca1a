// The file of the admin socket. Who may open it may do everything: it belongs to the user that the
// node runs as, and to that user's group.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "net/fd.h"

namespace vmq::control {

// A listening Unix socket with mode 0660; its file is removed when this goes. The file of a process
// that died is replaced, that of one that listens is not.
class SocketFile {
 public:
  struct Error {
    bool is_in_use = false;  // another process listens there
    std::string reason;      // a sentence that says what to do
  };

  [[nodiscard]] static Result<SocketFile, Error> open(const std::string& path);
  ~SocketFile();
  SocketFile(SocketFile&&) noexcept = default;
  SocketFile& operator=(SocketFile&&) = delete;

  int fd() const { return fd_.get(); }

 private:
  SocketFile(std::string path, net::Fd fd, dev_t device, ino_t inode)
      : path_(std::move(path)), fd_(std::move(fd)), device_(device), inode_(inode) {}

  std::string path_;
  net::Fd fd_;
  dev_t device_;  // of the file made here: one that another process has put in its place stays
  ino_t inode_;
};

}  // namespace vmq::control
