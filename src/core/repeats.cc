// Deliveries at QoS 2 that the earlier owner of a session had begun. The client may have the
// message, and holds it back under its packet identifier until PUBREL [MQTT-4.3.3-10]: so the new
// owner ends each under that identifier. They come as any other message of the queue (relay.cc) and
// stand before it, on disk one by one: there are no more than the client had in flight.
#include <algorithm>
#include <utility>

#include "base/expect.h"
#include "core/byte_io.h"
#include "core/shard.h"
#include "session/expiry.h"

namespace vmq::core {

using session::Delivery;

// --- as the earlier owner ---

// The packet identifier that the client may hold the first entry of the queue under; 0: none. Sent
// is what stands in front, and no more than may be in flight: after a crash more than that is
// marked.
std::uint16_t Shard::take_begun_id(Session& session, const session::QueueEntry& entry) {
  if (entry.qos != 2) return 0;
  const std::uint16_t id = session::packet_id_of(session.queue.head_seq());
  if (entry.state == Delivery::Released) return id;
  const bool is_begun = entry.state == Delivery::Sent || may_be_sent(session, 0);
  if (!is_begun || session.roaming->begun_max == 0) return 0;
  --session.roaming->begun_max;
  return id;
}

// True: there is no room for the rest now.
bool Shard::relay_repeats(Session& session, std::size_t& left) {
  std::vector<Repeat>& repeats = session.roaming->repeats;
  while (!repeats.empty()) {
    if (left == 0 || !has_room(session.roaming->to)) return true;
    const Repeat& repeat = repeats.front();
    send_entry_word(session, repeat.entry, repeat.packet_id,
                    repeat.entry.state == Delivery::Released);
    finish_repeat(session, repeats.front());
    --left;
  }
  return false;
}

// --- as the new owner ---

// An entry of the earlier owner's queue, or one that has come back.
void Shard::take_delivery(Session& session, const StreamBody& word) {
  const bool is_begun = word.packet_id != 0 && session.roaming != nullptr &&
                        !is_in_use(session, word.packet_id) &&
                        find_repeat(session, word.packet_id) == nullptr;
  if (is_begun) {
    keep_repeat(session, word);
  } else if (!word.is_released) {
    append_entry(session, word);
  }
}

// Whether an entry of the queue at QoS 2 may have been sent under that identifier: then the client
// has completed the earlier one.
bool Shard::is_in_use(const Session& session, std::uint16_t packet_id) const {
  const session::OutboundQueue& queue = session.queue;
  for (std::size_t index = 0; index < queue.window().size(); ++index) {
    const session::QueueEntry& entry = queue.window()[index];
    const bool is_sent = entry.state != Delivery::Queued || may_be_sent(session, index);
    if (entry.qos == 2 && is_sent && session::packet_id_of(queue.seq_at(index)) == packet_id)
      return true;
  }
  return false;
}

void Shard::keep_repeat(Session& session, const StreamBody& word) {
  Repeat repeat;
  repeat.packet_id = word.packet_id;
  repeat.entry.qos = 2;
  repeat.entry.retain = word.retain;
  repeat.entry.state = word.is_released ? Delivery::Released : Delivery::Sent;
  for (std::size_t at = 0; at < word.subscription_ids.size(); at += 4) {
    repeat.entry.subscription_ids.add(load_be32(word.subscription_ids.data() + at));
  }
  if (!word.is_released) repeat.entry.message = session::Message::make(word.message);
  save_repeat(session, repeat);
  session.roaming->repeats.push_back(std::move(repeat));
  pump(session);
}

void Shard::save_repeat(const Session& session, const Repeat& repeat) {
  record_.clear();
  write_repeat(repeat, record_);
  effects_.batch.put(store::Space::Meta, repeat_key(session.durable->number, repeat.packet_id),
                     record_);
}

Repeat* Shard::find_repeat(const Session& session, std::uint16_t packet_id) {
  if (session.roaming == nullptr) return nullptr;
  for (Repeat& repeat : session.roaming->repeats) {
    if (repeat.packet_id == packet_id) return &repeat;
  }
  return nullptr;
}

// REQUIRES: it is one of the session's.
void Shard::finish_repeat(Session& session, const Repeat& repeat) {
  effects_.batch.erase(store::Space::Meta, repeat_key(session.durable->number, repeat.packet_id));
  std::vector<Repeat>& repeats = session.roaming->repeats;
  repeats.erase(repeats.begin() + (&repeat - repeats.data()));
}

// Those that the client has not completed on this connection.
std::size_t Shard::open_repeats(const Session& session) {
  if (session.roaming == nullptr) return 0;
  const std::vector<Repeat>& repeats = session.roaming->repeats;
  return static_cast<std::size_t>(std::count_if(
      repeats.begin(), repeats.end(), [](const Repeat& repeat) { return repeat.is_sent; }));
}

// [MQTT-3.3.4-9]
bool Shard::is_window_full(const Session& session, const Connection& conn) {
  return session.queue.inflight() + open_repeats(session) >= conn.receive_maximum;
}

// False: the client can take no more now, so what is in the queue waits as well.
bool Shard::pump_repeats(Session& session, std::uint32_t slot) {
  if (session.roaming == nullptr) return true;
  const Connection& conn = *connections_[slot];
  std::vector<Repeat>& repeats = session.roaming->repeats;
  for (std::size_t i = 0; i < repeats.size(); ++i) {
    Repeat& repeat = repeats[i];
    // One of the queue's at QoS 1 has that identifier for now.
    if (repeat.is_sent || session.queue.find(repeat.packet_id)) continue;
    if (conn.outbox.is_blocked() || is_window_full(session, conn)) return false;
    const bool is_late = repeat.entry.state == Delivery::Sent &&
                         session::has_expired(repeat.entry.message->expires_at(), now_.wall);
    if (is_late) {
      count_lost(session, Plain::QueueMessageExpired);
      release_repeat(session, repeat);
    }
    repeat.is_sent = true;
    if (repeat.entry.state == Delivery::Released) {
      send_ack(slot, mqtt::PacketType::Pubrel, repeat.packet_id, mqtt::ReasonCode::Success,
               When::AfterBatch);
    } else if (!send_entry(slot, repeat.entry, repeat.packet_id, true)) {
      finish_repeat(session, repeat);
      --i;
    } else {
      counters_.count(Plain::QueueMessageOut);
    }
  }
  return true;
}

// PUBREL is what is left. It goes out when this is on disk.
void Shard::release_repeat(Session& session, Repeat& repeat) {
  repeat.entry.state = Delivery::Released;
  repeat.entry.message = {};
  save_repeat(session, repeat);
}

void Shard::on_repeat_pubrec(std::uint32_t slot, Repeat& repeat, const mqtt::AckFields& ack) {
  Session& session = *sessions_[connections_[slot]->session];
  if (mqtt::is_error(ack.reason)) {  // [MQTT-4.3.3-5]
    finish_repeat(session, repeat);
    pump(session);
    return;
  }
  if (repeat.entry.state != Delivery::Released) release_repeat(session, repeat);
  send_ack(slot, mqtt::PacketType::Pubrel, ack.packet_id, mqtt::ReasonCode::Success,
           When::AfterBatch);
}

// The client has a new connection, or is to be sent everything again on this one.
void Shard::restart_deliveries(Session& session) {
  session.queue.restart();
  if (session.roaming == nullptr) return;
  for (Repeat& repeat : session.roaming->repeats) repeat.is_sent = false;
}

void Shard::erase_repeats(Session& session) {
  if (session.roaming == nullptr || session.durable == nullptr) return;
  while (!session.roaming->repeats.empty()) {
    finish_repeat(session, session.roaming->repeats.back());
  }
}

}  // namespace vmq::core
