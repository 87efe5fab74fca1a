// CONNECT: who is it, may it, and which session is its own. Read complete() for the order of
// things: every refusal comes before the first effect on a session.
#include <algorithm>

#include "base/expect.h"
#include "core/netsplit.h"
#include "core/shard.h"
#include "topic/validate.h"

namespace vmq::core {

namespace {

using mqtt::ReasonCode;

constexpr char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// "anon-" and 28 characters of chance, as clients of VerneMQ know them.
std::string drawn_client_id(Rng& rng) {
  std::string id = "anon-";
  for (int i = 0; i < 28; ++i) id += base64_digits[rng.below(64)];
  return id;
}

// The keep alive that counts: the client's, or the longest one where the client can be told of it
// [MQTT-3.2.2-21].
std::uint16_t keep_alive_of(const config::SessionConfig& limits, const mqtt::ConnectView& connect) {
  const std::uint16_t max = limits.keep_alive_max_s;
  const bool is_bounded = max != 0 && connect.version == mqtt::Version::V5;
  const bool is_longer = connect.keep_alive == 0 || connect.keep_alive > max;
  return is_bounded && is_longer ? max : connect.keep_alive;
}

// What CONNACK tells a client that is let in: everything that differs from what it asked for and
// from the standard's defaults.
mqtt::ConnackFields connack_fields(const Connection& conn, const config::SessionConfig& limits,
                                   const mqtt::ConnectView& connect, std::string_view client_id) {
  mqtt::ConnackFields fields;
  if (!conn.is_v5()) return fields;
  fields.receive_maximum = limits.receive_max_broker;
  fields.topic_alias_maximum = limits.topic_alias_max_client;
  const std::uint16_t keep_alive = keep_alive_of(limits, connect);
  if (keep_alive != connect.keep_alive) fields.server_keep_alive = keep_alive;
  if (connect.client_id.empty()) fields.assigned_client_identifier = client_id;
  if (limits.message_size_max < config::kMqttPacketBytesMax) {
    fields.maximum_packet_size = limits.message_size_max + 131072;
  }
  if (limits.persistent_expiry) {
    const std::int64_t most_s = limits.persistent_expiry->ms / 1000;
    if (connect.session_expiry_interval > most_s) {
      fields.session_expiry_interval = static_cast<std::uint32_t>(most_s);
    }
  }
  if (conn.extras != nullptr && !conn.extras->auth_method.empty()) {
    fields.authentication_method = conn.extras->auth_method;
    if (!conn.extras->auth_data.empty()) {
      fields.authentication_data = as_bytes(conn.extras->auth_data);
    }
  }
  return fields;
}

std::string_view text_of(AboveRate above) {
  return above == AboveRate::Address ? "too many from this address" : "too many on this listener";
}

}  // namespace

Taken Shard::on_connect(std::uint32_t slot, const mqtt::FrameHead& head, ByteView body) {
  Connection& conn = *connections_[slot];
  const Taken done{1, 0, false};
  if (head.type != mqtt::PacketType::Connect) {  // [MQTT-3.1.0-1]
    drop(slot, CloseHow::Abort);
    return done;
  }
  auto decoded = mqtt::decode_connect(head.flags, body, scratch_);
  const std::optional<mqtt::Version> version = mqtt::connect_version(body);
  if (version) conn.version = *version;
  if (!decoded) {
    counters_.count(PerVersion::ConnectReceived, conn.is_v5());
    const ReasonCode reason = mqtt::reason_of(decoded.error());
    // Malformed packets of old versions are not answered; a version or client id that is refused
    // is.
    const bool answered =
        version && (conn.is_v5() || reason == ReasonCode::UnsupportedProtocolVersion ||
                    reason == ReasonCode::ClientIdentifierNotValid);
    refuse_connect(slot, reason, answered, mqtt::to_string(decoded.error()));
    return done;
  }
  decoded->user_name = user_name_of(conn, *decoded);
  const mqtt::ConnectView& connect = *decoded;
  if (conn.above_rate != AboveRate::No) {
    counters_.count(PerVersion::ConnectReceived, conn.is_v5());
    refuse_connect(slot, ReasonCode::ConnectionRateExceeded, true, text_of(conn.above_rate));
    return done;
  }
  if (hand_over_to_home(slot, connect.client_id)) return {0, 0, true};
  if (!conn.has_verdict && !conn.has_owner) {  // not when it is read again
    if (tracer_ != nullptr) {
      watch_connect(slot, connect.client_id, {body.data() - head.header_size, head.packet_size()});
    }
    counters_.count(PerVersion::ConnectReceived, connect.version == mqtt::Version::V5);
    const std::optional<ReasonCode> refusal = check_connect(conn, connect);
    if (refusal) {
      refuse_connect(slot, *refusal, true, {});
      return done;
    }
  }
  conn.request_problem_information = connect.request_problem_information;
  conn.packet_size_max = connect.maximum_packet_size;
  if (connect.authentication_method) {
    if (const std::optional<Taken> elsewhere = find_owner(slot, connect)) return *elsewhere;
    begin_authentication(slot, head, body, connect);
    return done;
  }
  const Answer answer = admit(slot, connect);
  if (conn.is_traced) trace_register(slot, connect.user_name, answer);
  switch (answer) {
    case Answer::Later:
      conn.is_paused = true;
      return {0, 0, true};
    case Answer::Ok:
      if (const std::optional<Taken> elsewhere = find_owner(slot, connect)) return *elsewhere;
      complete_connect(slot, connect, {});
      return done;
    case Answer::Error:
    case Answer::Next: {
      const bool wrong = conn.has_verdict && conn.verdict == Verdict::Reject;
      // Before MQTT 5: 4 for a password that is wrong, 5 where nobody vouches for the client.
      refuse_connect(
          slot,
          wrong || conn.is_v5() ? ReasonCode::BadUserNameOrPassword : ReasonCode::NotAuthorized,
          true, {});
      return done;
    }
  }
  return done;
}

// True: the client belongs to another shard, and the connection is no longer ours.
bool Shard::hand_over_to_home(std::uint32_t slot, std::string_view client_id) {
  if (client_id.empty()) return false;  // one that is drawn fits this shard
  Connection& conn = *connections_[slot];
  const std::uint8_t home = home_of(listener(conn).mountpoint, client_id);
  if (is_local(home)) return false;
  const std::string user = conn.extras == nullptr ? std::string() : conn.extras->user_name;
  effects_.handovers.push_back(
      {id_of(conn, slot),
       home,
       {conn.listener, std::move(conn.peer), true, user, conn.is_tunnelled}});
  counters_.lower(Gauge::TotalActiveConnections);
  forget_silently(slot);
  return true;
}

// Whoever showed a certificate is who it names, whatever CONNECT says.
std::optional<std::string_view> Shard::user_name_of(const Connection& conn,
                                                    const mqtt::ConnectView& connect) {
  if (conn.extras == nullptr || conn.extras->user_name.empty()) return connect.user_name;
  return conn.extras->user_name;
}

void Shard::refuse_connect(std::uint32_t slot, mqtt::ReasonCode reason, bool answered,
                           std::string_view text) {
  Connection& conn = *connections_[slot];
  const bool has_code = conn.is_v5() || mqtt::return_code_of(reason).has_value();
  if (answered && has_code) {
    mqtt::ConnackFields fields;
    fields.reason = reason;
    if (conn.is_v5() && !text.empty()) fields.reason_string = text;
    const std::string_view other = reference_for(reason);
    if (conn.is_v5() && !other.empty()) fields.server_reference = other;  // [MQTT-4.11.0-1]
    send_connack(slot, fields);
  }
  drop(slot, CloseHow::Flush);
}

std::optional<mqtt::ReasonCode> Shard::check_connect(const Connection& conn,
                                                     const mqtt::ConnectView& connect) {
  const std::uint8_t level = static_cast<std::uint8_t>(static_cast<std::uint8_t>(connect.version) |
                                                       (connect.bridge ? 0x80 : 0));
  if (!listener(conn).protocol_versions.allows(level))
    return ReasonCode::UnsupportedProtocolVersion;
  // Through another member comes who has a session here.
  if (evacuation_ && !conn.is_tunnelled) return ReasonCode::UseAnotherServer;
  if (is_leaving()) {
    return conn.is_tunnelled ? ReasonCode::ServerUnavailable : ReasonCode::ServerMoved;
  }
  if (is_overloaded_) return ReasonCode::ServerBusy;
  if (connect.client_id.size() > config().session.client_id_size_max) {
    return ReasonCode::ClientIdentifierNotValid;
  }
  if (connect.will) {
    if (!topic::check_name(connect.will->topic, config().session.topic_max_depth)) {
      return ReasonCode::TopicNameInvalid;
    }
    if (connect.will->topic.front() == '$') return ReasonCode::NotAuthorized;
  }
  return std::nullopt;
}

Answer Shard::admit(std::uint32_t slot, const mqtt::ConnectView& connect) {
  Connection& conn = *connections_[slot];
  if (conn.is_tunnelled || config().allow_anonymous || listener(conn).allow_anonymous_override) {
    return Answer::Ok;
  }
  const HookClient client{connect.client_id, listener(conn).mountpoint, connect.user_name,
                          conn.peer};
  if (conn.has_verdict && conn.verdict != Verdict::Next) {
    return conn.verdict == Verdict::Accept ? Answer::Ok : Answer::Error;
  }
  std::size_t at = conn.has_verdict ? conn.asked_plugin + 1u : 0u;
  const Answer answer = ask_register(hooks_of(conn), client, connect.password, at);
  if (answer != Answer::Later) return answer;
  conn.phase = Connection::Phase::Verifying;
  conn.has_verdict = false;
  conn.asked_plugin = static_cast<std::uint8_t>(at);
  conn.ask = next_ask_++;
  asks_.emplace(conn.ask, slot);
  effects_.asks.push_back({{conn.ask},
                           std::string(connect.user_name.value_or("")),
                           std::string(as_text(connect.password.value_or(ByteView{})))});
  return Answer::Later;
}

void Shard::on_verdict(AskId ask, Verdict verdict) {
  const auto found = asks_.find(ask.value);
  if (found == asks_.end()) return on_http_verdict(ask, verdict);
  const std::uint32_t slot = found->second;
  asks_.erase(found);
  Connection& conn = *connections_[slot];
  if (conn.phase != Connection::Phase::Verifying) return;
  conn.phase = Connection::Phase::AwaitConnect;
  conn.verdict = verdict;
  conn.has_verdict = true;
  resume(slot);
}

void Shard::complete_connect(std::uint32_t slot, const mqtt::ConnectView& connect,
                             std::string_view auth_user) {
  Connection& conn = *connections_[slot];
  if (is_leaving()) {
    refuse_connect(slot, ReasonCode::ServerUnavailable, true, "this node leaves the cluster");
    return;
  }
  if (!may_register_now(*this)) {
    refuse_connect(slot, ReasonCode::ServerUnavailable, true, "the cluster has no majority here");
    return;
  }
  const std::string_view mountpoint = listener(conn).mountpoint;
  std::string client_id(connect.client_id);
  if (client_id.empty()) {
    do {
      client_id = drawn_client_id(rng_);
    } while (!is_local(home_of(mountpoint, client_id)));
  }
  const std::optional<std::string_view> user =
      auth_user.empty() ? connect.user_name : std::optional<std::string_view>(auth_user);
  const HookClient client{client_id, mountpoint, user, conn.peer};
  if (connect.will && !may_publish(hooks_of(conn), client, connect.will->topic)) {
    refuse_connect(slot, ReasonCode::NotAuthorized, true, "will topic not authorized");
    return;
  }

  // A client whose maximum packet size is below the smallest CONNACK cannot be told anything.
  mqtt::ConnackFields fields = connack_fields(conn, config().session, connect, client_id);
  if (!mqtt::fit(conn.version, fields, conn.packet_size_max)) {
    drop(slot, CloseHow::Flush);
    return;
  }

  std::uint32_t existing = find_session(mountpoint, client_id);
  // A session that is there already costs nothing more, so its client may come back.
  if (existing == no_slot && is_memory_short_) {
    refuse_connect(slot, ReasonCode::ServerBusy, true, "memory is short");
    return;
  }
  // From here on the client is let in. One session a client id: who was there before goes
  // [MQTT-3.1.4-3].
  if (existing != no_slot && sessions_[existing]->is_online()) {
    take_over(*sessions_[existing], connect.clean_start);
    existing = find_session(mountpoint, client_id);
  }
  // A timer that is due in this very turn must not lose to the reconnect.
  if (existing != no_slot && meet_deadlines(*sessions_[existing])) existing = no_slot;
  // [MQTT-3.1.4-4]. A clean one that is still there has only its will left.
  if (existing != no_slot && (connect.clean_start || sessions_[existing]->clean)) {
    if (sessions_[existing]->will_at.ms != 0) publish_will(*sessions_[existing]);
    end_session(*sessions_[existing]);
    existing = no_slot;
  }
  const bool session_present = existing != no_slot;
  Session& session = session_present ? *sessions_[existing] : create_session(mountpoint, client_id);
  if (conn.has_owner && conn.owner.status == OwnerStatus::Here) {
    session.is_owned = true;
    session.birth = conn.owner.birth;
  }
  adopt(slot, session, connect, user);
  // The one before it was this node's, and is over for the cluster too.
  if (is_clustered_ && !session.is_owned && !conn.has_owner) ask_owner(session);
  answer_connect(slot, session, connect, session_present);
  pump(session);
}

// The newer connection wins; the session stays if it may.
void Shard::take_over(Session& session, bool clean_start) {
  const std::uint32_t old = session.conn.slot();
  const bool suppress_will = config().session.suppress_lwt_on_session_takeover;
  send_disconnect(old, ReasonCode::SessionTakenOver, {});
  // A will with a delay is cancelled by the reconnect, unless the session ends with it
  // [MQTT-3.1.3-9].
  const bool fires = session.will && !suppress_will &&
                     (session.will->delay_s == 0 || session.clean || clean_start);
  if (!fires) session.will.reset();
  if (session.will) session.will->delay_s = 0;
  go_offline(session, fires);
  connections_[old]->phase = Connection::Phase::Closing;
  effects_.closes.push_back({id_of(*connections_[old], old), CloseHow::Flush});
}

// Ties connection and session together with what CONNECT says.
void Shard::adopt(std::uint32_t slot, Session& session, const mqtt::ConnectView& connect,
                  std::optional<std::string_view> user) {
  Connection& conn = *connections_[slot];
  const bool v5 = connect.version == mqtt::Version::V5;
  conn.phase = Connection::Phase::Online;
  conn.session = session.slot;
  conn.is_bridge = connect.bridge;
  const config::SessionConfig& limits = config().session;
  conn.keep_alive_s = keep_alive_of(limits, connect);
  conn.receive_maximum =
      std::min({connect.receive_maximum, limits.inflight_max, limits.receive_max_client});
  conn.alias_max_in = v5 ? limits.topic_alias_max_client : std::uint16_t{0};
  conn.alias_max_out = std::min(connect.topic_alias_maximum, limits.topic_alias_max_broker);
  conn.packet_size_max = connect.maximum_packet_size;
  if (conn.keep_alive_s != 0) {
    timers_.add(now_.instant + milliseconds(conn.keep_alive_s * 1500ll),
                {TimerKind::KeepAlive, slot, conn.incarnation});
  }
  if (listener(conn).connection_lifetime_max.ms > 0) {
    timers_.add(now_.instant + listener(conn).connection_lifetime_max,
                {TimerKind::Lifetime, slot, conn.incarnation});
  }
  if (!v5 && limits.retry_interval.ms > 0) {
    timers_.add(now_.instant + limits.retry_interval, {TimerKind::Retry, slot, conn.incarnation});
  }

  session.conn = id_of(conn, slot);
  session.version = connect.version;
  session.has_user_name = user.has_value();
  session.user_name = user.value_or("");
  // Before MQTT 5 a session that is not clean never expires, unless the operator says so.
  session.expiry_interval_s =
      v5 ? connect.session_expiry_interval : (connect.clean_start ? 0 : mqtt::session_expiry_never);
  session.clean = session.expiry_interval_s == 0;
  session.disconnected_at = {0};
  session.will_at = {0};
  restart_deliveries(session);
  session.hook_memory = {};
  session.backlog_end = session.queue.next_seq();
  session.will.reset();
  if (connect.will) {
    const mqtt::WillView& will = *connect.will;
    session::MessageView view{
        will.topic, will.forwardable, will.payload, {0}, static_cast<std::uint8_t>(will.qos),
        will.retain};
    session.will = std::make_unique<Will>(
        Will{session::Message::make(view), will.delay_interval, will.message_expiry_interval});
  }
  counters_.raise(active_gauge_of(conn));
  // A durable session that is to end with this connection stays on disk until then: it may owe what
  // is only there.
  if (!session.clean && session.durable == nullptr) make_durable(session);
  if (session.durable != nullptr) {
    save_session(session);
    if (!session.queue.empty()) session.durable->online_ticket = ticket_;
  }
  update_subscribers(session);
  note_record(session);
}

void Shard::answer_connect(std::uint32_t slot, const Session& session,
                           const mqtt::ConnectView& connect, bool session_present) {
  Connection& conn = *connections_[slot];
  mqtt::ConnackFields fields = connack_fields(conn, config().session, connect, session.client_id);
  fields.session_present = session_present;
  send_connack(slot, fields);
}

}  // namespace vmq::core
