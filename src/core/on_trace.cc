// A client is being watched.
#include "core/shard.h"
#include "core/trace.h"

namespace vmq::core {

namespace {

std::string pid_of(std::uint8_t shard, ConnId conn) {
  return "<" + std::to_string(shard) + "." + std::to_string(conn.slot()) + "." +
         std::to_string(conn.value >> 32) + ">";
}

}  // namespace

void Shard::begin_trace(const TraceOrder& order) {
  if (!is_local(home_of(order.mountpoint, order.client_id))) return;
  if (tracer_ == nullptr) tracer_ = std::make_unique<Tracer>();
  tracer_->add(order);
  const Tracer::Who who{order.mountpoint, order.client_id, {}, mqtt::Version::V311};
  const std::uint32_t found = find_session(order.mountpoint, order.client_id);
  if (found == no_slot || !sessions_[found]->is_online()) {
    tracer_->note(who, "No sessions found for client \"" + order.client_id + "\"");
    return;
  }
  const ConnId conn = sessions_[found]->conn;
  connections_[conn.slot()]->is_traced = true;
  tracer_->note(who, "Starting trace for 1 existing sessions for client \"" + order.client_id +
                         "\" with PIDs [" + pid_of(shard_, conn) + "]");
}

void Shard::end_trace(std::uint64_t id) {
  if (tracer_ != nullptr) tracer_->remove(id);
  drop_idle_tracer();
}

// Flags of connections that stay up cost a look at nothing, until their client leaves.
void Shard::drop_idle_tracer() {
  if (tracer_ == nullptr || !tracer_->empty()) return;
  for (const auto& conn : connections_) {
    if (conn != nullptr) conn->is_traced = false;
  }
  tracer_.reset();
}

void Shard::flush_traces() {
  tracer_->flush(now_, effects_.traces);
  drop_idle_tracer();
}

// CONNECT tells who it is.
void Shard::watch_connect(std::uint32_t slot, std::string_view client_id, ByteView packet) {
  Connection& conn = *connections_[slot];
  const std::string_view mountpoint_text = listener(conn).mountpoint;
  if (!tracer_->watches(mountpoint_text, client_id)) return;
  conn.is_traced = true;
  const std::string pid = pid_of(shard_, id_of(conn, slot));
  const Tracer::Who who{mountpoint_text, client_id, pid, conn.version};
  tracer_->note(
      {mountpoint_text, client_id, {}, conn.version},
      "New session with PID " + pid + " found for client \"" + std::string(client_id) + "\"");
  if (conn.extras == nullptr) conn.extras = std::make_unique<ConnExtras>();
  conn.extras->traced_id = client_id;
  tracer_->note_received(who, packet);
}

// Runs `note` with who it is about. REQUIRES: the connection is traced.
template <typename Note>
void Shard::with_tracer(std::uint32_t slot, Note note) {
  const Connection& conn = *connections_[slot];
  if (tracer_ == nullptr) return;
  std::string_view client_id;
  if (conn.session != no_slot) {
    client_id = sessions_[conn.session]->client_id;
  } else if (conn.extras != nullptr) {
    client_id = conn.extras->traced_id;
  }
  note(Tracer::Who{listener(conn).mountpoint, client_id, pid_of(shard_, id_of(conn, slot)),
                   conn.version});
}

void Shard::trace_received(std::uint32_t slot, ByteView packet) {
  with_tracer(slot, [&](const Tracer::Who& who) { tracer_->note_received(who, packet); });
}

void Shard::trace_sent(std::uint32_t slot, const std::uint8_t* bytes, std::size_t size,
                       session::MessageRef payload) {
  with_tracer(slot, [&](const Tracer::Who& who) {
    tracer_->note_sent(who, bytes, size, std::move(payload));
  });
}

void Shard::trace_payload(const session::MessageRef& message) {
  if (tracer_ != nullptr) tracer_->note_payload(message);
}

void Shard::trace_line(std::uint32_t slot, std::string text) {
  with_tracer(slot,
              [&](const Tracer::Who& who) { tracer_->note(who, who.pid + " " + std::move(text)); });
}

void Shard::trace_register(std::uint32_t slot, std::optional<std::string_view> user,
                           Answer answer) {
  std::string call("Calling auth_on_register with username ");
  call += user.value_or("undefined");
  trace_line(slot, std::move(call));
  if (answer == Answer::Later) return;  // its answer comes with the verdict
  trace_line(slot, answer == Answer::Ok ? "Hook returned \"ok\"" : "Hook returned \"error\"");
}

void Shard::trace_hook(std::uint32_t slot, std::string_view hook, bool is_allowed) {
  trace_line(slot, "Calling " + std::string(hook));
  trace_line(slot, is_allowed ? "Hook returned \"ok\"" : "Hook returned \"error\"");
}

}  // namespace vmq::core
