#include "admin/document.h"

#include <string_view>

#include "admin/command.h"
#include "admin/help.h"

namespace vmq::admin {
namespace {

constexpr std::string_view kIntro =
    R"(# Commands of vmq-admin

<!-- Written by vmq-commands-doc from the command table (src/admin/commands_*.cc). -->

    vmq-admin [-c FILE] [-rpctimeout SECONDS|infinity] WORD… KEY=VALUE… [FLAGS]

Words come first, then keys and flags in any order. A flag with a value is written
`--name=value`, `--name value`, `-n value` or
`-nvalue`; names may have `-` or `_` alike. The same commands are reached over HTTP:
`/api/v1/WORD/WORD?KEY=VALUE&--flag=VALUE`.

- `--help` or `-h` at the end says what a command takes, at every level: `vmq-admin --help`,
  `vmq-admin session --help`.
- `--format=human|json|csv`: tables for people, `{"table":[…],"type":"table"}` for programs, or
  RFC 4180.
- `-c FILE`: the node's configuration, otherwise `/etc/vernemq/vernemq.conf`;
  `VERNEMQ_ADMIN_SOCKET` names its socket instead.
- `-rpctimeout SECONDS`: how long to wait for the answer, 60 unless given; commands that stream
  have no limit.
- Exit code 0 when the command was done, otherwise 1, with the reason on standard error (in JSON
  an alert on standard output).
- Control characters in client ids, topics and payloads are shown as `\x` and two digits.
  `NO_COLOR` leaves headers plain.

Who may: root, the user that the node runs as and members of the group of `node.admin_socket`.
For completion in bash:
`source <(vmq-admin completion bash)`.
)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

void append_args(std::string& out, const Command& command) {
  if (command.args.empty()) return;
  out += "\n| argument | meaning |\n|---|---|\n";
  for (const Arg& arg : command.args) {
    out += "| `" + escaped(shown_arg(arg)) + "` | " + escaped(arg.prose);
    if (!arg.words.empty() && arg.value_name.find('|') == std::string_view::npos) {
      out += " One of " + escaped(arg.words) + ".";
    }
    out += " |\n";
  }
}

void append_detail(std::string& out, std::string_view detail) {
  if (detail.empty()) return;
  out += "\n";
  bool was_code = false;
  while (!detail.empty()) {
    const std::size_t end = std::min(detail.find('\n'), detail.size());
    const std::string_view line = detail.substr(0, end);
    const bool is_code = line.starts_with(' ');
    // Four blanks make code of a line.
    if (is_code && !was_code && !out.ends_with("\n\n")) out += "\n";
    out += is_code ? "  " : "";
    out.append(line).append("\n");
    was_code = is_code;
    detail.remove_prefix(std::min(end + 1, detail.size()));
  }
}

void append_command(std::string& out, const Command& command) {
  out += "\n### " + std::string(command.words) + "\n\n    " + usage_line(command) + "\n\n" +
         std::string(command.prose) + "\n";
  append_detail(out, command.detail);
  append_args(out, command);
}

std::string_view first_word(std::string_view words) { return words.substr(0, words.find(' ')); }

std::string_view prose_of(std::string_view first) {
  for (const Group& group : groups()) {
    if (group.words == first) return group.prose;
  }
  return "";
}

}  // namespace

std::string commands_document() {
  std::string out(kIntro);
  std::string_view before;
  for (const Command& command : commands()) {
    const std::string_view first = first_word(command.words);
    if (first != before) {
      out += "\n## " + std::string(first) + "\n";
      if (!prose_of(first).empty()) out += "\n" + std::string(prose_of(first)) + "\n";
    }
    before = first;
    append_command(out, command);
  }
  return out;
}

}  // namespace vmq::admin
