#include "daemon/import_word.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "config/load.h"
#include "config/load_files.h"
#include "migrate/mosquitto.h"

namespace vmq::daemon {

namespace {

namespace fs = std::filesystem;

int fail(const std::string& text) {
  std::fputs(("vernemq import-mosquitto: " + text + "\n").c_str(), stderr);
  return 1;
}

// Readable for the owner and, once the folder is given to it, the broker's group: there are hashes
// of passwords in it.
bool write_file(const fs::path& path, const std::string& text, Existing existing) {
  const int how = existing == Existing::Kept ? O_EXCL : O_TRUNC;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | how, 0640);
  if (fd < 0) return false;
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t size = ::write(fd, text.data() + done, text.size() - done);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) break;
    done += static_cast<std::size_t>(size);
  }
  const bool is_closed = ::close(fd) == 0;
  return is_closed && done == text.size();
}

}  // namespace

int import_mosquitto(const std::string& file, const std::string& folder, Existing existing) {
  std::error_code error;
  const fs::path to = fs::absolute(folder, error);
  const fs::path conf = to / "vernemq.conf";
  const fs::path passwords = to / "vmq.passwd";
  const fs::path acl = to / "vmq.acl";
  auto migrated =
      migrate::migrate_mosquitto(file, config::real_files(), {passwords.string(), acl.string()});
  if (!migrated) return fail(migrated.error());
  const std::array<std::pair<fs::path, const std::string*>, 3> files{
      {{conf, &migrated->config}, {passwords, &migrated->passwords}, {acl, &migrated->acl}}};
  if (existing == Existing::Kept) {
    for (const auto& [path, text] : files) {
      if (!fs::exists(path, error)) continue;
      return fail(path.string() +
                  " exists; name another folder with -o, or overwrite with --force");
    }
  }
  fs::create_directories(to, error);
  for (const auto& [path, text] : files) {
    if (!write_file(path, *text, existing)) {
      return fail(path.string() + ": " + std::strerror(errno));
    }
  }
  for (const migrate::Remark& remark : migrated->remarks) {
    std::puts(migrate::format_remark(remark).c_str());
  }
  std::puts(fmt::format("{} settings carried over, {} remarks; written to {}", migrated->carried,
                        migrated->remarks.size(), to.string())
                .c_str());
  const auto loaded = config::load(conf.string(), config::real_files());
  if (!loaded) return fail("look at these first:\n" + config::format_errors(loaded.error()));
  std::puts(fmt::format("config is OK: vernemq -c {} chkconfig", conf.string()).c_str());
  return 0;
}

}  // namespace vmq::daemon
