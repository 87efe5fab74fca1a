// The declared hook points. A plugin answers for the points it cares about and says Next to the
// rest; the chain asks plugins in order until one says Ok or Error (VerneMQ's all_till_ok: nobody
// answered means no). Names and arguments follow VerneMQ's hooks. Called on the shard's thread, so
// a plugin that needs time answers Later and the question travels as an Ask.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace vmq::core {

enum class Answer : std::uint8_t {
  Ok,
  Error,
  Next,   // not mine: ask the next plugin
  Later,  // auth_on_register only: an Ask is to be made
};

// What one plugin remembers about a session between two questions. The core keeps it and forgets it
// when the session gets another connection.
struct HookMemory {
  const void* owner = nullptr;  // the plugin
  const void* value = nullptr;
  std::uint64_t generation = 0;  // of what the value belongs to
};

struct HookClient {
  std::string_view client_id;
  std::string_view mountpoint;
  std::optional<std::string_view> user_name;
  std::string_view peer;
  HookMemory* memory = nullptr;  // null while there is no session
};

// What a plugin makes of a step of enhanced authentication (MQTT 5, section 4.12).
struct AuthStep {
  enum class Result : std::uint8_t { Success, Continue, Failure, UnknownMethod };
  Result result = Result::UnknownMethod;
  std::string data;       // authentication data for the client
  std::string user_name;  // on success: who it is; empty: as CONNECT says
};

using Filters = std::span<const std::string_view>;

class Plugin {
 public:
  virtual ~Plugin() = default;
  virtual std::string_view name() const = 0;
  virtual Answer auth_on_register(const HookClient&, std::optional<ByteView> /*password*/) {
    return Answer::Next;
  }
  virtual Answer auth_on_publish(const HookClient&, std::string_view /*topic*/) {
    return Answer::Next;
  }
  // All filters of one SUBSCRIBE, as subscribed, `$share/group/` included: one answer for all.
  virtual Answer auth_on_subscribe(const HookClient&, Filters) { return Answer::Next; }
  // One step; `state` is the plugin's own between the steps of one exchange, empty at its start.
  virtual AuthStep on_auth(const HookClient&, std::string_view /*method*/, ByteView /*data*/,
                           std::string& /*state*/) {
    return {};
  }
};

// One chain a hook point. Plugins outlive the chain.
struct HookChain {
  // A broker without rules: what no plugin is there to answer for is allowed. Else it is refused.
  bool is_open = false;
  std::vector<Plugin*> auth_on_register = {};
  std::vector<Plugin*> auth_on_publish = {};
  std::vector<Plugin*> auth_on_subscribe = {};
  std::vector<Plugin*> on_auth = {};
};

// Asks from plugin `at` on; `at` becomes the one that answered.
Answer ask_register(const HookChain& chain, const HookClient& client,
                    std::optional<ByteView> password, std::size_t& at);
bool may_publish(const HookChain& chain, const HookClient& client, std::string_view topic);
bool may_subscribe(const HookChain& chain, const HookClient& client, Filters filters);
AuthStep auth_step(const HookChain& chain, const HookClient& client, std::string_view method,
                   ByteView data, std::string& state);

}  // namespace vmq::core
