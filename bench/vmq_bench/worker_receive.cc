// From bytes to counts: one read, a scan over its frames, one write of what they ask for.
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "bench/vmq_bench/clock.h"
#include "bench/vmq_bench/worker.h"

namespace vmq::bench {
namespace {

constexpr std::uint32_t frame_bytes_max = 200 * 1024;  // more than any packet this tool causes

}  // namespace

void Worker::on_readable(Client& client) {
  if (client.carrier != nullptr) return on_carried(client);
  const std::size_t kept = client.tail.size();
  if (kept > 0) std::memcpy(buffer_.data(), client.tail.data(), kept);
  const ssize_t got = recv(client.fd, buffer_.data() + kept, buffer_.size() / 2, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return fail(client);
  take(client, kept + static_cast<std::size_t>(got));
}

// The same through what carries MQTT.
void Worker::on_carried(Client& client) {
  const ssize_t got = recv(client.fd, buffer_.data(), buffer_.size() / 4, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return fail(client);
  const bool was_open = client.carrier->is_open();
  plain_.clear();
  wire_.clear();
  const bool goes_on =
      client.carrier->receive(buffer_.data(), static_cast<std::size_t>(got), plain_, wire_);
  if (!wire_.empty()) send_wire(client, wire_.data(), wire_.size());
  if (client.fd < 0) return;
  if (!was_open && client.carrier->is_open()) introduce(client);
  if (client.fd < 0) return;
  const std::size_t kept = client.tail.size();
  if (kept + plain_.size() > buffer_.size()) return fail(client);
  if (kept > 0) std::memcpy(buffer_.data(), client.tail.data(), kept);
  if (!plain_.empty()) {
    std::memcpy(buffer_.data() + kept, plain_.data(), plain_.size());
    take(client, kept + plain_.size());
  }
  if (!goes_on && client.fd >= 0) fail(client);
}

// `size` bytes of MQTT stand in the buffer.
void Worker::take(Client& client, std::size_t size) {
  read_ns_ = now_ns();
  delivered_ = 0;
  answers_.clear();

  const std::uint8_t* end = buffer_.data() + size;
  const std::uint8_t* rest = scan(client, buffer_.data(), end);

  if (delivered_ > 0) {
    counters.delivered.add(delivered_);
    client.subscriber->group->delivered.fetch_add(delivered_, std::memory_order_relaxed);
  }
  if (client.fd < 0) return;
  client.tail.assign(rest, end);
  if (!answers_.empty()) send(client, answers_.data(), answers_.size());
}

// Returns where the first incomplete frame starts.
const std::uint8_t* Worker::scan(Client& client, const std::uint8_t* at, const std::uint8_t* end) {
  while (end - at >= 2) {
    std::uint32_t length = 0;
    const std::size_t taken = read_varint(at + 1, end, &length);
    if (taken == 0) return at;
    if (taken == 5 || length > frame_bytes_max) {
      counters.malformed.add(1);
      fail(client);
      return end;
    }
    const std::uint8_t* body = at + 1 + taken;
    if (static_cast<std::size_t>(end - body) < length) return at;
    const bool well_formed = (at[0] >> 4) == packet_publish
                                 ? on_publish(client, at[0], body, length)
                                 : on_frame(client, at[0], body, length);
    if (!well_formed) {
      counters.malformed.add(1);
      fail(client);
    }
    if (client.fd < 0) return end;
    at = body + length;
  }
  return at;
}

bool Worker::on_publish(Client& client, std::uint8_t first, const std::uint8_t* body,
                        std::uint32_t length) {
  const unsigned qos = (first >> 1) & 3;
  if (client.subscriber == nullptr || length < 2 || qos == 3) return false;
  std::size_t at = 2 + std::size_t{load_be16(body)};
  const std::uint8_t* id = body + at;
  if (qos > 0) at += 2;
  if (options_.version == 5) {
    std::uint32_t properties = 0;
    const std::size_t taken = at < length ? read_varint(body + at, body + length, &properties) : 0;
    if (taken == 0 || taken == 5) return false;
    at += taken + properties;
  }
  if (at > length) return false;

  Subscriber& subscriber = *client.subscriber;
  if (qos == 1) answer(0x40, id);
  if (qos == 2) {
    answer(0x50, id);
    if (subscriber.unreleased.empty()) subscriber.unreleased.resize(65536 / 64);
    const std::uint16_t number = load_be16(id);
    std::uint64_t& word = subscriber.unreleased[number / 64];
    const std::uint64_t bit = std::uint64_t{1} << (number % 64);
    if ((word & bit) != 0) {
      counters.repeated.add(1);
      return true;
    }
    word |= bit;
  }
  if ((first & 0x08) != 0) counters.redelivered.add(1);
  if (at + sizeof(Stamp) > length || subscriber.group == nullptr) {
    counters.foreign.add(1);
    return true;
  }
  Stamp stamp;
  std::memcpy(&stamp, body + at, sizeof stamp);
  on_message(subscriber, stamp);
  return true;
}

void Worker::on_message(Subscriber& subscriber, const Stamp& stamp) {
  const std::uint32_t offset = stamp.publisher - subscriber.stream_first;
  const std::size_t stream =
      subscriber.stream_stride == 1 ? offset : offset / subscriber.stream_stride;
  if (!subscriber.tallies.empty()) {
    if (stream >= subscriber.tallies.size()) return counters.foreign.add(1);
    if (!subscriber.tallies[stream]->accept(stamp.sequence)) counters.duplicates.add(1);
    if (!subscriber.last_seen.empty()) {
      // Sequences here are one too high, so that 0 can mean none yet.
      if (stamp.sequence + std::uint64_t{1} < subscriber.last_seen[stream]) {
        counters.reordered.add(1);
      } else {
        subscriber.last_seen[stream] = stamp.sequence + std::uint64_t{1};
      }
    }
  } else {
    if (stream >= subscriber.streams.size() || offset % subscriber.stream_stride != 0) {
      return counters.foreign.add(1);
    }
    subscriber.streams[stream].accept(stamp.sequence);
  }
  ++subscriber.received;
  ++delivered_;
  if (measuring_) latency.record(read_ns_ - stamp.sent_ns);
}

bool Worker::on_frame(Client& client, std::uint8_t first, const std::uint8_t* body,
                      std::uint32_t length) {
  switch (first >> 4) {
    case packet_connack:
      return on_connack(client, body, length);
    case packet_suback:
      return on_suback(client, body, length);
    case packet_puback:
      return on_publisher_ack(client, packet_puback, body, length);
    case packet_pubrec:
      return on_publisher_ack(client, packet_pubrec, body, length);
    case packet_pubcomp:
      return on_publisher_ack(client, packet_pubcomp, body, length);
    case packet_pubrel:
      return on_pubrel(client, body, length);
    case packet_pingresp:
      return length == 0;
    case packet_disconnect:
      fail(client);
      return true;
    default:
      return false;
  }
}

bool Worker::on_connack(Client& client, const std::uint8_t* body, std::uint32_t length) {
  if (client.state != ClientState::greeting) return false;
  const auto connack = decode_connack(static_cast<std::uint8_t>(options_.version), {body, length});
  if (!connack) return false;
  if (connack->code != 0) {
    fail(client);
    return true;
  }
  client.state = ClientState::ready;
  client.session_present = connack->session_present;
  --opening_;
  connect_latency.record(read_ns_ - client.opened_ns);
  client.last_write_ns = read_ns_;
  if (client.publisher) client.publisher->window.limit(connack->receive_maximum);
  if (connack->session_present) counters.present.add(1);
  counters.connected.add(1);
  return true;
}

bool Worker::on_suback(Client& client, const std::uint8_t* body, std::uint32_t length) {
  if (!client.subscriber || client.subscriber->filters_due == 0 || length < 3) return false;
  std::size_t at = 2;
  if (options_.version == 5) {
    std::uint32_t properties = 0;
    const std::size_t taken = read_varint(body + at, body + length, &properties);
    if (taken == 0 || taken == 5) return false;
    at += taken + properties;
  }
  if (at > length || length - at != client.subscriber->filters_due) return false;
  std::uint64_t granted = 0;
  for (; at < length; ++at) {
    if (body[at] < 0x80) ++granted;
  }
  counters.subscribed.add(granted);
  counters.refused.add(client.subscriber->filters_due - granted);
  client.subscriber->filters_due = 0;
  subscribe_next(client);
  return true;
}

bool Worker::on_publisher_ack(Client& client, PacketType type, const std::uint8_t* body,
                              std::uint32_t length) {
  if (!client.publisher || length < 2) return false;
  Window& window = client.publisher->window;
  const std::uint16_t id = load_be16(body);
  const bool refused = length > 2 && body[2] >= 0x80;
  if (refused) counters.refused.add(1);
  if (type == packet_pubrec && !refused) {
    if (!window.release(id)) return false;
    counters.handshakes.add(1);
    answer(0x62, body);
    return true;
  }
  const auto sent_ns = window.settle(id, type == packet_pubcomp);
  if (!sent_ns) return false;
  counters.acked.add(1);
  if (measuring_) ack_latency.record(read_ns_ - *sent_ns);
  return true;
}

bool Worker::on_pubrel(Client& client, const std::uint8_t* body, std::uint32_t length) {
  if (!client.subscriber || length < 2) return false;
  auto& unreleased = client.subscriber->unreleased;
  const std::uint16_t id = load_be16(body);
  if (!unreleased.empty()) unreleased[id / 64] &= ~(std::uint64_t{1} << (id % 64));
  counters.handshakes.add(1);
  answer(0x70, body);
  return true;
}

void Worker::answer(std::uint8_t first, const std::uint8_t* id) {
  const std::uint8_t packet[] = {first, 2, id[0], id[1]};
  answers_.insert(answers_.end(), packet, packet + sizeof packet);
}

}  // namespace vmq::bench
