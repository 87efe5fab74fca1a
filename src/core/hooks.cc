#include "core/hooks.h"

namespace vmq::core {

Answer ask_register(const HookChain& chain, const HookClient& client,
                    std::optional<ByteView> password, std::size_t first) {
  for (std::size_t i = first; i < chain.auth_on_register.size(); ++i) {
    const Answer answer = chain.auth_on_register[i]->auth_on_register(client, password);
    if (answer != Answer::Next) return answer;
  }
  return Answer::Next;
}

bool may_publish(const HookChain& chain, const HookClient& client, std::string_view topic) {
  for (Plugin* plugin : chain.auth_on_publish) {
    const Answer answer = plugin->auth_on_publish(client, topic);
    if (answer != Answer::Next) return answer == Answer::Ok;
  }
  return false;
}

bool may_subscribe(const HookChain& chain, const HookClient& client, std::string_view filter) {
  for (Plugin* plugin : chain.auth_on_subscribe) {
    const Answer answer = plugin->auth_on_subscribe(client, filter);
    if (answer != Answer::Next) return answer == Answer::Ok;
  }
  return false;
}

AuthStep auth_step(const HookChain& chain, const HookClient& client, std::string_view method,
                   ByteView data, std::string& state) {
  for (Plugin* plugin : chain.on_auth) {
    AuthStep step = plugin->on_auth(client, method, data, state);
    if (step.result != AuthStep::Result::UnknownMethod) return step;
  }
  return {};
}

}  // namespace vmq::core
