// The program `vernemq`: from its words to what they do.
#include <cstdio>

#include "daemon/arguments.h"
#include "daemon/config_words.h"
#include "daemon/import_word.h"
#include "daemon/ping.h"
#include "daemon/places.h"
#include "daemon/serve.h"
#include "daemon/service.h"

// Read by jemalloc, where the program is linked to it: pages that were not used for some seconds go
// back to the system, by a thread of its own.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true,dirty_decay_ms:3000,muzzy_decay_ms:0";
}

namespace vmq::daemon {
namespace {

// Whether the word opens files that the service must be able to open, so that it runs as the
// service's user.
bool is_for_service_user(Word word) {
  switch (word) {
    case Word::Console:
    case Word::Start:
    case Word::Restart:
    case Word::CheckConfig:
    case Word::ConfigGenerate:
      return true;
    default:
      return false;
  }
}

int restart(const std::string& config_file) {
  if (is_running(config_file)) {
    if (const int code = stop_running(config_file); code != 0) return code;
  }
  return start_in_background(config_file);
}

int explain_missing(const std::string& word) {
  std::fprintf(stderr,
               "vernemq %s: there is no virtual machine to talk to; vmq-admin asks the node, "
               "docs/guide/migrate-from-vernemq.md has the other ways\n",
               word.c_str());
  return 1;
}

int act(const Arguments& arguments) {
  const std::string& file = arguments.config_file;
  switch (arguments.word) {
    case Word::Console:
      return serve(file, readiness_of_parent());
    case Word::Start:
      return start_in_background(file);
    case Word::Stop:
      return stop_running(file);
    case Word::Restart:
      return restart(file);
    case Word::Ping:
      return ping_running(file);
    case Word::GetPid:
      return print_pid(file);
    case Word::CheckConfig:
      return check_config(file);
    case Word::ConfigGenerate:
      return generate_config(file);
    case Word::ConfigEffective:
      return print_effective_config(file);
    case Word::ConfigDescribe:
      return describe_keys(arguments.keys);
    case Word::ImportMosquitto:
      return import_mosquitto(arguments.import_file, arguments.import_folder,
                              arguments.is_import_forced ? Existing::Overwritten : Existing::Kept);
    case Word::Version:
      std::puts("vernemq " VMQ_VERSION);
      return 0;
    case Word::Missing:
      return explain_missing(arguments.missing_word);
  }
  return 2;
}

int run(int argc, char** argv) {
  const ParsedArguments parsed = parse_arguments(argc, argv);
  if (!parsed.arguments) return parsed.exit_code;
  read_defaults_file();
  if (is_for_service_user(parsed.arguments->word)) {
    if (const auto become = become_service_user(); !become) {
      std::fprintf(stderr, "vernemq: %s\n", become.error().c_str());
      return 1;
    }
  }
  return act(*parsed.arguments);
}

}  // namespace
}  // namespace vmq::daemon

int main(int argc, char** argv) { return vmq::daemon::run(argc, argv); }
