#include "migrate/listeners.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "config/value.h"

namespace vmq::migrate {

namespace {

struct OptionRow {
  std::string_view theirs;
  std::string_view ours;  // empty: no counterpart
  std::string_view why;
};

// Options that need more than a look into this table are handled in code.
constexpr auto kOptions = std::to_array<OptionRow>({
    {"cafile", "cafile", ""},
    {"certfile", "certfile", ""},
    {"keyfile", "keyfile", ""},
    {"crlfile", "crlfile", ""},
    {"ciphers", "ciphers", ""},
    {"capath", "", "name one file with all authorities: cafile"},
    {"ciphers_tls1.3", "", "the suites of TLS 1.3 are OpenSSL's defaults here"},
    {"dhparamfile", "", "not needed: key exchange uses elliptic curves"},
    {"use_subject_as_username", "", "only the common name serves as user name"},
    {"use_username_as_clientid", "", "client ids are the clients' own; see plugins that rewrite"},
    {"tls_engine", "", "keys come from files"},
    {"tls_engine_kpass_sha1", "", "keys come from files"},
    {"tls_keyform", "", "keys are PEM files"},
    {"bind_interface", "", "give the interface's address to the listener"},
    {"mount_point", "",
     "mosquitto puts it before topics; a mountpoint here is a topic space of its own, whose "
     "topics other listeners do not see"},
    {"http_dir", "", "WebSocket listeners serve no files"},
    {"websockets_headers_size", "", "max_header_value_length bounds headers here"},
    {"websockets_origin", "", "browsers of any origin may connect; let a proxy choose"},
    {"max_qos", "", "every QoS is offered"},
    {"proxy_protocol_v2_require_tls", "", "the header is taken with and without TLS"},
});

bool is_tls(const Block& block) {
  return block.find("certfile") != nullptr || block.find("psk_hint") != nullptr ||
         block.find("psk_file") != nullptr;
}

std::string kind_of(const Block& block) {
  const Directive* protocol = block.find("protocol");
  const bool is_websocket = protocol != nullptr && protocol->value == "websockets";
  if (is_tls(block)) return is_websocket ? "wss" : "ssl";
  return is_websocket ? "ws" : "tcp";
}

// mosquitto names the lowest version that it takes.
std::string_view versions_from(std::string_view lowest) {
  if (lowest == "tlsv1.3") return "tlsv1.3";
  if (lowest == "tlsv1.1") return "tlsv1.1,tlsv1.2,tlsv1.3";
  return "tlsv1.2,tlsv1.3";
}

}  // namespace

void ListenerConverter::convert() {
  out_.title("Listeners");
  const Block& first = directives_.default_listener;
  const bool is_alone = directives_.listeners.empty();
  if (!first.head.key.empty()) {
    convert_one(first);
  } else if (is_alone) {
    // Without any listener mosquitto serves its own machine only.
    Block local = first;
    local.head = {"listener", "1883 127.0.0.1", "", 0};
    if (const Directive* address = first.find("bind_address")) {
      local.head.value = "1883 " + address->value;
    }
    convert_one(local);
  } else {
    for (const Directive& option : first.options) {
      out_.remark(option, "stands before every listener and counts for none");
    }
  }
  for (const Block& block : directives_.listeners) convert_one(block);
}

std::string ListenerConverter::name_for(std::string_view port) {
  std::string name = fmt::format("p{}", port);
  if (port == "0") name = "socket";
  std::string candidate = name;
  for (int i = 2; !names_.insert(candidate).second; ++i) candidate = fmt::format("{}_{}", name, i);
  return candidate;
}

void ListenerConverter::convert_one(const Block& block) {
  std::string_view rest = block.head.value;
  const std::string_view port = take_word(rest);
  if (port.empty() || port.find_first_not_of("0123456789") != port.npos) {
    return out_.remark(block.head, "names no port; the listener is left out");
  }
  const std::string name = name_for(port);
  const std::string kind = kind_of(block);
  convert_address(block, kind, name);
  convert_options(block, kind, name);
  if (is_tls(block)) convert_tls(block, kind, name);
}

void ListenerConverter::convert_address(const Block& block, const std::string& kind,
                                        const std::string& name) {
  std::string_view rest = block.head.value;
  const std::string port(take_word(rest));
  std::string address(rest);
  if (const Directive* bind = block.find("bind_address"); bind != nullptr && address.empty()) {
    address = bind->value;
  }
  const Directive* domain = block.find("socket_domain");
  const std::string key = fmt::format("listener.{}.{}", kind, name);
  if (port == "0" && kind == "tcp") {
    out_.line(key, fmt::format("local:{}:0", address), block.head);
    return;
  }
  const bool is_everywhere = address.empty();
  if (is_everywhere) {
    address = domain != nullptr && domain->value == "ipv6" ? "::" : "0.0.0.0";
  } else if (address == "localhost") {
    address = "127.0.0.1";
  }
  if (!config::is_ip_address(address)) {
    out_.comment(fmt::format("{} = ADDRESS-OF-{}:{}", key, address, port));
    out_.remark(block.head, fmt::format("{} is a name; listeners take addresses, so this one is "
                                        "left out",
                                        address));
    return;
  }
  out_.line(key, fmt::format("{}:{}", address, port), block.head);
  if (is_everywhere && domain == nullptr) {
    out_.comment(fmt::format("mosquitto serves IPv6 too: {}_v6 = :::{}", key, port));
  }
}

void ListenerConverter::convert_options(const Block& block, const std::string& kind,
                                        const std::string& name) {
  const std::string prefix = fmt::format("listener.{}.{}.", kind, name);
  for (const Directive& option : block.options) {
    const std::string_view key = option.key;
    if (key == "max_connections") {
      out_.line(prefix + "max_connections", option.value == "-1" ? "infinity" : option.value,
                option);
    } else if (key == "allow_anonymous") {
      out_.line(prefix + "allow_anonymous_override", flag_of(option.value) == "on" ? "on" : "off",
                option);
    } else if (key == "enable_proxy_protocol") {
      out_.line(prefix + "proxy_protocol", option.value == "0" ? "off" : "on", option);
    } else if (key == "max_topic_alias" || key == "max_topic_alias_broker") {
      out_.remark(option,
                  "is one setting for all listeners: topic_alias_max_client and "
                  "topic_alias_max_broker");
    } else if (key == "accept_protocol_versions") {
      out_.remark(option, "see allowed_protocol_versions of the listener");
    } else if (key == "protocol" || key == "socket_domain" || key == "bind_address") {
      out_.count();  // part of the address line
    } else if (key == "password_file" || key == "acl_file") {
      continue;  // one for all listeners; looked at there
    } else if (key == "psk_hint" || key == "psk_file" || key == "tls_version" ||
               key == "require_certificate" || key == "use_identity_as_username") {
      if (!is_tls(block)) out_.remark(option, "the listener has no certificate, so no TLS");
    } else if (const auto* row =
                   std::find_if(kOptions.begin(), kOptions.end(),
                                [&](const OptionRow& one) { return one.theirs == key; });
               row != kOptions.end()) {
      if (row->ours.empty()) {
        out_.remark(option, row->why);
      } else if (is_tls(block)) {
        out_.line(prefix + std::string(row->ours), option.value, option);
      } else {
        out_.remark(option, "the listener has no certificate, so no TLS");
      }
    } else {
      out_.remark(option, "is one setting for all listeners here and was not taken from one");
    }
  }
}

void ListenerConverter::convert_tls(const Block& block, const std::string& kind,
                                    const std::string& name) {
  const std::string prefix = fmt::format("listener.{}.{}.", kind, name);
  const Directive* version = block.find("tls_version");
  out_.line(prefix + "tls_version", versions_from(version == nullptr ? "" : version->value));
  if (version != nullptr) out_.count();
  const Directive* required = block.find("require_certificate");
  const bool is_required = required != nullptr && flag_of(required->value) == "on";
  if (required != nullptr) {
    out_.line(prefix + "require_certificate", is_required ? "on" : "off", *required);
  }
  const Directive* identity = block.find("use_identity_as_username");
  if (identity != nullptr && flag_of(identity->value) == "on") {
    out_.line(prefix + "use_identity_as_username", "on", *identity);
    // The certificate is the proof; the password file would be asked for a password otherwise.
    if (is_required) out_.line(prefix + "allow_anonymous_override", "on");
  }
  const Directive* file = block.find("psk_file");
  if (file == nullptr) file = directives_.find_global("psk_file");
  const Directive* hint = block.find("psk_hint");
  if (hint == nullptr && block.find("psk_file") == nullptr) return;
  if (kind != "ssl" || file == nullptr) {
    out_.remark(hint == nullptr ? *file : *hint,
                "pre-shared keys are for MQTT over TLS with a psk_file; left out");
    return;
  }
  out_.line(prefix + "psk_support", "on");
  if (hint != nullptr) out_.line(prefix + "psk_identity_hint", hint->value, *hint);
  out_.line("listener.ssl.pskfile", file->value, *file);
}

namespace {

constexpr auto kBridgeOptions = std::to_array<OptionRow>({
    {"keepalive_interval", "keepalive_interval", ""},
    {"restart_timeout", "restart_timeout", ""},
    {"remote_username", "username", ""},
    {"username", "username", ""},
    {"remote_password", "password", ""},
    {"password", "password", ""},
    {"remote_clientid", "client_id", ""},
    {"clientid", "client_id", ""},
    {"cleansession", "cleansession", ""},
    {"try_private", "try_private", ""},
    {"bridge_cafile", "cafile", ""},
    {"bridge_certfile", "certfile", ""},
    {"bridge_keyfile", "keyfile", ""},
    {"bridge_insecure", "insecure", ""},
    {"bridge_tls_version", "tls_version", ""},
    {"bridge_identity", "identity", ""},
    {"bridge_psk", "psk", ""},
});

std::string with_stars(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c == '#') c = '*';
  }
  return out;
}

