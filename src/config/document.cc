#include "config/document.h"

#include <fmt/format.h>

#include <string_view>

#include "config/lookup.h"
#include "config/settings.h"

namespace vmq::config {

namespace {

std::string join_words(std::string_view words, std::string_view separator) {
  std::string text;
  for (const char c : words) {
    if (c == '|') {
      text += separator;
    } else {
      text.push_back(c);
    }
  }
  return text;
}

// What a value may be, with its unit and bounds.
std::string type_text(Type type, std::string_view words, Unit unit, std::int64_t min,
                      std::int64_t max) {
  std::string text;
  if (type == Type::Enum) {
    text = join_words(words, ", ");
  } else {
    text = to_string(type);
    if (unit != Unit::None && type == Type::Int)
      text = fmt::format("number of {}", to_string(unit));
    if (!words.empty()) text += ", or " + join_words(words, ", ");
  }
  if (min != kAnyMin && max != kAnyMax) return text + fmt::format(" ({} to {})", min, max);
  if (min != kAnyMin) return text + fmt::format(" (from {})", min);
  if (max != kAnyMax) return text + fmt::format(" (up to {})", max);
  return text;
}

std::string default_text(std::optional<std::string_view> text) {
  if (!text) return "";
  if (text->empty()) return "(empty)";
  return fmt::format("`{}`", *text);
}

std::string in_cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell.push_back('\\');
    if (c == '*' || c == '<') cell.push_back('\\');
    cell.push_back(c);
  }
  return cell;
}

std::string marks(const Setting& setting) {
  std::string text(to_string(setting.built));
  if (setting.is(kLive)) text += ", live";
  if (setting.is(kOurs)) text += ", ours";
  return text;
}

void add_section(const Section& section, std::string& out) {
  out += fmt::format("\n## {}\n\n{}\n\n", section.title, section.intro);
  out += "| key | value | default | state | meaning |\n|---|---|---|---|---|\n";
  for (const Setting& setting : section.settings) {
    out += fmt::format(
        "| `{}` | {} | {} | {} | {} |\n", setting.key,
        in_cell(type_text(setting.type, setting.words, setting.unit, setting.min, setting.max)),
        default_text(setting.default_text), marks(setting), in_cell(setting.prose));
  }
}

std::string level_text(std::string_view kinds, std::optional<std::string_view> value) {
  if (kinds.empty()) return "";
  const std::string text = default_text(value);
  return std::string(kinds) + (text.empty() ? "" : ": " + text);
}

void add_listeners(std::string& out) {
  out +=
      "\n## Listeners\n\n"
      "`listener.KIND.NAME = IP:PORT` opens a listener; an IPv6 address stands without brackets, "
      "as\n"
      "in `::1:1883`, and `listener.tcp.NAME = local:/path:0` opens a domain socket. Kinds are "
      "tcp\n"
      "(MQTT), ssl (MQTT over TLS), ws and wss (MQTT over WebSocket), vmq and vmqs (other nodes),\n"
      "http and https.\n\n"
      "An option is looked up as `listener.KIND.NAME.OPTION`, then `listener.KIND.OPTION`, then\n"
      "`listener.OPTION`; a number of `-1` means \"not set here\". The columns say which kinds "
      "have\n"
      "the option at a level, and its default there. Options of a name without address line are\n"
      "accepted and without effect.\n\n"
      "| option | value | root | kind | name | state | meaning |\n|---|---|---|---|---|---|---|\n";
  for (const ListenerRow& row : listener_rows()) {
    out += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} |\n", row.option,
                       in_cell(type_text(row.type, row.words, row.unit, row.min, row.max)),
                       default_text(row.root_default), level_text(row.kinds, row.kind_default),
                       level_text(row.name_kinds, row.name_default), to_string(row.built),
                       in_cell(row.prose));
  }
}

constexpr std::string_view kGrammar =
    "# Configuration\n\n"
    "This document is made from the settings table in src/config (`vmq-config-doc`); change it\n"
    "there.\n\n"
    "## The file\n\n"
    "`vernemq.conf` holds lines `key = value`. All errors of all files are told at once, with "
    "file,\n"
    "line and column, and stop the start. `vernemq chkconfig -c FILE` looks without starting.\n\n"
    "| form | meaning |\n|---|---|\n"
    "| `key = value # comment` | a plain value ends at the first `#`, blanks around it are cut |\n"
    "| `key = 'value'` | taken as it is, may hold `#` |\n"
    "| `key = '''value'''` | the same, over several lines |\n"
    "| `key = $(<path)` | the text of a file without its last newline; a path beside this file |\n"
    "| `key = $(other.key)` | the value of another key |\n"
    "| `include conf.d/*.conf` | reads these files here; a path beside this file |\n"
    "| `listener.tcp.my\\.name` | a dot inside a word of a key |\n\n"
    "A key that stands twice takes its last value, over all files in the order of reading.\n"
    "`$name` in a key of the tables is one word of your choice.\n\n"
    "| value | what is taken |\n|---|---|\n"
    "| on or off | exactly these words |\n"
    "| number | a whole number without unit |\n"
    "| size | bytes, or a number with KB, MB or GB, powers of 1024: `1.5GB` |\n"
    "| duration | parts with f (14 days), w, d, h, m, s, ms: `1h30m`, `1.5h` |\n"
    "| time | a whole number with s, h, d, w, m (4 weeks) or y (12 such months) |\n"
    "| percent | `0%` to `100%` |\n"
    "| list | items with commas, brackets around it optional |\n\n"
    "State: *works*; *not built yet* is accepted and checked, and a warning names it; *mapped* is\n"
    "taken as the key that the meaning names; *ignored* has no counterpart here. *live* may "
    "change\n"
    "while the broker runs. *ours* is not a key of VerneMQ.\n";

