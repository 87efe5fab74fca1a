// The grammar of vernemq.conf: files to entries, before anything is known about keys. All errors
// are collected; a line that cannot be read does not stop the reading.
//
//   key = value            # a comment; a plain value ends at the first #
//   key = 'taken as it is, # too'
//   key = '''over
//   several lines'''
//   key = $(<secret.txt)   the text of a file, beside the file that says so
//   key = $(other.key)     the value of another key
//   include conf.d/*.conf  beside the including file
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/lookup.h"

namespace vmq::config {

inline constexpr std::size_t kFileBytesMax = 4u << 20;
inline constexpr std::size_t kFilesMax = 1000;
inline constexpr std::size_t kIncludeDepthMax = 10;
inline constexpr std::size_t kEntriesMax = 100'000;
inline constexpr std::size_t kErrorsMax = 100;

// How the pure part reaches files. Paths are put together from the including file's folder and the
// text that the file holds. On failure, the reason.
struct FileLoader {
  std::function<Result<std::string, std::string>(const std::string& path)> read;
  // The files that a pattern with * names, in the order of their names; none is no failure.
  std::function<Result<std::vector<std::string>, std::string>(const std::string& pattern)> list;
};

// Where something stands. Lines and columns count from 1, columns in characters; line 0 is the file
// as a whole.
struct Origin {
  std::string file;
  int line = 0;
  int column = 0;
};

struct ConfigError {
  Origin origin;
  std::string key;  // empty where no key could be read
  std::string reason;
  std::vector<std::string> nearest;  // valid keys that look like an unknown one
};

struct ConfigWarning {
  Origin origin;  // an empty file: about the whole configuration
  std::string text;
};

// A value is made of texts and of references to other keys.
struct Piece {
  bool is_reference = false;
  std::string text;  // for a reference, the key as written
};

struct Entry {
  KeyWords words;
  std::vector<Piece> pieces;
  Origin origin;        // of the key
  Origin value_origin;  // of the value
};

struct Parsed {
  std::vector<Entry> entries;  // in the order of reading, so the last of a key counts
  std::vector<std::string> files;
  std::vector<ConfigError> errors;
  std::vector<ConfigWarning> warnings;
};

Parsed parse_file(const std::string& path, const FileLoader& loader);
Parsed parse_text(std::string_view text, const std::string& path, const FileLoader& loader);

// A loader for text that stands alone: every file is refused.
FileLoader no_files();

}  // namespace vmq::config
