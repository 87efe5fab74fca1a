// Keeps vmq.passwd and vmq.acl in force: reads them at the start and again when they change. A file
// that cannot be read or has an error changes nothing and is reported once, with its line, until it
// changes again.
//
// Threads: one at a time.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "auth/file_reload.h"
#include "base/time.h"
#include "config/config.h"
#include "node/log.h"

namespace vmq::node {

// Whole files, for settings and rules; the reason on failure.
[[nodiscard]] Result<std::string, std::string> read_text_file(const std::string& path);

// Tells whether a file may have changed since it was last asked.
class FileWatch {
 public:
  explicit FileWatch(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }
  bool has_changed();

 private:
  struct Mark {
    ino_t inode = 0;
    off_t size = -1;  // -1: there is no file
    std::int64_t modified_ns = 0;
    friend bool operator==(const Mark&, const Mark&) = default;
  };
  std::string path_;
  std::optional<Mark> mark_;
};

class RuleFiles {
 public:
  using OnPasswords = std::function<void(const auth::PasswordSnapshot&)>;
  using OnAcl = std::function<void(const auth::AclSnapshot&)>;

  RuleFiles(const config::FileAuthConfig& config, Log& log, OnPasswords on_passwords, OnAcl on_acl);

  // Whether the file that a setting names could be put in force: it can be read and has no error.
  // Settings about other things pass.
  [[nodiscard]] static Result<void, std::string> check(std::string_view key,
                                                       const std::string& text);
  // Other files are read at once; what cannot be put in force leaves the rules as they are.
  void set_config(const config::FileAuthConfig& config);

  enum class When : std::uint8_t { IfChanged, Always };
  void reload(When when);
  // Looks at the files whose interval is over.
  void tick(Instant now);

 private:
  void reload_passwords(When when);
  void reload_acl(When when);

  config::FileAuthConfig config_;
  Log& log_;
  const OnPasswords on_passwords_;
  const OnAcl on_acl_;
  FileWatch passwords_file_;
  FileWatch acl_file_;
  auth::PasswordSnapshot passwords_;  // shared with shards and hashing threads
  auth::AclSnapshot acl_;             // shared with shards
  Instant passwords_due_{0};
  Instant acl_due_{0};
};

}  // namespace vmq::node
