// Changes a file so that a reader sees the old text or the new one, never a part, and a crash
// leaves one of the two: a temporary file beside it is written, synced and renamed over it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vmq::passwd {

// Errors are sentences for the operator, without the path.
template <typename T>
using FileResult = Result<T, std::string>;

// The path behind symbolic links, so that a link stays a link; the path itself when there is no
// such file yet.
std::string resolved(const std::string& path);

// None when there is no such file.
[[nodiscard]] FileResult<std::optional<std::string>> read_file(const std::string& path);

// Held while a file is read, changed and written, so that of two programs that do this at the same
// time neither undoes the other's change. It locks the folder: the file itself is replaced.
class FolderLock {
 public:
  explicit FolderLock(const std::string& path_inside);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int folder_ = -1;
};

struct Replaced {};
// Keeps mode, owner and group of the file. A new file gets mode 0640 and, when root makes it, owner
// and group of its folder: the broker, which runs as another user, must be able to read it.
[[nodiscard]] FileResult<Replaced> replace_file(const std::string& path, std::string_view text);

}  // namespace vmq::passwd
