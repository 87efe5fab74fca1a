#include "core/any_record.h"

#include <fmt/core.h>

#include "base/expect.h"
#include "base/quoted.h"
#include "core/durable_queue.h"
#include "core/journal.h"
#include "core/link_frame.h"
#include "core/node_record.h"
#include "core/session_record.h"
#include "core/stream_frame.h"
#include "session/message_record.h"
#include "store/frame.h"

namespace vmq::core {
namespace {

std::string numbered(std::uint64_t number) {
  return fmt::format("{}.{}", number >> 56, number & ((std::uint64_t{1} << 56) - 1));
}

std::string text_of(const session::MessageView& message) {
  std::string text = fmt::format("topic={} qos={}", quoted(message.topic), message.qos);
  if (message.retain) text += " retain";
  if (message.expires_at.ms != 0) text += fmt::format(" expires_at={}", message.expires_at.ms);
  if (!message.properties.empty()) {
    text += fmt::format(" properties={}", quoted(as_text(message.properties)));
  }
  if (message.origin.is_known()) {
    text += fmt::format(" origin={}/{}/{}", message.origin.member, message.origin.shard,
                        message.origin.stamp);
  }
  return text + fmt::format(" payload={}", quoted(as_text(message.payload)));
}

std::string text_of(const session::QueueEntry& entry) {
  std::string text =
      fmt::format("at={}/{} qos={}", numbered(entry.stored.chunk), entry.stored.index, entry.qos);
  if (entry.retain) text += " retain";
  if (entry.by_share) text += " by_share";
  for (std::uint32_t id : entry.subscription_ids.view()) text += fmt::format(" id={}", id);
  return text;
}

AnyRecord decode_message(ByteView value) {
  AnyRecord record;
  const auto parsed = session::parse_message_record(value);
  if (!parsed) return record;
  VMQ_EXPECT(parsed->size <= value.size());
  record.accepted = true;
  record.text = text_of(parsed->message);
  session::append_message_record(parsed->message, record.encoded);
  VMQ_EXPECT(record.encoded.size() == parsed->size);
  return record;
}

std::string take_into(const JournalEntry& entry, Journal& journal) {
  const std::string who = fmt::format("session={} ", numbered(entry.session));
  switch (entry.op) {
    case JournalOp::Enqueued:
      journal.enqueued(entry.session, entry.seq, entry.queued);
      return fmt::format("enqueued {}seq={} {}", who, entry.seq, text_of(entry.queued));
    case JournalOp::Done:
      journal.done(entry.session, entry.seq, {});
      return fmt::format("done {}seq={}", who, entry.seq);
    case JournalOp::Released:
      journal.released(entry.session, entry.seq);
      return fmt::format("released {}seq={}", who, entry.seq);
    case JournalOp::InboundTaken:
      journal.inbound_taken(entry.session, entry.packet_id);
      return fmt::format("inbound_taken {}packet_id={}", who, entry.packet_id);
    case JournalOp::InboundFreed:
      journal.inbound_freed(entry.session, entry.packet_id);
      return fmt::format("inbound_freed {}packet_id={}", who, entry.packet_id);
    case JournalOp::Owed:
      journal.owed(entry.shard, entry.seq, entry.frame);
      return fmt::format("owed shard={} number={} frame={}", entry.shard, entry.seq,
                         quoted(as_text(entry.frame)));
    case JournalOp::OwedSettled:
      journal.owed_settled(entry.shard, entry.seq);
      return fmt::format("owed_settled shard={} number={}", entry.shard, entry.seq);
    case JournalOp::Applied:
      journal.applied(entry.shard, entry.seq);
      return fmt::format("applied shard={} number={}", entry.shard, entry.seq);
  }
  return "?";
}

void add_part(std::string& text, const std::string& part) {
  if (!text.empty()) text += "; ";
  text += part;
}

AnyRecord decode_journal(ByteView value) {
  AnyRecord record;
  Journal journal({}, 0);
  JournalEntry entry;
  while (next_journal_entry(value, entry)) add_part(record.text, take_into(entry, journal));
  record.accepted = value.empty();
  store::Batch batch;
  journal.end_turn(batch);
  for (const store::BatchRecord& put : batch) {
    if (put.space != store::Space::Journal) continue;
    const store::Frame frame = store::open_frame(put.space, put.key, put.value);
    VMQ_EXPECT(frame.state == store::FrameState::Value);
    record.encoded.assign(frame.value.begin(), frame.value.end());
  }
  return record;
}

AnyRecord decode_state(ByteView value) {
  AnyRecord record;
  const auto state = parse_queue_state(value);
  if (!state) return record;
  record.accepted = true;
  record.text =
      fmt::format("turn={} head={} next={}", state->settled_turn, state->head_seq, state->next_seq);
  const char* const names[] = {"queued", "sent", "released", "done"};
  for (const DurableState::Settled& entry : state->states) {
    record.text += fmt::format(" {}={}", names[static_cast<unsigned>(entry.state)], entry.seq);
  }
  for (std::uint16_t id : state->inbound_qos2) record.text += fmt::format(" inbound={}", id);
  write_queue_state(*state, record.encoded);
  return record;
}

AnyRecord decode_block(ByteView value) {
  AnyRecord record;
  const auto entries = parse_block(value);
  if (!entries) return record;
  record.accepted = true;
  for (const session::QueueEntry& entry : *entries) {
    add_part(record.text, text_of(entry));
    write_queued(entry, record.encoded);
  }
  return record;
}

std::string text_of(const RecoveredSession::Subscription& subscription) {
  return fmt::format("filter({} id={} options={})", quoted(subscription.filter),
                     subscription.identifier, subscription.options);
}

AnyRecord decode_page(ByteView value) {
  AnyRecord record;
  const auto page = parse_subscription_page(value);
  if (!page) return record;
  record.accepted = true;
  record.text = fmt::format("number={}", numbered(page->number));
  for (const auto& subscription : page->subscriptions) record.text += ' ' + text_of(subscription);
  write_subscription_page(*page, record.encoded);
  return record;
}

AnyRecord decode_session(std::string_view key, ByteView value) {
  AnyRecord record;
  const auto session = parse_session_record(key, value);
  if (!session) return record;
  VMQ_EXPECT(session_key(session->mountpoint, session->client_id) == key);
  record.accepted = true;
  std::string& text = record.text;
  text = fmt::format("mountpoint={} client_id={} version={} number={} expiry={}",
                     quoted(session->mountpoint), quoted(session->client_id),
                     static_cast<unsigned>(session->version), numbered(session->number),
                     session->expiry_interval_s);
  if (session->has_user_name) text += " has_user";
  if (!session->user_name.empty()) text += fmt::format(" user={}", quoted(session->user_name));
  if (session->disconnected_at.ms != 0) {
    text += fmt::format(" disconnected_at={}", session->disconnected_at.ms);
  }
  if (session->will_at.ms != 0) text += fmt::format(" will_at={}", session->will_at.ms);
  if (session->sent_end != 0) text += fmt::format(" sent_end={}", session->sent_end);
  if (session->birth != 0) text += fmt::format(" birth={}", session->birth);
  if (session->epoch != 0) {
    text +=
        fmt::format(" epoch={} claim={} from={}", session->epoch, session->claim, session->from);
  }
  if (session->to != cluster::no_member) {
    text += fmt::format(" to={}/{}{}", session->to, session->to_epoch,
                        session->is_joined ? " joined" : "");
  }
  for (const auto& subscription : session->subscriptions) text += ' ' + text_of(subscription);
  if (session->will) {
    text +=
        fmt::format(" will({} delay={}", quoted(as_text(*session->will)), session->will_delay_s);
    if (session->will_expiry_s) text += fmt::format(" expiry={}", *session->will_expiry_s);
    text += ')';
  }
  write_session_record(*session, record.encoded);
  return record;
}

AnyRecord decode_node(ByteView value) {
  AnyRecord record;
  const auto node = parse_node_record(value);
  if (!node) return record;
  record.accepted = true;
  record.text = fmt::format("home_key={:016x} shards={}", node->home_key.value, node->shards);
  if (node->has_foreign_chunks) record.text += " foreign_chunks";
  write_node_record(*node, record.encoded);
  return record;
}

AnyRecord decode_links(ByteView value) {
  AnyRecord record;
  const auto links = parse_links_record(value);
  if (!links) return record;
  record.accepted = true;
  for (const LinkNumbers& link : *links) {
    add_part(record.text, fmt::format("next={} applied={}", link.next_number, link.applied));
  }
  write_links_record(*links, record.encoded);
  return record;
}

std::string take_publish(const PublishFrame& frame, std::vector<std::uint8_t>& encoded) {
  std::string text = fmt::format(
      "publish{} number={} generation={} publisher={:016x} "
      "mountpoint={} message({})",
      frame.is_again ? " again" : "", frame.number, frame.generation, frame.publisher,
      quoted(frame.mountpoint), text_of(frame.message));
  std::vector<Target> receivers;
  for (std::size_t i = 0; i < frame.receiver_count(); ++i) {
    receivers.push_back(frame.receiver(i));
    text += fmt::format(" to={:016x}", receivers.back().subscriber.word());
    if (receivers.back().share != 0) text += fmt::format("/{}", receivers.back().share);
  }
  const std::size_t begin = append_publish_frame(frame, receivers, encoded);
  for (ByteView names = frame.names; !names.empty();) {
    const ShareName name = next_share_name(names);
    text += fmt::format(" share({} {})", quoted(name.group), quoted(name.filter));
    append_share_name(name.group, name.filter, encoded);
  }
  finish_publish_frame(begin, encoded);
  return text;
}

AnyRecord decode_frames(ByteView value) {
  AnyRecord record;
  while (const std::optional<Frame> frame = next_frame(value)) {
    if (frame->kind == FrameKind::Publish) {
      const auto publish = parse_publish_frame(frame->bytes);
      if (!publish) return record;
      add_part(record.text, take_publish(*publish, record.encoded));
      continue;
    }
    if (frame->kind == FrameKind::ToClient) {
      const auto word = parse_client_frame(frame->bytes);
      if (!word) return record;
      add_part(record.text, fmt::format("to_client={} from={}", word->number, word->member));
      append_client_frame(*word, record.encoded);
      continue;
    }
    if (frame->kind >= FrameKind::Where) {
      const PeerNumbers numbers = numbers_of(*frame);
      const char* const names[] = {"where", "here", "flush", "flushed"};
      const auto at = static_cast<unsigned>(frame->kind) - static_cast<unsigned>(FrameKind::Where);
      add_part(record.text,
               fmt::format("{}={},{},{}", names[at], numbers.first, numbers.second, numbers.third));
      append_numbers_frame(frame->kind, numbers, record.encoded);
      continue;
    }
    const char* const names[] = {"", "", "confirm", "slow", "go_on", "informed"};
    const std::uint64_t number = number_of(*frame);
    add_part(record.text, fmt::format("{}={}", names[static_cast<unsigned>(frame->kind)], number));
    append_number_frame(frame->kind, number, record.encoded);
  }
  record.accepted = value.empty();
  return record;
}

// False: its fields are none of its kind.
bool take_stream_publish(ByteView fields, AnyRecord& record) {
  if (fields.size() < 8) return false;
  const auto body = parse_stream_body(fields.subspan(8));
  if (!body) return false;
  std::string text = fmt::format("publish number={}", load_be64(fields.data()));
  if (body->updates_retained) text += " retained";
  if (!body->is_matched) text += " unmatched";
  if (body->hops != 0) text += fmt::format(" hops={}", body->hops);
  text += fmt::format(" stamp={} publisher={} mountpoint={}", body->stamp, body->publisher,
                      quoted(body->mountpoint));
  if (!body->group.empty()) {
    text += fmt::format(" share({} {})", quoted(body->group), quoted(body->filter));
  }
  if (body->word != ClientWord::None) {
    text +=
        fmt::format(" word={} client_id={} birth={} epoch={}", static_cast<unsigned>(body->word),
                    quoted(body->client_id), body->birth, body->epoch);
  }
  if (body->qos != 0) text += fmt::format(" qos={}{}", body->qos, body->retain ? " retain" : "");
  if (body->packet_id != 0) text += fmt::format(" packet_id={}", body->packet_id);
  if (body->is_released) text += " released";
  if (body->by_share) text += " by_share";
  if (body->asker != 0) text += fmt::format(" asker={} doubt={}", body->asker, body->doubt);
  if (body->is_known) text += " known";
  for (std::size_t at = 0; at < body->packet_ids.size(); at += 2) {
    text += fmt::format(" {}", load_be16(body->packet_ids.data() + at));
  }
  const bool has_message = body->word == ClientWord::None || (body->qos != 0 && !body->is_released);
  if (has_message) text += fmt::format(" message({})", text_of(body->message));
  add_part(record.text, text);
  std::vector<std::uint8_t> bytes;
  append_stream_body(*body, bytes);
  const std::size_t begin = record.encoded.size();
  record.encoded.resize(begin + publish_head_size);
  write_publish_head(load_be64(fields.data()), bytes.size(), record.encoded.data() + begin);
  record.encoded.insert(record.encoded.end(), bytes.begin(), bytes.end());
  return true;
}

bool take_interest(ByteView fields, AnyRecord& record) {
  const auto interest = parse_interest(fields);
  if (!interest) return false;
  std::string text = fmt::format("interest level={} online={} mountpoint={} filter={}",
                                 static_cast<unsigned>(interest->level), interest->online,
                                 quoted(interest->mountpoint), quoted(interest->filter));
  if (!interest->group.empty()) text += fmt::format(" group={}", quoted(interest->group));
  add_part(record.text, text);
  append_interest(*interest, record.encoded);
  return true;
}

bool take_stream_numbers(const StreamFrame& frame, AnyRecord& record) {
  const auto numbers = stream_numbers(frame);
  if (!numbers) return false;
  const auto kind = static_cast<unsigned>(frame.kind);
  const char* const sent[] = {"",     "open", "",      "interest_begin", "",     "interest_end",
                              "mark", "slow", "go_on", "where",          "flush"};
  const char* const answered[] = {"opened", "confirm", "interest_known", "here", "flushed"};
  std::string text = kind >= 16 ? answered[kind - 16] : sent[kind];
  if (!frame.fields.empty()) text += fmt::format("={}", numbers->first);
  if (frame.fields.size() > 8) text += fmt::format("/{}", numbers->second);
  if (frame.fields.size() > 16) text += fmt::format("/{}", numbers->third);
  add_part(record.text, text);
  append_stream_numbers(frame.kind, *numbers, record.encoded);
  return true;
}

AnyRecord decode_stream(ByteView value) {
  AnyRecord record;
  while (!value.empty()) {
    const CutFrame cut = cut_stream_frame(value);
    if (cut.status != CutFrame::Status::Whole) return record;
    const ByteView bytes = value.first(cut.frame.size);
    value = value.subspan(cut.frame.size);
    bool is_sound = true;
    if (cut.frame.is_left_out()) {
      add_part(record.text, fmt::format("left_out kind={} size={}",
                                        static_cast<unsigned>(cut.frame.kind), bytes.size()));
      record.encoded.insert(record.encoded.end(), bytes.begin(), bytes.end());
    } else if (cut.frame.kind == StreamKind::Publish) {
      is_sound = take_stream_publish(cut.frame.fields, record);
    } else if (cut.frame.kind == StreamKind::Interest) {
      is_sound = take_interest(cut.frame.fields, record);
    } else {
      is_sound = take_stream_numbers(cut.frame, record);
    }
    if (!is_sound) return record;
  }
  record.accepted = true;
  return record;
}

}  // namespace

AnyRecord decode_record(RecordKind kind, std::string_view key, ByteView value) {
  switch (kind) {
    case RecordKind::Message:
      return decode_message(value);
    case RecordKind::Journal:
      return decode_journal(value);
    case RecordKind::State:
      return decode_state(value);
    case RecordKind::Block:
      return decode_block(value);
    case RecordKind::Session:
      return decode_session(key, value);
    case RecordKind::Node:
      return decode_node(value);
    case RecordKind::Links:
      return decode_links(value);
    case RecordKind::Frame:
      return decode_frames(value);
    case RecordKind::Page:
      return decode_page(value);
    case RecordKind::Stream:
      return decode_stream(value);
  }
  return {};
}

}  // namespace vmq::core
