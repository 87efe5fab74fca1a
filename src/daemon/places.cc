#include "daemon/places.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>

#include "config/load.h"
#include "config/load_files.h"

namespace vmq::daemon {

namespace {

#ifdef VMQ_PACKAGED
constexpr bool kIsPackaged = true;
#else
constexpr bool kIsPackaged = false;
#endif

constexpr const char* kRunFolder = "/run/vernemq";
constexpr const char* kUser = "vernemq";
constexpr rlim_t kFilesWanted = 1'048'576;

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  return value;
}

std::string_view without_quotes(std::string_view text) {
  if (text.size() < 2 || text.front() != text.back()) return text;
  if (text.front() != '"' && text.front() != '\'') return text;
  return text.substr(1, text.size() - 2);
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

void take_line(std::string_view line) {
  line = trim(line);
  if (line.starts_with("export ")) line = trim(line.substr(7));
  const std::size_t equals = line.find('=');
  if (line.empty() || line.front() == '#' || equals == line.npos || equals == 0) return;
  const std::string name(line.substr(0, equals));
  const std::string value(without_quotes(trim(line.substr(equals + 1))));
  ::setenv(name.c_str(), value.c_str(), 0);
}

// /run is empty after every start of the machine. A folder that a run as root has left behind is
// given to the user too.
Result<void, std::string> make_run_folder(const passwd& user) {
  if (::mkdir(kRunFolder, 0755) != 0 && errno != EEXIST) {
    return failure(fmt::format("cannot make {}: {}", kRunFolder, std::strerror(errno)));
  }
  if (::lchown(kRunFolder, user.pw_uid, user.pw_gid) != 0) {
    return failure(
        fmt::format("cannot give {} to {}: {}", kRunFolder, user.pw_name, std::strerror(errno)));
  }
  return {};
}

void raise_hard_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max >= kFilesWanted) return;
  limit.rlim_cur = limit.rlim_max = kFilesWanted;
  ::setrlimit(RLIMIT_NOFILE, &limit);  // the log says how many there are
}

}  // namespace

void read_defaults_file() {
  const std::optional<std::string> named = environment("VERNEMQ_DEFAULTS");
  if (!named && !kIsPackaged) return;
  const char* usual[] = {"/etc/default/vernemq", "/etc/sysconfig/vernemq"};
  std::ifstream file;
  if (named) {
    file.open(*named);
  } else {
    for (const char* path : usual) {
      file.open(path);
      if (file) break;
      file.clear();
    }
  }
  for (std::string line; std::getline(file, line);) take_line(line);
}

Result<std::string, std::string> pid_file_of(const std::string& config_file) {
  if (auto named = environment("VERNEMQ_PID_FILE"); named && !named->empty()) return *named;
  // Without the configuration, so that a node stops although its file was broken meanwhile.
  if (kIsPackaged && config_file == kConfigFile) return std::string(kRunFolder) + "/vernemq.pid";
  const auto loaded = config::load(config_file, config::real_files());
  if (!loaded) return failure(config::format_errors(loaded.error()));
  return loaded->config.node.data_dir + "/vernemq.pid";
}

Result<void, std::string> become_service_user() {
  if (::geteuid() != 0) return {};
  const std::optional<std::string> named = environment("VERNEMQ_USER");
  const std::string name = named ? *named : kIsPackaged ? kUser : "";
  if (name.empty()) return {};
  const passwd* user = ::getpwnam(name.c_str());
  if (user == nullptr) {
    if (!named) return {};
    return failure(fmt::format("VERNEMQ_USER names {}, and there is no such user", name));
  }
  raise_hard_file_limit();
  if (kIsPackaged) {
    if (auto made = make_run_folder(*user); !made) return made;
  }
  if (::initgroups(user->pw_name, user->pw_gid) != 0 || ::setgid(user->pw_gid) != 0 ||
      ::setuid(user->pw_uid) != 0) {
    return failure(fmt::format("cannot become user {}: {}", name, std::strerror(errno)));
  }
  ::setenv("HOME", user->pw_dir, 1);
  ::setenv("USER", user->pw_name, 1);
  return {};
}

}  // namespace vmq::daemon
