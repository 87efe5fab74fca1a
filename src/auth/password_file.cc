#include "auth/password_file.h"

#include <string>

#include "auth/lines.h"
#include "base/hash.h"

namespace vmq::auth {

bool PasswordTable::needs_hashing(std::optional<std::string_view> user,
                                  std::optional<std::string_view> password) const {
  return user && password && find(*user) != nullptr;
}

const Verifier* PasswordTable::find(std::string_view user) const {
  const auto entry = users_.find(user);
  return entry == users_.end() ? nullptr : &entry->second;
}

Result<PasswordTable, FileError> parse_password_file(std::string_view text,
                                                     std::uint64_t generation) {
  if (text.size() > password_file_bytes_max) {
    return failure(
        FileError{0, "longer than " + std::to_string(password_file_bytes_max) + " bytes"});
  }
  PasswordTable table;
  table.generation_ = generation;
  table.text_hash_ = keyed_hash({}, text);
  Lines lines(text);
  for (std::string_view line; lines.next(line);) {
    const auto refuse = [&](std::string reason) {
      return failure(FileError{lines.number(), std::move(reason)});
    };
    if (trim(line).empty() || line.front() == '#') continue;
    if (line.size() > password_line_bytes_max) {
      return refuse("line longer than " + std::to_string(password_line_bytes_max) + " bytes");
    }
    const std::size_t colon = line.find(':');
    if (colon == line.npos) return refuse("expected user:hash");
    if (colon == 0) return refuse("no user name before the colon");
    // No blank is part of a hash, so one at the line's end is a slip of the editor.
    Result<Verifier, HashError> verifier = parse_hash(trim(line.substr(colon + 1)));
    if (!verifier) return refuse(std::string(describe(verifier.error())));
    table.users_.insert_or_assign(std::string(line.substr(0, colon)), std::move(*verifier));
  }
  return table;
}

PasswordVerdict verify(const PasswordTable& table, std::optional<std::string_view> user,
                       std::optional<std::string_view> password) {
  if (!table.needs_hashing(user, password)) return PasswordVerdict::Next;
  const Verifier* verifier = table.find(*user);
  return matches(*verifier, *password) ? PasswordVerdict::Accept : PasswordVerdict::Reject;
}

}  // namespace vmq::auth
