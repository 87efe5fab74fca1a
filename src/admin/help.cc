#include "admin/help.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace vmq::admin {
namespace {

constexpr std::size_t screen_width = 96;
constexpr std::size_t left_max = 34;  // what is longer than this has its prose on the next line

// Bytes that start a character.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

// Appends the words, broken at the end of the screen; further lines start with `indent` blanks.
void append_wrapped(std::string& out, std::size_t column, std::size_t indent,
                    std::string_view text) {
  bool is_first = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (!is_first && column + 1 + width(word) > screen_width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (!is_first) {
      out += ' ';
      ++column;
    }
    out += word;
    column += width(word);
    is_first = false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

using Entry = std::pair<std::string, std::string_view>;

void append_entries(std::string& out, std::string_view title, const std::vector<Entry>& entries) {
  if (entries.empty()) return;
  std::size_t left = 0;
  for (const Entry& entry : entries) {
    if (width(entry.first) <= left_max) left = std::max(left, width(entry.first));
  }
  out += "\n\n" + std::string(title) + ":";
  for (const auto& [name, prose] : entries) {
    out += "\n  " + name;
    std::size_t column = width(name) + 2;
    if (width(name) > left) {
      out += "\n";
      column = 0;
    }
    out += std::string(left + 4 - column, ' ');
    append_wrapped(out, left + 4, left + 4, prose);
  }
}

void append_detail(std::string& out, std::string_view detail) {
  if (detail.empty()) return;
  out += "\n";
  while (!detail.empty()) {
    const std::size_t end = std::min(detail.find('\n'), detail.size());
    const std::string_view line = detail.substr(0, end);
    out += "\n";
    if (line.starts_with(' ')) {
      out += line;
    } else {
      append_wrapped(out, 0, 0, line);
    }
    detail.remove_prefix(std::min(end + 1, detail.size()));
  }
}

std::string bracketed(const std::string& text, bool is_required) {
  return is_required ? " " + text : " [" + text + "]";
}

std::string shown_name(const Arg& arg) {
  std::string text = arg.kind == ArgKind::KeyValue ? "" : "--";
  text += arg.name;
  const std::string value = arg.value_name.empty() ? "VALUE" : std::string(arg.value_name);
  if (arg.kind == ArgKind::Field) return text;
  if (arg.value == Value::Required) text += "=" + value;
  if (arg.value == Value::Optional) text += "[=" + value + "]";
  return text;
}

// The next word behind `prefix` of a command's words; empty: it is not behind it.
std::string_view word_behind(std::string_view prefix, std::string_view words) {
  if (!prefix.empty()) {
    if (!words.starts_with(prefix) || words.size() <= prefix.size() ||
        words[prefix.size()] != ' ') {
      return {};
    }
    words.remove_prefix(prefix.size() + 1);
  }
  return words.substr(0, words.find(' '));
}

std::vector<Entry> entries_behind(std::string_view prefix) {
  std::vector<Entry> entries;
  if (prefix.empty()) {
    for (const Group& group : groups()) {
      if (group.words.find(' ') == std::string_view::npos) {
        entries.emplace_back(group.words, group.prose);
      }
    }
    for (const Command& command : commands()) {
      if (command.words.find(' ') == std::string_view::npos) {
        entries.emplace_back(command.words, command.prose);
      }
    }
    return entries;
  }
  for (const Command& command : commands()) {
    if (word_behind(prefix, command.words).empty()) continue;
    entries.emplace_back(command.words.substr(prefix.size() + 1), command.prose);
  }
  return entries;
}

std::vector<Entry> arg_entries(const Command& command, ArgKind kind) {
  std::vector<Entry> entries;
  for (const Arg& arg : command.args) {
    if (arg.kind == kind) entries.emplace_back(shown_arg(arg), arg.prose);
  }
  return entries;
}

}  // namespace

std::string shown_arg(const Arg& arg) {
  if (arg.short_name.empty()) return shown_name(arg);
  return "-" + std::string(arg.short_name) + ", " + shown_name(arg);
}

std::string usage_line(const Command& command) {
  std::string line = "vmq-admin " + std::string(command.words);
  bool has_fields = false;
  for (const Arg& arg : command.args) {
    has_fields = has_fields || arg.kind == ArgKind::Field;
    if (arg.kind == ArgKind::KeyValue) line += bracketed(shown_name(arg), arg.is_required);
  }
  if (command.takes_any_key) line += " KEY=VALUE…";
  if (!command.free_words.empty()) line += " " + std::string(command.free_words);
  if (has_fields) line += " [--FIELD…] [--FIELD=VALUE] [--FIELD=~REGEX]";
  for (const Arg& arg : command.args) {
    if (arg.kind == ArgKind::Flag) line += bracketed(shown_name(arg), arg.is_required);
  }
  return line;
}

std::string help_of_command(const Command& command) {
  std::string out = "Usage: ";
  append_wrapped(out, out.size(), 9, usage_line(command));
  out += "\n\n";
  append_wrapped(out, 0, 0, command.prose);
  append_entries(out, "Keys", arg_entries(command, ArgKind::KeyValue));
  append_entries(out, "Fields", arg_entries(command, ArgKind::Field));
  append_entries(out, "Flags", arg_entries(command, ArgKind::Flag));
  if (!entries_behind(command.words).empty()) {
    append_entries(out, "Further commands", entries_behind(command.words));
  }
  append_detail(out, command.detail);
  return out;
}

std::string help_of_group(std::string_view words) {
  std::string out = "Usage: vmq-admin";
  if (!words.empty()) out += " " + std::string(words);
  out += " COMMAND [KEY=VALUE…] [FLAGS]";
  for (const Group& group : groups()) {
    if (group.words == words) out += "\n\n" + std::string(group.prose);
  }
  append_entries(out, "Commands", entries_behind(words));
  if (words.empty()) {
    append_entries(out, "Flags of every command",
                   {{"-h, --help", "Says what the command is for and what it takes."},
                    {"--format=human|json|csv", "The form of the answer; human unless given."}});
  }
  append_detail(out, words.empty() ? "vmq-admin COMMAND --help says more about each."
                                   : "vmq-admin " + std::string(words) +
                                         " COMMAND --help says more about each.");
  return out;
}

}  // namespace vmq::admin
