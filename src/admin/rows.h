// Short ways to write the arguments of a row. Only for the files that hold rows.
#pragma once

#include <span>
#include <string_view>

#include "admin/command.h"

namespace vmq::admin {

constexpr Arg key(std::string_view name, std::string_view value_name, std::string_view prose) {
  return {.name = name, .value_name = value_name, .prose = prose};
}

constexpr Arg required_key(std::string_view name, std::string_view value_name,
                           std::string_view prose) {
  return {.name = name, .is_required = true, .value_name = value_name, .prose = prose};
}

constexpr Arg number_key(std::string_view name, std::string_view value_name,
                         std::string_view prose) {
  return {.name = name, .value_name = value_name, .prose = prose, .type = Type::Number};
}

// --name alone.
constexpr Arg bare(std::string_view name, std::string_view short_name, std::string_view prose) {
  return {.name = name,
          .kind = ArgKind::Flag,
          .short_name = short_name,
          .value = Value::None,
          .prose = prose};
}

constexpr Arg flag(std::string_view name, std::string_view short_name, std::string_view value_name,
                   std::string_view prose) {
  return {.name = name,
          .kind = ArgKind::Flag,
          .short_name = short_name,
          .value_name = value_name,
          .prose = prose};
}

constexpr Arg number_flag(std::string_view name, std::string_view short_name,
                          std::string_view value_name, std::string_view prose) {
  Arg arg = flag(name, short_name, value_name, prose);
  arg.type = Type::Number;
  return arg;
}

// --name, --name=true, --name=false
constexpr Arg switch_flag(std::string_view name, std::string_view short_name,
                          std::string_view prose) {
  Arg arg = flag(name, short_name, "true|false", prose);
  arg.value = Value::Optional;
  arg.words = "true|false|on|off";
  return arg;
}

constexpr Arg field(std::string_view name, std::string_view prose) {
  return {.name = name, .kind = ArgKind::Field, .value = Value::Optional, .prose = prose};
}

constexpr Arg one_of(Arg arg, std::string_view words) {
  arg.words = words;
  return arg;
}

inline constexpr Arg kMountpoint =
    flag("mountpoint", "m", "M", "The mountpoint of the client; the empty one unless given.");

constexpr Arg kOrderBy = {.name = "order_by",
                          .kind = ArgKind::Flag,
                          .value_name = "FIELD",
                          .prose = "Sort the rows by this field, which need not be a column.",
                          .type = Type::FieldName};

// The rows of each file, put together by commands.cc.
std::span<const Command> node_commands();
std::span<const Command> session_commands();
std::span<const Command> message_commands();
std::span<const Command> listener_commands();
std::span<const Command> watch_commands();
std::span<const Command> setup_commands();
std::span<const Command> config_commands();
std::span<const Command> extension_commands();

}  // namespace vmq::admin
