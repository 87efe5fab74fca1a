// The words of the program `vernemq` and what stands behind them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vmq::daemon {

enum class Word : std::uint8_t {
  Console,  // also without a word: serves in the foreground
  Start,
  Stop,
  Restart,
  Ping,
  GetPid,
  CheckConfig,
  ConfigGenerate,
  ConfigEffective,
  ConfigDescribe,
  ImportMosquitto,
  Version,
  Missing,  // a word of VerneMQ's that needs its virtual machine
};

struct Arguments {
  Word word = Word::Console;
  std::string config_file;
  std::vector<std::string> keys;  // of ConfigDescribe
  std::string missing_word;       // of Missing
  std::string import_file;        // of ImportMosquitto
  std::string import_folder = "vernemq-import";
  bool is_import_forced = false;
};

// What to do, or the exit code after help or a complaint has been printed.
struct ParsedArguments {
  std::optional<Arguments> arguments;
  int exit_code = 0;
};
ParsedArguments parse_arguments(int argc, char** argv);

}  // namespace vmq::daemon
