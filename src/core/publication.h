// One message on its way through a shard, and whom it goes to.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/members.h"
#include "core/link_frame.h"
#include "core/stream_frame.h"
#include "session/message.h"
#include "session/outbound_queue.h"
#include "topic/subscriber.h"
#include "topic/subscription_index.h"

namespace vmq::core {

// One message on its way through a shard: views of a packet, of a frame or of a Message. The
// counted message is made at the first need, the encoded packet at the first receiver of its kind.
struct Publication {
  session::MessageView view;
  session::MessageRef message;  // made when first needed
  const std::string* mountpoint = nullptr;
  std::uint64_t generation = 0;  // of the index before the match
  session::StoredAt stored;      // where this shard's journal has it; chunk 0: nowhere
  bool is_again = false;         // sent by another shard once more, after a restart
  // Packets at QoS 0 without identifiers: [is v5][retain].
  struct Packet {
    const std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
    std::size_t header_size = 0;
  };
  std::array<std::array<Packet, 2>, 2> packets{};
  // On its way to other members: [is matched there].
  struct Remote {
    session::MessageRef message;  // its payload is a StreamBody
    session::StoredAt stored;
    ByteView frame;  // without a number, in this turn's memory
  };
  std::array<Remote, 2> remote;
  std::uint64_t stamp = 0;        // 0: none yet
  std::uint8_t hops = 0;          // StreamBody::hops
  bool updates_retained = false;  // every member keeps it for its topic
  bool is_from_member = false;    // it is not passed on

  const session::MessageRef& shared() {
    if (!message) message = session::Message::make(view);
    return message;
  }
};

// The receivers of a topic, shard by shard. The last one is kept: publishers repeat their topics,
// and a burst of one publisher is routed once.
struct Route {
  const std::string* mountpoint = nullptr;
  std::string topic;
  std::uint64_t generation = 0;
  bool is_reusable = false;     // the same for every publisher and every message
  std::vector<Target> targets;  // runs of one session side by side
  struct Part {
    std::uint8_t shard = 0;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };
  std::vector<Part> parts;
  // Share groups: each message chooses a member anew, and `plain` is the same for all. Apart from
  // `targets`, where the order by shard mixes them.
  std::vector<topic::GroupMatch> groups;
  std::vector<topic::Subscriber> members;
  std::vector<Target> plain;
  // Other members of the cluster that have takers, each once; share groups apart.
  struct Member {
    cluster::MemberNumber number = cluster::no_member;
    InterestLevel level = InterestLevel::None;  // the highest of its shards'
  };
  std::vector<Member> nodes;
};

// Names a share group.
struct ShareText {
  std::string_view group;
  std::string_view filter;
};

}  // namespace vmq::core
