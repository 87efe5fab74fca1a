#include "auth/file_reload.h"

#include "base/hash.h"

namespace vmq::auth {

namespace {

template <typename T, typename Parse>
Reloaded<T> reload(std::shared_ptr<const T> old, std::string_view file, std::string_view text,
                   Parse parse) {
  if (old && old->text_hash() == keyed_hash({}, text)) return {std::move(old), false, {}};
  const std::uint64_t generation = old ? old->generation() + 1 : 1;
  Result<T, FileError> parsed = parse(text, generation);
  if (!parsed) {
    const FileError& error = parsed.error();
    return {std::move(old), false, ReloadError{std::string(file), error.line, error.reason}};
  }
  return {std::make_shared<const T>(std::move(*parsed)), true, {}};
}

}  // namespace

std::string ReloadError::text() const {
  return line == 0 ? file + ": " + reason : file + ":" + std::to_string(line) + ": " + reason;
}

Reloaded<Acl> reload_acl(AclSnapshot old, std::string_view file, std::string_view text) {
  return reload(std::move(old), file, text, parse_acl);
}

Reloaded<PasswordTable> reload_passwords(PasswordSnapshot old, std::string_view file,
                                         std::string_view text) {
  return reload(std::move(old), file, text, parse_password_file);
}

}  // namespace vmq::auth