std::string word_of(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    out.push_back(is_plain ? c : '_');
  }
  return out;
}

}  // namespace

void convert_bridge(const Block& block, ConfText& out) {
  const bool is_tls_bridge =
      block.find("bridge_cafile") != nullptr || block.find("bridge_psk") != nullptr;
  const std::string name =
      fmt::format("vmq_bridge.{}.{}", is_tls_bridge ? "ssl" : "tcp", word_of(block.head.value));
  int topics = 0;
  out.remark(block.head, "the bridge is written as comments; look at it, then take the # away");
  for (const Directive& option : block.options) {
    const auto* row = std::find_if(kBridgeOptions.begin(), kBridgeOptions.end(),
                                   [&](const OptionRow& one) { return one.theirs == option.key; });
    if (option.key == "address" || option.key == "addresses") {
      std::string_view rest = option.value;
      std::string address(take_word(rest));
      if (!rest.empty()) out.remark(option, "only the first address is taken");
      if (address.find(':') == address.npos) address += ":1883";
      out.comment(fmt::format("{} = {}", name, address));
    } else if (option.key == "topic") {
      out.comment(fmt::format("{}.topic.{} = {}", name, ++topics, with_stars(option.value)));
    } else if (option.key == "bridge_protocol_version") {
      const std::string_view version = option.value == "mqttv50"   ? "5"
                                       : option.value == "mqttv31" ? "3"
                                                                   : "4";
      out.comment(fmt::format("{}.mqtt_version = {}", name, version));
    } else if (row != kBridgeOptions.end()) {
      const std::string_view flag = flag_of(option.value);
      const bool is_flag = option.value == "true" || option.value == "false";
      out.comment(
          fmt::format("{}.{} = {}", name, row->ours, is_flag ? std::string(flag) : option.value));
    } else {
      out.remark(option, "this option of a bridge has no counterpart");
    }
  }
}

}  // namespace vmq::migrate
