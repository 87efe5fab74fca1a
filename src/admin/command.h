// The command table: everything that an operator can do, one row a command. The command line, the
// HTTP API, the status page, the help screens, shell completion and docs/commands.md all read this
// table and nothing else. What a command does is bound to its row in src/control.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace vmq::admin {

enum class ArgKind : std::uint8_t {
  KeyValue,  // key=value
  Flag,      // --name, --name=value, --name value, -n, -n value, -nvalue
  Field,     // --name: show this column; --name=value, --name=~regex: only rows like that
};

enum class Value : std::uint8_t { None, Optional, Required };

enum class Type : std::uint8_t {
  Text,
  Number,     // 0 or more
  FieldName,  // the name of a Field of the same command
};

struct Arg {
  std::string_view name = {};
  ArgKind kind = ArgKind::KeyValue;
  std::string_view short_name = {};  // of a flag: one letter, or letters for a flag without value
  Value value = Value::Required;
  bool is_required = false;          // the command makes no sense without it
  std::string_view value_name = {};  // in usage lines: ID
  std::string_view prose = {};       // one sentence
  std::string_view words = {};       // separated by |: all that the value may be; empty: anything
  Type type = Type::Text;
};

enum class Effect : std::uint8_t {
  Reads,
  Changes,  // something of the node: noted in the log with who asked
};

struct Command {
  std::string_view words = {};  // "session show"
  Effect effect = Effect::Reads;
  std::string_view prose = {};  // one sentence; the first of the help screen and the line in lists
  std::span<const Arg> args = {};
  // What may follow the words without a name, as in `show KEY…`; empty: nothing may.
  std::string_view free_words = {};
  // key=value pairs of any key are taken, as in `set KEY=VALUE…`.
  bool takes_any_key = false;
  // May take minutes; commands that do not are carried out meanwhile.
  bool takes_long = false;
  // Answers until the caller hangs up, as `trace client`.
  bool streams = false;
  // More about it, for its own help screen: full sentences, examples. Lines are broken where the
  // screen ends, but a line that starts with blanks is kept as it is.
  std::string_view detail = {};
};

// All commands, those of one first word side by side, in the order of the help screens.
std::span<const Command> commands();

// First words that have commands behind them, and what these are about.
struct Group {
  std::string_view words;
  std::string_view prose;
};

std::span<const Group> groups();

const Command* find_command(std::string_view words);
// By its long name; '-' and '_' count as the same. Null: there is none.
const Arg* find_arg(const Command& command, std::string_view name);

}  // namespace vmq::admin
