// What an operator does to a shard's clients.
#include <algorithm>

#include "core/shard.h"

namespace vmq::core {

std::uint32_t Shard::disconnect_listener(std::uint16_t listener, std::uint32_t from,
                                         std::uint32_t connections_max) {
  // A look costs little, a disconnect may write records.
  constexpr std::uint32_t looks_per_disconnect = 64;
  std::uint32_t ended = 0;
  const std::size_t end = std::min<std::size_t>(
      connections_.size(), std::size_t{from} + std::size_t{connections_max} * looks_per_disconnect);
  for (std::size_t slot = from; slot < end; ++slot) {
    const Connection* conn = connections_[slot].get();
    if (conn == nullptr || conn->listener != listener) continue;
    if (ended++ >= connections_max) return static_cast<std::uint32_t>(slot);
    disconnect(static_cast<std::uint32_t>(slot), mqtt::ReasonCode::AdministrativeAction);
  }
  return end == connections_.size() ? no_slot : static_cast<std::uint32_t>(end);
}

}  // namespace vmq::core
