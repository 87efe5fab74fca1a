// What becomes of the rules in force when their file was read again. A file with an error changes
// nothing: the old rules stay in force and the operator is told file, line and reason. Reading the
// file and its interval are the shell's.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/acl.h"
#include "auth/password_file.h"

namespace vmq::auth {

struct ReloadError {
  std::string file;
  std::size_t line = 0;  // 0: the file as a whole
  std::string reason;
  // `FILE:LINE: REASON`, as the log and the status page show it.
  std::string text() const;
};

template <typename T>
struct Reloaded {
  std::shared_ptr<const T>
      current;           // null only when there was none before and the file has an error
  bool changed = false;  // `current` is a new one, with a higher generation
  std::optional<ReloadError> error;
};

// `old` is null at the start. A text equal to the one in force gives `old` back, so that sessions
// keep what they have looked up.
[[nodiscard]] Reloaded<Acl> reload_acl(AclSnapshot old, std::string_view file,
                                       std::string_view text);
[[nodiscard]] Reloaded<PasswordTable> reload_passwords(PasswordSnapshot old, std::string_view file,
                                                       std::string_view text);

}  // namespace vmq::auth
