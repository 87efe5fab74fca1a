#include "config/load_files.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace vmq::config {

namespace {

// One byte more than a file may have, so that a longer one is seen as such without reading all of
// it.
constexpr std::size_t kReadMax = kFileBytesMax + 1;

Result<std::string, std::string> read_all(int file) {
  struct stat status = {};
  if (::fstat(file, &status) != 0) return failure(std::string(std::strerror(errno)));
  // A directory or a pipe is no configuration, and a pipe could block for ever.
  if (!S_ISREG(status.st_mode)) return failure(std::string("it is not a regular file"));
  std::string text;
  char buffer[16384];
  while (text.size() < kReadMax) {
    const ssize_t count = ::read(file, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(std::string(std::strerror(errno)));
    if (count == 0) break;
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

Result<std::string, std::string> read_path(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return failure(std::string(std::strerror(errno)));
  Result<std::string, std::string> text = read_all(file);
  ::close(file);
  return text;
}

Result<std::vector<std::string>, std::string> list_paths(const std::string& pattern) {
  glob_t found = {};
  const int outcome = ::glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<std::string> paths;
  if (outcome == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  if (outcome == GLOB_NOSPACE) return failure(std::string("out of memory"));
  if (outcome == GLOB_ABORTED) return failure(std::string("the folder cannot be read"));
  return paths;
}

}  // namespace

FileLoader real_files() { return {read_path, list_paths}; }

}  // namespace vmq::config
