#include "node/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "node/log_file.h"
#include "node/syslog.h"

namespace vmq::node {
namespace {

using config::LogFormat;
using config::LogLevel;

constexpr std::array<std::string_view, 8> level_names{"debug", "info",     "notice", "warning",
                                                      "error", "critical", "alert",  "emergency"};

constexpr char hex_digits[] = "0123456789abcdef";

// Whatever a client may have chosen must not be able to forge a line.
void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += hex_digits[byte >> 4];
      out += hex_digits[byte & 15];
    } else {
      out += c;
    }
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || c == '"' || c == '\\' || c == '=') return false;
  }
  return true;
}

// A line with its priority in front. It comes as the line number of the message's source, which no
// pattern of ours shows, plus one, because a message without a source has none.
class PriorityFormatter : public spdlog::formatter {
 public:
  explicit PriorityFormatter(std::string pattern)
      : pattern_(std::move(pattern)), rest_(pattern_, spdlog::pattern_time_type::utc) {}
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& to) override {
    to.push_back('<');
    to.push_back(static_cast<char>('0' + message.source.line - 1));
    to.push_back('>');
    rest_.format(message, to);
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<PriorityFormatter>(pattern_);
  }

 private:
  const std::string pattern_;
  spdlog::pattern_formatter rest_;
};

}  // namespace

bool is_journal(int fd, const char* journal_stream) {
  struct stat found {};
  if (journal_stream == nullptr || ::fstat(fd, &found) != 0) return false;
  return std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino) == journal_stream;
}

std::string_view level_name(LogLevel level) { return level_names[static_cast<std::size_t>(level)]; }

std::string text_event(LogLevel level, std::string_view name, LogFields fields,
                       std::uint64_t suppressed) {
  std::string out = "[";
  out.append(level_name(level)).append("] ").append(name);
  for (const LogField& field : fields) {
    out.append(" ").append(field.name).append("=");
    if (is_plain(field.text)) {
      out += field.text;
    } else {
      append_quoted(out, field.text);
    }
  }
  if (suppressed > 0) out.append(" suppressed=").append(std::to_string(suppressed));
  return out;
}

std::string json_event(LogLevel level, std::string_view name, LogFields fields,
                       std::uint64_t suppressed) {
  std::string out = "\"level\":";
  append_quoted(out, level_name(level));
  out += ",\"event\":";
  append_quoted(out, name);
  for (const LogField& field : fields) {
    out += ',';
    append_quoted(out, field.name);
    out += ':';
    if (field.is_number) {
      out += field.text;
    } else {
      append_quoted(out, field.text);
    }
  }
  if (suppressed > 0) out.append(",\"suppressed\":").append(std::to_string(suppressed));
  return out;
}

// One logger a destination, because a destination has a format of its own.
struct Log::Sinks {
  struct Target {
    Logger known_as;
    std::shared_ptr<spdlog::logger> logger;
    LogFormat format = LogFormat::Text;
  };
  std::vector<Target> targets;
  std::optional<Syslog> syslog;
  LogLevel syslog_level = LogLevel::Debug;

  static const char* pattern_of(LogFormat format) {
    return format == LogFormat::Json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v})"
                                     : "%Y-%m-%dT%H:%M:%S.%eZ %v";
  }
  void add(Logger known_as, spdlog::sink_ptr sink, LogFormat format) {
    auto logger = std::make_shared<spdlog::logger>("vernemq", std::move(sink));
    logger->set_level(spdlog::level::trace);
    logger->set_pattern(pattern_of(format), spdlog::pattern_time_type::utc);
    logger->flush_on(spdlog::level::trace);
    targets.push_back({std::move(known_as), std::move(logger), format});
  }
  void add_console(LogFormat format, LogLevel level_min) {
    add({"console", level_min, "standard_io", ""},
        std::make_shared<spdlog::sinks::stdout_sink_mt>(), format);
    if (is_journal(STDOUT_FILENO, std::getenv("JOURNAL_STREAM"))) {
      targets.back().logger->set_formatter(std::make_unique<PriorityFormatter>(pattern_of(format)));
    }
  }
  // The reason when the file cannot be opened.
  std::string add_file(const std::string& name, const std::string& path,
                       const config::LogRotation& rotation, LogFormat format, LogLevel level_min) {
    try {
      add({name, level_min, "file", path}, std::make_shared<LogFile>(path, rotation), format);
      return {};
    } catch (const spdlog::spdlog_ex& problem) {
      return problem.what();
    }
  }
  void write(LogLevel level, std::string_view name, LogFields fields, std::uint64_t suppressed) {
    for (const Target& target : targets) {
      if (level < target.known_as.level) continue;
      const std::string text = target.format == LogFormat::Json
                                   ? json_event(level, name, fields, suppressed)
                                   : text_event(level, name, fields, suppressed);
      const spdlog::source_loc priority{"", severity_of(level) + 1, ""};
      target.logger->log(priority, spdlog::level::info,
                         spdlog::string_view_t(text.data(), text.size()));
    }
    if (syslog && level >= syslog_level)
      syslog->write(level, text_event(level, name, fields, suppressed));
  }
};

