// What a node without the majority of its cluster, or without its lease, still does for its
// clients: what the four allow_*_during_netsplit keys say, read anew each time. A node that has
// joined nobody has the majority of itself.
//
//              MQTT 5                        before it
//   CONNECT    CONNACK 0x88                  CONNACK 3
//   PUBLISH    PUBACK 0x83, PUBREC 0x80      the connection is closed
//   SUBSCRIBE  SUBACK 0x87 for each filter   SUBACK 0x80 for each
//   UNSUBSCR.  UNSUBACK 0x83 for each        the connection is closed
//
// QoS 0 is dropped; wills wait until the node may take messages again. Who has to be told and
// cannot be is cut off, so that it tries again elsewhere [MQTT-3.3.5-2]; the codes are those that
// clients of VerneMQ know, where it has any. Clients that are there stay; what is queued for them
// and comes from other members goes on.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vmq::mqtt {
struct PublishView;
}

namespace vmq::core {

class Shard;

bool may_register_now(const Shard& shard);
bool may_take_publish_now(const Shard& shard);
bool may_subscribe_now(const Shard& shard);
bool may_unsubscribe_now(const Shard& shard);

// What the client on this slot is answered. The last two: for as many filters.
void refuse_publish_in_netsplit(Shard& shard, std::uint32_t slot, const mqtt::PublishView& packet);
void refuse_subscribe_in_netsplit(Shard& shard, std::uint32_t slot, std::uint16_t packet_id,
                                  std::size_t count);
void refuse_unsubscribe_in_netsplit(Shard& shard, std::uint32_t slot, std::uint16_t packet_id,
                                    std::size_t count);

}  // namespace vmq::core
