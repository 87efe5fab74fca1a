// vmq-commands-doc WHAT [FILE]: prints docs/commands.md or etc/completion/vmq-admin.bash as the
// command table has them, or compares them with a file that is checked in.
// tidy: shell because it reads that file and prints
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "admin/completion.h"
#include "admin/document.h"

namespace {

int compare(const std::string& text, const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string there{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (there == text) return 0;
  std::fprintf(
      stderr, "%s is not what the command table says; write it anew with vmq-commands-doc\n", path);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if ((what != "reference" && what != "completion") || argc > 3) {
    std::fputs("usage: vmq-commands-doc reference|completion [FILE-TO-COMPARE]\n", stderr);
    return 2;
  }
  const std::string text =
      what == "reference" ? vmq::admin::commands_document() : vmq::admin::bash_completion() + "\n";
  if (argc == 3) return compare(text, argv[2]);
  std::fputs(text.c_str(), stdout);
  return 0;
}
