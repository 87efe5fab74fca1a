// What vmq-passwd does to the text of a password file. Pure: what is not concerned stays byte for
// byte as it was, comments, order and line ends included.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "auth/file_error.h"
#include "auth/hash.h"
#include "base/result.h"

namespace vmq::passwd {

// Empty when the name can stand in a password file, otherwise what is wrong with it.
std::string_view user_fault(std::string_view user);

// `user:hash` in the place of the user's line, or at the end. Further lines of the same user go.
std::string with_user(std::string_view text, std::string_view user, std::string_view hash);

// None when no line is the user's.
std::optional<std::string> without_user(std::string_view text, std::string_view user);

using Hasher = std::function<Result<std::string, auth::HashError>(std::string_view /*password*/)>;

struct Hashed {
  std::string text;
  std::size_t count = 0;  // passwords that were plain text
};
// Replaces each plain-text password by its hash. What looks like a broken hash is an error: were it
// taken for a password, the user's real one would be lost.
[[nodiscard]] Result<Hashed, auth::FileError> with_passwords_hashed(std::string_view text,
                                                                    const Hasher& hasher);

}  // namespace vmq::passwd
