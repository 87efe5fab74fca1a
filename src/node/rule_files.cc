#include "node/rule_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "net/fd.h"

namespace vmq::node {
namespace {

// Above the bounds of both parsers, so that they get to say what is too long.
constexpr std::size_t rule_file_bytes_max = (std::size_t{256} << 20) + 1;

}  // namespace

Result<std::string, std::string> read_text_file(const std::string& path) {
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return failure<std::string>(std::strerror(errno));
  std::string text;
  char buffer[65536];
  while (text.size() < rule_file_bytes_max) {
    const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure<std::string>(std::strerror(errno));
    if (count == 0) break;
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

bool FileWatch::has_changed() {
  struct stat status {};
  Mark mark;
  if (::stat(path_.c_str(), &status) == 0) {
    mark = {
        status.st_ino, status.st_size,
        static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec};
  }
  if (mark_ == mark) return false;
  mark_ = mark;
  return true;
}

RuleFiles::RuleFiles(const config::FileAuthConfig& config, Log& log, OnPasswords on_passwords,
                     OnAcl on_acl)
    : config_(config),
      log_(log),
      on_passwords_(std::move(on_passwords)),
      on_acl_(std::move(on_acl)),
      passwords_file_(config.passwd_file),
      acl_file_(config.acl_file) {}

void RuleFiles::reload(When when) {
  if (config_.passwd_enabled) reload_passwords(when);
  if (config_.acl_enabled) reload_acl(when);
}

Result<void, std::string> RuleFiles::check(std::string_view key, const std::string& path) {
  const bool is_passwords = key == "vmq_passwd.password_file";
  if (!is_passwords && key != "vmq_acl.acl_file") return {};
  const auto text = read_text_file(path);
  if (!text) return failure("cannot read " + path + ": " + text.error());
  if (is_passwords) {
    const auto loaded = auth::reload_passwords(nullptr, path, *text);
    if (loaded.error) return failure(loaded.error->text());
  } else {
    const auto loaded = auth::reload_acl(nullptr, path, *text);
    if (loaded.error) return failure(loaded.error->text());
  }
  return {};
}

void RuleFiles::set_config(const config::FileAuthConfig& config) {
  const config::FileAuthConfig old = std::exchange(config_, config);
  passwords_due_ = acl_due_ = {0};  // by the new intervals
  if (config.passwd_file != old.passwd_file) passwords_file_ = FileWatch(config.passwd_file);
  const bool is_passwd_new = config.passwd_file != old.passwd_file || !old.passwd_enabled;
  if (config.passwd_enabled && is_passwd_new) reload_passwords(When::Always);
  if (config.acl_file != old.acl_file) acl_file_ = FileWatch(config.acl_file);
  const bool is_acl_new = config.acl_file != old.acl_file || !old.acl_enabled;
  if (config.acl_enabled && is_acl_new) reload_acl(When::Always);
}

void RuleFiles::tick(Instant now) {
  if (config_.passwd_enabled && config_.passwd_reload_interval.ms > 0 && now >= passwords_due_) {
    passwords_due_ = now + config_.passwd_reload_interval;
    reload_passwords(When::IfChanged);
  }
  if (config_.acl_enabled && config_.acl_reload_interval.ms > 0 && now >= acl_due_) {
    acl_due_ = now + config_.acl_reload_interval;
    reload_acl(When::IfChanged);
  }
}

void RuleFiles::reload_passwords(When when) {
  const bool has_changed = passwords_file_.has_changed();
  if (!has_changed && when == When::IfChanged) return;
  const auto text = read_text_file(config_.passwd_file);
  if (!text) {
    log_.error("passwd_unreadable", {{"file", config_.passwd_file}, {"reason", text.error()}});
    return;
  }
  auto reloaded = auth::reload_passwords(passwords_, config_.passwd_file, *text);
  if (reloaded.error) {
    log_.error("passwd_refused", {{"error", reloaded.error->text()}, {"kept", "the old rules"}});
  }
  if (!reloaded.changed) return;
  passwords_ = std::move(reloaded.current);
  log_.info("passwd_loaded", {{"file", config_.passwd_file}, {"users", passwords_->user_count()}});
  on_passwords_(passwords_);
}

void RuleFiles::reload_acl(When when) {
  const bool has_changed = acl_file_.has_changed();
  if (!has_changed && when == When::IfChanged) return;
  const auto text = read_text_file(config_.acl_file);
  if (!text) {
    log_.error("acl_unreadable", {{"file", config_.acl_file}, {"reason", text.error()}});
    return;
  }
  auto reloaded = auth::reload_acl(acl_, config_.acl_file, *text);
  if (reloaded.error) {
    log_.error("acl_refused", {{"error", reloaded.error->text()}, {"kept", "the old rules"}});
  }
  if (!reloaded.changed) return;
  acl_ = std::move(reloaded.current);
  log_.info("acl_loaded", {{"file", config_.acl_file}, {"rules", acl_->rule_count()}});
  on_acl_(acl_);
}

}  // namespace vmq::node
