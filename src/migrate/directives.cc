#include "migrate/directives.h"

#include <algorithm>
#include <array>

#include "auth/lines.h"

namespace vmq::migrate {

namespace {

constexpr auto kListenerKeys = std::to_array<std::string_view>({"accept_protocol_versions",
                                                                "bind_interface",
                                                                "cafile",
                                                                "capath",
                                                                "certfile",
                                                                "ciphers",
                                                                "ciphers_tls1.3",
                                                                "crlfile",
                                                                "dhparamfile",
                                                                "enable_proxy_protocol",
                                                                "http_dir",
                                                                "keyfile",
                                                                "max_connections",
                                                                "max_qos",
                                                                "max_topic_alias",
                                                                "max_topic_alias_broker",
                                                                "mount_point",
                                                                "protocol",
                                                                "proxy_protocol_v2_require_tls",
                                                                "psk_hint",
                                                                "require_certificate",
                                                                "socket_domain",
                                                                "tls_engine",
                                                                "tls_engine_kpass_sha1",
                                                                "tls_keyform",
                                                                "tls_version",
                                                                "use_identity_as_username",
                                                                "use_subject_as_username",
                                                                "use_username_as_clientid",
                                                                "websockets_headers_size",
                                                                "websockets_origin"});

// Of a listener if per_listener_settings says so, otherwise of all.
constexpr auto kSecurityKeys = std::to_array<std::string_view>(
    {"acl_file", "allow_anonymous", "allow_zero_length_clientid", "auth_plugin",
     "auth_plugin_deny_special_chars", "auto_id_prefix", "password_file", "plugin", "psk_file"});

constexpr auto kBridgeKeys = std::to_array<std::string_view>({"address",
                                                              "addresses",
                                                              "attempt_unsubscribe",
                                                              "cleansession",
                                                              "clientid",
                                                              "idle_timeout",
                                                              "keepalive_interval",
                                                              "local_cleansession",
                                                              "local_clientid",
                                                              "local_password",
                                                              "local_username",
                                                              "notification_topic",
                                                              "notifications",
                                                              "notifications_local_only",
                                                              "password",
                                                              "remote_clientid",
                                                              "remote_password",
                                                              "remote_username",
                                                              "restart_timeout",
                                                              "round_robin",
                                                              "start_type",
                                                              "threshold",
                                                              "topic",
                                                              "try_private",
                                                              "username"});

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

bool is_plugin_option(std::string_view key) {
  return key.starts_with("plugin_opt_") || key.starts_with("auth_opt_");
}

const Directive* last_of(const std::vector<Directive>& directives, std::string_view key) {
  const auto found = std::find_if(directives.rbegin(), directives.rend(),
                                  [&](const Directive& one) { return one.key == key; });
  return found == directives.rend() ? nullptr : &*found;
}

class Reader {
 public:
  explicit Reader(const config::FileLoader& files) : files_(files) {}

  Result<void, std::string> read(const std::string& path, bool is_included) {
    const Result<std::string, std::string> text = files_.read(path);
    if (!text) return failure(path + ": " + text.error());
    auth::Lines lines(*text);
    for (std::string_view line; lines.next(line);) {
      std::string_view rest = auth::trim(line);
      if (rest.empty() || rest.front() == '#') continue;
      if (++count_ > kDirectivesMax) return failure(path + ": too many lines");
      Directive directive{std::string(take_word(rest)), std::string(rest), path, lines.number()};
      // mosquitto does not look for an include_dir in an included file either.
      if (directive.key != "include_dir" || is_included) {
        all_.push_back(std::move(directive));
        continue;
      }
      const auto names = files_.list(directive.value + "/*.conf");
      if (!names) return failure(directive.value + ": " + names.error());
      for (const std::string& name : *names) {
        if (auto done = read(name, true); !done) return done;
      }
    }
    return {};
  }

  // Options belong to the listener or the bridge that was begun last.
  Directives sort() {
    const Directive* per_listener = last_of(all_, "per_listener_settings");
    sorted_.is_per_listener = per_listener != nullptr && per_listener->value == "true";
    for (Directive& directive : all_) place(std::move(directive));
    return std::move(sorted_);
  }

 private:
  bool is_listener_option(std::string_view key) const {
    if (is_one_of(kListenerKeys, key)) return true;
    return sorted_.is_per_listener && (is_one_of(kSecurityKeys, key) || is_plugin_option(key));
  }

  void place(Directive directive) {
    const std::string_view key = directive.key;
    if (key == "listener") {
      sorted_.listeners.push_back({std::move(directive), {}});
    } else if (key == "connection") {
      sorted_.bridges.push_back({std::move(directive), {}});
    } else if (key == "port") {
      sorted_.default_listener.head = std::move(directive);
    } else if (key == "bind_address") {
      sorted_.default_listener.options.push_back(std::move(directive));
    } else if (!sorted_.bridges.empty() &&
               (is_one_of(kBridgeKeys, key) || key.starts_with("bridge_"))) {
      sorted_.bridges.back().options.push_back(std::move(directive));
    } else if (is_listener_option(key)) {
      Block& block =
          sorted_.listeners.empty() ? sorted_.default_listener : sorted_.listeners.back();
      block.options.push_back(std::move(directive));
    } else {
      sorted_.globals.push_back(std::move(directive));
    }
  }

  const config::FileLoader& files_;
  std::vector<Directive> all_;
  std::size_t count_ = 0;
  Directives sorted_;
};

}  // namespace

const Directive* Block::find(std::string_view key) const { return last_of(options, key); }

const Directive* Directives::find_global(std::string_view key) const {
  return last_of(globals, key);
}

Result<Directives, std::string> read_directives(const std::string& path,
                                                const config::FileLoader& files) {
  Reader reader(files);
  if (auto done = reader.read(path, false); !done) return failure(done.error());
  return reader.sort();
}

std::string_view take_word(std::string_view& text) {
  text = auth::trim_front(text);
  const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
  const std::string_view word = text.substr(0, end);
  text = auth::trim(text.substr(end));
  return word;
}

}  // namespace vmq::migrate
