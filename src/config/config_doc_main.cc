// vmq-config-doc WHAT [FILE]: prints docs/configuration.md, etc/vernemq.conf or the manual page as
// the settings table has them, or compares them with a file that is checked in.
#include <cstdio>
#include <string>
#include <string_view>

#include "config/document.h"
#include "config/load_files.h"

namespace {

int compare(const std::string& text, const char* path) {
  const vmq::Result<std::string, std::string> there = vmq::config::real_files().read(path);
  if (there && *there == text) return 0;
  std::fprintf(stderr,
               "%s is not what the settings table says; write it anew with vmq-config-doc\n", path);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if ((what != "reference" && what != "example" && what != "man") || argc > 3) {
    std::fputs("usage: vmq-config-doc reference|example|man [FILE-TO-COMPARE]\n", stderr);
    return 2;
  }
  const std::string text = what == "reference" ? vmq::config::reference_document()
                           : what == "example" ? vmq::config::example_file()
                                               : vmq::config::manual_page();
  if (argc == 3) return compare(text, argv[2]);
  std::fputs(text.c_str(), stdout);
  return 0;
}
