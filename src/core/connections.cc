// Bytes into packets: frames are cut, decoded, and handed to the file of their packet. Whatever a
// client does wrong ends its own connection and nothing else.
#include "base/expect.h"
#include "core/shard.h"

namespace vmq::core {

namespace {

// Bytes of a packet that takes a while to send.
constexpr std::size_t long_packet = 4096;

// What a packet handler's decode error means for the connection.
struct Refusal {
  mqtt::ReasonCode reason;
  std::string_view text;
};

Refusal refusal_of(mqtt::DecodeError error) {
  return {mqtt::reason_of(error), mqtt::to_string(error)};
}

}  // namespace

ConnId Shard::accept(ConnInfo info) {
  std::uint32_t slot;
  if (free_connections_.empty()) {
    slot = static_cast<std::uint32_t>(connections_.size());
    connections_.emplace_back();
  } else {
    slot = free_connections_.back();
    free_connections_.pop_back();
  }
  VMQ_EXPECT(connections_[slot] == nullptr);
  connections_[slot] = std::make_unique<Connection>();
  Connection& conn = *connections_[slot];
  conn.incarnation = next_incarnation_++;
  conn.phase = Connection::Phase::AwaitConnect;
  conn.listener = static_cast<std::uint16_t>(info.listener);
  conn.peer = std::move(info.peer);
  if (!info.user_name.empty()) {
    conn.extras = std::make_unique<ConnExtras>();
    conn.extras->user_name = std::move(info.user_name);
  }
  conn.last_received = now_.instant;
  conn.started_at = now_.wall;
  sweep_timers();
  if (!info.is_moved && !info.link) {
    counters_.count(Plain::SocketOpen);
    conn.above_rate = judge_rate(conn);
    if (conn.above_rate != AboveRate::No) counters_.count(Plain::ConnectRateExceeded);
  }
  conn.is_tunnelled = info.is_tunnelled;
  if (info.link && (info.link->kind == LinkKind::Stream || info.link->is_outbound)) {
    conn.is_link = true;
    if (info.link->kind == LinkKind::Tunnel) {
      begin_tunnel(slot, *info.link);
    } else if (!begin_link(slot, *info.link)) {
      drop(slot, CloseHow::Abort);
    }
    return id_of(conn, slot);
  }
  if (info.link) {
    conn.phase = Connection::Phase::Preface;
    counters_.count(Plain::SocketOpen);
  }
  counters_.raise(Gauge::TotalActiveConnections);
  timers_.add(now_.instant + config().session.connect_timeout,
              {TimerKind::Connect, slot, conn.incarnation});
  return id_of(conn, slot);
}

// An address that is above its rate takes nothing of what the listener has for others.
AboveRate Shard::judge_rate(const Connection& conn) {
  const auto shards = static_cast<std::uint32_t>(shared_.counters.size());
  const std::uint32_t of_address = config().node.connect_rate_per_address;
  if (of_address != config::kNoLimit &&
      !connect_rate_.take(address_of(conn.peer), of_address, shards, now_.instant)) {
    return AboveRate::Address;
  }
  const config::ListenerConfig& door = listener(conn);
  if (door.connect_rate_max == 0) return AboveRate::No;
  const std::string name = std::to_string(static_cast<int>(door.kind)) + door.name;
  return listener_rate_.take(name, door.connect_rate_max, shards, now_.instant)
             ? AboveRate::No
             : AboveRate::Listener;
}

Gauge Shard::active_gauge_of(const Connection& conn) const {
  const config::ListenerKind kind = listener(conn).kind;
  const bool is_websocket = kind == config::ListenerKind::Ws || kind == config::ListenerKind::Wss;
  return is_websocket ? Gauge::ActiveMqttwsConnections : Gauge::ActiveMqttConnections;
}

ConnId Shard::id_of(const Connection& conn, std::uint32_t slot) const {
  return {(static_cast<std::uint64_t>(conn.incarnation) << 32) | slot};
}

Connection* Shard::find(ConnId id) {
  if (id.slot() >= connections_.size()) return nullptr;
  Connection* conn = connections_[id.slot()].get();
  if (conn == nullptr || conn->incarnation != id.value >> 32) return nullptr;
  return conn;
}

void Shard::forget(std::uint32_t slot) {
  const bool is_link = connections_[slot]->is_link;
  forget_silently(slot);
  if (is_link) return;
  counters_.count(Plain::SocketClose);
  counters_.lower(Gauge::TotalActiveConnections);
}

void Shard::forget_silently(std::uint32_t slot) {
  Connection& conn = *connections_[slot];
  conn.outbox.clear(pieces_);
  asks_.erase(conn.ask);
  connections_[slot].reset();
  free_connections_.push_back(slot);
  sweep_timers();
}

void Shard::on_closed(ConnId id, CloseCause cause) {
  Connection* conn = find(id);
  if (conn == nullptr) return;
  if (cause == CloseCause::ReadError || cause == CloseCause::WriteError) {
    counters_.count(Plain::SocketError);
  }
  if (conn->phase == Connection::Phase::Tunnel) end_tunnel(*conn, CloseHow::Flush);
  if (conn->is_link) end_link(id.slot());
  if (conn->session != no_slot) go_offline(*sessions_[conn->session], true);
  forget(id.slot());
}

void Shard::drop(std::uint32_t slot, CloseHow how) {
  Connection& conn = *connections_[slot];
  if (conn.phase == Connection::Phase::Closing) return;
  if (conn.phase == Connection::Phase::Tunnel) end_tunnel(conn, how);
  if (conn.is_link) end_link(slot);
  if (conn.session != no_slot) go_offline(*sessions_[conn.session], true);
  conn.phase = Connection::Phase::Closing;
  effects_.closes.push_back({id_of(conn, slot), how});
}

void Shard::disconnect(std::uint32_t slot, mqtt::ReasonCode reason, std::string_view text) {
  const Connection::Phase phase = connections_[slot]->phase;
  if (phase == Connection::Phase::Closing) return;
  if (phase == Connection::Phase::Authenticating &&
      reason != mqtt::ReasonCode::ServerShuttingDown) {
    refuse_connect(slot, reason, true, text);  // no DISCONNECT before CONNACK [MQTT-3.14.0-1]
    return;
  }
  if (phase == Connection::Phase::Online) send_disconnect(slot, reason, text);
  drop(slot, CloseHow::Flush);
}

void Shard::resume(std::uint32_t slot) {
  Connection& conn = *connections_[slot];
  if (!conn.is_paused) return;
  conn.is_paused = false;
  effects_.resumes.push_back(id_of(conn, slot));
}

namespace {

// Packets other than CONNECT and PUBLISH, which are hotter or longer.
bool dispatch(Shard& shard, std::uint32_t slot, mqtt::Version version, const mqtt::FrameHead& head,
              ByteView body, mqtt::DecodeError& error) {
  using mqtt::PacketType;
  auto run = [&error](auto decoded, auto&& handler) {
    if (!decoded) {
      error = decoded.error();
      return false;
    }
    handler(*decoded);
    return true;
  };
  switch (head.type) {
    case PacketType::Puback:
      return run(mqtt::decode_ack(version, head.type, head.flags, body),
                 [&](const mqtt::AckFields& ack) { shard.on_puback(slot, ack); });
    case PacketType::Pubrec:
      return run(mqtt::decode_ack(version, head.type, head.flags, body),
                 [&](const mqtt::AckFields& ack) { shard.on_pubrec(slot, ack); });
    case PacketType::Pubrel:
      return run(mqtt::decode_ack(version, head.type, head.flags, body),
                 [&](const mqtt::AckFields& ack) { shard.on_pubrel(slot, ack); });
    case PacketType::Pubcomp:
      return run(mqtt::decode_ack(version, head.type, head.flags, body),
                 [&](const mqtt::AckFields& ack) { shard.on_pubcomp(slot, ack); });
    case PacketType::Subscribe:
      return run(mqtt::decode_subscribe(version, head.flags, body),
                 [&](const mqtt::SubscribeView& packet) { shard.on_subscribe(slot, packet); });
    case PacketType::Unsubscribe:
      return run(mqtt::decode_unsubscribe(version, head.flags, body),
                 [&](const mqtt::UnsubscribeView& packet) { shard.on_unsubscribe(slot, packet); });
    case PacketType::Pingreq: {
      const auto decoded = mqtt::decode_ping(version, head.flags, body);
      if (!decoded) {
        error = decoded.error();
        return false;
      }
      shard.on_pingreq(slot);
      return true;
    }
    case PacketType::Disconnect:
      return run(mqtt::decode_disconnect(version, head.flags, body),
                 [&](const mqtt::DisconnectView& packet) { shard.on_disconnect(slot, packet); });
    case PacketType::Auth:
      if (version != mqtt::Version::V5) break;
      return run(mqtt::decode_auth(version, head.flags, body),
                 [&](const mqtt::AuthView& packet) { shard.on_auth(slot, packet); });
    default:
      break;
  }
  // CONNECT a second time [MQTT-3.1.0-2], or a packet that only servers send.
  shard.disconnect(slot, mqtt::ReasonCode::ProtocolError, "unexpected packet");
  return true;
}

}  // namespace

// A client that sends without reading what it is sent waits for itself.
bool Shard::must_wait(const Connection& conn) const {
  return conn.slowed > 0 || conn.held >= limits_.held_max ||
         (conn.outbox.is_blocked() &&
          conn.outbox.bytes() > config().node.connection_buffer_max_bytes);
}

Taken Shard::on_bytes(ConnId id, ByteView bytes) {
  Connection* found = find(id);
  if (found == nullptr) return {bytes.size(), 0, false};
  const std::uint32_t slot = id.slot();
  Connection& conn = *found;
  if (conn.phase == Connection::Phase::Link) return on_stream_bytes(slot, bytes);
  if (conn.phase == Connection::Phase::Tunnel) return on_tunnel_bytes(slot, bytes);
  if (conn.phase == Connection::Phase::Preface) return on_preface(slot, bytes);
  in_turn_memory_ = arena_.holds(bytes.data());
  Taken taken;
  while (taken.consumed < bytes.size()) {
    if (conn.phase == Connection::Phase::Closing) return {bytes.size(), 0, false};
    if (conn.phase == Connection::Phase::Verifying && !conn.has_verdict) {
      conn.is_paused = taken.paused = true;
      return taken;
    }
    if (must_wait(conn)) {
      conn.is_paused = taken.paused = true;
      return taken;
    }
    const ByteView rest = bytes.subspan(taken.consumed);
    const bool has_version =
        conn.phase == Connection::Phase::Online || conn.phase == Connection::Phase::Authenticating;
    const mqtt::FrameResult frame = mqtt::read_frame_head(
        rest, {has_version ? conn.version : mqtt::Version::V311, mqtt::remaining_length_max + 5});
    if (frame.status == mqtt::FrameResult::Status::NeedMore) return taken;
    if (frame.status == mqtt::FrameResult::Status::Error) {
      const Refusal refusal = refusal_of(frame.error);
      disconnect(slot, refusal.reason, refusal.text);
      return {bytes.size(), 0, false};
    }
    const mqtt::FrameHead& head = frame.head;
    if (!is_size_allowed(conn, slot, head)) return {bytes.size(), 0, false};
    if (rest.size() < head.packet_size()) {
      // Whole packets prove that a client lives [MQTT-3.1.2-22], not single bytes; but one that
      // takes longer than its keep alive to send a large message is at work.
      if (head.packet_size() > long_packet) conn.last_received = now_.instant;
      taken.wanted = head.packet_size();
      return taken;
    }
    conn.last_received = now_.instant;
    const ByteView body = rest.subspan(head.header_size, head.remaining_length);
    if (conn.is_traced && has_version) trace_received(slot, rest.first(head.packet_size()));
    if (conn.phase == Connection::Phase::Online && head.type == mqtt::PacketType::Publish) {
      if (!on_publish(slot, head, body)) {
        conn.is_paused = taken.paused = true;
        return taken;
      }
    } else if (!has_version) {
      const Taken connect = on_connect(slot, head, body);
      // Handed over, or waiting for a verdict: CONNECT stays with the shell.
      if (connect.consumed == 0) {
        taken.paused = connect.paused;
        return taken;
      }
    } else if (conn.phase == Connection::Phase::Authenticating &&
               head.type != mqtt::PacketType::Auth && head.type != mqtt::PacketType::Disconnect) {
      // [MQTT-3.1.2-30]: nothing else before CONNACK.
      disconnect(slot, mqtt::ReasonCode::ProtocolError, "unexpected packet");
    } else {
      mqtt::DecodeError error = mqtt::DecodeError::Truncated;
      if (!dispatch(*this, slot, conn.version, head, body, error)) {
        const Refusal refusal = refusal_of(error);
        disconnect(slot, refusal.reason, refusal.text);
      }
    }
    taken.consumed += head.packet_size();
  }
  return taken;
}

bool Shard::is_size_allowed(Connection& conn, std::uint32_t slot, const mqtt::FrameHead& head) {
  const std::uint32_t message_max = config().session.message_size_max;
  // The setting bounds payloads; a topic and properties may come on top. Before CONNECT is read
  // nobody needs more than its largest sensible form.
  constexpr std::uint32_t headroom = 65536 + 65536;
  const std::uint32_t connect_max = 256 * 1024;
  std::uint64_t limit = std::uint64_t{message_max} + headroom;
  if (conn.phase == Connection::Phase::AwaitConnect) limit = connect_max;
  if (head.remaining_length <= limit) return true;
  counters_.count(PerVersion::InvalidMsgSizeError, conn.is_v5());
  disconnect(slot, mqtt::ReasonCode::PacketTooLarge, "packet too large");
  return false;
}

void Shard::on_pingreq(std::uint32_t slot) {
  const bool v5 = connections_[slot]->is_v5();
  counters_.count(PerVersion::PingreqReceived, v5);
  counters_.count(PerVersion::PingrespSent, v5);
  mqtt::write_ping(mqtt::PacketType::Pingresp, reserve(slot, mqtt::ping_size));
}

}  // namespace vmq::core
