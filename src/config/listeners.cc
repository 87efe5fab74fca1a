#include "config/listeners.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/expect.h"

namespace vmq::config {

namespace {

constexpr std::array<std::pair<std::string_view, ListenerKind>, 8> kKinds = {{
    {"tcp", ListenerKind::Tcp},
    {"ssl", ListenerKind::Ssl},
    {"ws", ListenerKind::Ws},
    {"wss", ListenerKind::Wss},
    {"vmq", ListenerKind::Vmq},
    {"vmqs", ListenerKind::Vmqs},
    {"http", ListenerKind::Http},
    {"https", ListenerKind::Https},
}};

constexpr std::string_view kNotSetHere = "-1";

// The options of one listener, looked up from the name outwards.
class Options {
 public:
  Options(const Settings& settings, std::string_view kind, const std::string& name)
      : settings_(settings), kind_(kind), name_(name) {}

  // What the files say, or the default of the innermost level that has one. Nothing if there is
  // neither, or if the option does not exist for this kind.
  const Value* find(std::string_view option) {
    const std::array<std::string, 3> keys = {
        to_string(KeyWords{"listener", kind_, name_}) + "." + std::string(option),
        fmt::format("listener.{}.{}", kind_, option), fmt::format("listener.{}", option)};
    for (const std::string& key : keys) {
      const EffectiveValue* value = settings_.get(key);
      if (value == nullptr || value->source == Source::Default) continue;
      if (!is_option(*value) || value->value.text == kNotSetHere) continue;
      return &value->value;
    }
    return find_default(keys, option);
  }

  bool flag(std::string_view option, bool otherwise) {
    const Value* value = find(option);
    return value == nullptr ? otherwise : value->number == 1;
  }
  std::string text(std::string_view option, std::string otherwise) {
    const Value* value = find(option);
    return value == nullptr ? otherwise : value->text;
  }
  std::uint32_t count(std::string_view option, std::uint32_t otherwise) {
    const Value* value = find(option);
    if (value == nullptr || value->number < 0) return otherwise;
    if (value->is_word) return kNoLimit;  // infinity
    return static_cast<std::uint32_t>(std::min<std::int64_t>(value->number, kNoLimit));
  }
  std::optional<std::vector<std::string>> list(std::string_view option) {
    const Value* value = find(option);
    if (value == nullptr) return std::nullopt;
    return split_list(value->text);
  }

 private:
  // A key such as listener.tcp.mountpoint could also be read as an address line; the table decides
  // which it is.
  static bool is_option(const EffectiveValue& value) {
    return value.setting->type != Type::Address && value.setting->type != Type::AddressOrSocket;
  }

  // Defaults of the name level stand in rows with $name, which no Settings holds.
  const Value* find_default(const std::array<std::string, 3>& keys, std::string_view option) {
    for (const std::string& key : keys) {
      const Result<KeyWords, KeyError> words = parse_key(key);
      const Setting* setting = words ? find_setting(*words) : nullptr;
      if (setting == nullptr || !setting->default_text) continue;
      if (*setting->default_text == kNotSetHere || !setting->key.ends_with(option)) continue;
      Result<Value, std::string> value = parse_value(*setting, *setting->default_text);
      VMQ_EXPECT(value.has_value());
      default_ = std::move(*value);
      return &default_;
    }
    return nullptr;
  }

