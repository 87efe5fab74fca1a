// The sending half of the load: whole bursts of ready-made packets, each only patched and written
// once.
#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "bench/vmq_bench/clock.h"
#include "bench/vmq_bench/worker.h"

namespace vmq::bench {

bool Worker::publish_some() {
  if (publishers_.empty() || !run_.publishing.load(std::memory_order_relaxed)) return false;
  // Each turn starts with another publisher, so that room freed in a group goes round.
  publisher_turn_ = publisher_turn_ + 1 < publishers_.size() ? publisher_turn_ + 1 : 0;
  const std::int64_t now = now_ns();
  bool worked = false;
  for (std::size_t i = publisher_turn_; i < publishers_.size(); ++i) {
    worked |= publish_burst(clients_[publishers_[i]], now);
  }
  for (std::size_t i = 0; i < publisher_turn_; ++i) {
    worked |= publish_burst(clients_[publishers_[i]], now);
  }
  return worked;
}

bool Worker::publish_burst(Client& client, std::int64_t now) {
  Publisher& publisher = *client.publisher;
  std::uint64_t room = publisher.quota - publisher.sent;
  if (room == 0 || !client.out.empty() || client.state != ClientState::ready) return false;
  const bool paced = run_.interval_ns > 0;
  if (paced && publisher.next_due_ns > now) return false;
  const std::uint64_t wanted = std::min<std::uint64_t>(publisher.burst_min, room);
  if (publisher.packet.id_offset > 0) room = std::min<std::uint64_t>(room, publisher.window.room());
  if (publisher.group->ahead > 0) room = std::min(room, publisher.group->room());
  // Waiting for a little more room makes bursts, for every broker the same; a paced message never
  // waits for company.
  if (room == 0 || (!paced && room < wanted)) return false;
  room = std::min<std::uint64_t>(room, publisher.burst_max);

  const std::size_t bytes = static_cast<std::size_t>(room) * publisher.packet.bytes.size();
  if (burst_.size() < bytes) burst_.resize(bytes);
  std::uint8_t* to = burst_.data();
  std::uint64_t count = 0;
  while (count < room) {
    std::int64_t stamp = now;
    if (paced) {
      if (publisher.next_due_ns > now) break;
      stamp = publisher.next_due_ns;
    }
    to = append(publisher, to, stamp, now);
    ++count;
    if (paced) {
      const double place = static_cast<double>(publisher.sent) * run_.publisher_count +
                           static_cast<double>(publisher.number);
      publisher.next_due_ns =
          run_.paced_start_ns + static_cast<std::int64_t>(place * run_.interval_ns);
    }
  }
  publisher.group->sent.fetch_add(count, std::memory_order_relaxed);
  counters.sent.add(count);
  send(client, burst_.data(), static_cast<std::size_t>(to - burst_.data()));
  return true;
}

std::uint8_t* Worker::append(Publisher& publisher, std::uint8_t* to, std::int64_t stamp_ns,
                             std::int64_t now) {
  const PublishTemplate& packet = publisher.packet;
  std::memcpy(to, packet.bytes.data(), packet.bytes.size());
  const Rotation& rotation = publisher.rotation;
  std::uint64_t sequence = publisher.sent++;
  if (rotation.count > 1) {
    const auto place = static_cast<std::uint32_t>(sequence * rotation.step % rotation.count);
    write_digits(to + packet.number_offset, rotation.first + rotation.stride * place);
    if (rotation.sequence_per_topic) sequence /= rotation.count;
  }
  if (packet.id_offset > 0) store_be16(to + packet.id_offset, publisher.window.take(now));
  const Stamp stamp{static_cast<std::uint32_t>(sequence), publisher.number, stamp_ns};
  std::memcpy(to + packet.payload_offset, &stamp, sizeof stamp);
  return to + packet.bytes.size();
}

}  // namespace vmq::bench
