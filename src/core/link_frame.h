// Frames between the shards of a node as bytes. What is owed to another shard is kept on disk, so
// the format never changes: docs/formats/link-frames.md. Who sends which frame and when:
// on_peer.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "session/message.h"
#include "topic/subscriber.h"

namespace vmq::core {

// A receiver chosen by routing: the subscription, and the share subscription it came through
// (FilterId + 1; 0: none).
struct Target {
  topic::Subscriber subscriber;
  std::uint32_t share = 0;
};

// On the wire between shards: values never change.
enum class FrameKind : std::uint8_t {
  Publish = 1,
  Confirm = 2,
  Slow = 3,
  GoOn = 4,
  Informed = 5,
  ToClient = 6,  // what another member says of a client that lives on the receiving shard
  // A stream's question to all shards, and the answers: of three numbers each.
  Where = 7,    // connection of the stream, claim
  Here = 8,     // the same, and the stamp
  Flush = 9,    // connection of the stream, round, member
  Flushed = 10  // connection of the stream, round
};

struct PublishFrame {
  bool is_again = false;     // sent after a restart: find the receivers anew, by topic
  std::uint64_t number = 0;  // 0: not owed
  std::uint64_t generation = 0;
  std::uint64_t publisher = 0;  // connection of the sending shard
  std::string_view mountpoint;
  session::MessageView message;
  // Of a parsed frame: the receivers, and the share groups that they are reached through.
  ByteView receivers;
  ByteView names;

  std::size_t receiver_count() const;
  Target receiver(std::size_t index) const;
};

// Appends a frame without names; finish_publish_frame() writes its size once they are there too.
// Returns where it begins.
std::size_t append_publish_frame(const PublishFrame& frame, std::span<const Target> receivers,
                                 std::vector<std::uint8_t>& to);
// Of an owed frame: one for each receiver whose share is not 0, in their order.
void append_share_name(std::string_view group, std::string_view filter,
                       std::vector<std::uint8_t>& to);
void finish_publish_frame(std::size_t begin, std::vector<std::uint8_t>& to);
// Another member's word on a client: a StreamBody as it came.
struct ClientFrame {
  bool is_again = false;
  std::uint64_t number = 0;  // it is owed
  std::uint16_t member = 0;  // who says it
  ByteView body;
};
// Returns where it begins.
std::size_t append_client_frame(const ClientFrame& frame, std::vector<std::uint8_t>& to);
std::optional<ClientFrame> parse_client_frame(ByteView frame);

struct PeerNumbers {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  std::uint64_t third = 0;
};
// From Where on.
void append_numbers_frame(FrameKind kind, const PeerNumbers& numbers,
                          std::vector<std::uint8_t>& to);
// All others say one number; that of Informed is 0.
void append_number_frame(FrameKind kind, std::uint64_t number, std::vector<std::uint8_t>& to);

struct Frame {
  FrameKind kind = FrameKind::Publish;
  ByteView bytes;  // all of it
};

// Takes the first frame off `frames`. Nothing when there is none, or when these bytes are none.
std::optional<Frame> next_frame(ByteView& frames);
std::optional<PublishFrame> parse_publish_frame(ByteView frame);
// REQUIRES: next_frame() gave the frame, and it has a number, or three.
std::uint64_t number_of(const Frame& frame);
PeerNumbers numbers_of(const Frame& frame);

struct ShareName {
  std::string_view group;
  std::string_view filter;
};
// The next of PublishFrame::names, which are sound: parse_publish_frame() has seen to that.
ShareName next_share_name(ByteView& names);

// Whether bytes from the disk are the owed frame with this number, and may be sent again. A topic
// that no client could have published is damage, too.
bool is_owed_frame(ByteView bytes, std::uint64_t number);
// REQUIRES: is_owed_frame().
void mark_again(std::span<std::uint8_t> frame);

}  // namespace vmq::core
