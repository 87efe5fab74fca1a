#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "config/document.h"
#include "config/settings.h"

namespace vmq::config {

namespace {

// Text for the formatter of manual pages: nothing in it is a command or an escape.
std::string in_roff(std::string_view text) {
  std::string out;
  if (!text.empty() && (text.front() == '.' || text.front() == '\'')) out += "\\&";
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '"':
        out += "\\(dq";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

void add_entry(std::string_view key, std::string_view prose,
               std::optional<std::string_view> default_text, std::string& out) {
  out += fmt::format(".TP\n.B {}\n{}\n", in_roff(key), in_roff(prose));
  if (default_text && !default_text->empty()) {
    out += fmt::format("Default: {}.\n", in_roff(*default_text));
  }
}

constexpr std::string_view kHead =
    ".TH VERNEMQ.CONF 5 \"\" \"vernemq\" \"File Formats\"\n"
    ".SH NAME\nvernemq.conf \\- configuration of the MQTT broker vernemq\n"
    ".SH DESCRIPTION\n"
    "Lines are\n.IR key \" = \" value .\nA # starts a comment; a value in single quotes is taken "
    "as "
    "it is;\n.B $(<FILE)\nis the text of a file,\n.B $(key)\nthe value of another key. The line\n"
    ".B include conf.d/*.conf\nreads further files at this point. Where a key stands twice, the "
    "last one counts.\n.PP\n"
    "All errors are told at once and stop the start;\n.B vernemq chkconfig\nlooks without "
    "starting,\n.BI \"vernemq config describe \" KEY\nsays more about one key.\n"
    "Keys that VerneMQ has and this broker does not need are accepted with a warning.\n";

constexpr std::string_view kListeners =
    ".SH LISTENERS\n.BI listener. KIND . NAME\n.RI = \" IP\" : PORT\nopens a listener. Kinds are "
    "tcp (MQTT), ssl (over TLS), ws and wss (over WebSocket), http and https, vmq and vmqs (other "
    "nodes). An option is looked up for the name, then for the kind, then for all "
    "listeners:\n.BI listener. KIND . NAME . OPTION ,\n.BI listener. KIND . OPTION ,\n.BI "
    "listener. OPTION .\n";

}  // namespace

std::string manual_page() {
  std::string out(kHead);
  out += kListeners;
  for (const ListenerRow& row : listener_rows()) {
    if (row.built == Built::Ignored || row.built == Built::Removed) continue;
    add_entry(row.option, row.prose, row.root_default ? row.root_default : row.kind_default, out);
  }
  for (const Section* section : sections()) {
    std::string entries;
    for (const Setting& setting : section->settings) {
      if (setting.built != Built::Works) continue;
      add_entry(setting.key, setting.prose, setting.default_text, entries);
    }
    if (entries.empty()) continue;
    std::string title(section->title);
    for (char& c : title) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    out += fmt::format(".SH {}\n{}\n{}", in_roff(title), in_roff(section->intro), entries);
  }
  out += ".SH SEE ALSO\n.BR vernemq (8),\n.BR vmq\\-admin (8),\n.BR vmq\\-passwd (1)\n";
  return out;
}

}  // namespace vmq::config
