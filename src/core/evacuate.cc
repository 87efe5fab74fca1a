// The operator moves clients off this node: nobody new gets in, and those that are here are told,
// so many a second, to connect elsewhere. Clients of other members whose session lives here come
// through a connection of that member, and are served on.
#include <algorithm>

#include "core/shard.h"

namespace vmq::core {

namespace {

constexpr Duration evacuation_pause = milliseconds(100);
// Places looked at between two pauses, so that a shard with many of them does not stand still.
constexpr std::size_t looks_max = 16384;
constexpr std::uint64_t whole_client = 1'000'000;  // in millionths

}  // namespace

void Shard::on_evacuation(std::optional<Evacuation> evacuation) {
  evacuation_ = std::move(evacuation);
  evacuation_debt_ = 0;
  ++evacuation_round_;
  if (!evacuation_) return;
  timers_.add(now_.instant + evacuation_pause, {TimerKind::Evacuate, 0, evacuation_round_});
}

bool Shard::is_evacuee(const Connection& conn) const {
  if (conn.is_link || conn.is_tunnelled) return false;
  return conn.phase == Connection::Phase::Online || conn.phase == Connection::Phase::Tunnel ||
         conn.phase == Connection::Phase::Authenticating;
}

void Shard::evacuate_some(const Timer& timer) {
  if (!evacuation_ || timer.incarnation != evacuation_round_) return;
  const std::uint64_t now_due =
      evacuation_->thousandths_per_second * static_cast<std::uint64_t>(evacuation_pause.ms);
  evacuation_debt_ += now_due;
  const std::size_t looks = std::min(connections_.size(), looks_max);
  for (std::size_t i = 0; i < looks && evacuation_debt_ >= whole_client; ++i) {
    if (evacuation_at_ >= connections_.size()) evacuation_at_ = 0;
    const std::uint32_t slot = evacuation_at_++;
    if (connections_[slot] == nullptr || !is_evacuee(*connections_[slot])) continue;
    evacuation_debt_ -= whole_client;
    counters_.count(Plain::ClientEvacuated);
    disconnect(slot, mqtt::ReasonCode::UseAnotherServer);
  }
  // Whoever was not there is not made up for by a burst of others.
  evacuation_debt_ = std::min(evacuation_debt_, std::max(now_due, whole_client));
  timers_.add(now_.instant + evacuation_pause, timer);
}

// Where clients are sent; empty: nowhere in particular.
std::string_view Shard::reference_for(mqtt::ReasonCode reason) const {
  if (reason == mqtt::ReasonCode::UseAnotherServer && evacuation_ &&
      !evacuation_->server_reference.empty()) {
    return evacuation_->server_reference;
  }
  const bool sends_away = reason == mqtt::ReasonCode::UseAnotherServer ||
                          reason == mqtt::ReasonCode::ServerMoved ||
                          reason == mqtt::ReasonCode::ServerShuttingDown;
  return sends_away ? std::string_view(config().node.server_reference) : std::string_view();
}

}  // namespace vmq::core
