#include <vector>

#include "admin/rows.h"

namespace vmq::admin {
namespace {

constexpr Group kGroups[] = {
    {"node", "The node itself: numbers, version, stop."},
    {"cluster", "The members of the cluster."},
    {"session", "Sessions of clients: look at them, cut them, take subscriptions from them."},
    {"queue", "What waits for whom."},
    {"retain", "Retained messages."},
    {"route", "Who gets what, and why."},
    {"plugin", "Plugins: which are on, and switching them."},
    {"listener", "Listeners: where clients connect."},
    {"metrics", "Counters and gauges."},
    {"api-key", "Keys of the HTTP API."},
    {"trace", "Seeing a client's packets as they come and go."},
    {"tls", "Certificates."},
    {"log", "What goes into the log."},
    {"config", "Settings, and where their values come from."},
    {"webhooks", "Web servers that are asked."},
    {"webhooks cache", "Answers of web servers that are remembered."},
    {"script", "Scripts."},
    {"bridge", "Bridges to other brokers."},
    {"webui", "The status page."},
    {"completion", "Completion of these commands in a shell."},
};

std::vector<Command> put_together() {
  std::vector<Command> all;
  for (const auto rows :
       {node_commands(), session_commands(), message_commands(), listener_commands(),
        watch_commands(), setup_commands(), config_commands(), extension_commands()}) {
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

char folded(char c) { return c == '_' ? '-' : c; }

bool is_same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (folded(a[i]) != folded(b[i])) return false;
  }
  return true;
}

}  // namespace

std::span<const Command> commands() {
  static const std::vector<Command> kAllCommands = put_together();
  return kAllCommands;
}

std::span<const Group> groups() { return kGroups; }

const Command* find_command(std::string_view words) {
  for (const Command& command : commands()) {
    if (command.words == words) return &command;
  }
  return nullptr;
}

const Arg* find_arg(const Command& command, std::string_view name) {
  for (const Arg& arg : command.args) {
    if (is_same_name(arg.name, name)) return &arg;
  }
  return nullptr;
}

}  // namespace vmq::admin
