#include "config/parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/value.h"

namespace vmq::config {

namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::size_t kPiecesMax = 100;
constexpr std::string_view kTripleQuote = "'''";

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

std::string beside(const std::string& path, std::string_view text) {
  if (text.starts_with('/')) return std::string(text);
  return folder_of(path) + std::string(text);
}

// The length of the well-formed UTF-8 character at the start of `text`, or 0.
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  const bool is_overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool is_outside = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
  return is_overlong || is_outside ? 0 : bytes;
}

// The offset of the first byte that no value may hold, or npos.
std::size_t find_bad_byte(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    const bool is_control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
    const std::size_t bytes = is_control ? 0 : character_bytes(text.substr(at));
    if (bytes == 0) return at;
    at += bytes;
  }
  return std::string_view::npos;
}

class Parser {
 public:
  explicit Parser(const FileLoader& loader) : loader_(loader) {}

  void read_file(const std::string& path, const Origin& includer);
  void read_text(std::string_view text, const std::string& path);
  Parsed take() { return std::move(parsed_); }

 private:
  // The file being read. One a level of includes.
  struct File {
    std::string_view text;
    std::string path;
    std::size_t at = 0;
    std::size_t line_begin = 0;
    int line = 1;

    std::string_view rest() const { return text.substr(at); }
    // What is left of the line, without its end.
    std::string_view rest_of_line() const {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      std::string_view rest = text.substr(at, end - at);
      if (rest.ends_with('\r')) rest.remove_suffix(1);
      return rest;
    }
    void skip_blanks() { at = std::min(text.find_first_not_of(kBlanks, at), text.size()); }
    void next_line() {
      const std::size_t end = text.find('\n', at);
      at = end == std::string_view::npos ? text.size() : end + 1;
      line_begin = at;
      ++line;
    }
    Origin origin() const {
      // Continuation bytes do not count, so that columns are those of an editor.
      int column = 1;
      for (std::size_t i = line_begin; i < at; ++i) {
        column += (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80 ? 1 : 0;
      }
      return {path, line, column};
    }
  };

  void read_line(File& file);
  void read_setting(File& file);
  bool read_value(File& file, Entry& entry);
  bool read_plain(File& file, Entry& entry);
  bool read_quoted(File& file, Entry& entry);
  bool read_multi_line(File& file, Entry& entry);
  bool expect_end(File& file, const std::string& key);
  bool add_literal(File& file, Entry& entry, std::string_view text);
  bool add_file_text(File& file, Entry& entry, std::string_view name);
  void read_include(File& file);
  void fail(const Origin& origin, std::string key, std::string reason);
  bool is_full() const { return parsed_.errors.size() >= kErrorsMax; }

