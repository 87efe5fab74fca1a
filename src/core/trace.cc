#include "core/trace.h"

#include <algorithm>
#include <utility>

#include "core/trace_text.h"

namespace vmq::core {

namespace {

// Events of one turn; what comes on top is not shown, and ends the trace.
constexpr std::size_t events_max = 4096;

std::string about(std::string_view pid, std::string_view what, std::string_view client_id,
                  std::string_view packet) {
  std::string text(pid);
  text += what;
  text += client_id;
  text += "\" ";
  text += packet;
  return text;
}

std::string text_of(mqtt::Version version, mqtt::Sender sender, ByteView packet,
                    const session::MessageRef& message, std::size_t payload_max) {
  const mqtt::FrameResult frame = mqtt::read_frame_head(packet, {version, 0xFFFF'FFFF});
  if (frame.status != mqtt::FrameResult::Status::Head) return "a packet that is broken";
  std::optional<ByteView> payload;
  if (message) payload = message->payload();
  return packet_text(version, sender, frame.head, packet.subspan(frame.head.header_size), payload,
                     payload_max);
}

}  // namespace

void Tracer::remove(std::uint64_t id) {
  traces_.erase(std::remove_if(traces_.begin(), traces_.end(),
                               [id](const Trace& trace) { return trace.order.id == id; }),
                traces_.end());
}

bool Tracer::watches(std::string_view mountpoint, std::string_view client_id) const {
  return std::any_of(traces_.begin(), traces_.end(), [&](const Trace& trace) {
    return trace.order.client_id == client_id && trace.order.mountpoint == mountpoint;
  });
}

bool Tracer::may_note(const Who& who) const {
  return events_.size() < events_max && watches(who.mountpoint, who.client_id);
}

Tracer::Event& Tracer::add_event(const Who& who) {
  Event& event = events_.emplace_back();
  event.mountpoint = who.mountpoint;
  event.client_id = who.client_id;
  event.pid = who.pid;
  event.version = who.version;
  return event;
}

void Tracer::note(const Who& who, std::string text) {
  if (may_note(who)) add_event(who).text = std::move(text);
}

void Tracer::note_received(const Who& who, ByteView packet) {
  if (!may_note(who)) return;
  std::size_t payload_max = 0;
  for (const Trace& trace : traces_) payload_max = std::max(payload_max, trace.order.payload_max);
  Event& event = add_event(who);
  event.text = about(event.pid, " MQTT RECV: CID: \"", event.client_id,
                     text_of(who.version, mqtt::Sender::Client, packet, {}, payload_max));
}

void Tracer::note_sent(const Who& who, const std::uint8_t* bytes, std::size_t size,
                       session::MessageRef message) {
  if (!may_note(who)) return;
  Event& event = add_event(who);
  event.bytes = bytes;
  event.size = size;
  event.message = std::move(message);
}

void Tracer::note_payload(session::MessageRef message) {
  if (!events_.empty()) events_.back().message = std::move(message);
}

void Tracer::flush(Now now, std::vector<TraceLine>& to) {
  for (const Event& event : events_) {
    for (Trace& trace : traces_) {
      const TraceOrder& order = trace.order;
      const bool is_its = !trace.is_over && order.client_id == event.client_id &&
                          order.mountpoint == event.mountpoint;
      if (!is_its) continue;
      if (now.instant - trace.since >= order.rate_interval) {
        trace.since = now.instant;
        trace.lines = 0;
      }
      const std::string time = iso_seconds(now.wall) + " ";
      if (++trace.lines > order.rate_max) {
        trace.is_over = true;
        to.push_back({order.id, time + "Trace rate limit triggered.", true});
        continue;
      }
      std::string text = event.text;
      if (event.bytes != nullptr) {
        text = about(event.pid, " MQTT SEND: CID: \"", event.client_id,
                     text_of(event.version, mqtt::Sender::Server, {event.bytes, event.size},
                             event.message, order.payload_max));
      }
      to.push_back({order.id, time + text, false});
    }
  }
  events_.clear();
  traces_.erase(std::remove_if(traces_.begin(), traces_.end(),
                               [](const Trace& trace) { return trace.is_over; }),
                traces_.end());
}

}  // namespace vmq::core
