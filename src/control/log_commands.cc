#include <optional>
#include <string>
#include <string_view>

#include "control/control.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Cell;
using admin::Invocation;
using config::LogLevel;

Answer show(Context& context, const Invocation&) {
  admin::Table table{{"logger", "level", "type", "file"}, {}};
  for (const node::Logger& logger : context.log.loggers()) {
    table.rows.push_back({Cell(logger.name), Cell(std::string(node::level_name(logger.level))),
                          Cell(logger.type), Cell(logger.file.empty() ? "-" : logger.file)});
  }
  return Answer::of(std::move(table));
}

std::optional<LogLevel> level_of(std::string_view word) {
  if (word == "all") return LogLevel::Debug;
  for (int i = 0; i <= static_cast<int>(LogLevel::Emergency); ++i) {
    const auto level = static_cast<LogLevel>(i);
    if (node::level_name(level) == word) return level;
  }
  return std::nullopt;
}

Answer set_level(Context& context, const Invocation& invocation) {
  const std::string name(*invocation.value("logger"));
  const std::optional<LogLevel> level = level_of(*invocation.value("level"));
  if (!level) return Answer::bad_usage("There is no such level.");
  if (context.log.set_level(name, *level)) return Answer::done();
  std::string names;
  for (const node::Logger& logger : context.log.loggers()) {
    names += (names.empty() ? "" : ", ") + logger.name;
  }
  return Answer::failed("There is no logger '" + name + "'; there are: " + names + ".");
}

}  // namespace

void bind_log_commands(Handlers& handlers) {
  handlers["log show config"] = show;
  handlers["log level"] = set_level;
}

}  // namespace vmq::control
