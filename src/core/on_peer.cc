// Frames between the shards of a node. A frame carries one message and the names of its receivers
// on the other shard, which need not match again. What is for durable sessions there is numbered,
// and the other shard confirms what it has on its disk. Until then
//   - a QoS 1 publish of a client is not acknowledged: the client repeats it if we end now;
//   - anything else is owed: it stands in our journal, in the same batch as everything else that it
//     caused, and is crossed off with the confirmation. After a restart the frames that were not
//     crossed off are sent again, and the other shard leaves out those whose numbers it has
//     applied.
#include <algorithm>

#include "base/expect.h"
#include "core/link_frame.h"
#include "core/shard.h"
#include "session/expiry.h"

namespace vmq::core {

void Shard::forward(Publication& publication, std::uint8_t shard, std::span<const Target> targets) {
  Peer& peer = peers_[shard];
  bool is_numbered = false;
  for (const Target& target : targets) {
    const topic::Subscriber subscriber = target.subscriber;
    const bool qos0 = subscriber.qos() == 0 ||
                      (publication.view.qos == 0 && !config().session.upgrade_outgoing_qos);
    is_numbered |= subscriber.durable() && !qos0;
  }
  PublishFrame frame;
  frame.number = is_numbered ? peer.next_number++ : 0;
  frame.generation = publication.generation;
  // One on another member is slowed by what is delivered on this shard alone.
  frame.publisher = publisher_.is_here() ? publisher_.conn.value : ConnId{}.value;
  frame.mountpoint = *publication.mountpoint;
  frame.message = publication.view;
  const std::size_t begin = append_publish_frame(frame, targets, peer.out);
  finish_publish_frame(begin, peer.out);
  if (!is_numbered) return;
  // What came from another member is not asked for again once this turn's batch is durable.
  const bool is_repeated = publisher_.is_here() && publisher_.conn.is_valid();
  if (publication.view.qos == 1 && is_repeated) {
    awaited_.push_back({frame.number, cluster::no_member, shard});
    ++awaited_sent_;
    return;
  }
  // For a restart: the numbers of share subscriptions do not outlive the process, their names do.
  for (const Target& target : targets) {
    if (target.share == 0) continue;
    const KnownShare& name = share_name(target.share, publication.generation);
    append_share_name(name.group, name.filter, peer.out);
  }
  finish_publish_frame(begin, peer.out);
  journal_.owed(shard, frame.number, {peer.out.data() + begin, peer.out.size() - begin});
  peer.owed.push_back({frame.number, journal_.turn()});
}

// The index is locked to read a name, so the last one is kept: a burst goes to one group.
const Shard::KnownShare& Shard::share_name(std::uint32_t share, std::uint64_t generation) {
  if (share_name_.share != share || share_name_.generation != generation) {
    share_name_.share = share;
    share_name_.generation = generation;
    // A group that has ended meanwhile has no name, and nobody to send to after a restart.
    static_cast<void>(shared_.subscriptions.group_text(topic::FilterId{share - 1},
                                                       share_name_.filter, share_name_.group));
  }
  return share_name_;
}

// Frames were made in this process, or judged by recovery when they were read from the disk.
void Shard::on_peer(std::uint8_t from, ByteView frames) {
  while (!frames.empty()) {
    const std::optional<Frame> frame = next_frame(frames);
    VMQ_EXPECT(frame.has_value());
    switch (frame->kind) {
      case FrameKind::Publish: {
        const std::optional<PublishFrame> publish = parse_publish_frame(frame->bytes);
        VMQ_EXPECT(publish.has_value());
        on_frame(from, *publish);
        break;
      }
      case FrameKind::Confirm:
        on_confirm(from, number_of(*frame));
        break;
      case FrameKind::Slow:
      case FrameKind::GoOn:
        on_slow({number_of(*frame)}, frame->kind == FrameKind::Slow);
        break;
      case FrameKind::Informed:
        note_informed(from);
        break;
      case FrameKind::ToClient: {
        const std::optional<ClientFrame> word = parse_client_frame(frame->bytes);
        VMQ_EXPECT(word.has_value());
        on_client_frame(from, *word);
        break;
      }
      case FrameKind::Where: {
        const PeerNumbers asked = numbers_of(*frame);
        append_numbers_frame(FrameKind::Here, {asked.first, asked.second, next_stamp()},
                             peers_[from].out);
        break;
      }
      case FrameKind::Here: {
        const PeerNumbers here = numbers_of(*frame);
        answer_where({here.first}, from, here.second, here.third);
        break;
      }
      case FrameKind::Flush: {
        const PeerNumbers asked = numbers_of(*frame);
        owe_flush(from, {asked.first}, static_cast<cluster::MemberNumber>(asked.third),
                  asked.second);
        break;
      }
      case FrameKind::Flushed: {
        const PeerNumbers flushed = numbers_of(*frame);
        answer_flush({flushed.first}, from, flushed.second);
        break;
      }
    }
  }
}

// False: it was applied before.
bool Shard::take_number(std::uint8_t from, std::uint64_t number) {
  Peer& peer = peers_[from];
  if (number <= peer.applied) return false;
  peer.applied = number;
  peer.applied_this_turn = true;
  return true;
}

void Shard::on_client_frame(std::uint8_t from, const ClientFrame& frame) {
  if (!take_number(from, frame.number)) return;
  const std::optional<StreamBody> body = parse_stream_body(frame.body);
  VMQ_EXPECT(body.has_value());
  on_word(frame.member, *body);
}

void Shard::on_frame(std::uint8_t from, const PublishFrame& frame) {
  if (frame.number != 0 && !take_number(from, frame.number)) return;
  Publication publication;
  publication.generation = frame.generation;
  publication.mountpoint = mountpoint(frame.mountpoint);
  publication.view = frame.message;
  targets_.clear();
  for (std::size_t i = 0; i < frame.receiver_count(); ++i) targets_.push_back(frame.receiver(i));
  // The way here may have been long: a full ring, or a crash [MQTT-3.3.2-5].
  if (session::has_expired(publication.view.expires_at, now_.wall)) {
    counters_.count(Plain::QueueMessageExpired, frame.receiver_count());
    return;
  }
  if (frame.is_again) {
    deliver_again(publication, frame.names);
    return;
  }
  publisher_ = {from, {frame.publisher}};
  deliver_run(publication, targets_);
  publisher_ = {};
}

// After a restart: the slots that the frame names mean nothing any more, so the receivers are found
// by topic, among the durable sessions of this shard.
// Through share groups only those get it that it was meant for: the others had it elsewhere.
void Shard::deliver_again(Publication& publication, ByteView names) {
  std::size_t shares = 0;
  for (const Target& target : targets_) shares += target.share != 0 ? 1 : 0;
  const bool plain = shares < targets_.size();
  std::vector<std::pair<std::string_view, std::string_view>> groups;
  for (; shares > 0; --shares) {
    const ShareName known = next_share_name(names);
    groups.emplace_back(known.group, known.filter);
  }
  publication.generation = shared_.subscriptions.generation();
  publication.is_again = true;
  matches_.clear();
  shared_.subscriptions.match(*publication.mountpoint, publication.view.topic, matches_);
  if (matches_.overlapping) topic::merge_overlapping(matches_);
  targets_.clear();
  // Whoever came since cannot be meant. A session that is to end with its connection now may have
  // been one that outlives it then.
  const auto is_ours = [this](topic::Subscriber subscriber) {
    const topic::SessionHandle handle = subscriber.handle();
    if (!is_local(handle.shard().value) || handle.slot() >= sessions_.size()) return false;
    const Session* session = sessions_[handle.slot()].get();
    return session != nullptr && session->is_restored;
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
  release_awaited();
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
    append_number_frame(FrameKind::Confirm, number, peer.out);
  }
}

void Shard::resend_owed(std::vector<RecoveredFrame> frames, std::uint64_t turn) {
  for (RecoveredFrame& frame : frames) {
    mark_again(frame.frame);
    Peer& peer = peers_[frame.shard];
    peer.out.insert(peer.out.end(), frame.frame.begin(), frame.frame.end());
    peer.owed.push_back({frame.number, turn});
  }
}

}  // namespace vmq::core