  const FileLoader& loader_;
  Parsed parsed_;
  std::vector<std::string> open_files_;
};

void Parser::fail(const Origin& origin, std::string key, std::string reason) {
  if (is_full()) return;
  parsed_.errors.push_back({origin, std::move(key), std::move(reason), {}});
}

void Parser::read_file(const std::string& path, const Origin& includer) {
  const Origin whole = includer.file.empty() ? Origin{path, 0, 0} : includer;
  if (std::find(open_files_.begin(), open_files_.end(), path) != open_files_.end()) {
    return fail(whole, {}, fmt::format("{} includes itself", path));
  }
  if (open_files_.size() >= kIncludeDepthMax) {
    return fail(whole, {}, fmt::format("includes are nested deeper than {}", kIncludeDepthMax));
  }
  if (parsed_.files.size() >= kFilesMax) {
    return fail(whole, {}, fmt::format("there are more than {} files", kFilesMax));
  }
  const Result<std::string, std::string> text = loader_.read(path);
  if (!text) return fail(whole, {}, fmt::format("cannot read {}: {}", path, text.error()));
  read_text(*text, path);
}

void Parser::read_text(std::string_view text, const std::string& path) {
  parsed_.files.push_back(path);
  if (text.size() > kFileBytesMax) {
    return fail({path, 0, 0}, {}, fmt::format("the file is longer than {} bytes", kFileBytesMax));
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  open_files_.push_back(path);
  File file{text, path};
  while (file.at < file.text.size() && !is_full()) {
    read_line(file);
    file.next_line();
  }
  open_files_.pop_back();
}

// Leaves the file somewhere on the line that the setting ends on.
void Parser::read_line(File& file) {
  file.skip_blanks();
  const std::string_view line = file.rest_of_line();
  if (line.empty() || line.front() == '#') return;
  constexpr std::string_view kInclude = "include";
  if (line.starts_with(kInclude)) {
    const std::string_view after = line.substr(kInclude.size());
    const std::string_view pattern = trim(after);
    const bool is_include = after.size() != pattern.size() && !pattern.starts_with('=');
    if (is_include && kBlanks.find(after.front()) != std::string_view::npos) {
      return read_include(file);
    }
  }
  read_setting(file);
}

void Parser::read_setting(File& file) {
  Entry entry;
  entry.origin = file.origin();
  const std::string_view line = file.rest_of_line();
  std::string_view rest = line;
  Result<KeyWords, KeyError> words = take_key(rest);
  if (!words) {
    file.at += words.error().offset;
    return fail(file.origin(), {}, words.error().reason);
  }
  entry.words = std::move(*words);
  file.at += line.size() - rest.size();
  file.skip_blanks();
  const std::string key = to_string(entry.words);
  if (!file.rest_of_line().starts_with('='))
    return fail(file.origin(), key, "\"=\" is expected here");
  ++file.at;
  file.skip_blanks();
  entry.value_origin = file.origin();
  if (!read_value(file, entry)) return;
  if (parsed_.entries.size() >= kEntriesMax) {
    return fail(entry.origin, key, fmt::format("there are more than {} settings", kEntriesMax));
  }
  parsed_.entries.push_back(std::move(entry));
}

bool Parser::read_value(File& file, Entry& entry) {
  if (file.rest().starts_with(kTripleQuote)) return read_multi_line(file, entry);
  if (file.rest().starts_with('\'')) return read_quoted(file, entry);
  return read_plain(file, entry);
}

bool Parser::read_plain(File& file, Entry& entry) {
  const std::string_view line = file.rest_of_line();
  std::string_view rest = trim(line.substr(0, line.find('#')));
  while (!rest.empty()) {
    if (entry.pieces.size() >= kPiecesMax) {
      fail(file.origin(), to_string(entry.words), "the value is made of too many parts");
      return false;
    }
    const std::size_t open = rest.find("$(");
    const std::size_t close = open == std::string_view::npos ? open : rest.find(')', open);
    if (close == std::string_view::npos) return add_literal(file, entry, rest);
    if (!add_literal(file, entry, rest.substr(0, open))) return false;
    const std::string_view name = rest.substr(open + 2, close - open - 2);
    rest.remove_prefix(close + 1);
    if (name.starts_with('<')) {
      if (!add_file_text(file, entry, trim(name.substr(1)))) return false;
    } else {
      entry.pieces.push_back({true, std::string(trim(name))});
    }
  }
  return true;
}

bool Parser::read_quoted(File& file, Entry& entry) {
  const std::string_view line = file.rest_of_line();
  const std::size_t end = line.find('\'', 1);
  if (end == std::string_view::npos) {
    fail(file.origin(), to_string(entry.words), "the quote is not closed on its line");
    return false;
  }
  if (!add_literal(file, entry, line.substr(1, end - 1))) return false;
  file.at += end + 1;
  return expect_end(file, to_string(entry.words));
}

bool Parser::read_multi_line(File& file, Entry& entry) {
  const std::size_t begin = file.at + kTripleQuote.size();
  const std::size_t end = file.text.find(kTripleQuote, begin);
  if (end == std::string_view::npos) {
    // Everything that follows would be inside the quote, so there is nothing left to check.
    fail(file.origin(), to_string(entry.words), "''' is not closed in this file");
    file.at = file.text.size();
    return false;
  }
  const std::string_view text = file.text.substr(begin, end - begin);
  const bool is_good = add_literal(file, entry, text);
  file.at = end + kTripleQuote.size();
  file.line += static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  const std::size_t newline = file.text.substr(0, file.at).rfind('\n');
  file.line_begin = newline == std::string_view::npos ? 0 : newline + 1;
  return is_good && expect_end(file, to_string(entry.words));
}

bool Parser::expect_end(File& file, const std::string& key) {
  file.skip_blanks();
  const std::string_view line = file.rest_of_line();
  if (line.empty() || line.front() == '#') return true;
  fail(file.origin(), key, "only a comment may follow the closing quote");
  return false;
}

bool Parser::add_literal(File& file, Entry& entry, std::string_view text) {
  if (text.empty()) return true;
  const std::string key = to_string(entry.words);
  if (text.size() > kValueBytesMax) {
    fail(file.origin(), key, fmt::format("the value is longer than {} bytes", kValueBytesMax));
    return false;
  }
  if (find_bad_byte(text) != std::string_view::npos) {
    fail(file.origin(), key, "the value holds a control character or is not UTF-8");
    return false;
  }
  entry.pieces.push_back({false, std::string(text)});
  return true;
}

bool Parser::add_file_text(File& file, Entry& entry, std::string_view name) {
  const std::string path = beside(file.path, name);
  Result<std::string, std::string> text = loader_.read(path);
  if (!text) {
    fail(file.origin(), to_string(entry.words),
         fmt::format("cannot read {}: {}", path, text.error()));
    return false;
  }
  std::string_view content = *text;
  if (content.ends_with('\n')) content.remove_suffix(1);
  if (content.ends_with('\r')) content.remove_suffix(1);
  return add_literal(file, entry, content);
}

void Parser::read_include(File& file) {
  const Origin origin = file.origin();
  const std::string_view line = file.rest_of_line();
  const std::string_view pattern =
      trim(line.substr(0, line.find('#')).substr(std::string_view("include").size()));
  constexpr std::string_view kGlobChars =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.*/";
  if (pattern.empty() || pattern.find_first_not_of(kGlobChars) != std::string_view::npos) {
    return fail(origin, {}, "include takes a path of letters, digits, - _ . / and *");
  }
  const std::string full = beside(file.path, pattern);
  const Result<std::vector<std::string>, std::string> paths = loader_.list(full);
  if (!paths) return fail(origin, {}, fmt::format("cannot list {}: {}", full, paths.error()));
  if (paths->empty() && pattern.find('*') == std::string_view::npos) {
    parsed_.warnings.push_back({origin, fmt::format("{} does not exist", full)});
  }
  for (const std::string& path : *paths) read_file(path, origin);
}

}  // namespace

Parsed parse_file(const std::string& path, const FileLoader& loader) {
  Parser parser(loader);
  parser.read_file(path, {});
  return parser.take();
}

Parsed parse_text(std::string_view text, const std::string& path, const FileLoader& loader) {
  Parser parser(loader);
  parser.read_text(text, path);
  return parser.take();
}

FileLoader no_files() {
  constexpr const char* kReason = "other files are not read here";
  return {[](const std::string&) -> Result<std::string, std::string> {
            return failure(std::string(kReason));
          },
          [](const std::string&) -> Result<std::vector<std::string>, std::string> {
            return failure(std::string(kReason));
          }};
}

}  // namespace vmq::config
