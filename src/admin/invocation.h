// A command line, understood: which row of the table, and what was given to it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/command.h"
#include "base/result.h"

namespace vmq::admin {

enum class Format : std::uint8_t { Human, Json, Csv };

struct Given {
  std::string name;                  // the long name, whatever form was typed
  std::optional<std::string> value;  // none: a bare flag. Of a Field: "~REGEX" is an expression
  const Arg* arg = nullptr;          // its row; null: a key that `takes_any_key` let pass
};

struct Invocation {
  const Command* command = nullptr;
  Format format = Format::Human;
  std::vector<std::string> free_words;
  std::vector<Given> given;  // in the order of the line; a name may come more than once

  bool has(std::string_view name) const;
  // The last one given with a value.
  std::optional<std::string_view> value(std::string_view name) const;
  // Of an argument of Type::Number, which parse() has checked.
  std::uint64_t number(std::string_view name, std::uint64_t otherwise) const;
};

struct UsageError {
  std::string text;      // what to show: the complaint, or the help that was asked for
  bool is_help = false;  // --help was given: no error at all
  Format format = Format::Human;
};

// Words first, then key=value and flags in any order. An unknown word, key or flag names the
// nearest known one. A bare flag may also be given as --flag=true; with =false it is not given.
[[nodiscard]] Result<Invocation, UsageError> parse(std::span<const std::string> line);

}  // namespace vmq::admin
