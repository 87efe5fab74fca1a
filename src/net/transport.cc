#include "net/transport.h"

#include <utility>

namespace vmq::net {
namespace {

using config::ListenerKind;

constexpr Duration proxy_header_patience = seconds(10);
constexpr Duration upgrade_patience = seconds(5);

}  // namespace

Result<std::shared_ptr<const Transport>, std::string> make_transport(
    const config::ListenerConfig& listener, const config::TransportConfig& config,
    std::int64_t now_s, const MakeAccepter& accepter) {
  const bool is_tls = listener.kind == ListenerKind::Ssl || listener.kind == ListenerKind::Wss ||
                      listener.kind == ListenerKind::Https || listener.kind == ListenerKind::Vmqs;
  const bool is_websocket = listener.kind == ListenerKind::Ws || listener.kind == ListenerKind::Wss;
  if (!is_tls && !is_websocket && !listener.proxy_protocol && !listener.is_link()) {
    return std::shared_ptr<const Transport>();
  }
  auto transport = std::make_shared<Transport>();
  transport->opening_max = Duration{0};
  if (listener.proxy_protocol) {
    transport->takes_proxy_header = true;
    transport->proxied_name_is_user = listener.proxy_protocol_use_cn_as_username;
    *transport->opening_max = *transport->opening_max + proxy_header_patience;
  }
  if (is_websocket) {
    transport->is_websocket = true;
    transport->upgrade.request_line_max = listener.request_line_max;
    transport->upgrade.header_value_max = listener.header_value_max;
    transport->forwarded.takes_address = listener.xff.enabled;
    transport->forwarded.takes_common_name = listener.xff.use_cn_as_username;
    transport->forwarded.common_name_header = listener.xff.cn_header;
    transport->forwarded.trusted = listener.xff.trusted_intermediates;
    transport->websocket_message_max = config.websocket_frame_bytes_max;
    *transport->opening_max = *transport->opening_max + upgrade_patience;
  }
  if (is_tls) {
    VMQ_TRY(source, TlsSource::make(listener.tls, config.crl_refresh_interval, now_s));
    transport->tls = std::move(source);
    transport->certificate_name_is_user = listener.tls.use_identity_as_username;
    if (listener.tls.handshake_timeout) {
      *transport->opening_max = *transport->opening_max + *listener.tls.handshake_timeout;
    } else {
      transport->opening_max.reset();
    }
  }
  if (listener.is_link()) {
    transport->accepter = accepter;
    transport->opening_max = link_patience;
  }
  return std::shared_ptr<const Transport>(std::move(transport));
}

}  // namespace vmq::net
