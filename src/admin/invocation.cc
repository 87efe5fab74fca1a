#include "admin/invocation.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "admin/help.h"
#include "base/edit_distance.h"

namespace vmq::admin {
namespace {

constexpr std::size_t shown_bytes_max = 120;
constexpr std::string_view formats = "human|json|csv";

// What an operator typed, for a complaint: quoted, and no longer than a line.
std::string shown(std::string_view text) {
  if (text.size() <= shown_bytes_max) return "\"" + std::string(text) + "\"";
  std::size_t end = shown_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return "\"" + std::string(text.substr(0, end)) + "…\"";
}

bool is_number(std::string_view text) {
  constexpr std::size_t digits_max = 18;  // fits 64 bits in any case
  return !text.empty() && text.size() <= digits_max &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "-5" is a value; "-m" is a flag.
bool is_negative_number(std::string_view word) {
  return word.size() > 1 && word.front() == '-' &&
         word.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

bool is_flag(std::string_view word) {
  return word.size() > 1 && word.front() == '-' && !is_negative_number(word);
}

bool is_among(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find('|'), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

// The nearest of what was offered so far.
struct Nearest {
  std::string_view typed;
  std::size_t most;
  std::string best = {};

  explicit Nearest(std::string_view typed_of)
      : typed(typed_of),
        most(typed_of.size() < 3 ? 1 : std::max<std::size_t>(2, typed_of.size() / 3)) {}

  void offer(std::string_view candidate) {
    const std::size_t distance = edit_distance(typed, candidate, most);
    if (distance > most || candidate.empty()) return;
    best = candidate;
    most = distance == 0 ? 0 : distance - 1;  // only a nearer one takes its place
  }
};

class Reader {
 public:
  explicit Reader(std::span<const std::string> line) : line_(line) {}

  Result<Invocation, UsageError> read() {
    invocation_.format = wanted_format();
    const bool wants_help = asks_for_help();
    find_row();
    if (wants_help && (invocation_.command != nullptr || at_ == plain_end())) return help();
    if (invocation_.command == nullptr) return failure(unknown_command());
    while (at_ < line_.size()) {
      if (!read_one()) return failure(std::move(error_));
    }
    if (!has_required()) return failure(std::move(error_));
    return std::move(invocation_);
  }

 private:
  // Known before anything is complained about, so that complaints have the form asked for.
  Format wanted_format() const {
    for (std::size_t i = 0; i < line_.size(); ++i) {
      const std::string_view word = line_[i];
      std::string_view value;
      if (word == "--format" && i + 1 < line_.size()) value = line_[i + 1];
      if (word.starts_with("--format=")) value = word.substr(9);
      if (value == "json") return Format::Json;
      if (value == "csv") return Format::Csv;
    }
    return Format::Human;
  }

  // -h may be a flag of a command as well, so it asks for help at the end of the line only.
  bool asks_for_help() const {
    if (!line_.empty() && line_.back() == "-h") return true;
    return std::find(line_.begin(), line_.end(), "--help") != line_.end() ||
           (!line_.empty() && line_.front() == "help");
  }

  std::size_t plain_end() const {
    std::size_t end = 0;
    while (end < line_.size() && !is_flag(line_[end]) &&
           line_[end].find('=') == std::string::npos) {
      ++end;
    }
    return end;
  }

  // Takes the words of the longest row, or of the longest beginning of rows.
  void find_row() {
    if (!line_.empty() && line_.front() == "help") at_ = 1;
    std::string words;
    const std::size_t end = plain_end();
    for (std::size_t i = at_; i < end; ++i) {
      if (line_[i].find(' ') != std::string::npos) return;
      words += (words.empty() ? "" : " ") + line_[i];
      if (const Command* command = find_command(words); command != nullptr) {
        invocation_.command = command;
        known_ = words;
        at_ = i + 1;
      } else if (is_beginning(words)) {
        if (invocation_.command == nullptr) known_ = words;
        if (invocation_.command == nullptr) at_ = i + 1;
      } else {
        return;
      }
    }
  }

  static bool is_beginning(std::string_view words) {
    return std::any_of(commands().begin(), commands().end(), [&](const Command& command) {
      return command.words.starts_with(words) && command.words.size() > words.size() &&
             command.words[words.size()] == ' ';
    });
  }

  Result<Invocation, UsageError> help() const {
    std::string text = invocation_.command != nullptr ? help_of_command(*invocation_.command)
                                                      : help_of_group(known_);
    return failure(UsageError{std::move(text), true, invocation_.format});
  }

  UsageError unknown_command() const {
    std::string text = help_of_group(known_);
    if (at_ < line_.size() && !is_flag(line_[at_])) text += unknown_word();
    return {std::move(text), false, invocation_.format};
  }

  std::string unknown_word() const {
    std::string typed = known_;
    for (std::size_t i = at_; i < plain_end() && i < at_ + 3; ++i) {
      typed += (typed.empty() ? "" : " ") + line_[i];
    }
    std::string text = "\n\nThere is no command " + shown(typed) + ".";
    if (const std::string near = nearest_command(typed); !near.empty()) {
      text += "\nDid you mean this?\n  vmq-admin " + near;
    }
    return text;
  }

  // Whole lines are compared first, then the next word alone.
  std::string nearest_command(std::string_view typed) const {
    if (typed.size() > shown_bytes_max) return {};
    Nearest nearest(typed);
    for (const Command& command : commands()) nearest.offer(command.words);
    if (!nearest.best.empty()) return nearest.best;
    Nearest word(line_[at_]);
    for (const Command& command : commands()) {
      std::string_view rest = command.words;
      if (!known_.empty()) {
        if (!rest.starts_with(known_ + " ")) continue;
        rest.remove_prefix(known_.size() + 1);
      }
      word.offer(rest.substr(0, rest.find(' ')));
    }
    if (word.best.empty()) return {};
    return known_.empty() ? word.best : known_ + " " + word.best;
  }

  bool read_one() {
    const std::string& word = line_[at_++];
    if (word == "--") return complain("Invalid key: \"--\"", "Flags have names.");
    if (word.starts_with("--")) return read_long(word.substr(2));
    if (is_flag(word)) return read_short(word.substr(1));
    const Command& command = *invocation_.command;
    if (const std::size_t equals = word.find('='); equals != std::string::npos && equals > 0) {
      const std::string name = word.substr(0, equals);
      const Arg* arg = find_arg(command, name);
      if (arg != nullptr && arg->kind == ArgKind::KeyValue) {
        return take(*arg, word.substr(equals + 1));
      }
      if (command.takes_any_key) {
        invocation_.given.push_back({name, word.substr(equals + 1), nullptr});
        return true;
      }
      if (command.free_words.empty() || arg != nullptr) return unknown_key(word, name);
    }
    if (command.free_words.empty()) return unknown_free_word(word);
    invocation_.free_words.push_back(word);
    return true;
  }

  bool read_long(const std::string& text) {
    const std::size_t equals = std::min(text.find('='), text.size());
    const std::string name = text.substr(0, equals);
    std::optional<std::string> value;
    if (equals < text.size()) value = text.substr(equals + 1);
    if (name == "format") return read_format(std::move(value));
    const Arg* arg = find_arg(*invocation_.command, name);
    if (arg == nullptr || arg->kind == ArgKind::KeyValue) return unknown_flag("--" + name, name);
    return read_flag(*arg, std::move(value));
  }

  bool read_short(const std::string& text) {
    const Arg* best = nullptr;
    for (const Arg& arg : invocation_.command->args) {
      if (arg.short_name.empty() || !text.starts_with(arg.short_name)) continue;
      if (text.size() > arg.short_name.size() && arg.short_name.size() > 1) continue;
      if (best == nullptr || arg.short_name.size() > best->short_name.size()) best = &arg;
    }
    if (best == nullptr) return unknown_flag("-" + text, text.substr(0, text.find('=')));
    if (text.size() == best->short_name.size()) return read_flag(*best, std::nullopt);
    std::string value = text.substr(1);
    if (value.front() == '=') value.erase(0, 1);
    return read_flag(*best, std::move(value));
  }

  bool read_flag(const Arg& arg, std::optional<std::string> value) {
    if (!value && at_ < line_.size() && !is_flag(line_[at_])) {
      const std::string& next = line_[at_];
      // Where the value may be left out, the next word is it only if it can be one.
      const std::string_view words = arg.value == Value::None ? "true|false" : arg.words;
      if (arg.value == Value::Required || (arg.kind == ArgKind::Field && words.empty()) ||
          is_among(words, next)) {
        value = next;
        ++at_;
      }
    }
    if (arg.value == Value::None) return take_bare(arg, value);
    if (value) return take(arg, std::move(*value));
    if (arg.value == Value::Required) {
      return complain("Invalid value: \"\"", named(arg) + " needs a value: " + shown_arg(arg));
    }
    invocation_.given.push_back({std::string(arg.name), std::nullopt, &arg});
    return true;
  }

  bool take_bare(const Arg& arg, const std::optional<std::string>& value) {
    if (value && !is_among("true|false|on|off", *value)) {
      return complain("Invalid value: " + shown(*value), named(arg) + " takes no value.");
    }
    if (!value || is_among("true|on", *value)) {
      invocation_.given.push_back({std::string(arg.name), std::nullopt, &arg});
    }
    return true;
  }

  bool read_format(std::optional<std::string> value) {
    if (!value && at_ < line_.size()) value = line_[at_++];
    if (value && is_among(formats, *value)) return true;
    return complain("Invalid value: " + shown(value.value_or("")),
                    "--format is one of human, json, csv.");
  }

  bool take(const Arg& arg, std::string value) {
    if (arg.is_required && value.empty()) return bad_value(arg, value, " must not be empty.");
    if (arg.type == Type::Number && !is_number(value)) {
      return bad_value(arg, value, " is a number, 0 or more.");
    }
    if (!arg.words.empty() && !is_among(arg.words, value)) {
      std::string words(arg.words);
      for (std::size_t at = 0; (at = words.find('|', at)) != std::string::npos; at += 2) {
        words.replace(at, 1, ", ");
      }
      return bad_value(arg, value, " is one of " + words + ".");
    }
    if (arg.type == Type::FieldName) {
      const Arg* field = find_arg(*invocation_.command, value);
      if (field == nullptr || field->kind != ArgKind::Field) {
        const std::string near = nearest_arg(value, ArgKind::Field);
        return bad_value(
            arg, value, near.empty() ? " is the name of a field." : ": did you mean " + near + "?");
      }
      value = field->name;
    }
    invocation_.given.push_back({std::string(arg.name), std::move(value), &arg});
    return true;
  }

  static std::string named(const Arg& arg) {
    return (arg.kind == ArgKind::KeyValue ? "" : "--") + std::string(arg.name);
  }

  bool bad_value(const Arg& arg, std::string_view value, const std::string& why) {
    return complain("Invalid value: " + shown(value), named(arg) + why);
  }

  bool unknown_key(std::string_view word, std::string_view name) {
    std::string hint;
    const Arg* arg = find_arg(*invocation_.command, name);
    if (arg != nullptr) {
      hint = "With dashes: --" + std::string(word);
    } else if (const std::string near = nearest_arg(name, ArgKind::KeyValue); !near.empty()) {
      hint = "Did you mean " + near + "=?";
    }
    return complain("Invalid arguments: " + shown_bare(word), hint);
  }

  bool unknown_free_word(std::string_view word) {
    const Command& command = *invocation_.command;
    if (is_beginning(command.words)) {
      error_ = {help_of_command(command), false, invocation_.format};
      at_ = at_ - 1;
      error_.text += unknown_word();
      return false;
    }
    return complain("Invalid arguments: " + shown_bare(word), "");
  }

  bool unknown_flag(std::string_view word, std::string_view name) {
    std::string hint;
    const Arg* arg = find_arg(*invocation_.command, name);
    if (arg != nullptr && arg->kind == ArgKind::KeyValue) {
      hint = "Without dashes: " + shown_arg(*arg);
    } else if (arg != nullptr) {
      hint = "With two dashes: --" + std::string(arg->name);
    } else if (const std::string near = nearest_arg(name, ArgKind::Flag); !near.empty()) {
      hint = "Did you mean --" + near + "?";
    }
    return complain("Invalid key: " + shown(word), hint);
  }

  static std::string shown_bare(std::string_view text) {
    const std::string inside = shown(text);
    return inside.substr(1, inside.size() - 2);
  }

  std::string nearest_arg(std::string_view name, ArgKind kind) const {
    if (name.size() > shown_bytes_max) return {};
    Nearest nearest(name);
    for (const Arg& arg : invocation_.command->args) {
      // Fields are flags too, where flags are looked for.
      if (arg.kind == kind || (kind == ArgKind::Flag && arg.kind == ArgKind::Field)) {
        nearest.offer(arg.name);
      }
    }
    if (kind == ArgKind::Flag) {
      nearest.offer("format");
      nearest.offer("help");
    }
    return nearest.best;
  }

  bool has_required() {
    const Command& command = *invocation_.command;
    for (const Arg& arg : command.args) {
      if (arg.is_required && !invocation_.has(arg.name)) {
        const std::string kind = arg.kind == ArgKind::KeyValue ? "The key " : "The flag ";
        error_ = {help_of_command(command) + "\n\n" + kind + shown_arg(arg) + " is missing.", false,
                  invocation_.format};
        return false;
      }
    }
    if (command.takes_any_key) {
      for (const Given& given : invocation_.given) {
        if (given.arg == nullptr) return true;
      }
      error_ = {help_of_command(command) + "\n\nA KEY=VALUE is missing.", false,
                invocation_.format};
      return false;
    }
    if (!command.free_words.empty() && invocation_.free_words.empty()) {
      error_ = {
          help_of_command(command) + "\n\n" + std::string(command.free_words) + " is missing.",
          false, invocation_.format};
      return false;
    }
    return true;
  }

  bool complain(std::string text, const std::string& hint) {
    if (!hint.empty()) text += "\n" + hint;
    text +=
        "\nvmq-admin " + std::string(invocation_.command->words) + " --help lists what it takes.";
    error_ = {std::move(text), false, invocation_.format};
    return false;
  }

  std::span<const std::string> line_;
  std::size_t at_ = 0;
  std::string known_;  // the words taken so far
  Invocation invocation_;
  UsageError error_;
};

}  // namespace

bool Invocation::has(std::string_view name) const {
  return std::any_of(given.begin(), given.end(),
                     [&](const Given& one) { return one.name == name; });
}

std::optional<std::string_view> Invocation::value(std::string_view name) const {
  std::optional<std::string_view> found;
  for (const Given& one : given) {
    if (one.name == name && one.value) found = *one.value;
  }
  return found;
}

std::uint64_t Invocation::number(std::string_view name, std::uint64_t otherwise) const {
  const std::optional<std::string_view> text = value(name);
  if (text) std::from_chars(text->data(), text->data() + text->size(), otherwise);
  return otherwise;
}

Result<Invocation, UsageError> parse(std::span<const std::string> line) {
  return Reader(line).read();
}

}  // namespace vmq::admin
