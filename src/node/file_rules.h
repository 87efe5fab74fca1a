// vmq.passwd and vmq.acl as plugins of a shard's hook chain. Each shard has its own pair; it
// changes over to a new snapshot between two turns, so a publish never meets a lock or half a
// change.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "auth/acl.h"
#include "auth/password_file.h"
#include "core/hooks.h"

namespace vmq::node {

class PasswordPlugin final : public core::Plugin {
 public:
  std::string_view name() const override { return "vmq_passwd"; }
  core::Answer auth_on_register(const core::HookClient& client,
                                std::optional<ByteView> password) override;
  void set(auth::PasswordSnapshot table) { table_ = std::move(table); }

 private:
  auth::PasswordSnapshot table_;
};

class AclPlugin final : public core::Plugin {
 public:
  std::string_view name() const override { return "vmq_acl"; }
  core::Answer auth_on_publish(const core::HookClient& client, std::string_view topic) override;
  core::Answer auth_on_subscribe(const core::HookClient& client, core::Filters filters) override;
  void set(auth::AclSnapshot acl) { acl_ = std::move(acl); }

 private:
  // The rules of the client's user, looked up once a connection and change of the rules.
  const auth::UserRules* rules_of(const core::HookClient& client) const;

  auth::AclSnapshot acl_;
};

}  // namespace vmq::node
