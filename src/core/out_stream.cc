// From this shard to other members. A message for sessions elsewhere goes once to each member that
// wants it. At QoS 1 and 2 it is put into the queue of that member's stream, in the batch of
// everything else that the publish caused, and stays there until the member has confirmed that what
// follows from it is on its disk; so a publisher's acknowledgement waits for no other node. A queue
// like that of an absent client holds it: chunks and blocks on disk, a window in memory. Where
// nobody there keeps anything on disk either, the acknowledgement waits for the member instead
// (unkept.cc).
#include <algorithm>
#include <cstring>

#include "base/expect.h"
#include "core/byte_io.h"
#include "core/shard.h"
#include "session/expiry.h"

namespace vmq::core {

// The stream on which this shard's messages go to that member; null: there is no such member.
OutStream* Shard::out_stream(cluster::MemberNumber member) {
  for (const auto& stream : out_streams_) {
    if (stream->member == member && stream->shard == shard_) return stream.get();
  }
  return nullptr;
}

OutStream& Shard::stream_of(const Session& session) {
  const auto found =
      std::find_if(out_streams_.begin(), out_streams_.end(),
                   [&](const auto& stream) { return stream->session == session.slot; });
  VMQ_EXPECT(found != out_streams_.end());
  return **found;
}

OutStream& Shard::make_out_stream(cluster::MemberNumber member, std::uint8_t shard) {
  out_streams_.push_back(std::make_unique<OutStream>());
  OutStream& stream = *out_streams_.back();
  stream.member = member;
  stream.shard = shard;
  return stream;
}

// Of a stream that is new to this node.
void Shard::create_stream_session(OutStream& stream) {
  Session& session = add_session(stream_mountpoint, stream_client_id(stream.member, stream.shard));
  session.is_stream = true;
  session.clean = false;
  session.expiry_interval_s = mqtt::session_expiry_never;
  session.disconnected_at = now_.wall;
  make_durable(session);
  save_session(session);
  stream.session = session.slot;
}

// Before the first frame of this run: what the other end has taken of frames that this process
// will give the same numbers must not count.
void Shard::note_run(OutStream& stream) {
  if (stream.is_run_on_disk) return;
  stream.is_run_on_disk = true;
  effects_.batch.put(store::Space::Meta, out_stream_key(stream.member, stream.shard),
                     out_stream_record(stream.run_first));
}

// The member has left: what was owed to it is owed to nobody.
void Shard::drop_out_stream(OutStream& stream) {
  if (find(stream.conn) != nullptr) drop(stream.conn.slot(), CloseHow::Abort);
  effects_.batch.erase(store::Space::Meta, out_stream_key(stream.member, stream.shard));
  effects_.batch.erase(store::Space::Meta, sync_key(stream.member, stream.shard));
  end_stream_session(*sessions_[stream.session]);
  std::erase_if(out_streams_, [&](const auto& other) { return other.get() == &stream; });
  release_awaited();
}

void Shard::end_stream_session(Session& session) {
  erase_durable(session);
  const std::uint32_t slot = session.slot;
  clients_.erase(session.hash, slot);
  sessions_[slot].reset();
  free_sessions_.push_back(slot);
}

// --- sending ---

void Shard::send_frames(OutStream& stream, ByteView frames) {
  if (frames.empty() || find(stream.conn) == nullptr) return;
  counters_.count(Plain::ClusterBytesSent, frames.size());
  std::memcpy(reserve(stream.conn.slot(), frames.size()), frames.data(), frames.size());
}

// One message for the takers of other members. Returns to how many members it goes.
std::size_t Shard::deliver_members(Publication& publication, const Route& route) {
  std::size_t sent = 0;
  const bool retained = publication.updates_retained;
  if (retained) {  // to everybody, wanted or not
    for (const auto& stream : out_streams_) {
      if (stream->shard != shard_) continue;
      const auto wanted = std::find_if(
          route.nodes.begin(), route.nodes.end(),
          [&](const Route::Member& member) { return member.number == stream->member; });
      const bool is_matched = wanted != route.nodes.end();
      deliver_member(publication, *stream, is_matched, Keep::OnDisk, {});
      sent += is_matched ? 1 : 0;
    }
    counters_.count(Plain::RouterMatchesRemote, sent);
    return sent;
  }
  for (const Route::Member& member : route.nodes) {
    OutStream* stream = out_stream(member.number);
    if (stream == nullptr) continue;
    const bool is_durable = member.level == InterestLevel::Durable;
    // Sessions that ended with the member's lease want nothing any more.
    const bool keeps = publication.view.qos != 0 && member.level != InterestLevel::Qos0 &&
                       (is_durable || is_member_up(member.number));
    deliver_member(publication, *stream, true,
                   keeps ? how_kept(publication, is_durable) : Keep::Never, {});
    ++sent;
  }
  counters_.count(Plain::RouterMatchesRemote, sent);
  return sent;
}

// For one member of a share group there. REQUIRES: is_member(target's handle).
void Shard::deliver_to_share(Publication& publication, const Target& target) {
  OutStream* stream = out_stream(member_of(target.subscriber.handle()));
  if (stream == nullptr) return;
  const KnownShare& name = share_name(target.share, publication.generation);
  const bool keeps = publication.view.qos != 0 && target.subscriber.qos() != 0;
  deliver_member(publication, *stream, true,
                 keeps ? how_kept(publication, target.subscriber.durable()) : Keep::Never,
                 {name.group, name.filter});
}

void Shard::deliver_member(Publication& publication, OutStream& stream, bool is_matched, Keep keep,
                           const ShareText& share) {
  StreamBody body;
  body.stamp = publication.stamp != 0 ? publication.stamp : next_stamp();
  publication.stamp = body.stamp;
  body.publisher = publisher_.conn.value;
  body.updates_retained = publication.updates_retained;
  body.is_matched = is_matched;
  body.hops = publication.hops;
  body.mountpoint = *publication.mountpoint;
  body.group = share.group;
  body.filter = share.filter;
  body.message = publication.view;
  body.message.origin = {};  // the stream and the stamp say it
  // Members that get the same share one copy.
  const bool is_plain = share.group.empty();
  Publication::Remote& kept = publication.remote[is_matched ? 1 : 0];
  Publication::Remote own;
  Publication::Remote& remote = is_plain ? kept : own;
  // At QoS 0 it goes out at once, but for one: it overtakes none of a higher QoS that waits.
  const bool is_now = keep == Keep::Never && (publication.view.qos == 0 || !has_unsent(stream));
  if (is_now && is_plain && publication.view.payload.size() < limits_.shared_payload_min) {
    send_now(stream, body, remote);
    return;
  }
  if (!remote.message) {
    ByteView bytes;
    if (is_plain) {
      const std::size_t size = plain_body_size(body);
      if (record_.size() < size) record_.resize(size);
      write_plain_body(body, record_.data());
      bytes = ByteView(record_).first(size);
    } else {
      record_.clear();
      append_stream_body(body, record_);
      bytes = record_;
    }
    // An expired message still takes the place of what was retained before it.
    const WallTime expires_at = body.updates_retained ? WallTime{0} : publication.view.expires_at;
    remote.message =
        session::Message::make({{}, {}, bytes, expires_at, publication.view.qos, false});
  }
  if (is_now) {
    if (!may_send_unnumbered(stream, remote.message->payload().size())) return;
    write_publish(stream.conn.slot(), 0, remote.message);
    return;
  }
  if (keep == Keep::UntilAnswered && may_wait_unkept(stream)) {
    enqueue_unkept(stream, remote.message, publication.view.qos);
    return;
  }
  enqueue_remote(stream, remote, body.updates_retained ? 2 : publication.view.qos);
}

bool Shard::has_unsent(const OutStream& stream) const {
  const session::OutboundQueue& queue = sessions_[stream.session]->queue;
  return queue.head_seq() + queue.cursor() < queue.next_seq();
}

// At QoS 0: now or never.
bool Shard::may_send_unnumbered(OutStream& stream, std::size_t size) {
  Connection* conn = stream.is_open ? find(stream.conn) : nullptr;
  const std::uint64_t bytes_max = config().node.stream_buffer_max_bytes;
  if (conn == nullptr || (conn->outbox.is_blocked() && conn->outbox.bytes() > bytes_max)) {
    counters_.count(Plain::ClusterBytesDropped, size);
    return false;
  }
  return true;
}

// Members that get the same share the bytes, which live as long as those of the turn.
void Shard::send_now(OutStream& stream, const StreamBody& body, Publication::Remote& remote) {
  const std::size_t size = plain_body_size(body);
  if (!may_send_unnumbered(stream, size)) return;
  if (remote.frame.empty()) {
    std::uint8_t* to = arena_.allocate(publish_head_size + size);
    write_publish_head(0, size, to);
    write_plain_body(body, to + publish_head_size);
    remote.frame = {to, publish_head_size + size};
  }
  counters_.count(Plain::ClusterBytesSent, remote.frame.size());
  connections_[stream.conn.slot()]->outbox.append(pieces_, remote.frame.data(),
                                                  remote.frame.size());
  touch(stream.conn.slot());
}

void Shard::enqueue_remote(OutStream& stream, Publication::Remote& remote, std::uint8_t qos) {
  Session& session = *sessions_[stream.session];
  session::OutboundQueue& queue = session.queue;
  note_run(stream);
  keep_all(stream);
  if (remote.stored.chunk == 0) remote.stored = journal_.store(remote.message);
  session::QueueEntry entry;
  entry.stored = remote.stored;
  entry.ticket = ticket_;
  entry.qos = std::max<std::uint8_t>(qos, 1);
  journal_.enqueued(session.durable->number, queue.next_seq(), entry);
  mark_unsettled(session);
  entry.message = remote.message;
  const bool has_room = queue.bytes() < limits_.stream_window_bytes;
  queue.push(std::move(entry),
             stream.is_open && has_room ? limits_.stream_window_max : limits_.window_offline_max);
  stream.unkept_seq = queue.next_seq();
  if (session.is_online()) {
    pump_stream(session);
  } else if (queue.tail().size() >= limits_.tail_max) {
    settle(session);
  }
  if (stream.is_open && queue.size() > limits_.stream_queue_patience) slow_publisher(session);
}

// Sends what the member has not confirmed and its socket can take.
void Shard::pump_stream(Session& session) {
  OutStream& stream = stream_of(session);
  session::OutboundQueue& queue = session.queue;
  finish_confirmed(stream);
  if (!session.is_online() || !stream.is_open) return;
  // Until the disk knows that the other end knows this run, a crash would have it take all of it
  // once more.
  if (stream.opened_ticket > durable_ticket_) {
    wait_for_disk(session, stream.opened_ticket);
    return;
  }
  const std::uint32_t slot = session.conn.slot();
  Connection& conn = *connections_[slot];
  while (queue.cursor() < queue.window().size()) {
    if (conn.outbox.is_blocked() && conn.outbox.bytes() > config().node.stream_buffer_max_bytes) {
      return;  // on_drained goes on
    }
    const std::size_t index = queue.cursor();
    session::QueueEntry& entry = queue.window()[index];
    if (entry.state == session::Delivery::Done) {
      queue.skip();
      continue;
    }
    if (!entry.message && !recall(session, entry)) {
      request_messages(session);
      return;
    }
    if (session::has_expired(entry.message->expires_at(), now_.wall)) {
      counters_.count(Plain::QueueMessageExpired);
      finish_entry(session, index);
      continue;
    }
    // What the publisher sends again after a crash of ours must not have been applied elsewhere,
    // nor is retained there what we have forgotten.
    if (entry.qos == 2 && entry.ticket > durable_ticket_) {
      wait_for_disk(session, entry.ticket);
      return;
    }
    write_publish(slot, queue.seq_at(index) + 1, entry.message);
    queue.advance(now_.instant);
  }
  if (session.slowed != nullptr && queue.size() < limits_.stream_queue_patience / 2) {
    release_publishers(session);
  }
  refill(session);
}

void Shard::write_publish(std::uint32_t slot, std::uint64_t number,
                          const session::MessageRef& body) {
  const ByteView bytes = body->payload();
  const bool shares = bytes.size() >= limits_.shared_payload_min;
  std::uint8_t* to = reserve(slot, publish_head_size + (shares ? 0 : bytes.size()));
  counters_.count(Plain::ClusterBytesSent, publish_head_size + bytes.size());
  write_publish_head(number, bytes.size(), to);
  if (shares) {
    connections_[slot]->outbox.append_shared(pieces_, body, bytes);
  } else {
    std::memcpy(to + publish_head_size, bytes.data(), bytes.size());
  }
}

// --- answers ---

void Shard::finish_confirmed(OutStream& stream) {
  Session& session = *sessions_[stream.session];
  session::OutboundQueue& queue = session.queue;
  while (!queue.window().empty() && queue.head_seq() < stream.confirmed) finish_entry(session, 0);
}

void Shard::on_stream_answer(std::uint32_t slot, const StreamFrame& frame) {
  Connection& conn = *connections_[slot];
  OutStream& stream = stream_of(*sessions_[conn.session]);
  const std::optional<StreamNumbers> numbers = stream_numbers(frame);
  if (!numbers) {
    refuse_stream(slot, "malformed frame");
    return;
  }
  switch (frame.kind) {
    case StreamKind::Opened:
      if (stream.is_open) break;
      open_stream(stream, numbers->first);
      return;
    case StreamKind::Confirm:
      if (!stream.is_open) break;
      stream.confirmed = std::max(stream.confirmed, numbers->first);
      pump_stream(*sessions_[stream.session]);
      release_awaited();
      return;
    case StreamKind::InterestKnown:
      stream.interest_known = std::max(stream.interest_known, numbers->first);
      release_subacks();
      return;
    case StreamKind::Here:
      if (numbers->second >= cluster::member_shards_max || !is_counter(numbers->third)) break;
      on_here(stream.member, static_cast<std::uint8_t>(numbers->second), numbers->first,
              numbers->third);
      return;
    case StreamKind::Flushed:
      if (numbers->second >= cluster::member_shards_max) break;
      on_flushed(source_of(stream.member, static_cast<std::uint8_t>(numbers->second)),
                 numbers->first);
      return;
    default:
      break;
  }
  refuse_stream(slot, "unexpected frame");
}

// The other end has told what it has.
void Shard::open_stream(OutStream& stream, std::uint64_t applied) {
  Session& session = *sessions_[stream.session];
  // It knows this run now: from here on its numbers count.
  stream.run_first = session.queue.next_seq() + 1;
  effects_.batch.erase(store::Space::Meta, out_stream_key(stream.member, stream.shard));
  stream.is_run_on_disk = true;
  stream.opened_ticket = ticket_;
  stream.confirmed = std::max(stream.confirmed, applied);
  stream.is_open = true;
  stream.interest_known = 0;
  if (stream.shard == shard_) begin_snapshot(stream);
  pump_stream(session);
  release_awaited();
}

void Shard::begin_out_stream(std::uint32_t slot, OutStream& stream) {
  if (find(stream.conn) != nullptr) drop(stream.conn.slot(), CloseHow::Abort);
  Connection& conn = *connections_[slot];
  Session& session = *sessions_[stream.session];
  conn.session = stream.session;
  session.conn = stream.conn = id_of(conn, slot);
  session.disconnected_at = {0};
  session.queue.restart();
  std::vector<std::uint8_t> frame;
  append_stream_numbers(StreamKind::Open, {run_, stream.run_first}, frame);
  send_frames(stream, frame);
}

void Shard::end_out_stream(OutStream& stream) {
  Session& session = *sessions_[stream.session];
  keep_all(stream);
  release_publishers(session);
  session.conn = stream.conn = ConnId{};
  session.disconnected_at = now_.wall;
  stream.is_open = false;
  stream.is_snapshot_due = false;
  stream.snapshot = {};
  release_memory(session);
  release_subacks();
}

}  // namespace vmq::core
