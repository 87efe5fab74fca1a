// The operator has changed settings. What is looked up when it is needed is new from here on; here
// stands what has to be told: timers that run by the old settings. What a client was told in its
// CONNACK holds for its connection.
#include <algorithm>

#include "base/expect.h"
#include "core/shard.h"

namespace vmq::core {

namespace {

// Sessions whose end is reckoned anew at a time.
constexpr std::uint32_t rearmed_per_timer = 4096;

}  // namespace

void Shard::on_config(ConfigChange change) {
  // Connections name their listener by its place.
  VMQ_EXPECT(change.config->listeners.size() >= config().listeners.size());
  const config::Config& old = config();
  const config::Config& now = *change.config;
  const bool is_end_new = old.session.persistent_expiry != now.session.persistent_expiry;
  const bool are_rounds_new =
      old.systree.enabled != now.systree.enabled || old.systree.interval != now.systree.interval;
  const ConfigSnapshot kept = std::move(config_);  // `old` is in there
  config_ = std::move(change.config);
  hooks_ = std::move(change.hooks);
  listener_hooks_ = std::move(change.listener_hooks);
  allowed_session_ = no_slot;
  route_.is_reusable = false;
  if (are_rounds_new) begin_sys_rounds();
  if (is_end_new) timers_.add(now_.instant, {TimerKind::Rearm, 0, ++rearm_round_});
}

void Shard::begin_sys_rounds() {
  ++sys_round_;
  const config::SysTreeConfig& tree = config().systree;
  if (shard_ != 0 || !tree.enabled || tree.interval.ms <= 0) return;
  timers_.add(now_.instant + tree.interval, {TimerKind::Sys, 0, sys_round_});
}

// Sessions without a connection end earlier or later than was reckoned when their client left.
void Shard::rearm_sessions(const Timer& timer) {
  if (timer.incarnation != rearm_round_) return;
  const std::size_t end =
      std::min<std::size_t>(sessions_.size(), std::size_t{timer.slot} + rearmed_per_timer);
  for (std::size_t slot = timer.slot; slot < end; ++slot) {
    Session* session = sessions_[slot].get();
    if (session != nullptr && !session->is_online()) arm(*session);
  }
  if (end == sessions_.size()) return;
  timers_.add(now_.instant + milliseconds(1),
              {TimerKind::Rearm, static_cast<std::uint32_t>(end), timer.incarnation});
}

}  // namespace vmq::core
