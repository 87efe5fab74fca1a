// Commands of plugins that this build does not have, and the few that need nothing of the node.
#include <string>

#include "admin/completion.h"
#include "control/control.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Invocation;

struct Missing {
  std::string_view first_word;
  std::string_view plugin;
};

constexpr Missing missing_plugins[] = {
    {"webhooks", "vmq_webhooks"},
    {"script", "vmq_diversity"},
    {"bridge", "vmq_bridge"},
};

Answer show_page(Context&, const Invocation&) {
  return Answer::of({{"Item", "Value"},
                     {{std::string("Frontend Path"),
                       std::string("/status of every HTTP listener with that module")},
                      {std::string("Frontend Version"), std::string(VMQ_VERSION)}}});
}

}  // namespace

void bind_extension_commands(Handlers& handlers) {
  for (const Missing& missing : missing_plugins) {
    const std::string answer = "The plugin " + std::string(missing.plugin) +
                               " is not enabled: this version of the broker does not have it yet.";
    for (const admin::Command& command : admin::commands()) {
      if (!command.words.starts_with(std::string(missing.first_word) + " ")) continue;
      handlers[std::string(command.words)] = [answer](Context&, const Invocation&) {
        return Answer::failed(answer);
      };
    }
  }
  handlers["webui show"] = show_page;
  handlers["webui install"] = [](Context&, const Invocation&) {
    return Answer::failed(
        "There is nothing to install: the status page is part of the broker, at /status of its "
        "HTTP listeners.");
  };
  handlers["completion bash"] = [](Context&, const Invocation&) {
    return Answer::text(admin::bash_completion());
  };
}

}  // namespace vmq::control
