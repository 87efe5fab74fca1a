#include "daemon/arguments.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string_view>
#include <utility>

#include "daemon/places.h"

namespace vmq::daemon {

namespace {

constexpr std::string_view kIntro =
    "An MQTT broker. Without a command it serves in the foreground until SIGTERM or SIGINT; SIGHUP "
    "reads the rule files again and opens the log files anew.";

// Scripts written for VerneMQ say `console -noshell -noinput`; there is no shell to leave out.
bool is_of_the_virtual_machine(std::string_view word) {
  return word == "-noshell" || word == "-noinput";
}

class Parser {
 public:
  Parser() {
    app_.add_option("-c,--config", arguments_.config_file, "The configuration file")
        ->capture_default_str();
    app_.fallthrough();
    app_.require_subcommand(0, 1);
    add("console", Word::Console, "Serves in the foreground");
    add("foreground", Word::Console, "The same");
    add("start", Word::Start,
        "Starts in the background; returns when clients are served, or after WAIT_FOR_ERLANG "
        "seconds (15)");
    add("stop", Word::Stop, "Stops the node: clients are told, everything is on disk");
    add("restart", Word::Restart, "Stops the node if it runs, then starts it");
    add("ping", Word::Ping, "Says pong if the node runs");
    add("getpid", Word::GetPid, "Prints the node's process id");
    add("chkconfig", Word::CheckConfig, "Checks the configuration file");
    add("version", Word::Version, "Prints the version");
    add_config();
    add_import();
    help_ = app_.add_subcommand("help", "Prints this text");
    for (const char* name : {"attach", "attach-direct", "remote_console", "ertspath", "escript"}) {
      CLI::App* word = add(name, Word::Missing, "");
      word->group("")->allow_extras();
      word->parse_complete_callback([this, name] { arguments_.missing_word = name; });
    }
  }

  ParsedArguments parse(int argc, char** argv) {
    std::vector<std::string> words;
    for (int i = argc - 1; i > 0; --i) {  // CLI11 takes them last first
      if (!is_of_the_virtual_machine(argv[i])) words.emplace_back(argv[i]);
    }
    try {
      app_.parse(std::move(words));
    } catch (const CLI::ParseError& error) {
      return {std::nullopt, app_.exit(error)};
    }
    if (help_->parsed()) {
      app_.clear();  // or it would be the help of help
      std::fputs(app_.help().c_str(), stdout);
      return {std::nullopt, 0};
    }
    for (const auto& [app, word] : words_) {
      if (app->parsed()) arguments_.word = word;
    }
    return {arguments_, 0};
  }

 private:
  CLI::App* add(const char* name, Word word, const char* what, CLI::App* parent = nullptr) {
    CLI::App* app = (parent == nullptr ? &app_ : parent)->add_subcommand(name, what);
    app->fallthrough();
    words_.emplace_back(app, word);
    return app;
  }

  void add_config() {
    CLI::App* config = app_.add_subcommand("config", "Looks at the configuration");
    config->require_subcommand(1);
    config->fallthrough();
    config->add_option("-l", ignored_, "Taken for VerneMQ's sake, without effect");
    add("generate", Word::ConfigGenerate,
        "Checks the configuration and writes all effective settings below the data directory",
        config);
    add("effective", Word::ConfigEffective, "Prints all effective settings", config);
    add("describe", Word::ConfigDescribe, "Says what keys mean", config)
        ->add_option("KEY", arguments_.keys, "The keys")
        ->required();
  }

  void add_import() {
    CLI::App* import = add("import-mosquitto", Word::ImportMosquitto,
                           "Translates mosquitto.conf with its password and ACL files");
    import->add_option("FILE", arguments_.import_file, "mosquitto.conf")->required();
    import->add_option("-o,--output", arguments_.import_folder, "The folder to write to")
        ->capture_default_str();
    import->add_flag("--force", arguments_.is_import_forced, "Overwrites files of that folder");
  }

  Arguments arguments_ = [] {
    Arguments arguments;
    arguments.config_file = kConfigFile;
    return arguments;
  }();
  std::string ignored_;
  std::vector<std::pair<CLI::App*, Word>> words_;
  CLI::App* help_ = nullptr;
  CLI::App app_{std::string(kIntro), "vernemq"};
};

}  // namespace

ParsedArguments parse_arguments(int argc, char** argv) { return Parser().parse(argc, argv); }

}  // namespace vmq::daemon
