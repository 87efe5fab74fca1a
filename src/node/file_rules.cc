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

core::Answer AclPlugin::auth_on_publish(const core::HookClient& client, std::string_view topic) {
  const bool allowed = acl_ != nullptr && acl_->may_publish(subject_of(client), topic);
  return allowed ? core::Answer::Ok : core::Answer::Next;
}

core::Answer AclPlugin::auth_on_subscribe(const core::HookClient& client, std::string_view filter) {
  const bool allowed = acl_ != nullptr && acl_->may_subscribe(subject_of(client), filter);
  return allowed ? core::Answer::Ok : core::Answer::Next;
}

}  // namespace vmq::node
