// Frames between the shards of a node. A frame carries one message and the names of its receivers
// on the other shard, which need not match again. What is for durable sessions there is numbered,
// and the other shard confirms what it has on its disk. Until then
//   - a QoS 1 publish of a client is not acknowledged: the client repeats it if we end now;
//   - anything else is owed: it stands in our journal, in the same batch as everything else that it
//     caused, and is crossed off with the confirmation. After a restart the frames that were not
//     crossed off are sent again, and the other shard leaves out those whose numbers it has
//     applied.
//
//   kind u8 | flags u8 | size u32 | number u64 | generation u64 | publisher's connection u64 |
//   mountpoint | message record | count u32 | receivers … | group and filter of each receiver that
//   is reached through a share group, if the frame is owed kind u8 | 0 | size u32 | number u64
//   (Confirm; the first is Publish) kind u8 | 0 | size u32 | connection u64 (Slow, GoOn:
//   slow_down.cc)
#include <algorithm>

#include "base/expect.h"
#include "core/byte_io.h"
#include "core/shard.h"
#include "session/expiry.h"
#include "session/message_record.h"

namespace vmq::core {

namespace {

constexpr std::uint8_t frame_again = 1;  // sent after a restart: find the receivers anew, by topic

}  // namespace

void Shard::forward(Publication& publication, std::uint8_t shard, std::span<const Target> targets) {
  Peer& peer = peers_[shard];
  bool is_numbered = false;
  for (const Target& target : targets) {
    const topic::Subscriber subscriber = target.subscriber;
    const bool qos0 = subscriber.qos() == 0 ||
                      (publication.view.qos == 0 && !config().session.upgrade_outgoing_qos);
    is_numbered |= subscriber.durable() && !qos0;
  }
  const std::size_t start = peer.out.size();
  const std::size_t record = session::message_record_size(publication.view);
  const std::string_view mountpoint = *publication.mountpoint;
  std::size_t size = frame_head_size + 26 + mountpoint.size() + record + 4 + targets.size() * 12;
  peer.out.resize(start + size);
  std::uint8_t* to = peer.out.data() + start;
  to[0] = static_cast<std::uint8_t>(FrameKind::Publish);
  to[1] = 0;
  store_be32(to + 2, static_cast<std::uint32_t>(size));
  const std::uint64_t number = is_numbered ? peer.next_number++ : 0;
  store_be64(to + 6, number);
  store_be64(to + 14, publication.generation);
  store_be64(to + 22, publisher_.conn.value);
  store_be16(to + 30, static_cast<std::uint16_t>(mountpoint.size()));
  std::copy(mountpoint.begin(), mountpoint.end(), to + 32);
  to = session::write_message_record(publication.view, to + 32 + mountpoint.size());
  store_be32(to, static_cast<std::uint32_t>(targets.size()));
  to += 4;
  for (const Target& target : targets) {
    store_be64(to, target.subscriber.word());
    store_be32(to + 8, target.share);
    to += 12;
  }
  if (!is_numbered) return;
  if (publication.view.qos == 1 && publisher_.conn.is_valid()) {
    awaited_.push_back({shard, number});
    ++awaited_sent_;
    return;
  }
  // For a restart: the numbers of share subscriptions do not outlive the process, their names do.
  for (const Target& target : targets) {
    if (target.share == 0) continue;
    const ShareName& name = share_name(target.share, publication.generation);
    ByteWriter names(peer.out);
    names.text16(name.group);
    names.text16(name.filter);
  }
  size = peer.out.size() - start;
  store_be32(peer.out.data() + start + 2, static_cast<std::uint32_t>(size));
  journal_.owed(shard, number, {peer.out.data() + start, size});
  peer.owed.push_back({number, journal_.turn()});
}

// The index is locked to read a name, so the last one is kept: a burst goes to one group.
const Shard::ShareName& Shard::share_name(std::uint32_t share, std::uint64_t generation) {
  if (share_name_.share != share || share_name_.generation != generation) {
    share_name_.share = share;
    share_name_.generation = generation;
    // A group that has ended meanwhile has no name, and nobody to send to after a restart.
    static_cast<void>(shared_.subscriptions.group_text(topic::FilterId{share - 1},
                                                       share_name_.filter, share_name_.group));
  }
  return share_name_;
}

void Shard::on_peer(std::uint8_t from, ByteView frames) {
  while (!frames.empty()) {
    VMQ_EXPECT(frames.size() >= frame_head_size);
    const std::size_t size = load_be32(frames.data() + 2);
    VMQ_EXPECT(size >= frame_head_size && size <= frames.size());
    const ByteView frame = frames.first(size);
    switch (static_cast<FrameKind>(frame[0])) {
      case FrameKind::Publish:
        on_frame(from, frame);
        break;
      case FrameKind::Confirm:
        on_confirm(from, load_be64(frame.data() + frame_head_size));
        break;
      default:
        on_slow({load_be64(frame.data() + frame_head_size)},
                static_cast<FrameKind>(frame[0]) == FrameKind::Slow);
        break;
    }
    frames = frames.subspan(size);
  }
}

void Shard::on_frame(std::uint8_t from, ByteView frame) {
  Peer& peer = peers_[from];
  const bool again = (frame[1] & frame_again) != 0;
  const std::uint64_t number = load_be64(frame.data() + 6);
  if (number != 0) {
    if (number <= peer.applied) return;
    peer.applied = number;
    peer.applied_this_turn = true;
  }
  Publication publication;
  publication.generation = load_be64(frame.data() + 14);
  ByteReader in(frame.subspan(22));
  const ConnId publisher{in.u64()};
  publication.mountpoint = mountpoint(in.text16());
  const auto parsed = session::parse_message_record(in.rest());
  VMQ_EXPECT(parsed.has_value());
  publication.view = parsed->message;
  in.bytes(parsed->size);
  const std::uint32_t count = in.u32();
  targets_.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    const topic::Subscriber subscriber = topic::Subscriber::from_word(in.u64());
    targets_.push_back({subscriber, in.u32()});
  }
  VMQ_EXPECT(in.ok());
  // The way here may have been long: a full ring, or a crash [MQTT-3.3.2-5].
  if (session::has_expired(publication.view.expires_at, now_.wall)) {
    counters_.count(Plain::QueueMessageExpired, count);
    return;
  }
  if (again) {
    deliver_again(publication, in);
    return;
  }
  publisher_ = {from, publisher};
  deliver_run(publication, targets_);
  publisher_ = {};
}

