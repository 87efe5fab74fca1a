#include "admin/rows.h"

namespace vmq::admin {
namespace {

constexpr Arg kAddress = required_key("address", "IP", "The address, or local:/path of a socket.");
constexpr Arg kPort = {.name = "port",
                       .is_required = true,
                       .value_name = "P",
                       .prose = "The port.",
                       .type = Type::Number};

constexpr Arg kShowArgs[] = {
    bare("tls", "t", "Add the columns about TLS."),
    bare("mqtt", "m", "Add the columns about MQTT."),
};

constexpr Arg kStartArgs[] = {
    kAddress,
    kPort,
    flag("mountpoint", "m", "M", "The mountpoint of its clients."),
    number_flag("nr_of_acceptors", "", "N", "Taken and not needed: shards accept by themselves."),
    flag("max_connections", "", "N|infinity", "Most connections at a time."),
    number_flag("tls_handshake_timeout", "", "MS", "Longest TLS handshake."),
    flag("allowed_protocol_versions", "", "3,4,5", "The MQTT versions taken; 3,4."),
    switch_flag("allow_anonymous_override", "", "Take clients without asking who they are."),
    flag("auth_plugins", "", "P,P", "The plugins asked who a client is, in this order."),
    flag("authz_plugins", "", "P,P", "The plugins asked what a client may, in this order."),
    switch_flag("websocket", "ws", "MQTT over WebSocket."),
    switch_flag("proxy_protocol", "", "Expect the PROXY protocol's header."),
    switch_flag("proxy_protocol_use_cn_as_username", "", "User names come from that header."),
    switch_flag("proxy_xff_support", "", "Take client addresses from X-Forwarded-For."),
    flag("proxy_xff_trusted_intermediate", "", "IP,IP", "The proxies that are believed."),
    switch_flag("proxy_xff_use_cn_as_username", "", "User names come from a proxy's header."),
    flag("proxy_xff_cn_header", "", "NAME", "The name of that header."),
    switch_flag("forward_connection_opts", "", "Show plugins the connection's options."),
    switch_flag("http", "", "An HTTP listener."),
    flag("http_modules", "", "M,M", "What an HTTP listener answers."),
    flag("config_mod", "", "NAME", "Taken and not needed: nothing here is made of modules."),
    flag("config_fun", "", "NAME", "Taken and not needed, like config_mod."),
    switch_flag("ssl", "", "Over TLS."),
    flag("cafile", "", "FILE", "Certificates that clients' certificates are checked with."),
    flag("certfile", "", "FILE", "The listener's certificate."),
    flag("keyfile", "", "FILE", "The key of the certificate."),
    flag("keypasswd", "", "PASSWORD", "The password of the key."),
    flag("ciphers", "", "C:C", "The ciphers."),
    flag("eccs", "", "E,E", "The curves."),
    flag("crlfile", "", "FILE", "Certificates that were taken back."),
    flag("tls_version", "", "V", "The TLS versions."),
    switch_flag("require_certificate", "", "Clients must show a certificate."),
    switch_flag("use_identity_as_username", "", "User names come from the certificate."),
    switch_flag("psk_support", "", "Keys shared in advance instead of certificates."),
    flag("pskfile", "", "FILE", "Those keys."),
};

constexpr Arg kStopArgs[] = {
    kAddress,
    kPort,
    bare("kill_sessions", "k", "Cut its clients too."),
};

constexpr Arg kAddressArgs[] = {kAddress, kPort};

constexpr Command kRows[] = {
    {.words = "listener show",
     .prose = "Lists listeners, their state and their connections.",
     .args = kShowArgs},
    {.words = "listener start",
     .effect = Effect::Changes,
     .prose = "Opens a listener until the next start of the node.",
     .args = kStartArgs,
     .detail = "For one that stays, write it into vernemq.conf.\n"
               "\n"
               "  vmq-admin listener start address=127.0.0.1 port=1884 --max_connections=100"},
    {.words = "listener stop",
     .effect = Effect::Changes,
     .prose = "Lets a listener take no further connections.",
     .args = kStopArgs},
    {.words = "listener restart",
     .effect = Effect::Changes,
     .prose = "Lets a stopped listener take connections again.",
     .args = kAddressArgs},
    {.words = "listener delete",
     .effect = Effect::Changes,
     .prose = "Closes a listener for good.",
     .args = kAddressArgs},
};

}  // namespace

std::span<const Command> listener_commands() { return kRows; }

}  // namespace vmq::admin
