// Files of mosquitto from anybody: one text is mosquitto.conf, its includes, its ACL and its
// password file at once. Whatever it is: no crash, and what comes out is a password file and an ACL
// that this broker takes, and a configuration without a line that was not meant.
#include <cstdint>
#include <string>
#include <string_view>

#include "auth/acl.h"
#include "auth/password_file.h"
#include "base/expect.h"
#include "config/parser.h"
#include "migrate/mosquitto.h"
#include "migrate/rules.h"

namespace {

using namespace vmq;

// Enough to nest, too little to multiply until the time is up.
constexpr std::size_t kReadsMax = 4;

void try_rules(std::string_view text) {
  for (const bool are_anonymous_admitted : {false, true}) {
    migrate::Remarks remarks;
    const std::string acl = migrate::migrate_acl(text, "acl", are_anonymous_admitted, remarks);
    VMQ_EXPECT(auth::parse_acl(acl).has_value());
  }
  migrate::Remarks remarks;
  const std::string passwords = migrate::migrate_passwords(text, "passwd", remarks);
  VMQ_EXPECT(auth::parse_password_file(passwords).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::size_t reads = 0;
  const config::FileLoader loader{
      [&](const std::string&) -> Result<std::string, std::string> {
        if (++reads > kReadsMax) return failure(std::string("enough"));
        return std::string(text);
      },
      [](const std::string& pattern) -> Result<std::vector<std::string>, std::string> {
        return std::vector<std::string>{pattern, pattern + "2"};
      }};
  try_rules(text);
  const auto migrated = migrate::migrate_mosquitto("m.conf", loader, {"p", "a"});
  if (!migrated) return 0;
  VMQ_EXPECT(auth::parse_acl(migrated->acl).has_value());
  VMQ_EXPECT(auth::parse_password_file(migrated->passwords).has_value());
  const config::FileLoader none{config::no_files().read, [](const std::string&) {
                                  return Result<std::vector<std::string>, std::string>();
                                }};
  const config::Parsed parsed = config::parse_text(migrated->config, "v.conf", none);
  for (const config::ConfigError& error : parsed.errors) VMQ_EXPECT(!error.reason.empty());
  return 0;
}