// The first line of prose that is broken at blanks.
std::string_view take_line(std::string_view& prose) {
  constexpr std::size_t kColumns = 78;
  std::size_t end = prose.size();
  if (end > kColumns) end = prose.rfind(' ', kColumns);
  const std::string_view line = prose.substr(0, end);
  prose = end == prose.size() ? std::string_view{} : prose.substr(end + 1);
  return line;
}

void add_comment(std::string_view prose, std::string& out) {
  while (!prose.empty()) out += fmt::format("## {}\n", take_line(prose));
}

bool is_in_example(const Setting& setting) {
  return !setting.is(kHidden) && setting.built == Built::Works;
}

void add_example_section(const Section& section, std::string& out) {
  bool has_title = false;
  for (const Setting& setting : section.settings) {
    if (!is_in_example(setting)) continue;
    if (!has_title) out += fmt::format("\n# ---- {} ----\n", section.title);
    has_title = true;
    out += "\n";
    add_comment(setting.prose, out);
    out += fmt::format("## Value: {}\n", type_text(setting.type, setting.words, setting.unit,
                                                   setting.min, setting.max));
    out += fmt::format("{}{} = {}\n", setting.is(kCommented) ? "# " : "", setting.key,
                       setting.default_text.value_or(""));
  }
}

constexpr std::string_view kExampleListeners =
    "\n# ---- Listeners ----\n\n"
    "## Where clients connect: listener.tcp.NAME = IP:PORT. 0.0.0.0 is every address of the\n"
    "## machine. Without any listener nobody can connect.\n"
    "listener.tcp.default = 127.0.0.1:1883\n\n"
    "## Where the other nodes of a cluster connect: whoever reaches it and knows\n"
    "## distributed_cookie can join.\n"
    "listener.vmq.clustering = 0.0.0.0:44053\n\n"
    "## HTTP: the status page, /metrics, /health and the management API.\n"
    "listener.http.default = 127.0.0.1:8888\n\n"
    "## Options stand behind a name, a kind or listener itself; the nearest one counts.\n"
    "## How many connections a listener holds at a time.\n"
    "listener.max_connections = 10000\n\n"
    "## Admits every client of one listener without asking any authentication plugin.\n"
    "# listener.tcp.default.allow_anonymous_override = off\n\n"
    "## Protocol levels: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0, 131 and 132 are bridges.\n"
    "# listener.tcp.allowed_protocol_versions = 3,4,5,131\n";

}  // namespace

std::string reference_document() {
  std::string out(kGrammar);
  add_listeners(out);
  for (const Section* section : sections()) add_section(*section, out);
  return out;
}

std::string example_file() {
  std::string out =
      "# Configuration of the broker. docs/configuration.md has every key.\n"
      "# Lines are key = value; # starts a comment; '...' keeps a # in a value.\n";
  out += kExampleListeners;
  for (const Section* section : sections()) add_example_section(*section, out);
  out +=
      "\n# ---- Further files ----\n\n"
      "## Read at this point, so what they say counts over what stands above.\n"
      "include conf.d/*.conf\n";
  return out;
}

std::string describe_setting(const Setting& setting, std::string_view key) {
  std::string out = fmt::format("{}:\n", key);
  for (std::string_view prose = setting.prose; !prose.empty();) {
    const std::string_view line = take_line(prose);
    out += fmt::format("    {}\n", line);
  }
  out += fmt::format("    Value: {}\n", type_text(setting.type, setting.words, setting.unit,
                                                  setting.min, setting.max));
  const std::string_view value = setting.default_text.value_or("");
  out += fmt::format("    Default: {}\n", value.empty() ? "(none)" : value);
  if (is_pattern(setting)) out += fmt::format("    Row: {}\n", setting.key);
  out += fmt::format("    State: {}\n", marks(setting));
  return out;
}

}  // namespace vmq::config
