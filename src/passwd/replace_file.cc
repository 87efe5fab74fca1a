#include "passwd/replace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/password_file.h"

namespace vmq::passwd {

namespace {

constexpr mode_t new_file_mode = 0640;

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string reason(std::string_view what) { return std::string(what) + ": " + strerror(errno); }

// A descriptor that is closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// Gives the temporary file what the file in its place has.
FileResult<Replaced> take_over_owner_and_mode(int file, const struct stat& from) {
  struct stat own {};
  if (fstat(file, &own) != 0) return failure(reason("cannot write"));
  if ((own.st_uid != from.st_uid || own.st_gid != from.st_gid) &&
      fchown(file, from.st_uid, from.st_gid) != 0) {
    return failure(reason("cannot keep owner and group"));
  }
  if (fchmod(file, from.st_mode & 07777) != 0) return failure(reason("cannot keep the mode"));
  return Replaced{};
}

FileResult<Replaced> set_owner_and_mode(int file, const std::string& path) {
  struct stat before {};
  if (stat(path.c_str(), &before) == 0) return take_over_owner_and_mode(file, before);
  struct stat folder {};
  if (geteuid() == 0 && stat(folder_of(path).c_str(), &folder) == 0) {
    folder.st_mode = new_file_mode;
    return take_over_owner_and_mode(file, folder);
  }
  if (fchmod(file, new_file_mode) != 0) return failure(reason("cannot set the mode"));
  return Replaced{};
}

FileResult<Replaced> fill(int file, const std::string& path, std::string_view text) {
  VMQ_TRY(done, set_owner_and_mode(file, path));
  if (!write_all(file, text)) return failure(reason("cannot write"));
  if (fsync(file) != 0) return failure(reason("cannot write"));
  return done;
}

}  // namespace

std::string resolved(const std::string& path) {
  char buffer[PATH_MAX];
  return realpath(path.c_str(), buffer) != nullptr ? std::string(buffer) : path;
}

FileResult<std::optional<std::string>> read_file(const std::string& path) {
  // A pipe in the place of the file must not make open() wait.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number() < 0 && errno == ENOENT) return std::optional<std::string>();
  if (file.number() < 0) return failure(reason("cannot read"));
  struct stat status {};
  if (fstat(file.number(), &status) != 0) return failure(reason("cannot read"));
  if (!S_ISREG(status.st_mode)) return failure(std::string("not a regular file"));
  std::string text;
  char buffer[64 * 1024];
  while (true) {
    const ssize_t count = read(file.number(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(reason("cannot read"));
    if (count == 0) return std::optional(std::move(text));
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > auth::password_file_bytes_max) return failure(std::string("too long"));
  }
}

FolderLock::FolderLock(const std::string& path_inside)
    : folder_(open(folder_of(path_inside).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  // Where there is no lock to be had (some network file systems), changing the file still works.
  if (folder_ >= 0) static_cast<void>(flock(folder_, LOCK_EX));
}

FolderLock::~FolderLock() {
  if (folder_ >= 0) close(folder_);
}

FileResult<Replaced> replace_file(const std::string& path, std::string_view text) {
  // Renaming asks only for a writable folder; a file that was made read-only is meant to stay.
  if (access(path.c_str(), W_OK) != 0 && errno != ENOENT) return failure(reason("cannot write"));
  constexpr std::string_view suffix = ".tmp";
  std::string temporary = path + ".XXXXXX" + std::string(suffix);
  const Descriptor file(mkostemps(temporary.data(), static_cast<int>(suffix.size()), O_CLOEXEC));
  if (file.number() < 0) return failure(reason("cannot write into its folder"));
  FileResult<Replaced> result = fill(file.number(), path, text);
  if (result && rename(temporary.c_str(), path.c_str()) != 0) {
    result = failure(reason("cannot replace"));
  }
  if (!result) {
    unlink(temporary.c_str());
    return result;
  }
  const Descriptor folder(open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.number() < 0 || fsync(folder.number()) != 0) {
    return failure(reason("written, but perhaps not on disk yet"));
  }
  return result;
}

}  // namespace vmq::passwd
