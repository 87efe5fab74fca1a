#include "core/hooks.h"

namespace vmq::core {

Answer ask_register(const HookChain& chain, const HookClient& client,
                    std::optional<ByteView> password, std::size_t& at) {
  for (; at < chain.auth_on_register.size(); ++at) {
    const Answer answer = chain.auth_on_register[at]->auth_on_register(client, password);
    if (answer != Answer::Next) return answer;
  }
  return Answer::Next;
}

bool may_publish(const HookChain& chain, const HookClient& client, std::string_view topic) {
  if (chain.auth_on_publish.empty()) return chain.is_open;
  for (Plugin* plugin : chain.auth_on_publish) {
    const Answer answer = plugin->auth_on_publish(client, topic);
    if (answer != Answer::Next) return answer == Answer::Ok;
  }
  return false;
}

bool may_subscribe(const HookChain& chain, const HookClient& client, Filters filters) {
  if (chain.auth_on_subscribe.empty()) return chain.is_open;
  for (Plugin* plugin : chain.auth_on_subscribe) {
    const Answer answer = plugin->auth_on_subscribe(client, filters);
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
