#include "config/tcp_options.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace vmq::config {
namespace {

constexpr std::size_t depth_max = 8;

// An Erlang term of the kinds that socket options use, as far as anybody here looks.
struct Term {
  std::string word;         // atom, number or string; empty: a tuple or a list
  std::vector<Term> parts;  // of a tuple or a list
};

class TermReader {
 public:
  explicit TermReader(std::string_view text) : rest_(text) {}

  std::optional<Term> read(std::size_t depth = 0) {
    skip_blanks();
    if (rest_.empty() || depth > depth_max) return std::nullopt;
    const char first = rest_.front();
    if (first == '{') return read_parts('}', depth);
    if (first == '[') return read_parts(']', depth);
    if (first == '"' || first == '\'') return read_quoted();
    return read_word();
  }
  bool is_at_end() {
    skip_blanks();
    return rest_.empty();
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) {
      rest_.remove_prefix(1);
    }
  }

  std::optional<Term> read_parts(char end, std::size_t depth) {
    rest_.remove_prefix(1);
    Term term;
    skip_blanks();
    while (!rest_.empty() && rest_.front() != end) {
      std::optional<Term> part = read(depth + 1);
      if (!part) return std::nullopt;
      term.parts.push_back(std::move(*part));
      skip_blanks();
      if (rest_.empty() || (rest_.front() != ',' && rest_.front() != end)) return std::nullopt;
      if (rest_.front() != ',') continue;
      rest_.remove_prefix(1);
      skip_blanks();
      if (!rest_.empty() && rest_.front() == end) return std::nullopt;
    }
    if (rest_.empty()) return std::nullopt;
    rest_.remove_prefix(1);
    return term;
  }

  std::optional<Term> read_quoted() {
    const std::size_t end = rest_.find(rest_.front(), 1);
    if (end == rest_.npos) return std::nullopt;
    Term term{std::string(rest_.substr(1, end - 1)), {}};
    rest_.remove_prefix(end + 1);
    return term;
  }

  std::optional<Term> read_word() {
    const auto is_of_word = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-' || c == '.' || c == '@';
    };
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_of_word);
    Term term{std::string(rest_.begin(), end), {}};
    if (term.word.empty()) return std::nullopt;
    rest_.remove_prefix(term.word.size());
    return term;
  }

  std::string_view rest_;
};

std::optional<bool> flag_of(const Term& term) {
  if (term.word == "true") return true;
  if (term.word == "false") return false;
  return std::nullopt;
}

std::optional<std::uint32_t> number_of(const Term& term) {
  std::uint32_t number = 0;
  const char* end = term.word.data() + term.word.size();
  const auto [at, problem] = std::from_chars(term.word.data(), end, number);
  if (problem != std::errc() || at != end) return std::nullopt;
  return number;
}

}  // namespace

Result<TcpOptions, std::string> parse_tcp_options(std::string_view text) {
  TermReader reader(text);
  const std::optional<Term> list = reader.read();
  if (!list || !list->word.empty() || !reader.is_at_end()) {
    return failure<std::string>("expected a list such as [{nodelay, true}, {send_timeout, 30000}]");
  }
  TcpOptions options;
  options.no_delay = false;
  options.send_timeout = {0};
  bool closes = false;
  for (const Term& option : list->parts) {
    if (option.parts.size() != 2) continue;  // a word alone, or {raw, …}
    const std::string& name = option.parts[0].word;
    const Term& value = option.parts[1];
    const std::optional<bool> flag = flag_of(value);
    const std::optional<std::uint32_t> number = number_of(value);
    const bool wants_flag =
        name == "nodelay" || name == "keepalive" || name == "send_timeout_close";
    const bool wants_number = name == "send_timeout" || name == "recbuf" || name == "sndbuf";
    const bool is_for_ever = name == "send_timeout" && value.word == "infinity";
    if (wants_flag && !flag) return failure(name + " is true or false");
    if (wants_number && !number && !is_for_ever) return failure(name + " is a number");
    if (name == "nodelay") options.no_delay = *flag;
    if (name == "keepalive") options.keep_alive = *flag;
    if (name == "send_timeout_close") closes = *flag;
    if (name == "send_timeout") options.send_timeout = milliseconds(number.value_or(0));
    if (name == "recbuf") options.receive_buffer = *number;
    if (name == "sndbuf") options.send_buffer = *number;
  }
  if (!closes) options.send_timeout = {0};
  return options;
}

}  // namespace vmq::config
