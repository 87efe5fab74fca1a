// The password file: one line a user, `user:hash` (hash.h has the forms).
//
// A table never changes. The shell reads the file again from time to time and makes a new table;
// questions that are still with the hashing thread go on with the table they started with. That is
// why a snapshot is shared: its last user may be a shard or the hashing thread, and neither knows
// which.
//
//   shard                                       hashing thread
//   needs_hashing(user, password)?
//     no:  Next, at once
//     yes: Ask ───────────────────────────────▶  verify(table, user, password)
//          on_verdict  ◀───────────────────────  Accept | Reject
//
// A user who is not in the table costs no hash, so the time of an answer tells whether a user
// exists. That is a consequence of the contract, not an oversight: an unknown user is passed on to
// the next plugin, and the answer to the client differs anyway (CONNACK 4 against 5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "auth/file_error.h"
#include "auth/hash.h"
#include "auth/text_map.h"
#include "base/result.h"

namespace vmq::auth {

inline constexpr std::size_t password_file_bytes_max = std::size_t{256} << 20;
inline constexpr std::size_t password_line_bytes_max = 1024;  // without the line's end

enum class PasswordVerdict : std::uint8_t {
  Accept,
  Reject,  // a user we know, with another password: the chain stops
  Next,    // a user we do not know, or no user or no password: ask the next plugin
};

class PasswordTable {
 public:
  // Whether verify() would compute a hash. When not, the verdict is Next and costs nothing.
  bool needs_hashing(std::optional<std::string_view> user,
                     std::optional<std::string_view> password) const;
  // Null when the user is not in the table.
  const Verifier* find(std::string_view user) const;
  std::size_t user_count() const { return users_.size(); }
  // Counted up by every reload that changed something.
  std::uint64_t generation() const { return generation_; }
  // Recognises a text that has been parsed before (file_reload.h).
  std::uint64_t text_hash() const { return text_hash_; }

 private:
  friend Result<PasswordTable, FileError> parse_password_file(std::string_view, std::uint64_t);
  TextMap<Verifier> users_;
  std::uint64_t generation_ = 0;
  std::uint64_t text_hash_ = 0;
};

// Shared for the reason above; nobody can change what it points to.
using PasswordSnapshot = std::shared_ptr<const PasswordTable>;

// Blank lines and lines that begin with `#` are skipped; lines may end in CRLF. When a user has
// several lines, the last one counts. A line without a hash is an error: plain-text passwords are
// hashed by `vmq-passwd -U` first.
[[nodiscard]] Result<PasswordTable, FileError> parse_password_file(std::string_view text,
                                                                   std::uint64_t generation = 1);

// Pure but slow (hash.h): for the hashing thread. Safe to call from several threads on one table.
[[nodiscard]] PasswordVerdict verify(const PasswordTable& table,
                                     std::optional<std::string_view> user,
                                     std::optional<std::string_view> password);

}  // namespace vmq::auth
