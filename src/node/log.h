// What the process tells an operator: events with fields, on the console, in files and at a syslog
// daemon.
//
//   2026-01-31T12:00:00.123Z [warning] accept_paused error="Too many open files" shard=3
//
// Where the console is systemd's journal, a line begins with its priority, as <4> for a warning
// (sd-daemon(3)), which the journal takes off.
//
// Log events, not prose; never payloads, never passwords. An event that repeats is cut short: after
// `burst_max` of one name within `window` the rest is counted, and the next one that is written
// says how many there were.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "config/config.h"

namespace vmq::node {

struct LogField {
  LogField(std::string_view name_of, std::string_view value) : name(name_of), text(value) {}
  template <typename T>
  requires std::is_integral_v<T> LogField(std::string_view name_of, T value)
      : name(name_of), text(std::to_string(value)), is_number(true) {}

  std::string_view name;
  std::string text;
  bool is_number = false;
};
using LogFields = std::initializer_list<LogField>;

// A destination of the log, as `log show config` lists it.
struct Logger {
  std::string name;
  config::LogLevel level = config::LogLevel::Info;
  std::string type;  // standard_io, file, syslog
  std::string file;  // of a file
};

// Threads: any.
class Log {
 public:
  static constexpr std::uint32_t burst_max = 20;
  static constexpr std::chrono::seconds window{10};

  // A file that cannot be opened is no error: its events go to the console instead, and the first
  // says why.
  explicit Log(const config::LogConfig& config);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void event(config::LogLevel level, std::string_view name, LogFields fields = {});
  void info(std::string_view name, LogFields fields = {}) {
    event(config::LogLevel::Info, name, fields);
  }
  void warning(std::string_view name, LogFields fields = {}) {
    event(config::LogLevel::Warning, name, fields);
  }
  void error(std::string_view name, LogFields fields = {}) {
    event(config::LogLevel::Error, name, fields);
  }
  std::vector<Logger> loggers();
  // Until the process ends. False: there is no logger of that name.
  bool set_level(std::string_view name, config::LogLevel level);
  // Opens the files anew, after they were moved away by a log rotation.
  void reopen();

 private:
  struct Sinks;
  struct Burst {
    std::chrono::steady_clock::time_point since;
    std::uint32_t count = 0;
    std::uint64_t suppressed = 0;
  };
  // The number of events of this name left out so far; nothing: leave this one out too.
  bool is_due(std::string_view name, std::uint64_t& suppressed);

  config::LogLevel level_of(std::string_view name, config::LogLevel configured) const;

  const config::LogConfig config_;
  std::mutex mutex_;
  std::map<std::string, config::LogLevel, std::less<>> levels_set_;  // by set_level(), by name
  std::unique_ptr<Sinks> sinks_;
  std::unordered_map<std::string, Burst> bursts_;  // names are constants of ours, so it stays small
};

std::string_view level_name(config::LogLevel level);

// Whether the descriptor is the stream that `journal_stream`, the variable JOURNAL_STREAM of
// systemd.exec(5), names as DEVICE:INODE. Another one inherits the variable, too.
bool is_journal(int fd, const char* journal_stream);

// An event as it stands behind the time, in each format. For tests too.
std::string text_event(config::LogLevel level, std::string_view name, LogFields fields,
                       std::uint64_t suppressed);
std::string json_event(config::LogLevel level, std::string_view name, LogFields fields,
                       std::uint64_t suppressed);

}  // namespace vmq::node
