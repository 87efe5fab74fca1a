// DISCONNECT from a client: the polite end of a connection.
#include "core/shard.h"

namespace vmq::core {

namespace {
using mqtt::ReasonCode;
}

void Shard::on_disconnect(std::uint32_t slot, const mqtt::DisconnectView& packet) {
  Connection& conn = *connections_[slot];
  counters_.count(PerReason::DisconnectReceived, conn.is_v5(), packet.reason);
  if (conn.session == no_slot) {  // during enhanced authentication
    drop(slot, CloseHow::Flush);
    return;
  }
  Session& session = *sessions_[conn.session];
  if (packet.session_expiry_interval) {
    // [MQTT-3.14.2-2]: a session that was to end with its connection cannot be prolonged now.
    if (session.clean && *packet.session_expiry_interval != 0) {
      disconnect(slot, ReasonCode::ProtocolError, "session expiry raised from 0");
      return;
    }
    session.expiry_interval_s = *packet.session_expiry_interval;
    session.clean = session.expiry_interval_s == 0;
  }
  // [MQTT-3.14.4-3]: the will is forgotten, unless the client asks for it.
  const bool with_will = packet.reason == ReasonCode::DisconnectWithWillMessage ||
                         (conn.is_v5() && mqtt::is_error(packet.reason));
  go_offline(session, with_will);
  drop(slot, CloseHow::Ended);
}

}  // namespace vmq::core