  const Settings& settings_;
  std::string kind_;
  std::string name_;
  Value default_;
};

ProtocolVersions protocol_versions(const std::vector<std::string>& levels) {
  const auto has = [&](std::string_view level) {
    return std::find(levels.begin(), levels.end(), level) != levels.end();
  };
  return {has("3"), has("4"), has("5"), has("131"), has("132")};
}

std::optional<BufferSizes> buffer_sizes(Options& options) {
  const std::optional<std::vector<std::string>> sizes = options.list("buffer_sizes");
  if (!sizes) return std::nullopt;
  VMQ_EXPECT(sizes->size() == 3);  // the type checked it
  const auto at = [&](std::size_t i) {
    return static_cast<std::uint32_t>(std::stoul((*sizes)[i]));
  };
  return BufferSizes{at(0), at(1), at(2)};
}

void read_tls(Options& options, TlsConfig& tls) {
  tls.cafile = options.text("cafile", {});
  tls.certfile = options.text("certfile", {});
  tls.keyfile = options.text("keyfile", {});
  tls.key_password = options.text("keypasswd", {});
  tls.crlfile = options.text("crlfile", {});
  tls.ciphers = split_list(options.text("ciphers", {}), ':');
  tls.curves = split_list(options.text("eccs", {}));
  tls.versions = split_list(options.text("tls_version", "tlsv1.2"));
  tls.depth = options.count("depth", 1);
  if (const Value* timeout = options.find("tls_handshake_timeout")) {
    if (timeout->is_word) tls.handshake_timeout.reset();
    if (!timeout->is_word) tls.handshake_timeout = milliseconds(timeout->number);
  }
  tls.require_certificate = options.flag("require_certificate", false);
  tls.use_identity_as_username = options.flag("use_identity_as_username", false);
  tls.psk_support = options.flag("psk_support", false);
  tls.psk_identity_hint = options.text("psk_identity_hint", tls.psk_identity_hint);
  tls.pskfile = options.text("pskfile", tls.pskfile);
  tls.pskfile_separator = options.text("pskfile_separator", tls.pskfile_separator);
}

void read_xff(Options& options, XffConfig& xff) {
  xff.enabled = options.flag("proxy_xff_support", false);
  xff.trusted_intermediates = split_list(options.text("proxy_xff_trusted_intermediate", {}), ';');
  xff.use_cn_as_username = options.flag("proxy_xff_use_cn_as_username", false);
  xff.cn_header = options.text("proxy_xff_cn_header", xff.cn_header);
}

void read_options(Options& options, ListenerConfig& listener) {
  listener.connections_max = options.count("max_connections", listener.connections_max);
  listener.connect_rate_max = options.count("max_connect_rate", 0);
  listener.acceptors = options.count("nr_of_acceptors", listener.acceptors);
  const std::string mountpoint = options.text("mountpoint", "off");
  listener.mountpoint = mountpoint == "off" ? std::string() : mountpoint;
  listener.connection_lifetime_max = seconds(options.count("max_connection_lifetime", 0));
  listener.buffer_sizes = buffer_sizes(options);
  if (const Value* active_n = options.find("active_n")) {
    listener.active_n = static_cast<std::uint32_t>(active_n->number);
  }
  listener.allow_anonymous_override = options.flag("allow_anonymous_override", false);
  listener.auth_plugins = options.list("auth_plugins");
  listener.authz_plugins = options.list("authz_plugins");
  if (const auto levels = options.list("allowed_protocol_versions")) {
    listener.protocol_versions = protocol_versions(*levels);
  }
  listener.forward_connection_opts = options.flag("forward_connection_opts", false);
  listener.proxy_protocol = options.flag("proxy_protocol", false);
  listener.proxy_protocol_use_cn_as_username =
      options.flag("proxy_protocol_use_cn_as_username", true);
  read_xff(options, listener.xff);
  read_tls(options, listener.tls);
  listener.request_line_max = options.count("max_request_line_length", listener.request_line_max);
  listener.header_value_max = options.count("max_header_value_length", listener.header_value_max);
}

bool has_typed_field(std::string_view option) {
  return !option.starts_with("http_module") && !option.starts_with("config_") &&
         option.find("watermark") == std::string_view::npos;
}

std::optional<ListenerKind> kind_of(std::string_view word) {
  for (const auto& [name, kind] : kKinds) {
    if (name == word) return kind;
  }
  return std::nullopt;
}

// The name of an address line's listener, or nothing for any other key.
bool is_address_line(const EffectiveValue& value) {
  return value.words.size() == 3 && value.words[0] == "listener" &&
         (value.setting->type == Type::Address || value.setting->type == Type::AddressOrSocket);
}

ListenerConfig make_listener(const Settings& settings, ListenerKind kind,
                             const EffectiveValue& line) {
  ListenerConfig listener;
  listener.kind = kind;
  listener.name = line.words[2];
  const Sockets sockets = kind == ListenerKind::Tcp ? Sockets::Allowed : Sockets::Refused;
  Result<Endpoint, std::string> endpoint = parse_endpoint(line.value.text, sockets);
  VMQ_EXPECT(endpoint.has_value());
  listener.address = std::move(endpoint->address);
  listener.port = endpoint->port;
  listener.is_domain_socket = endpoint->is_domain_socket;
  Options options(settings, line.words[1], listener.name);
  read_options(options, listener);
  const std::string prefix = to_string(line.words) + ".";
  for (auto at = settings.all().lower_bound(prefix);
       at != settings.all().end() && at->first.starts_with(prefix); ++at) {
    const std::string option = at->first.substr(prefix.size());
    if (!has_typed_field(option)) listener.options.push_back({option, at->second.value.text});
  }
  return listener;
}

void check_chain(const Settings& settings, const std::string& key,
                 const std::vector<std::string>& plugins, std::vector<ConfigError>& errors) {
  const EffectiveValue* value = settings.get(key);
  const Origin origin = value == nullptr ? Origin{} : value->origin;
  for (std::size_t i = 0; i < plugins.size(); ++i) {
    const std::string plugin_key = to_string(KeyWords{"plugins", plugins[i]});
    const EffectiveValue* plugin = settings.get(plugin_key);
    if (plugin == nullptr || plugin->value.number != 1) {
      errors.push_back({origin,
                        key,
                        fmt::format("{} is not switched on ({} = on)", plugins[i], plugin_key),
                        {}});
    }
    if (std::find(plugins.begin(), plugins.begin() + static_cast<std::ptrdiff_t>(i), plugins[i]) !=
        plugins.begin() + static_cast<std::ptrdiff_t>(i)) {
      errors.push_back({origin, key, fmt::format("{} stands there twice", plugins[i]), {}});
    }
  }
}

}  // namespace

std::string_view to_string(ListenerKind kind) {
  for (const auto& [name, value] : kKinds) {
    if (value == kind) return name;
  }
  return "";
}

std::vector<ListenerConfig> make_listeners(const Settings& settings) {
  std::vector<ListenerConfig> listeners;
  for (const auto& [key, value] : settings.all()) {
    if (!is_address_line(value)) continue;
    const std::optional<ListenerKind> kind = kind_of(value.words[1]);
    VMQ_EXPECT(kind.has_value());
    listeners.push_back(make_listener(settings, *kind, value));
  }
  std::stable_sort(
      listeners.begin(), listeners.end(),
      [](const ListenerConfig& a, const ListenerConfig& b) { return a.kind < b.kind; });
  return listeners;
}

void check_listeners(const Settings& settings, const std::vector<ListenerConfig>& listeners,
                     std::vector<ConfigError>& errors) {
  for (const ListenerConfig& listener : listeners) {
    const std::string prefix =
        to_string(KeyWords{"listener", std::string(to_string(listener.kind)), listener.name});
    if (listener.auth_plugins) {
      check_chain(settings, prefix + ".auth_plugins", *listener.auth_plugins, errors);
    }
    if (listener.authz_plugins) {
      check_chain(settings, prefix + ".authz_plugins", *listener.authz_plugins, errors);
    }
  }
}

}  // namespace vmq::config
