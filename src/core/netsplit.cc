#include "core/netsplit.h"

#include <vector>

#include "core/shard.h"

namespace vmq::core {

namespace {

using mqtt::ReasonCode;

std::vector<std::uint8_t> codes_of(ReasonCode code, std::size_t count) {
  return std::vector<std::uint8_t>(count, static_cast<std::uint8_t>(code));
}

// A node that was stopped for longer than its lease has not heard yet that it is no member now.
bool is_in_majority(const Shard& shard) {
  return shard.members_.has_quorum && shard.is_lease_held_;
}

}  // namespace

bool may_register_now(const Shard& shard) {
  return is_in_majority(shard) || shard.config().netsplit.allow_register;
}
bool may_take_publish_now(const Shard& shard) {
  return is_in_majority(shard) || shard.config().netsplit.allow_publish;
}
bool may_subscribe_now(const Shard& shard) {
  return is_in_majority(shard) || shard.config().netsplit.allow_subscribe;
}
bool may_unsubscribe_now(const Shard& shard) {
  return is_in_majority(shard) || shard.config().netsplit.allow_unsubscribe;
}

void refuse_publish_in_netsplit(Shard& shard, std::uint32_t slot, const mqtt::PublishView& packet) {
  shard.refuse_publish(slot, packet,
                       packet.qos == mqtt::Qos::ExactlyOnce
                           ? ReasonCode::UnspecifiedError
                           : ReasonCode::ImplementationSpecificError);
}

void refuse_subscribe_in_netsplit(Shard& shard, std::uint32_t slot, std::uint16_t packet_id,
                                  std::size_t count) {
  shard.counters_.count(PerVersion::SubscribeError, shard.connections_[slot]->is_v5());
  shard.send_suback(slot, mqtt::PacketType::Suback, packet_id,
                    codes_of(ReasonCode::NotAuthorized, count), When::Now);
}

void refuse_unsubscribe_in_netsplit(Shard& shard, std::uint32_t slot, std::uint16_t packet_id,
                                    std::size_t count) {
  const bool v5 = shard.connections_[slot]->is_v5();
  shard.counters_.count(PerVersion::UnsubscribeError, v5);
  if (!v5) return shard.drop(slot, CloseHow::Flush);
  shard.send_suback(slot, mqtt::PacketType::Unsuback, packet_id,
                    codes_of(ReasonCode::ImplementationSpecificError, count), When::Now);
}

}  // namespace vmq::core
