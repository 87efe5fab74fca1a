// From other members to this shard. Whoever sends has numbered what it keeps: a number that is not
// above what was applied is left out, and what was applied stands in the batch of what it caused.
// The confirmation goes out when that batch is durable, at once if nothing that was applied is kept
// on disk. A message from another member is delivered
// to the sessions of this node and never passed on, but for one: a share group whose last member
// has gone meanwhile.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/expect.h"
#include "core/byte_io.h"
#include "core/shard.h"
#include "session/expiry.h"

namespace vmq::core {

namespace {

// A share group's message is passed on at most so often, when its members go as fast as it comes.
constexpr std::uint8_t hops_max = 3;

}  // namespace

InStream& Shard::in_stream(cluster::MemberNumber member, std::uint8_t shard) {
  for (const auto& stream : in_streams_) {
    if (stream->member == member && stream->shard == shard) return *stream;
  }
  in_streams_.push_back(std::make_unique<InStream>());
  InStream& stream = *in_streams_.back();
  stream.member = member;
  stream.shard = shard;
  return stream;
}

InStream* Shard::find_in_stream(ConnId conn) {
  for (const auto& stream : in_streams_) {
    if (stream->conn == conn) return stream.get();
  }
  return nullptr;
}

// --- both directions ---

// A connection that carries a stream. False: it is of a member that is none.
bool Shard::begin_link(std::uint32_t slot, const LinkInfo& link) {
  Connection& conn = *connections_[slot];
  conn.phase = Connection::Phase::Link;
  if (members_.find(link.member) == nullptr) return false;
  if (!link.is_outbound) {
    InStream& stream = in_stream(link.member, link.shard);
    if (find(stream.conn) != nullptr) drop(stream.conn.slot(), CloseHow::Abort);
    stream.conn = id_of(conn, slot);
    stream.is_open = false;
    return true;
  }
  for (const auto& stream : out_streams_) {
    if (stream->member != link.member || stream->shard != link.shard) continue;
    begin_out_stream(slot, *stream);
    return true;
  }
  return false;
}

// The connection of a stream is over.
void Shard::end_link(std::uint32_t slot) {
  Connection& conn = *connections_[slot];
  if (conn.session != no_slot) {
    const std::uint32_t session = conn.session;
    conn.session = no_slot;
    end_out_stream(stream_of(*sessions_[session]));
    return;
  }
  InStream* stream = find_in_stream(id_of(conn, slot));
  if (stream != nullptr) end_in_stream(*stream);
}

void Shard::end_in_stream(InStream& stream) {
  stream.conn = ConnId{};
  stream.is_open = false;
  stream.answers.clear();
  for (const auto& [publisher, times] : std::exchange(stream.slowed, {})) {
    for (std::uint32_t i = 0; i < times; ++i) {
      tell_publisher(publisher.first, publisher.second, false);
    }
  }
}

void Shard::refuse_stream(std::uint32_t slot, std::string_view reason) {
  Note note{Note::What::StreamRefused, {}, {}, connections_[slot]->peer};
  note.reason = reason;
  effects_.notes.push_back(std::move(note));
  drop(slot, CloseHow::Abort);
}

// So many answers wait for the disk that nothing more is read from the sender.
bool Shard::is_answering_late(std::uint32_t slot) {
  const Connection& conn = *connections_[slot];
  const InStream* stream = find_in_stream(id_of(conn, slot));
  VMQ_EXPECT(stream != nullptr);
  return conn.held >= limits_.held_max || stream->answers.size() >= limits_.held_max;
}

Taken Shard::on_stream_bytes(std::uint32_t slot, ByteView bytes) {
  Connection& conn = *connections_[slot];
  Taken taken;
  while (taken.consumed < bytes.size()) {
    if (conn.phase == Connection::Phase::Closing) return {bytes.size(), 0, false};
    const bool is_inbound = conn.session == no_slot;
    if (is_inbound && (is_answering_late(slot) || store_congested_)) {
      if (store_congested_) congested_.push_back(id_of(conn, slot));
      conn.is_paused = taken.paused = true;
      return taken;
    }
    const CutFrame cut = cut_stream_frame(bytes.subspan(taken.consumed));
    if (cut.status == CutFrame::Status::Error) {
      refuse_stream(slot, cut.error);
      return {bytes.size(), 0, false};
    }
    if (cut.status == CutFrame::Status::NeedMore) {
      taken.wanted = cut.wanted;
      return taken;
    }
    conn.last_received = now_.instant;
    if (cut.frame.is_left_out()) {
      // Of a later version, which can do without an answer.
    } else if (is_inbound) {
      on_stream_frame(slot, cut.frame);
    } else {
      on_stream_answer(slot, cut.frame);
    }
    taken.consumed += cut.frame.size;
    counters_.count(Plain::ClusterBytesReceived, cut.frame.size);
  }
  return taken;
}

// --- what others send ---

void Shard::on_stream_frame(std::uint32_t slot, const StreamFrame& frame) {
  InStream* stream = find_in_stream(id_of(*connections_[slot], slot));
  VMQ_EXPECT(stream != nullptr);
  if (frame.kind == StreamKind::Publish && stream->is_open) {
    on_stream_publish(slot, *stream, frame.fields);
    return;
  }
  if (frame.kind == StreamKind::Interest && stream->is_open) {
    const std::optional<InterestFrame> interest = parse_interest(frame.fields);
    if (!interest) {
      refuse_stream(slot, "malformed interest");
      return;
    }
    take_interest(*stream, *interest);
    return;
  }
  const std::optional<StreamNumbers> numbers = stream_numbers(frame);
  if (!numbers || stream->is_open == (frame.kind == StreamKind::Open)) {
    refuse_stream(slot, "unexpected frame");
    return;
  }
  switch (frame.kind) {
    case StreamKind::Open:
      on_stream_open(*stream, *numbers);
      return;
    case StreamKind::InterestBegin:
      ++stream->round;
      return;
    case StreamKind::InterestEnd:
      drop_unnamed_interest(*stream);
      stream->is_interest_whole = true;
      check_informed();
      return;
    case StreamKind::InterestMark:
      answer_stream(*stream, StreamKind::InterestKnown, numbers->first,
                    stream->is_interest_written ? ticket_ : 0);
      return;
    case StreamKind::Where:
      on_stream_where(slot, numbers->first);
      return;
    case StreamKind::Flush:
      on_stream_flush(slot, stream->member, numbers->first);
      return;
    case StreamKind::Slow:
    case StreamKind::GoOn:
      on_stream_slow(*stream, frame.kind == StreamKind::Slow, *numbers);
      return;
    default:
      refuse_stream(slot, "unexpected frame");
  }
}

// Frames that this process has taken of a run that ended may not have been on the sender's disk:
// it gives their numbers again, from `first` on.
void Shard::on_stream_open(InStream& stream, const StreamNumbers& numbers) {
  const std::uint64_t run = numbers.first;
  const std::uint64_t first = numbers.second;
  if (run != stream.run) {
    stream.run = run;
    stream.applied = std::min(stream.applied, first == 0 ? 0 : first - 1);
    stream.is_applied_changed = true;
    stream.has_written = true;
  }
  stream.is_open = true;
  answer_stream(stream, StreamKind::Opened, stream.applied, ticket_);
  is_turn_awaited_ = true;
}

void Shard::on_stream_publish(std::uint32_t slot, InStream& stream, ByteView fields) {
  if (fields.size() < 8) {
    refuse_stream(slot, "malformed frame");
    return;
  }
  const std::uint64_t number = load_be64(fields.data());
  const std::optional<StreamBody> body = parse_stream_body(fields.subspan(8), route_.topic);
  if (!body || !is_counter(body->stamp)) {
    refuse_stream(slot, "malformed message");
    return;
  }
  if (number != 0) {
    if (number <= stream.applied) return;
    stream.applied = number;
    stream.is_applied_changed = true;
  }
  const std::uint64_t operations = journal_.operations() + effects_.batch.count();
  if (body->word != ClientWord::None) {
    take_word(stream.member, *body, fields.subspan(8));
    stream.has_written = true;
  } else {
    apply_publish(stream, *body, number != 0);
  }
  stream.has_written |= journal_.operations() + effects_.batch.count() != operations;
}

void Shard::apply_publish(const InStream& stream, const StreamBody& body, bool is_numbered) {
  Publication publication;
  publication.view = body.message;
  // What is not numbered may come again, after a crash of the sender, or be lost.
  if (!is_numbered) publication.view.qos = 0;
  publication.is_from_member = true;
  publication.stamp = body.stamp;
  publication.hops = body.hops;
  const std::string* world = mountpoint(body.mountpoint);
  if (body.updates_retained) {
    retain_from_member(publication, *world);
  }
  if (!body.is_matched) return;
  if (session::has_expired(publication.view.expires_at, now_.wall)) {
    counters_.count(Plain::QueueMessageExpired);
    return;
  }
  // What is retained has no name: all members keep the same bytes of it.
  publication.view.origin = {body.stamp, stream.member, stream.shard};
  publisher_ = {stream.shard, ConnId{body.publisher}, stream.member};
  if (body.group.empty()) {
    route(publication, world, nullptr);
  } else {
    deliver_share(publication, world, {body.group, body.filter});
  }
  publisher_ = {};
}

// One of our members of the group; if there is none any more, one elsewhere.
void Shard::deliver_share(Publication& publication, const std::string* world,
                          const ShareText& share) {
  publication.generation = shared_.subscriptions.generation();
  publication.mountpoint = world;
  const std::optional<topic::FilterId> id =
      shared_.subscriptions.find({*world, share.filter, share.group});
  if (!id) return;
  matches_.clear();
  shared_.subscriptions.match(*world, publication.view.topic, matches_);
  for (const topic::GroupMatch& group : matches_.groups) {
    if (group.group != id->value) continue;
    const std::span<const topic::Subscriber> members = matches_.members_of(group);
    std::optional<topic::Subscriber> member = choose_member(members, Choice::Local, {});
    if (!member && publication.hops < hops_max) {
      ++publication.hops;
      publication.is_from_member = false;
      publication.stamp = 0;
      name_message(publication);
      member = choose_member(members, Choice::Elsewhere, {});
    }
    if (!member) return;
    Route route;
    route.targets.assign(1, {*member, group.group + 1});
    group_by_shard(route);
    deliver_route(publication, route);
    return;
  }
}

// Somewhere there a subscriber has a long queue because of a publisher here, or has it no longer.
// That one need not wait any more is believed only of those that this link has told to wait.
void Shard::on_stream_slow(InStream& stream, bool slow, const StreamNumbers& numbers) {
  const std::uint64_t shard = numbers.first;
  const std::uint64_t conn = numbers.second;
  if (shard >= peers_.size()) return;
  if (slow) {
    ++stream.slowed[{shard, conn}];
  } else {
    const auto known = stream.slowed.find({shard, conn});
    if (known == stream.slowed.end()) return;
    if (--known->second == 0) stream.slowed.erase(known);
  }
  tell_publisher(shard, conn, slow);
}

// REQUIRES: there is such a shard.
void Shard::tell_publisher(std::uint64_t shard, std::uint64_t conn, bool slow) {
  if (is_local(static_cast<std::uint8_t>(shard))) {
    on_slow({conn}, slow);
    return;
  }
  append_number_frame(slow ? FrameKind::Slow : FrameKind::GoOn, conn, peers_[shard].out);
}

// --- what others want ---

void Shard::take_interest(InStream& stream, const InterestFrame& frame) {
  if (frame.level != InterestLevel::None) {
    const bool was_durable = enter_interest(stream, frame) == InterestLevel::Durable;
    const bool is_durable = frame.level == InterestLevel::Durable;
    if (is_durable != was_durable) write_interest(stream, frame, is_durable);
    return;
  }
  const std::optional<topic::FilterId> id =
      shared_.subscriptions.find({frame.mountpoint, frame.filter, frame.group});
  const auto known = id ? stream.interest.find(id->value) : stream.interest.end();
  if (known == stream.interest.end()) return;
  forget_interest(stream, *id, known->second.level);
  stream.interest.erase(known);
}

// Makes the sender a subscriber in our index. Returns the level it had before.
InterestLevel Shard::enter_interest(InStream& stream, const InterestFrame& frame) {
  const topic::FilterKey key{frame.mountpoint, frame.filter, frame.group};
  const topic::SessionHandle handle = handle_of_member(stream.member, stream.shard);
  topic::SubscriberOptions options;
  options.qos = frame.level == InterestLevel::Qos0 ? 0 : 2;
  options.durable = frame.level == InterestLevel::Durable;
  options.online = frame.group.empty() || frame.online != 0;
  // How many of the group's members are there, so that each of the cluster gets its part.
  if (!frame.group.empty()) {
    options.subscription_identifier =
        std::min(frame.online, topic::Subscriber::subscription_identifier_max);
  }
  const topic::SubscribeResult result =
      shared_.subscriptions.subscribe(key, topic::Subscriber(handle, options));
  InStream::Interest& known = stream.interest[result.id.value];
  const InterestLevel before = known.level;
  known.level = frame.level;
  known.round = stream.round;
  return before;
}

void Shard::write_interest(InStream& stream, const InterestFrame& frame, bool durable) {
  const std::string key = interest_key(
      stream.member, stream.shard,
      {std::string(frame.mountpoint), std::string(frame.filter), std::string(frame.group)});
  if (durable) {
    const std::uint8_t value[] = {1};
    effects_.batch.put(store::Space::Meta, key, value);
  } else {
    effects_.batch.erase(store::Space::Meta, key);
  }
  stream.is_interest_written = true;
}

// REQUIRES: the stream has that interest. Takes it out of the index, and off the disk.
void Shard::forget_interest(InStream& stream, topic::FilterId filter, InterestLevel level) {
  if (level == InterestLevel::Durable) {
    InterestFrame frame;
    std::string text;
    std::string group;
    std::string world;
    shared_.subscriptions.filter_text(filter, text, group);
    shared_.subscriptions.mountpoint_text(filter, world);
    frame.mountpoint = world;
    frame.filter = text;
    frame.group = group;
    write_interest(stream, frame, false);
  }
  shared_.subscriptions.unsubscribe(filter, handle_of_member(stream.member, stream.shard));
}

// What a whole telling did not name is over.
void Shard::drop_unnamed_interest(InStream& stream) {
  for (auto at = stream.interest.begin(); at != stream.interest.end();) {
    if (at->second.round == stream.round) {
      ++at;
      continue;
    }
    forget_interest(stream, topic::FilterId{at->first}, at->second.level);
    at = stream.interest.erase(at);
  }
}

// The member has left.
void Shard::drop_in_stream(InStream& stream) {
  if (find(stream.conn) != nullptr) drop(stream.conn.slot(), CloseHow::Abort);
  ++stream.round;
  drop_unnamed_interest(stream);
  effects_.batch.erase(store::Space::Meta, in_stream_key(stream.member, stream.shard));
  std::erase_if(in_streams_, [&](const auto& other) { return other.get() == &stream; });
}

// --- answers ---

// `ticket`: of the batch that must be durable before; 0: none.
void Shard::answer_stream(InStream& stream, StreamKind kind, std::uint64_t number,
                          std::uint64_t ticket) {
  Ring<InStream::Answer>& answers = stream.answers;
  if (!answers.empty()) ticket = std::max(ticket, answers.back().ticket);
  const bool is_longer = !answers.empty() && answers.back().ticket == ticket &&
                         kind == StreamKind::Confirm && answers.back().kind == kind;
  if (is_longer) {
    answers.back().number = number;
  } else {
    answers.push_back({ticket, kind, number});
  }
}

// At the end of a turn. What leaves nothing on disk need not be known to have been applied either:
// those that it was for end with this process.
void Shard::note_streams_applied() {
  for (const auto& stream : in_streams_) {
    stream->is_interest_written = false;
    const bool has_written = std::exchange(stream->has_written, false);
    if (std::exchange(stream->is_applied_changed, false)) {
      if (has_written) {
        effects_.batch.put(store::Space::Meta, in_stream_key(stream->member, stream->shard),
                           in_stream_record(stream->run, stream->applied));
      }
      if (stream->is_open) {
        answer_stream(*stream, StreamKind::Confirm, stream->applied, has_written ? ticket_ : 0);
      }
    }
    send_answers(*stream);
  }
}

void Shard::send_answers(InStream& stream) {
  if (stream.answers.empty() || stream.answers.front().ticket > durable_ticket_) return;
  const Connection* conn = find(stream.conn);
  if (conn == nullptr) {
    stream.answers.clear();
    return;
  }
  std::vector<std::uint8_t>& frames = record_;
  frames.clear();
  while (!stream.answers.empty() && stream.answers.front().ticket <= durable_ticket_) {
    const InStream::Answer& answer = stream.answers.front();
    append_stream_numbers(answer.kind, {answer.number}, frames);
    stream.answers.pop_front();
  }
  std::memcpy(reserve(stream.conn.slot(), frames.size()), frames.data(), frames.size());
  if (conn->is_paused && !store_congested_) resume(stream.conn.slot());
}

}  // namespace vmq::core
