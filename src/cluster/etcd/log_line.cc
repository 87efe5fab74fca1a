#include "cluster/etcd/log_line.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace vmq::cluster {
namespace {

constexpr std::size_t line_max = 1000;

// What etcd warns of although all is as it should be: how we start it, peers that come and go in
// order, and a member that is refused until the one before it has settled in.
constexpr std::array ordinary = {
    std::string_view("exceeded recommended request limit"),
    std::string_view("simple token is not cryptographically signed"),
    std::string_view("established TCP streaming connection with remote peer"),
    std::string_view("closed TCP streaming connection with remote peer"),
    std::string_view("stopped TCP streaming connection with remote peer"),
    std::string_view("rejecting member add request"),
};

using Members = std::vector<std::pair<std::string, std::string>>;

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool is_at_end() const { return text_.empty(); }
  // A string without its quotes; escapes other than of quotes and backslashes become blanks.
  std::optional<std::string> string() {
    if (!take('"')) return std::nullopt;
    std::string result;
    while (!text_.empty() && text_.front() != '"') {
      const bool is_escape = text_.front() == '\\';
      if (is_escape) text_.remove_prefix(1);
      if (text_.empty()) return std::nullopt;
      const char c = text_.front();
      const bool is_itself = !is_escape || c == '"' || c == '\\' || c == '/';
      result += is_itself ? c : ' ';
      text_.remove_prefix(1);
    }
    return take('"') ? std::optional(result) : std::nullopt;
  }
  // Anything else as it stands, up to the comma or the bracket behind it.
  std::optional<std::string> value() {
    if (!text_.empty() && text_.front() == '"') return string();
    std::size_t depth = 0;
    std::size_t end = 0;
    for (; end < text_.size(); ++end) {
      const char c = text_[end];
      if (c == '{' || c == '[') ++depth;
      const bool closes = c == '}' || c == ']';
      if (depth == 0 && (closes || c == ',')) break;
      if (closes) --depth;
    }
    std::string result(text_.substr(0, end));
    text_.remove_prefix(end);
    return result.empty() ? std::nullopt : std::optional(result);
  }

 private:
  std::string_view text_;
};

// Of one JSON object in one line; nothing for what is none.
std::optional<Members> members_of(std::string_view line) {
  Scanner in(line);
  Members members;
  if (!in.take('{')) return std::nullopt;
  do {
    auto name = in.string();
    if (!name || !in.take(':')) return std::nullopt;
    auto value = in.value();
    if (!value) return std::nullopt;
    members.emplace_back(*std::move(name), *std::move(value));
  } while (in.take(','));
  return in.take('}') && in.is_at_end() ? std::optional(std::move(members)) : std::nullopt;
}

Severity severity_of(std::string_view level) {
  if (level == "info" || level == "debug" || level == "INFO") return Severity::Info;
  if (level == "error" || level == "fatal" || level == "panic" || level == "dpanic") {
    return Severity::Error;
  }
  return level == "ERROR" || level == "FATAL" ? Severity::Error : Severity::Warning;
}

EtcdLogLine text_of(const Members& members) {
  EtcdLogLine result;
  std::string rest;
  for (const auto& [name, value] : members) {
    if (name == "level") {
      result.severity = severity_of(value);
    } else if (name == "msg") {
      result.text = value;
    } else if (name != "ts" && name != "caller" && name != "stacktrace") {
      rest += (rest.empty() ? "" : ", ") + name + ' ' + value;
    }
  }
  const bool is_ordinary =
      std::any_of(ordinary.begin(), ordinary.end(),
                  [&](std::string_view start) { return result.text.starts_with(start); });
  if (is_ordinary && result.severity == Severity::Warning) result.severity = Severity::Info;
  if (!rest.empty()) result.text += ": " + rest;
  return result;
}

}  // namespace

EtcdLogLine read_etcd_log(std::string_view line, bool is_stopping) {
  line = line.substr(0, line.find_last_not_of(" \r\n\t") + 1);
  EtcdLogLine result;
  if (const std::optional<Members> members = members_of(line)) {
    result = text_of(*members);
  } else {
    // Of its runtime ("panic: …") and of its libraries ("WARNING: 2026/11/23 …").
    result.severity = severity_of(line.substr(0, line.find(':')));
    result.text = line;
  }
  result.text.resize(std::min(result.text.size(), line_max));
  if (is_stopping && result.severity == Severity::Warning) result.severity = Severity::Info;
  return result;
}

}  // namespace vmq::cluster
