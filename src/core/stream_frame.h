// Frames between members of a cluster as bytes: docs/formats/stream-frames.md. A stream carries
// those of one shard of one member to another member, and what that one answers. Who sends which
// frame and when: out_stream.cc, in_stream.cc.
//
// A frame is `size u32 | kind u8 | fields`, where size counts what follows it. The frames of a
// protocol version never change; a new one gets a new kind. A kind that a receiver may do without
// is optional_kinds or above: whoever does not know it leaves it out. Any other is sent only to
// members whose version has it, so one that is not known ends the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "session/message.h"

namespace vmq::core {

inline constexpr std::uint8_t optional_kinds = 128;

// On the wire: values never change.
enum class StreamKind : std::uint8_t {
  // From the sending shard.
  Open = 1,           // run, first number of it: the beginning of every connection
  Publish = 2,        // number (0: not kept), body
  InterestBegin = 3,  // all of the sender's interest follows; what is not named until End is over
  Interest = 4,       // one filter
  InterestEnd = 5,
  InterestMark = 6,  // a number that InterestKnown gives back
  Slow = 7,          // shard and connection of a publisher that should pause
  GoOn = 8,
  Where = 9,   // a claim; each shard of the receiver answers Here
  Flush = 10,  // a round; each shard of the receiver answers Flushed
  // From the receiving shard.
  Opened = 16,         // the number up to which it has applied frames
  Confirm = 17,        // the same, later
  InterestKnown = 18,  // what came before that mark is known and, as far as it must be, on disk
  Here = 19,           // claim, shard, and the stamp of the last message that it has taken
  Flushed = 20,        // round, shard: what it owed this member when it was asked is there
};

// What a sending shard's sessions want of a filter.
enum class InterestLevel : std::uint8_t {
  None = 0,
  Qos0 = 1,       // nothing that would have to be kept
  Transient = 2,  // QoS 1 or 2, by sessions that end with their connection
  Durable = 3,    // QoS 1 or 2, by sessions that outlive it
};

struct InterestFrame {
  InterestLevel level = InterestLevel::None;
  std::uint32_t online = 0;  // of a share group: its connected members
  std::string_view mountpoint;
  std::string_view filter;  // without `$share/group/`
  std::string_view group;   // empty: not shared
};

// What two members say to each other of one client's session, which has gone from one to the other.
// On the wire and on disk: values never change.
enum class ClientWord : std::uint8_t {
  None = 0,      // an ordinary message, for everybody
  Entry = 1,     // to its owner: one of its messages
  End = 2,       // to its owner: there are no more
  Joined = 3,    // to its earlier owner: what is published from now on comes without it
  Over = 4,      // to its earlier owner: it has ended, and what waits for it is nobody's
  Bounced = 5,   // back: an Entry for a session that is not known
  Ended = 6,     // back: End has come, and with it what was bounced
  Knock = 7,     // to its owner: what waited for it is here
  Unknown = 8,   // back: of a Knock for a session that is not known
  Doubt = 9,     // to its earlier owner: has it taken the publish with that packet identifier?
  Settled = 10,  // to who doubted: it has, or has not
  Inbound = 11,  // to its owner: publishes at QoS 2 that were taken and not released
};

// What a Publish carries, and what is kept until it is confirmed.
struct StreamBody {
  std::uint64_t stamp = 0;      // of the sending shard's clock: grows with each message
  std::uint64_t publisher = 0;  // connection of the sending shard, to be slowed down
  bool updates_retained = false;
  bool is_matched = true;  // false: only what is retained changes
  std::uint8_t hops = 0;   // members that had no more takers in the share group
  std::string_view mountpoint;
  std::string_view group;   // not empty: for one member of this share group
  std::string_view filter;  // of the share group
  // Not None: for one client's session, by the claim with that epoch.
  ClientWord word = ClientWord::None;
  std::string_view client_id;
  std::uint64_t birth = 0;
  std::uint64_t epoch = 0;
  // Of an Entry: its delivery.
  std::uint8_t qos = 0;
  bool retain = false;
  ByteView subscription_ids;  // u32 each
  bool is_released = false;   // the client has it: there is no message
  bool by_share = false;      // session::QueueEntry's
  // Of a Doubt; of an Entry that the client may have been sent. 0: of none.
  std::uint16_t packet_id = 0;
  ByteView packet_ids;  // of Inbound: u16 each
  // Of Doubt and Settled: who doubted, and which of its doubts.
  std::uint16_t asker = 0;  // cluster::MemberNumber
  std::uint64_t doubt = 0;
  bool is_known = false;         // of Settled: it has taken it
  session::MessageView message;  // of None, and of an Entry that is not released
};

inline constexpr std::size_t stream_head_size = 5;
inline constexpr std::size_t publish_head_size = stream_head_size + 8;
// A frame that is larger is not taken: the largest packet of MQTT and what comes with it.
inline constexpr std::size_t stream_frame_max = (std::size_t{256} << 20) + (1u << 20);

void append_stream_body(const StreamBody& body, std::vector<std::uint8_t>& to);
// `sound_topic`: one that is known to be a topic's name; the same one need not be looked at again.
std::optional<StreamBody> parse_stream_body(ByteView bytes, std::string_view sound_topic = {});
// The same bytes for a message that is for everybody, without a detour. REQUIRES: no word, no
// group.
std::size_t plain_body_size(const StreamBody& body);
void write_plain_body(const StreamBody& body, std::uint8_t* to);  // has room for plain_body_size

// The head of a Publish whose body has so many bytes. `to` has room for publish_head_size.
void write_publish_head(std::uint64_t number, std::size_t body_size, std::uint8_t* to);
void append_interest(const InterestFrame& interest, std::vector<std::uint8_t>& to);
std::optional<InterestFrame> parse_interest(ByteView fields);
struct StreamNumbers {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  std::uint64_t third = 0;
};
// Frames that say up to three numbers; which ones follows from the kind.
void append_stream_numbers(StreamKind kind, const StreamNumbers& numbers,
                           std::vector<std::uint8_t>& to);

struct StreamFrame {
  StreamKind kind = StreamKind::Open;
  ByteView fields;
  std::size_t size = 0;  // of all of it
  // Of a kind that is not known and may be left out.
  bool is_left_out() const { return static_cast<std::uint8_t>(kind) >= optional_kinds; }
};

struct CutFrame {
  enum class Status : std::uint8_t { Whole, NeedMore, Error };
  Status status = Status::NeedMore;
  StreamFrame frame;
  std::size_t wanted = 0;  // bytes that the frame needs; 0: not known yet
  std::string_view error = {};
};
// Takes the first frame of `bytes`.
CutFrame cut_stream_frame(ByteView bytes);

// Of every kind but Publish and Interest; nothing when the size is not the kind's.
std::optional<StreamNumbers> stream_numbers(const StreamFrame& frame);

}  // namespace vmq::core