// After a restart: the slots that the frame names mean nothing any more, so the receivers are found
// by topic, among the durable sessions of this shard.
// Through share groups only those get it that it was meant for: the others had it elsewhere.
void Shard::deliver_again(Publication& publication, ByteReader names) {
  std::size_t shares = 0;
  for (const Target& target : targets_) shares += target.share != 0 ? 1 : 0;
  const bool plain = shares < targets_.size();
  std::vector<std::pair<std::string_view, std::string_view>> groups;
  for (; shares > 0; --shares) {
    const std::string_view group = names.text16();
    groups.emplace_back(group, names.text16());
  }
  publication.generation = shared_.subscriptions.generation();
  publication.is_again = true;
  matches_.clear();
  shared_.subscriptions.match(*publication.mountpoint, publication.view.topic, matches_);
  if (matches_.overlapping) topic::merge_overlapping(matches_);
  targets_.clear();
  const auto is_ours = [this](topic::Subscriber subscriber) {
    return is_local(subscriber.handle().shard().value) && subscriber.durable();
  };
  for (topic::Subscriber subscriber : matches_.plain) {
    if (plain && is_ours(subscriber)) targets_.push_back({subscriber, 0});
  }
  std::string filter;
  std::string name;
  for (const topic::GroupMatch& group : matches_.groups) {
    if (!shared_.subscriptions.group_text(topic::FilterId{group.group}, filter, name)) continue;
    if (std::find(groups.begin(), groups.end(),
                  std::pair<std::string_view, std::string_view>(name, filter)) == groups.end()) {
      continue;
    }
    const std::span<const topic::Subscriber> members = matches_.members_of(group);
    const auto member = std::find_if(members.begin(), members.end(), is_ours);
    if (member != members.end()) targets_.push_back({*member, group.group + 1});
  }
  deliver_run(publication, targets_);
}

void Shard::on_confirm(std::uint8_t from, std::uint64_t number) {
  Peer& peer = peers_[from];
  if (number <= peer.settled) return;
  peer.settled = number;
  if (!peer.owed.empty() && peer.owed.front().number <= number) {
    journal_.owed_settled(from, number);
    do {
      peer.owed.pop_front();
    } while (!peer.owed.empty() && peer.owed.front().number <= number);
  }
  while (!awaited_.empty() && awaited_.front().number <= peers_[awaited_.front().shard].settled) {
    awaited_.pop_front();
    ++awaited_confirmed_;
  }
  release_held();
}

// At the end of a turn: what was applied in it goes into the journal, to be confirmed once that is
// durable.
void Shard::note_applied() {
  for (std::size_t from = 0; from < peers_.size(); ++from) {
    Peer& peer = peers_[from];
    if (!peer.applied_this_turn) continue;
    peer.applied_this_turn = false;
    journal_.applied(static_cast<std::uint8_t>(from), peer.applied);
    peer.confirms.push_back({ticket_, peer.applied});
  }
}

void Shard::confirm_durable() {
  for (Peer& peer : peers_) {
    std::uint64_t number = 0;
    while (!peer.confirms.empty() && peer.confirms.front().ticket <= durable_ticket_) {
      number = peer.confirms.front().number;
      peer.confirms.pop_front();
    }
    if (number == 0) continue;
    ByteWriter out(peer.out);
    out.u8(static_cast<std::uint8_t>(FrameKind::Confirm));
    out.u8(0);
    out.u32(frame_head_size + 8);
    out.u64(number);
  }
}

void Shard::resend_owed(std::vector<RecoveredFrame> frames, std::uint64_t turn) {
  for (RecoveredFrame& frame : frames) {
    frame.frame[1] |= frame_again;
    Peer& peer = peers_[frame.shard];
    peer.out.insert(peer.out.end(), frame.frame.begin(), frame.frame.end());
    peer.owed.push_back({frame.number, turn});
  }
}

}  // namespace vmq::core
