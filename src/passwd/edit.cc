#include "passwd/edit.h"

#include "auth/lines.h"
#include "auth/password_file.h"

namespace vmq::passwd {

namespace {

// One line of the file and what ends it: LF, CRLF, or nothing at the end of the text.
struct RawLine {
  std::string_view body;
  std::string_view end;
};

RawLine take_line(std::string_view& text) {
  const std::size_t newline = text.find('\n');
  RawLine line{text.substr(0, newline), {}};
  if (newline != text.npos) line.end = text.substr(newline, 1);
  text.remove_prefix(line.body.size() + line.end.size());
  if (!line.body.empty() && line.body.back() == '\r') {
    line.end = {line.body.data() + line.body.size() - 1, line.end.size() + 1};
    line.body.remove_suffix(1);
  }
  return line;
}

bool is_skipped(std::string_view body) { return auth::trim(body).empty() || body.front() == '#'; }

bool is_of_user(std::string_view body, std::string_view user) {
  return !is_skipped(body) && body.size() > user.size() && body[user.size()] == ':' &&
         body.substr(0, user.size()) == user;
}

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

// Moves the mark that some editors put in front from one text to the other.
void move_byte_order_mark(std::string_view& from, std::string& to) {
  if (from.substr(0, byte_order_mark.size()) != byte_order_mark) return;
  to += byte_order_mark;
  from.remove_prefix(byte_order_mark.size());
}

void append(std::string& text, std::initializer_list<std::string_view> parts) {
  for (std::string_view part : parts) text += part;
}

// The plain-text password of a line; none when the line has a hash already or nothing to hash.
Result<std::optional<std::string_view>, std::string> plain_password(std::string_view body) {
  if (is_skipped(body)) return std::optional<std::string_view>();
  const std::size_t colon = body.find(':');
  if (colon == body.npos) return failure(std::string("expected user:password"));
  if (colon == 0) return failure(std::string("no user name before the colon"));
  const std::string_view password = body.substr(colon + 1);
  if (password.empty()) return failure(std::string("no password after the colon"));
  const auto hash = auth::parse_hash(auth::trim(password));
  if (hash) return std::optional<std::string_view>();
  if (hash.error() != auth::HashError::NotAHash) {
    return failure(std::string(auth::describe(hash.error())));
  }
  return std::optional(password);
}

}  // namespace

std::string_view user_fault(std::string_view user) {
  if (user.empty()) return "the user name is empty";
  if (user.find(':') != user.npos) return "a user name may not contain `:`";
  if (user.front() == '#') return "a user name may not begin with `#`";
  if (user.substr(0, byte_order_mark.size()) == byte_order_mark) {
    return "a user name may not begin with a byte order mark";
  }
  for (const char c : user) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return "a user name may not contain control characters";
    }
  }
  return {};
}

std::string with_user(std::string_view text, std::string_view user, std::string_view hash) {
  std::string result;
  result.reserve(text.size() + user.size() + hash.size() + 3);
  move_byte_order_mark(text, result);
  bool written = false;
  while (!text.empty()) {
    const RawLine line = take_line(text);
    if (!is_of_user(line.body, user)) {
      append(result, {line.body, line.end});
    } else if (!written) {
      append(result, {user, ":", hash, line.end.empty() ? "\n" : line.end});
      written = true;
    }
  }
  if (written) return result;
  const bool at_start = result.empty() || result == byte_order_mark;
  if (!at_start && result.back() != '\n') result += '\n';
  append(result, {user, ":", hash, "\n"});
  return result;
}

std::optional<std::string> without_user(std::string_view text, std::string_view user) {
  std::string result;
  move_byte_order_mark(text, result);
  bool found = false;
  while (!text.empty()) {
    const RawLine line = take_line(text);
    if (is_of_user(line.body, user)) {
      found = true;
    } else {
      append(result, {line.body, line.end});
    }
  }
  if (!found) return std::nullopt;
  return result;
}

Result<Hashed, auth::FileError> with_passwords_hashed(std::string_view text, const Hasher& hasher) {
  Hashed result;
  move_byte_order_mark(text, result.text);
  for (std::size_t number = 1; !text.empty(); ++number) {
    const RawLine line = take_line(text);
    const auto refuse = [&](std::string_view reason) {
      return failure(auth::FileError{number, std::string(reason)});
    };
    const auto password = plain_password(line.body);
    if (!password) return refuse(password.error());
    if (!*password) {
      append(result.text, {line.body, line.end});
      continue;
    }
    const auto hash = hasher(**password);
    if (!hash) return refuse(auth::describe(hash.error()));
    const std::string_view user = line.body.substr(0, line.body.find(':'));
    if (user.size() + 1 + hash->size() > auth::password_line_bytes_max) {
      return refuse("the user name is too long");
    }
    append(result.text, {user, ":", *hash, line.end});
    ++result.count;
  }
  return result;
}

}  // namespace vmq::passwd
