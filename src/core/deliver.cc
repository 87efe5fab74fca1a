// From a message to a client's socket or queue.
#include <algorithm>
#include <cstring>

#include "base/expect.h"
#include "core/shard.h"
#include "session/expiry.h"

namespace vmq::core {

namespace {

using session::Delivery;

}  // namespace

void Shard::deliver(Publication& publication, std::span<const Target> same_session) {
  const topic::SessionHandle handle = same_session.front().subscriber.handle();
  if (handle.slot() >= sessions_.size()) return;
  Session* found = sessions_[handle.slot()].get();
  // The slot was given to another session after the match.
  if (found == nullptr || found->created_generation > publication.generation) return;
  Session& session = *found;

  // Overlapping subscriptions: one copy with the highest QoS and all identifiers [MQTT-3.3.4-2],
  // [MQTT-3.3.4-4].
  std::uint8_t qos = 0;
  bool retain_as_published = false;
  session::SubscriptionIds ids;
  for (const Target& target : same_session) {
    qos = std::max(qos, target.subscriber.qos());
    retain_as_published |= target.subscriber.retain_as_published();
    if (target.subscriber.subscription_identifier() != 0) {
      ids.add(target.subscriber.subscription_identifier());
    }
  }
  if (!config().session.upgrade_outgoing_qos) qos = std::min(qos, publication.view.qos);
  const bool retain = retain_as_published && publication.view.retain;  // [MQTT-3.3.1-12], -13
  if (qos == 0) {
    deliver_qos0(publication, session, retain, ids.view());
    return;
  }
  // Where a share group's message goes was decided by who took it: it comes this way only.
  const std::uint32_t share = same_session.front().share;
  if (share == 0 && session.roaming != nullptr &&
      comes_through_earlier_owner(session, publication.view.origin)) {
    return;
  }
  session::QueueEntry entry;
  entry.subscription_ids = std::move(ids);
  entry.share = share;
  entry.by_share = share != 0;
  entry.qos = qos;
  entry.retain = retain;
  enqueue(publication, session, std::move(entry));
}

void Shard::deliver_qos0(Publication& publication, Session& session, bool retain,
                         std::span<const std::uint32_t> ids) {
  if (!session.is_online()) {
    counters_.count(Plain::QueueMessageUnhandled);
    return;
  }
  const std::uint32_t slot = session.conn.slot();
  Connection& conn = *connections_[slot];
  if (conn.outbox.is_blocked() && is_long(conn.blocked_messages)) slow_publisher(session);
  if (conn.outbox.is_blocked() && !may_queue_qos0(conn)) {
    count_lost(session, Plain::QueueMessageDrop);
    return;
  }
  const bool v5 = conn.is_v5();
  const session::MessageView& view = publication.view;
  Publication::Packet& packet = publication.packets[v5][retain];
  const bool plain = ids.empty() && conn.alias_max_out == 0;
  if (plain && packet.bytes != nullptr) {
    send_packet(slot, publication, packet);
    return;
  }
  mqtt::PublishHeader header;
  header.version = conn.version;
  header.retain = retain;
  header.topic = view.topic;
  header.payload_size = view.payload.size();
  if (v5) {
    header.forwardable = view.properties;
    header.message_expiry_interval = session::remaining_expiry(view.expires_at, now_.wall);
    header.subscription_identifiers = ids;
    if (is_too_large(conn, mqtt::publish_layout(header).packet_size)) return;
    if (conn.alias_max_out != 0) use_alias(conn, header);
  }
  Publication::Packet made;
  encode_packet(header, publication, made);
  if (plain) packet = made;
  send_packet(slot, publication, made);
}

// Unsent QoS 0 messages are bounded by count and by bytes, and by the memory of the node: QoS 1 and
// 2 are by their window.
bool Shard::may_queue_qos0(Connection& conn) {
  if (is_memory_short_) return false;
  const std::uint64_t bytes_max = config().node.connection_buffer_max_bytes;
  if (sessions_[conn.session]->slowed != nullptr) {  // its publishers are being stopped
    ++conn.blocked_messages;
    return conn.outbox.bytes() <= bytes_max * limits_.patient_buffer_factor;
  }
  if (conn.outbox.bytes() > bytes_max) return false;
  return conn.blocked_messages++ < config().queue.online_max;
}

void Shard::encode_packet(const mqtt::PublishHeader& header, Publication& publication,
                          Publication::Packet& packet) {
  const mqtt::PublishLayout layout = mqtt::publish_layout(header);
  packet.header_size = layout.header_size;
  packet.size = layout.packet_size;
  const bool shares = header.payload_size >= limits_.shared_payload_min;
  std::uint8_t* to = arena_.allocate(shares ? layout.header_size : layout.packet_size);
  packet.bytes = to;
  to = mqtt::write_publish_header(header, to);
  if (!shares && header.payload_size != 0) {
    std::memcpy(to, publication.view.payload.data(), header.payload_size);
  }
}

bool Shard::is_too_large(const Connection& conn, std::size_t packet_size) {
  if (conn.packet_size_max == 0 || packet_size <= conn.packet_size_max) return false;
  count_lost(*sessions_[conn.session], Plain::QueueMessageDrop);
  return true;
}

void Shard::count_lost(Session& session, Plain why) {
  counters_.count(why);
  ++session.dropped;
}

void Shard::send_packet(std::uint32_t slot, Publication& publication,
                        const Publication::Packet& packet) {
  Connection& conn = *connections_[slot];
  if (is_too_large(conn, packet.size)) return;
  if (publication.view.payload.size() >= limits_.shared_payload_min) {
    conn.outbox.append(pieces_, packet.bytes, packet.header_size);
    const session::MessageRef& message = publication.shared();
    conn.outbox.append_shared(pieces_, message, message->payload());
    if (conn.is_traced) [[unlikely]]
      trace_sent(slot, packet.bytes, packet.header_size, message);
  } else {
    conn.outbox.append(pieces_, packet.bytes, packet.size);
    if (conn.is_traced) [[unlikely]]
      trace_sent(slot, packet.bytes, packet.size, {});
  }
  counters_.count(PerVersion::PublishSent, conn.is_v5());
  touch(slot);
}

// An alias stands for a topic that was sent with it before. The first topics of a connection get
// one; there is no exchange, since a connection that sends more topics than aliases gains little.
void Shard::use_alias(Connection& conn, mqtt::PublishHeader& header) {
  if (conn.extras == nullptr) conn.extras = std::make_unique<ConnExtras>();
  std::vector<std::string>& aliases = conn.extras->aliases_out;
  constexpr std::size_t searched_max = 64;
  for (std::size_t i = 0; i < aliases.size(); ++i) {
    if (aliases[i] == header.topic) {
      header.topic_alias = static_cast<std::uint16_t>(i + 1);
      header.topic = {};
      return;
    }
  }
  if (aliases.size() >= std::min<std::size_t>(conn.alias_max_out, searched_max)) return;
  aliases.emplace_back(header.topic);
  header.topic_alias = static_cast<std::uint16_t>(aliases.size());
}

void Shard::enqueue(Publication& publication, Session& session, session::QueueEntry entry) {
  session::OutboundQueue& queue = session.queue;
  if (!session.is_online() && session.durable == nullptr) {
    counters_.count(Plain::QueueMessageUnhandled);
    return;
  }
  if (!session.is_online() && session::is_now_or_never(publication.view.expires_at)) {
    count_lost(session, Plain::QueueMessageExpired);
    return;
  }
  if (!make_room(session)) return;
  counters_.count(Plain::QueueMessageIn);
  if (session.durable != nullptr) {
    if (publication.stored.chunk == 0) publication.stored = journal_.store(publication.shared());
    entry.stored = publication.stored;
    entry.ticket = ticket_;
    journal_.enqueued(session.durable->number, queue.next_seq(), entry);
    mark_unsettled(session);
  }
  std::size_t window_max = ~std::size_t{0};
  if (session.durable != nullptr) {
    window_max = session.is_online() ? limits_.window_max : limits_.window_offline_max;
  }
  entry.message = publication.shared();
  queue.push(std::move(entry), window_max);
  // It may have been here before, and sent, without the disk knowing of it.
  if (publication.is_again && session.durable != nullptr) {
    session.durable->sent_end = queue.next_seq();
    save_session(session);
  }
  if (session.is_online()) {
    pump(session);
  } else if (queue.tail().size() >= limits_.tail_max) {
    settle(session);
  }
  if (session.has_moved()) note_relay(session);
}

// Makes sure that one more message may wait. Full: the new one is dropped (fifo) or the oldest that
// waits (lifo).
bool Shard::make_room(Session& session) {
  session::OutboundQueue& queue = session.queue;
  const config::QueueConfig& limits = config().queue;
  const std::uint32_t count_max = session.is_online() ? limits.online_max : limits.offline_max;
  // What is about to be sent does not wait: the window of the receiver is on top.
  const std::size_t inflight_room =
      session.is_online()
          ? connections_[session.conn.slot()]->receive_maximum -
                std::min<std::size_t>(queue.inflight(),
                                      connections_[session.conn.slot()]->receive_maximum)
          : 0;
  std::size_t waiting = session.is_online() ? counted_waiting(session) : queue.waiting();
  if (session.durable != nullptr) {
    waiting -= std::min<std::size_t>(waiting, session.durable->drops_owed);
  }
  const bool too_many = count_max != config::kNoLimit && waiting >= count_max + inflight_room;
  if (session.is_online()) {
    if (!is_long(waiting)) {
      session.was_waited_for_in_vain = false;
    } else if (!too_many || !session.was_waited_for_in_vain || session.slowed != nullptr) {
      // Each wait lets in what is on its way meanwhile: no further one begins for a queue that is
      // full, which would grow past its bound.
      slow_publisher(session);
    }
  }
  // While its publishers are being stopped, what is on its way from them still finds room.
  const bool full = (too_many && session.slowed == nullptr) || queue.bytes() > limits.bytes_max;
  if (!full) return true;
  count_lost(session, Plain::QueueMessageDrop);
  if (limits.order == config::QueueOrder::Fifo || count_max == 0) return false;
  return drop_oldest(session);
}

bool Shard::drop_oldest(Session& session) {
  session::OutboundQueue& queue = session.queue;
  if (drop_in_window(session)) return true;
  if (session.durable == nullptr) return false;
  if (queue.gap() == 0) {
    queue.take_from_tail(limits_.load_ahead);
    return drop_in_window(session);
  }
  // It is on disk only: it goes as soon as its block is here.
  if (session.durable->drops_owed >= queue.gap()) return false;
  ++session.durable->drops_owed;
  refill(session);
  return true;
}

bool Shard::drop_in_window(Session& session) {
  session::OutboundQueue& queue = session.queue;
  for (std::size_t i = queue.cursor(); i < queue.window().size(); ++i) {
    const session::QueueEntry& entry = queue.window()[i];
    if (entry.state != Delivery::Queued || (entry.qos == 2 && may_be_sent(session, i))) continue;
    finish_entry(session, i);
    return true;
  }
  return false;
}

void Shard::pump(Session& session) {
  if (session.is_stream) {
    pump_stream(session);
    return;
  }
  if (session.has_moved()) {
    note_relay(session);
    return;
  }
  pump_queue(session);
  wake_retained(session);
}

void Shard::pump_queue(Session& session) {
  if (!session.is_online()) return;
  session::OutboundQueue& queue = session.queue;
  const std::uint32_t slot = session.conn.slot();
  Connection& conn = *connections_[slot];
  if (conn.phase != Connection::Phase::Online) return;
  if (session.durable != nullptr && session.durable->online_ticket > durable_ticket_) {
    wait_for_disk(session, session.durable->online_ticket);
    return;
  }
  if (!pump_repeats(session, slot)) return;
  const std::size_t repeated = open_repeats(session);
  while (queue.cursor() < queue.window().size() && queue.cursor() < 65535) {
    if (conn.outbox.is_blocked() &&
        conn.outbox.bytes() > config().node.connection_buffer_max_bytes) {
      return;  // on_drained goes on
    }
    const std::size_t index = queue.cursor();
    session::QueueEntry& entry = queue.window()[index];
    if (entry.state == Delivery::Done) {
      queue.skip();
      continue;
    }
    if (entry.state == Delivery::Released) {
      send_ack(slot, mqtt::PacketType::Pubrel, session::packet_id_of(queue.seq_at(index)),
               mqtt::ReasonCode::Success,
               session.durable != nullptr ? When::AfterBatch : When::Now);
      queue.advance(now_.instant);
      continue;
    }
    const std::uint16_t packet_id = session::packet_id_of(queue.seq_at(index));
    // One that the client still holds from its earlier owner waits until that is completed.
    if (repeated != 0 && find_repeat(session, packet_id) != nullptr) return;
    if (queue.inflight() + repeated >= conn.receive_maximum) {  // [MQTT-3.3.4-9]
      if (session.slowed != nullptr && is_short(counted_waiting(session))) {
        release_publishers(session);
      }
      return;
    }
    if (!entry.message && !recall(session, entry)) {
      request_messages(session);
      return;
    }
    if (entry.state == Delivery::Queued &&
        session::has_expired(entry.message->expires_at(), now_.wall)) {
      count_lost(session, Plain::QueueMessageExpired);
      expire_entry(session, index);
      continue;
    }
    // Exactly once across a crash: the client may not see the identifier before the disk has it.
    if (entry.qos == 2 && entry.ticket > durable_ticket_) {
      wait_for_disk(session, entry.ticket);
      return;
    }
    // [MQTT-3.3.1-1]
    const bool dup = entry.state == Delivery::Sent || may_be_sent(session, index);
    if (send_entry(slot, entry, packet_id, dup)) {
      note_sent(session);
    } else {
      finish_entry(session, index);
    }
  }
  if (session.slowed != nullptr && !conn.outbox.is_blocked()) release_publishers(session);
  if (session.durable != nullptr) refill(session);
}

// A client that may have been sent a QoS 2 message holds its identifier until PUBREL
// [MQTT-4.3.3-7]: it gets that, and not the message.
void Shard::expire_entry(Session& session, std::size_t index) {
  if (session.queue.window()[index].qos != 2 || !may_be_sent(session, index)) {
    finish_entry(session, index);
    return;
  }
  session.queue.release(index);
  journal_.released(session.durable->number, session.queue.seq_at(index));
  mark_unsettled(session);
}

// In an earlier run of the process: what was sent is not noted one by one.
bool Shard::may_be_sent(const Session& session, std::size_t index) const {
  return session.durable != nullptr && session.queue.seq_at(index) < session.durable->sent_end;
}

void Shard::wait_for_disk(Session& session, std::uint64_t ticket) {
  if (session.is_waiting_for_disk) return;
  session.is_waiting_for_disk = true;
  waiting_.push_back({ticket, session.slot, session.created_generation});
  is_turn_awaited_ |= ticket == ticket_;
}

// Writes the PUBLISH of a delivery. False: it is larger than the client takes, which counts as
// delivered [MQTT-3.1.2-25].
bool Shard::send_entry(std::uint32_t slot, const session::QueueEntry& entry,
                       std::uint16_t packet_id, bool dup) {
  Connection& conn = *connections_[slot];
  const session::Message& message = *entry.message;
  const bool v5 = conn.is_v5();
  const std::span<const std::uint32_t> ids = entry.subscription_ids.view();
  const bool plain = !dup && ids.empty() && conn.alias_max_out == 0;
  // Neighbours in a fan-out get the same bytes but for the identifier: copy and patch.
  if (plain && last_packet_.bytes != nullptr && &*last_packet_.message == &message &&
      last_packet_.version == conn.version && last_packet_.qos == entry.qos &&
      last_packet_.retain == entry.retain) {
    const mqtt::PublishLayout& layout = last_packet_.layout;
    if (conn.packet_size_max == 0 || layout.packet_size <= conn.packet_size_max) {
      const bool shares = message.payload().size() >= limits_.shared_payload_min;
      const std::size_t size = shares ? layout.header_size : layout.packet_size;
      std::uint8_t* to = reserve(slot, size);
      std::memcpy(to, last_packet_.bytes, size);
      store_be16(to + layout.packet_id_offset, packet_id);
      if (shares) conn.outbox.append_shared(pieces_, entry.message, message.payload());
      if (shares && conn.is_traced) trace_payload(entry.message);
      counters_.count(PerVersion::PublishSent, v5);
      return true;
    }
  }
  mqtt::PublishHeader header;
  header.version = conn.version;
  header.qos = static_cast<mqtt::Qos>(entry.qos);
  header.dup = dup;
  header.retain = entry.retain;
  header.topic = message.topic();
  header.packet_id = packet_id;
  header.payload_size = message.payload().size();
  if (v5) {
    header.forwardable = message.properties();
    header.message_expiry_interval = session::remaining_expiry(message.expires_at(), now_.wall);
    header.subscription_identifiers = ids;
  }
  mqtt::PublishLayout layout = mqtt::publish_layout(header);
  if (is_too_large(conn, layout.packet_size)) return false;
  if (conn.alias_max_out != 0) {
    use_alias(conn, header);
    layout = mqtt::publish_layout(header);
  }
  const bool shares = header.payload_size >= limits_.shared_payload_min;
  std::uint8_t* to = reserve(slot, shares ? layout.header_size : layout.packet_size);
  if (plain) {
    last_packet_ = {entry.message, to, layout, conn.version, entry.qos, entry.retain};
  }
  std::uint8_t* payload = mqtt::write_publish_header(header, to);
  if (shares) {
    conn.outbox.append_shared(pieces_, entry.message, message.payload());
    if (conn.is_traced) trace_payload(entry.message);
  } else if (header.payload_size != 0) {
    std::memcpy(payload, message.payload().data(), header.payload_size);
  }
  counters_.count(PerVersion::PublishSent, v5);
  return true;
}

// The entry at the cursor was written.
void Shard::note_sent(Session& session) {
  const std::uint64_t seq = session.queue.seq_at(session.queue.cursor());
  if (seq % identifiers_told == 0 && is_clustered_) note_record(session);
  session.queue.advance(now_.instant);
  counters_.count(Plain::QueueMessageOut);
}

void Shard::on_drained(ConnId id) {
  Connection* conn = find(id);
  if (conn == nullptr) return;
  conn->blocked_messages = 0;
  if (conn->phase == Connection::Phase::Online) resume(id.slot());
  if (conn->phase == Connection::Phase::Tunnel && find(conn->tunnel) != nullptr) {
    resume(conn->tunnel.slot());
  }
  if (conn->session != no_slot) {
    Session& session = *sessions_[conn->session];
    if (is_short(counted_waiting(session))) release_publishers(session);
  }
  if (conn->session != no_slot) pump(*sessions_[conn->session]);
}

}  // namespace vmq::core
