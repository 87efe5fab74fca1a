#include "node/file_rules.h"

namespace vmq::node {
namespace {

auth::AclSubject subject_of(const core::HookClient& client) {
  return {client.user_name, client.client_id, client.mountpoint};
}

}  // namespace

core::Answer PasswordPlugin::auth_on_register(const core::HookClient& client,
                                              std::optional<ByteView> password) {
  if (table_ == nullptr) return core::Answer::Next;
  std::optional<std::string_view> text;
  if (password) text = as_text(*password);
  return table_->needs_hashing(client.user_name, text) ? core::Answer::Later : core::Answer::Next;
}

const auth::UserRules* AclPlugin::rules_of(const core::HookClient& client) const {
  if (client.memory == nullptr) return acl_->rules_of(client.user_name);
  core::HookMemory& memory = *client.memory;
  if (memory.owner != this || memory.generation != acl_->generation()) {
    memory = {this, acl_->rules_of(client.user_name), acl_->generation()};
  }
  return static_cast<const auth::UserRules*>(memory.value);
}

core::Answer AclPlugin::auth_on_publish(const core::HookClient& client, std::string_view topic) {
  if (acl_ == nullptr) return core::Answer::Next;
  const bool allowed = acl_->may_publish(subject_of(client), rules_of(client), topic);
  return allowed ? core::Answer::Ok : core::Answer::Next;
}

core::Answer AclPlugin::auth_on_subscribe(const core::HookClient& client, core::Filters filters) {
  if (acl_ == nullptr) return core::Answer::Next;
  const auth::UserRules* rules = rules_of(client);
  const auth::AclSubject subject = subject_of(client);
  for (const std::string_view filter : filters) {
    if (!acl_->may_subscribe(subject, rules, filter)) return core::Answer::Next;
  }
  return core::Answer::Ok;
}

}  // namespace vmq::node
