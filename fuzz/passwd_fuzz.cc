// Password files: the parser, and what vmq-passwd does to their text. The input is a file and,
// after zero bytes, a user and a password. What must hold: a user that was set verifies, one that
// was deleted is gone, and a file whose plain-text passwords were hashed parses.
#include <cstdlib>
#include <string>
#include <string_view>

#include "auth/file_reload.h"
#include "auth/password_file.h"
#include "passwd/edit.h"

namespace {

using namespace vmq::auth;

void require(bool condition) {
  if (!condition) std::abort();
}

std::string_view take_part(std::string_view& rest) {
  const std::size_t end = rest.find('\0');
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  return part;
}

vmq::Result<std::string, HashError> fast_hash(std::string_view password) {
  return hash_sha512(password, vmq::as_bytes("twelve bytes"));
}

bool has_long_line(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (text.substr(0, end).size() > password_line_bytes_max) return true;
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return false;
}

void check_edits(std::string_view text, std::string_view user, std::string_view password) {
  const auto hashed = vmq::passwd::with_passwords_hashed(text, fast_hash);
  if (!hashed) return;
  if (has_long_line(hashed->text)) return;
  require(parse_password_file(hashed->text).has_value());
  if (!vmq::passwd::user_fault(user).empty() || user.size() > 800) return;

  const std::string set = vmq::passwd::with_user(hashed->text, user, fast_hash(password).value());
  const auto table = parse_password_file(set);
  require(table.has_value());
  require(verify(*table, user, password) == PasswordVerdict::Accept);

  const auto deleted = vmq::passwd::without_user(set, user);
  require(deleted.has_value());
  const auto table_without = parse_password_file(*deleted);
  require(table_without.has_value());
  require(table_without->find(user) == nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view text = take_part(rest);
  const std::string_view user = take_part(rest);
  const std::string_view password = take_part(rest);

  const auto first = reload_passwords(nullptr, "f", text);
  require((first.current != nullptr) != first.error.has_value());
  if (first.current) {
    require(!reload_passwords(first.current, "f", text).changed);
    const Verifier* verifier = first.current->find(user);
    require(first.current->needs_hashing(user, password) == (verifier != nullptr));
    // Argon2id is slow on purpose.
    if (verifier != nullptr && verifier->kind == HashKind::Sha512) {
      require(verify(*first.current, user, password) != PasswordVerdict::Next);
    }
  }
  check_edits(text, user, password);
  return 0;
}
