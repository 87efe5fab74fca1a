// Enhanced authentication (MQTT 5, section 4.12): CONNECT names a method, AUTH packets go to and
// fro until a plugin says yes or no. CONNECT itself is kept, and completed when it says yes.
#include "base/expect.h"
#include "core/shard.h"

namespace vmq::core {

namespace {
using mqtt::ReasonCode;
}

void Shard::begin_authentication(std::uint32_t slot, const mqtt::FrameHead& head, ByteView body,
                                 const mqtt::ConnectView& connect) {
  Connection& conn = *connections_[slot];
  if (conn.extras == nullptr) conn.extras = std::make_unique<ConnExtras>();
  conn.extras->auth_method = *connect.authentication_method;
  conn.extras->connect_packet.assign(body.begin(), body.end());
  conn.extras->connect_flags = head.flags;
  conn.phase = Connection::Phase::Authenticating;
  const ByteView data = connect.authentication_data.value_or(ByteView{});
  const HookClient client{connect.client_id, listener(conn).mountpoint, connect.user_name,
                          conn.peer};
  continue_authentication(slot, auth_step(hooks_of(conn), client, conn.extras->auth_method, data,
                                          conn.extras->auth_state));
}

void Shard::on_auth(std::uint32_t slot, const mqtt::AuthView& packet) {
  Connection& conn = *connections_[slot];
  counters_.count(PerReason::AuthReceived, true, packet.reason);
  // [MQTT-4.12.0-5], [MQTT-4.12.1-1]: the method never changes, and none means there is no AUTH at
  // all.
  if (conn.extras == nullptr || conn.extras->auth_method.empty() ||
      packet.method != std::string_view(conn.extras->auth_method)) {
    disconnect(slot, ReasonCode::ProtocolError, "authentication method changed");
    return;
  }
  const bool online = conn.phase == Connection::Phase::Online;
  const bool begins = packet.reason == ReasonCode::ReAuthenticate;
  if (online ? (begins == conn.reauthenticating) : begins) {
    disconnect(slot, ReasonCode::ProtocolError, "unexpected AUTH");
    return;
  }
  if (begins) conn.extras->auth_state.clear();
  conn.reauthenticating = online;
  HookClient client;
  std::vector<std::uint8_t> scratch;
  if (online) {
    client = hook_client(*sessions_[conn.session]);
  } else {
    const auto connect =
        mqtt::decode_connect(conn.extras->connect_flags, conn.extras->connect_packet, scratch);
    VMQ_EXPECT(connect.has_value());  // it was decoded before
    client = {connect->client_id, listener(conn).mountpoint, user_name_of(conn, *connect),
              conn.peer};
  }
  const ByteView data = packet.data.value_or(ByteView{});
  continue_authentication(slot, auth_step(hooks_of(conn), client, conn.extras->auth_method, data,
                                          conn.extras->auth_state));
}

void Shard::continue_authentication(std::uint32_t slot, const AuthStep& step) {
  Connection& conn = *connections_[slot];
  const bool online = conn.phase == Connection::Phase::Online;
  switch (step.result) {
    case AuthStep::Result::Continue:
      send_auth(slot, ReasonCode::ContinueAuthentication, step.data);
      return;
    case AuthStep::Result::Success:
      if (online) {
        conn.reauthenticating = false;
        send_auth(slot, ReasonCode::Success, step.data);
        return;
      }
      break;
    case AuthStep::Result::UnknownMethod:
    case AuthStep::Result::Failure: {
      const ReasonCode reason = step.result == AuthStep::Result::UnknownMethod
                                    ? ReasonCode::BadAuthenticationMethod
                                    : ReasonCode::NotAuthorized;
      if (online) {
        disconnect(slot, reason);
      } else {
        refuse_connect(slot, reason, true, {});
      }
      return;
    }
  }
  const std::vector<std::uint8_t> packet = std::move(conn.extras->connect_packet);
  conn.extras->auth_data = step.data;  // the last word of the exchange travels in CONNACK
  std::vector<std::uint8_t> scratch;
  auto connect = mqtt::decode_connect(conn.extras->connect_flags, packet, scratch);
  VMQ_EXPECT(connect.has_value());
  connect->user_name = user_name_of(conn, *connect);
  complete_connect(slot, *connect, step.user_name);
}

void Shard::send_auth(std::uint32_t slot, mqtt::ReasonCode reason, std::string_view data) {
  Connection& conn = *connections_[slot];
  mqtt::AuthView fields;
  fields.reason = reason;
  fields.method = conn.extras->auth_method;
  if (!data.empty()) fields.data = as_bytes(data);
  if (!mqtt::fit(fields, conn.packet_size_max)) return;
  counters_.count(PerReason::AuthSent, true, reason);
  mqtt::write(fields, reserve(slot, mqtt::size_of(fields)));
}

}  // namespace vmq::core
