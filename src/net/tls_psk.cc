#include "net/tls_psk.h"

namespace vmq::net {
namespace {

// What OpenSSL takes.
constexpr std::size_t identity_max = 128;
constexpr std::size_t secret_max = 256;

}  // namespace

Result<PskTable, std::string> parse_psk_file(std::string_view text, std::string_view separator) {
  PskTable table;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t split = line.find(separator);
    const std::string where = "line " + std::to_string(number) + ": ";
    if (separator.empty() || split == line.npos || split == 0) {
      return failure(where + "expected identity" + std::string(separator) + "secret");
    }
    const std::string_view identity = line.substr(0, split);
    const std::string_view secret = line.substr(split + separator.size());
    if (identity.size() > identity_max) return failure(where + "the identity is above 128 bytes");
    if (secret.empty() || secret.size() > secret_max) {
      return failure(where + "the secret must have 1 to 256 bytes");
    }
    table.insert_or_assign(std::string(identity), std::string(secret));
  }
  return table;
}

}  // namespace vmq::net
