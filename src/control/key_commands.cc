// api-key create, add, delete, show.
#include <chrono>

#include "control/api_keys.h"
#include "control/control.h"

namespace vmq::control {
namespace {

std::int64_t now_s() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

std::string scope_of(const admin::Invocation& invocation) {
  return std::string(invocation.value("scope").value_or("mgmt"));
}

// False: what stands there is no time.
bool read_expiry(const admin::Invocation& invocation, std::optional<std::int64_t>& expires_s) {
  const auto text = invocation.value("expires");
  if (!text) return true;
  expires_s = parse_local_time(*text);
  return expires_s.has_value();
}

admin::Answer no_time() {
  return admin::Answer::failed("invalid_expiry_date: expires=yyyy-mm-ddThh:mm:ss, local time");
}

admin::Answer create(ApiKeys& keys, const admin::Invocation& invocation) {
  std::optional<std::int64_t> expires_s;
  if (!read_expiry(invocation, expires_s)) return no_time();
  const auto key = keys.create(scope_of(invocation), expires_s, now_s());
  return key ? admin::Answer::text(*key) : admin::Answer::failed(key.error());
}

admin::Answer add(ApiKeys& keys, const admin::Invocation& invocation) {
  std::optional<std::int64_t> expires_s;
  if (!read_expiry(invocation, expires_s)) return no_time();
  const std::string key(invocation.value("key").value_or(""));
  const auto added = keys.add({key, scope_of(invocation), expires_s}, now_s());
  return added ? admin::Answer::text("ok") : admin::Answer::failed(added.error());
}

// Who came over HTTP could make no other key. On the node itself there is always the admin socket.
bool is_last_way_in(const ApiKeys& keys, std::string_view key) {
  const std::int64_t now = now_s();
  bool is_one = false;
  for (const ApiKey& known : keys.all()) {
    if (known.scope != "mgmt" || known.is_expired(now)) continue;
    if (known.key != key) return false;
    is_one = true;
  }
  return is_one;
}

admin::Answer remove(ApiKeys& keys, const Context& context, const admin::Invocation& invocation) {
  const std::string_view key = invocation.value("key").value_or("");
  const std::string scope = scope_of(invocation);
  if (context.caller.via == "http" && scope == "mgmt" && is_last_way_in(keys, key)) {
    return admin::Answer::failed(
        "This is the last key of the scope mgmt: without it you could make no other one from where "
        "you are. Create another one first, or use vmq-admin on the node.");
  }
  const auto removed = keys.remove(key, scope);
  return removed ? admin::Answer::text("ok") : admin::Answer::failed(removed.error());
}

admin::Answer show(const ApiKeys& keys, const admin::Invocation& invocation) {
  if (const auto trouble = keys.trouble()) {
    return admin::Answer::failed("keys_unreadable: " + *trouble);
  }
  admin::Table table{{"Key", "Scope", "Expires (UTC)", "has expired"}, {}};
  const auto scope = invocation.value("scope");
  for (const ApiKey& key : keys.all()) {
    if (scope && key.scope != *scope) continue;
    const std::string expires = key.expires_s ? utc_text(*key.expires_s) : "never";
    table.rows.push_back({key.key, key.scope, expires, key.is_expired(now_s())});
  }
  return admin::Answer::of(std::move(table));
}

}  // namespace

void bind_key_commands(Handlers& handlers, ApiKeys& keys) {
  handlers["api-key create"] = [&keys](Context&, const admin::Invocation& invocation) {
    return create(keys, invocation);
  };
  handlers["api-key add"] = [&keys](Context&, const admin::Invocation& invocation) {
    return add(keys, invocation);
  };
  handlers["api-key delete"] = [&keys](Context& context, const admin::Invocation& invocation) {
    return remove(keys, context, invocation);
  };
  handlers["api-key show"] = [&keys](Context&, const admin::Invocation& invocation) {
    return show(keys, invocation);
  };
}

}  // namespace vmq::control