Log::Log(const config::LogConfig& config) : config_(config) { reopen(); }
Log::~Log() = default;

void Log::reopen() {
  using config::LogConsole;
  const std::lock_guard<std::mutex> lock(mutex_);
  auto sinks = std::make_unique<Sinks>();
  const LogConsole where = config_.console;
  const LogLevel console_level = level_of("console", config_.level);
  const LogLevel file_level = level_of("consolefile", config_.level);
  if (where == LogConsole::Console || where == LogConsole::Both) {
    sinks->add_console(config_.console_format, console_level);
  }
  std::string problem;
  if (where == LogConsole::File || where == LogConsole::Both) {
    problem = sinks->add_file("consolefile", config_.console_file, config_.console_rotation,
                              config_.console_file_format, file_level);
    if (!problem.empty() && where == LogConsole::File) {
      sinks->add_console(config_.console_format, console_level);
    }
  }
  if (config_.error_enabled) {
    const std::string error_problem =
        sinks->add_file("default", config_.error_file, config_.error_rotation,
                        config_.error_file_format, level_of("default", LogLevel::Error));
    if (problem.empty()) problem = error_problem;
  }
  if (config_.syslog.enabled) {
    config::SyslogConfig syslog = config_.syslog;
    sinks->syslog_level = level_of("syslog", syslog.level);
    syslog.level = LogLevel::Debug;  // this class decides
    sinks->syslog.emplace(syslog);
  }
  sinks_ = std::move(sinks);
  if (!problem.empty()) {
    sinks_->write(LogLevel::Warning, "log_file_unusable", {{"reason", problem}}, 0);
  }
  if (sinks_->syslog && !sinks_->syslog->problem().empty()) {
    const std::string reason = sinks_->syslog->problem();
    sinks_->write(LogLevel::Warning, "syslog_unusable", {{"reason", reason}}, 0);
  }
}

LogLevel Log::level_of(std::string_view name, LogLevel configured) const {
  const auto found = levels_set_.find(name);
  return found == levels_set_.end() ? configured : found->second;
}

std::vector<Logger> Log::loggers() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Logger> all;
  for (const Sinks::Target& target : sinks_->targets) all.push_back(target.known_as);
  if (sinks_->syslog) all.push_back({"syslog", sinks_->syslog_level, "syslog", ""});
  return all;
}

bool Log::set_level(std::string_view name, LogLevel level) {
  const std::lock_guard<std::mutex> lock(mutex_);
  bool is_known = false;
  for (Sinks::Target& target : sinks_->targets) {
    if (target.known_as.name != name) continue;
    target.known_as.level = level;
    is_known = true;
  }
  if (name == "syslog" && sinks_->syslog) {
    sinks_->syslog_level = level;
    is_known = true;
  }
  if (is_known) levels_set_[std::string(name)] = level;
  return is_known;
}

void Log::event(LogLevel level, std::string_view name, LogFields fields) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::uint64_t suppressed = 0;
  if (is_due(name, suppressed)) sinks_->write(level, name, fields, suppressed);
}

bool Log::is_due(std::string_view name, std::uint64_t& suppressed) {
  const auto now = std::chrono::steady_clock::now();
  Burst& burst = bursts_[std::string(name)];
  if (burst.count == 0 || now - burst.since >= window) {
    suppressed = std::exchange(burst.suppressed, 0);
    burst.since = now;
    burst.count = 1;
    return true;
  }
  if (++burst.count <= burst_max) return true;
  ++burst.suppressed;
  return false;
}

}  // namespace vmq::node
