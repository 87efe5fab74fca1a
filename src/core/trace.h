// Traces of clients: what an operator watches. A shard without a trace has no Tracer, and a
// connection that is watched by none has its flag down, so nobody else pays.
//
// Lines are made at the end of the turn: what was sent is only reserved when it is noted, and its
// bytes live until the turn's memory goes. A trace that makes more lines in an interval than it may
// ends itself, so the work of a turn is bounded by what was asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "core/effects.h"
#include "core/ids.h"
#include "mqtt/types.h"
#include "session/message.h"

namespace vmq::core {

struct TraceOrder {
  std::uint64_t id = 0;
  std::string mountpoint;
  std::string client_id;
  std::uint32_t rate_max = 10;  // lines an interval
  Duration rate_interval = milliseconds(100);
  std::size_t payload_max = 200;
};

class Tracer {
 public:
  // Whom an event is about.
  struct Who {
    std::string_view mountpoint;
    std::string_view client_id;
    std::string pid;  // of the connection; empty: none
    mqtt::Version version = mqtt::Version::V311;
  };

  void add(TraceOrder order) { traces_.push_back({std::move(order), {0}, 0, false}); }
  void remove(std::uint64_t id);
  bool empty() const { return traces_.empty(); }
  bool watches(std::string_view mountpoint, std::string_view client_id) const;

  void note(const Who& who, std::string text);
  // A packet that was read; the bytes may go afterwards.
  void note_received(const Who& who, ByteView packet);
  // Bytes of turn memory that become a packet; of a PUBLISH `message` has the payload, if it is
  // set.
  void note_sent(const Who& who, const std::uint8_t* bytes, std::size_t size,
                 session::MessageRef message);
  // The payload of the packet that was noted last.
  void note_payload(session::MessageRef message);
  // Makes lines of everything noted, in order.
  void flush(Now now, std::vector<TraceLine>& to);

 private:
  struct Trace {
    TraceOrder order;
    Instant since;
    std::uint32_t lines = 0;
    bool is_over = false;
  };
  struct Event {
    std::string mountpoint;
    std::string client_id;
    std::string pid;
    mqtt::Version version = mqtt::Version::V311;
    std::string text;  // of a packet that was sent: empty until the end of the turn
    const std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
    session::MessageRef message;
  };
  Event& add_event(const Who& who);
  bool may_note(const Who& who) const;

  std::vector<Trace> traces_;
  std::vector<Event> events_;
};

}  // namespace vmq::core
