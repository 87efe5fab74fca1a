// vmq-commands-doc [FILE]: prints docs/commands.md as the command table has it, or compares it with
// a file that is checked in.
// tidy: shell because it reads that file and prints
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "admin/document.h"

int main(int argc, char** argv) {
  const std::string text = vmq::admin::commands_document();
  if (argc < 2) {
    std::fputs(text.c_str(), stdout);
    return 0;
  }
  std::ifstream file(argv[1], std::ios::binary);
  const std::string there{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (there == text) return 0;
  std::fprintf(stderr,
               "%s is not what the command table says; write it anew with vmq-commands-doc\n",
               argv[1]);
  return 1;
}
