// What is drawn before a world begins: who there is, and how small everything.
#include <algorithm>
#include <array>

#include "sim/world.h"

namespace vmq::sim {

namespace {

using store::SyncMode;

std::uint32_t between(Rng& rng, std::uint32_t low, std::uint32_t high) {
  return low + static_cast<std::uint32_t>(rng.below(high - low + 1));
}

}  // namespace

// Limits are small, because that is where mistakes live.
void World::draw_limits(Rng& rng, core::Limits& limits) {
  limits.window_max = between(rng, 1, 6);
  limits.window_offline_max = between(rng, 1, 3);
  limits.tail_max = between(rng, 1, 5);
  limits.block_max = between(rng, 1, 4);
  limits.load_ahead = between(rng, 2, 6);
  limits.journal_turns_max = between(rng, 1, 12);
  limits.settle_per_turn = between(rng, 1, 4);
  limits.retained_per_turn = between(rng, 1, 4);
  limits.timers_per_turn = between(rng, 1, 4);
  limits.shared_payload_min = between(rng, 1, 2) == 1 ? 100 : 8192;
}

void World::draw_options() {
  Rng& rng = options_rng_;
  options_.shards = static_cast<std::uint8_t>(between(rng, 1, 4));
  options_.seed = rng.next();
  if (rng.below(5) != 0) draw_limits(rng, options_.limits);
  config::Config& config = options_.config;
  config.allow_anonymous = true;
  config.systree.enabled = false;
  config.session.inflight_max = static_cast<std::uint16_t>(between(rng, 1, 5));
  config.session.retry_interval = seconds(between(rng, 5, 30));
  has_tiny_queues_ = rng.below(4) == 0;
  // Queues are read back from disk, or sent from memory, or some of each.
  const std::size_t recent[] = {0, 0, 300, 2000, 64u << 20};
  config.message_store.recent_bytes = recent[between(rng, 0, 4)];
  config.queue.online_max = has_tiny_queues_ ? between(rng, 2, 6) : 100000;
  config.queue.offline_max = has_tiny_queues_ ? between(rng, 2, 6) : 100000;
  if (rng.below(2) == 0) config.queue.order = config::QueueOrder::Lifo;
  may_drop_oldest_ = has_tiny_queues_ && config.queue.order == config::QueueOrder::Lifo;
  const std::uint64_t drawn = rng.below(10);
  sync_ = drawn < 8 ? SyncMode::Always : (drawn == 8 ? SyncMode::Interval : SyncMode::Off);
  steps_ = between(rng, 500, 4000);
  crash_odds_ = rng.below(4) == 0 ? 0 : between(rng, 100, 1500);
  fault_odds_ = rng.below(4) == 0 ? 0 : between(rng, 50, 500);
}

// Half of the worlds are one node, as it was before there were others.
void World::draw_cluster() {
  Rng& rng = cluster_rng_;
  const std::size_t count = rng.below(2) == 0 ? 1 : between(rng, 2, 5);
  std::vector<Host> hosts(count);
  hosts.front().options = options_;
  if (count > 1) {
    // What another member has confirmed must not be lost by its disk.
    is_eager_ = rng.below(4) == 0;
    cable_odds_ = is_eager_ || rng.below(5) == 0 ? 0 : between(rng, 20, 400);
    if (is_eager_) crash_odds_ = 0;
    steps_ *= 2;
    if (rng.below(3) == 0) skew_ms_ = between(rng, 1, 20'000);
    constexpr std::array policies = {config::SharePolicy::PreferLocal,
                                     config::SharePolicy::LocalOnly, config::SharePolicy::Random,
                                     config::SharePolicy::PreferOnlineBeforeLocal};
    options_.config.share_policy = policies[rng.below(policies.size())];
    if (rng.below(2) == 0) options_.config.retained_sweep_interval = seconds(between(rng, 1, 20));
    if (rng.below(3) == 0) options_.config.node.stream_buffer_max_bytes = between(rng, 1, 3000);
  }
  for (Host& host : hosts) {
    if (count == 1) break;
    host.options = options_;
    core::Limits& limits = host.options.limits;
    if (&host != &hosts.front()) {
      host.options.shards = static_cast<std::uint8_t>(between(rng, 1, 4));
      host.options.seed = rng.next();
      if (rng.below(3) == 0) {
        limits = core::Limits{};
      } else {
        draw_limits(rng, limits);
      }
    }
    if (rng.below(2) == 0) limits.stream_window_max = between(rng, 1, 6);
    if (rng.below(3) == 0) limits.stream_window_bytes = between(rng, 1, 600);
    if (rng.below(4) == 0) limits.stream_queue_patience = between(rng, 2, 10);
    if (rng.below(2) == 0) limits.interest_patience = milliseconds(between(rng, 1, 300));
    if (is_eager_) limits.interest_patience = seconds(100'000);
    host.wall_ahead = milliseconds(skew_ms_ == 0 ? 0 : between(rng, 0, skew_ms_));
    host.uptime_ahead = milliseconds(between(rng, 0, 9999));
  }
  if (count > 1 && rng.below(2) == 0) lapse_odds_ = between(rng, 1, 3);
  store::MemoryStore::Options disk;
  disk.shards = 4;
  disk.sync = sync_;
  for (Host& host : hosts) {
    disk.interval_steps = between(disk_rng_, 1, 40);
    disk.retry_steps = between(disk_rng_, 1, 4);
    disk.seed = disk_rng_.next();
    host.store = std::make_unique<store::MemoryStore>(disk);
  }
  swarm_ = std::make_unique<Swarm>(std::move(hosts));
}

ClusterFacts World::cluster_facts() const {
  ClusterFacts facts;
  facts.hosts = swarm_->size();
  facts.is_eager = is_eager_;
  facts.shares_locally = options_.config.share_policy == config::SharePolicy::LocalOnly;
  facts.skew_ms = skew_ms_;
  return facts;
}

void World::draw_agents() {
  Rng& rng = clients_rng_;
  const std::size_t count = between(rng, 2, 8);
  oracles_ = std::make_unique<Oracles>(count, cluster_facts());
  if (may_drop_oldest_) oracles_->may_drop_oldest();
  for (std::size_t i = 0; i < count; ++i) {
    Habits habits;
    constexpr std::array versions = {mqtt::Version::V31, mqtt::Version::V311, mqtt::Version::V5,
                                     mqtt::Version::V5};
    habits.version = versions[rng.below(versions.size())];
    habits.is_persistent = rng.below(4) != 0;
    habits.is_sharer = rng.below(4) == 0;
    habits.is_slow = rng.below(4) == 0;
    habits.expiry_s = rng.below(3) == 0 ? between(rng, 20, 200) : 1'000'000;
    habits.expiry_odds = rng.below(3) == 0 ? 2 : 20;
    habits.acks_withheld = rng.below(2) == 0 ? 0 : between(rng, 1, 9);
    if (rng.below(3) == 0) {
      habits.receive_maximum = static_cast<std::uint16_t>(between(rng, 1, 3));
    }
    habits.window = habits.version == mqtt::Version::V5
                        ? std::min(habits.receive_maximum, options_.config.session.inflight_max)
                        : options_.config.session.inflight_max;
    agents_.push_back(std::make_unique<Agent>(i, habits, *oracles_, rng.split(), trace_));
  }
}

std::string World::describe() const {
  constexpr std::array syncs = {"always", "interval", "off"};
  std::string text;
  if (is_cluster()) {
    constexpr std::array policies = {"prefer local", "local only", "random", "online first"};
    text = "hosts " + std::to_string(swarm_->size()) + ", cable odds " +
           std::to_string(cable_odds_) + ", skew " + std::to_string(skew_ms_) + ", share " +
           policies[static_cast<std::size_t>(options_.config.share_policy)] +
           (is_eager_ ? ", eager, " : ", ");
  }
  return text + "shards " + std::to_string(options_.shards) + ", clients " +
         std::to_string(agents_.size()) + ", sync " + syncs[static_cast<std::size_t>(sync_)] +
         ", steps " + std::to_string(steps_) + ", crash odds " + std::to_string(crash_odds_) +
         ", fault odds " + std::to_string(fault_odds_) + (has_tiny_queues_ ? ", tiny queues" : "") +
         (may_drop_oldest_ ? ", drop the oldest" : "") + ", window " +
         std::to_string(options_.limits.window_max) + ", inflight " +
         std::to_string(options_.config.session.inflight_max);
}

}  // namespace vmq::sim
