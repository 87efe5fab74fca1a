#include "sim/world.h"

#include <algorithm>
#include <array>

#include "base/expect.h"

namespace vmq::sim {

namespace {

using store::CrashKind;
using store::SyncMode;

std::uint32_t between(Rng& rng, std::uint32_t low, std::uint32_t high) {
  return low + static_cast<std::uint32_t>(rng.below(high - low + 1));
}

constexpr std::int64_t start_ms = 1'700'000'000'000;

bool one_in(Rng& rng, std::uint32_t odds) { return odds != 0 && rng.below(odds) == 0; }

}  // namespace

World::World(std::uint64_t seed, Trace trace)
    : trace_(std::move(trace)),
      options_rng_(seed),
      schedule_rng_(options_rng_.split()),
      net_rng_(options_rng_.split()),
      disk_rng_(options_rng_.split()),
      crash_rng_(options_rng_.split()),
      clients_rng_(options_rng_.split()),
      operator_rng_(options_rng_.split()) {
  if (trace_) {
    trace_ = [this, print = std::move(trace_)](const std::string& who, const char* what,
                                               const std::string& details) {
      print(std::to_string(now_.wall.ms - start_ms) + "  " + who, what, details);
    };
  }
  draw_options();
  store::MemoryStore::Options disk;
  disk.shards = 4;
  disk.sync = sync_;
  disk.interval_steps = between(disk_rng_, 1, 40);
  disk.retry_steps = between(disk_rng_, 1, 4);
  disk.seed = disk_rng_.next();
  store_ = std::make_unique<store::MemoryStore>(disk);
  draw_agents();
}

World::~World() = default;

void World::note(const char* what, const std::string& details) const {
  if (trace_) trace_("node", what, details);
}

// Limits are small, because that is where mistakes live.
void World::draw_options() {
  Rng& rng = options_rng_;
  options_.shards = static_cast<std::uint8_t>(between(rng, 1, 4));
  options_.seed = rng.next();
  core::Limits& limits = options_.limits;
  if (rng.below(5) != 0) {
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

void World::draw_agents() {
  Rng& rng = clients_rng_;
  const std::size_t count = between(rng, 2, 8);
  oracles_ = std::make_unique<Oracles>(count);
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
  return "shards " + std::to_string(options_.shards) + ", clients " +
         std::to_string(agents_.size()) + ", sync " + syncs[static_cast<std::size_t>(sync_)] +
         ", steps " + std::to_string(steps_) + ", crash odds " + std::to_string(crash_odds_) +
         ", fault odds " + std::to_string(fault_odds_) + (has_tiny_queues_ ? ", tiny queues" : "") +
         (may_drop_oldest_ ? ", drop the oldest" : "") + ", window " +
         std::to_string(options_.limits.window_max) + ", inflight " +
         std::to_string(options_.config.session.inflight_max);
}

WorldReport World::run() {
  node_ = std::make_unique<Node>(options_, *store_, now_);
  storm();
  if (!has_failed()) calm();
  if (!has_failed()) judge();
  if (!has_failed()) leave_all();
  WorldReport report;
  report.failure = oracles_->failure();
  if (node_) {
    digest_ = (digest_ ^ node_->digest()) * 0x9e3779b97f4a7c15u;
    drops_ += node_->counted(core::Plain::QueueMessageDrop);
  }
  report.digest = digest_ ^ oracles_->digest();
  report.publishes = oracles_->publishes();
  report.deliveries = oracles_->deliveries();
  report.owed_checked = oracles_->owed_checked();
  report.crashes = crashes_;
  report.drops = drops_;
  for (const auto& agent : agents_) agent->forget();
  return report;
}

// --- the storm ---

void World::storm() {
  for (std::uint32_t step = 0; step < steps_ && !has_failed(); ++step) storm_step();
}

void World::storm_step() {
  pass_time();
  if (node_ == nullptr) {
    if (down_steps_-- == 0) restart();
    return;
  }
  if (one_in(crash_rng_, crash_odds_)) return crash();
  if (one_in(disk_rng_, fault_odds_)) draw_faults();
  if (one_in(net_rng_, 40)) draw_stall();
  if (one_in(operator_rng_, 300)) operate();
  if (one_in(schedule_rng_, 200)) quiesce();
  const std::uint64_t drawn = schedule_rng_.below(10);
  if (drawn < 3) {
    agents_[schedule_rng_.below(agents_.size())]->act(*node_, now_);
    return;
  }
  if (drawn < 5) {
    store_->step();
    return;
  }
  TurnLimits limits;
  if (one_in(net_rng_, 3)) limits.read_max = 1 + net_rng_.below(30);
  if (one_in(schedule_rng_, 4)) limits.frames_max = schedule_rng_.below(2);
  node_->turn(static_cast<std::uint8_t>(schedule_rng_.below(node_->shard_count())), now_, limits);
  if (one_in(schedule_rng_, 20)) node_->check_invariants();
}

void World::advance(Duration time) {
  now_.instant = now_.instant + time;
  now_.wall = now_.wall + time;
}

void World::pass_time() {
  const std::uint64_t drawn = schedule_rng_.below(1000);
  if (drawn < 500) advance(milliseconds(between(schedule_rng_, 0, 5)));
  if (drawn >= 980) advance(milliseconds(between(schedule_rng_, 100, 4000)));
  if (drawn == 500) advance(seconds(between(schedule_rng_, 10, 150)));
}

void World::draw_faults() {
  store::MemoryFaults faults;
  const std::uint64_t drawn = disk_rng_.below(8);
  if (drawn < 3) {
    faults.write_steps_max = between(disk_rng_, 0, 20);
    faults.sync_steps_max = between(disk_rng_, 0, 20);
    faults.load_steps_max = between(disk_rng_, 0, 40);
  }
  faults.stall = drawn == 3;
  faults.full_disk = drawn == 4;
  if (faults.full_disk) oracles_->may_refuse();
  faults.read_error = drawn == 5;
  has_leftovers_ |= faults.read_error;
  note("disk", drawn < 3    ? "slow"
               : drawn == 3 ? "stall"
               : drawn == 4 ? "full"
               : drawn == 5 ? "unreadable"
                            : "well");
  store_->set_faults(faults);
}

void World::draw_stall() {
  Agent& agent = *agents_[net_rng_.below(agents_.size())];
  agent.stall(net_rng_.below(2) == 0);
}

// An operator cuts a client off, which may cost nobody a message, or changes a setting.
void World::operate() {
  if (operator_rng_.below(2) == 0) {
    const Agent& agent = *agents_[operator_rng_.below(agents_.size())];
    // Its will would be published now, and the oracles know only when the client has noticed.
    if (agent.has_will()) return;
    const std::string& id = agent.client_id();
    // A goodbye that is under way would take the will back; cut off before, the will is published.
    quiesce();
    note("disconnect", id);
    node_->command(now_, [&id](core::ShardCore& core) {
      core.shard().disconnect_client("", id, core::Cleanup::No);
    });
    return;
  }
  config::Config config = options_.config;
  config.session.retry_interval = seconds(between(operator_rng_, 5, 30));
  if (config.listeners.empty()) config.listeners.emplace_back();
  const auto snapshot = std::make_shared<const config::Config>(std::move(config));
  note("config", "");
  node_->command(now_, [&](core::ShardCore& core) { core.on_config({snapshot, options_.hooks}); });
}

void World::crash() {
  constexpr std::array kinds = {CrashKind::Process, CrashKind::MachineLosesAll,
                                CrashKind::MachineKeepsSome};
  crash(kinds[crash_rng_.below(kinds.size())]);
}

void World::crash(CrashKind kind) {
  constexpr std::array names = {"process", "machine loses all", "machine keeps some"};
  const bool loses = kind != CrashKind::Process && sync_ != SyncMode::Always;
  const CrashBudget budget = loses ? CrashBudget::Unsynced : CrashBudget::Nothing;
  note("crash", names[static_cast<std::size_t>(kind)]);
  ++crashes_;
  drops_ += node_->counted(core::Plain::QueueMessageDrop);
  digest_ = (digest_ ^ node_->digest()) * 0x9e3779b97f4a7c15u;
  oracles_->crashed(budget);
  for (const auto& agent : agents_) agent->crashed(budget, now_);
  node_.reset();
  store_->crash(kind);
  down_steps_ = between(crash_rng_, 0, 20);
}

void World::restart() {
  store_->set_faults({});
  // Another process: its clock starts anywhere, and the operator may wish for other shards.
  if (crash_rng_.below(2) == 0) now_.instant = {static_cast<std::int64_t>(crash_rng_.below(9999))};
  options_.seed = crash_rng_.next();
  if (crash_rng_.below(8) == 0) {
    options_.shards = static_cast<std::uint8_t>(between(crash_rng_, 1, 4));
    has_leftovers_ = true;
  }
  node_ = std::make_unique<Node>(options_, *store_, now_);
  VMQ_EXPECT(node_->recovered().corrupted == 0);
  note("restart", std::to_string(node_->recovered().sessions) + " sessions, " +
                      std::to_string(node_->recovered().messages) + " messages");
}

// A moment of peace in the storm: everything written so far is taken and stored.
void World::quiesce() {
  const store::MemoryFaults faults = store_->faults();
  store_->set_faults({});
  node_->heal_wires();
  node_->settle(now_);
  node_->check_invariants();
  store_->set_faults(faults);
  for (const auto& agent : agents_) agent->settled();
  note("quiet", "");
}

// --- the calm ---

bool World::calm_round() {
  node_->heal_wires();
  node_->settle(now_);
  node_->check_invariants();
  bool moved = false;
  for (const auto& agent : agents_) moved |= agent->finish_up(*node_, now_);
  return moved;
}

void World::calm() {
  note("calm", "");
  if (node_ != nullptr && crash_rng_.below(2) == 0) crash();
  if (node_ == nullptr) restart();
  store_->set_faults({});
  constexpr int rounds_max = 3000;
  // Two quiet minutes: longer than every retry, reload and delay of a will.
  int rounds = 0;
  for (int quiet_s = 0; quiet_s < 120 && !has_failed();) {
    if (++rounds > rounds_max) break;
    if (calm_round()) {
      quiet_s = 0;
      continue;
    }
    advance(seconds(1));
    ++quiet_s;
  }
  for (const auto& agent : agents_) {
    if (!agent->is_finished()) oracles_->fail("liveness: " + agent->waits_for());
  }
  if (rounds > rounds_max) oracles_->fail("quiet: clients and broker never come to rest");
}

void World::judge() {
  for (const auto& agent : agents_) {
    agent->settled();
    agent->owe_wills(now_);
  }
  // Only a small queue excuses a loss: a record that the disk has lost is counted as a drop too.
  const std::uint64_t drops = drops_ + node_->counted(core::Plain::QueueMessageDrop);
  oracles_->finish(has_tiny_queues_ ? drops : 0);
  if (!has_failed()) oracles_->check_retained("r/+", read_retained());
}

std::map<std::string, std::string> World::read_retained() {
  Client reader("reader", mqtt::Version::V5);
  reader.connect(*node_, reader.connect_fields());
  const auto run = [&] {
    do {
      node_->settle(now_);
    } while (reader.read());
  };
  run();
  reader.subscribe("r/+", 1);
  run();
  std::map<std::string, std::string> given;
  for (const Received& message : reader.received) {
    if (!given.emplace(message.topic, message.payload).second) {
      oracles_->fail("retained: " + message.topic + " was given twice");
    }
  }
  reader.cut();
  node_->settle(now_);
  return given;
}

// Sessions that may expire do, when their time has surely passed, and the client is told so.
void World::let_expire() {
  std::uint32_t longest_s = 0;
  for (const auto& agent : agents_) {
    if (agent->expiry_s() > 1000 || agent->expiry_s() == 0) continue;
    agent->go_away(now_);
    longest_s = std::max(longest_s, agent->expiry_s());
  }
  if (longest_s == 0) return;
  node_->settle(now_);
  if (crash_rng_.below(2) == 0) {
    for (const auto& agent : agents_) agent->settled();
    crash();
    restart();
    for (int i = 0; i < 50; ++i) calm_round();
    return;
  }
  advance(seconds(longest_s + 2));
  node_->settle(now_);
  for (const auto& agent : agents_) {
    if (!agent->may_expire() || agent->expiry_s() > 1000) continue;
    oracles_->expired(agent->index());
    agent->finish_up(*node_, now_);
  }
  for (int i = 0; i < 20; ++i) calm_round();
}

void World::leave_all() {
  let_expire();
  for (const auto& agent : agents_) {
    agent->leave(*node_, now_);
    node_->settle(now_);
    agent->finish_up(*node_, now_);
    node_->settle(now_);
    agent->go_away(now_);
  }
  node_->settle(now_);
  node_->check_invariants();
  // A disk that could not be read when a session ended, and a change of the number of shards, leave
  // records to the next start.
  if (!has_leftovers_) expect_empty();
  crash(CrashKind::Process);
  restart();
  node_->settle(now_);
  expect_empty();
}

void World::expect_empty() {
  const std::array kept = {
      std::pair{"sessions", store_->count(store::Space::Session)},
      std::pair{"queue records", store_->count(store::Space::Queue)},
      std::pair{"message records", store_->count(store::Space::Message)},
      std::pair{"subscriptions", node_->subscriptions().subscription_count()},
  };
  for (const auto& [what, count] : kept) {
    if (count != 0) {
      oracles_->fail("quiet: everybody has gone and " + std::to_string(count) + " " + what +
                     " are left");
    }
  }
}

}  // namespace vmq::sim
