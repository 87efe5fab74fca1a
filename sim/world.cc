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
      operator_rng_(options_rng_.split()),
      cluster_rng_(Rng(seed ^ 0x636c7573746572).split()) {
  if (trace_) {
    trace_ = [this, print = std::move(trace_)](const std::string& who, const char* what,
                                               const std::string& details) {
      print(std::to_string(now_.wall.ms - start_ms) + "  " + who, what, details);
    };
  }
  draw_options();
  draw_cluster();
  draw_agents();
}

World::~World() = default;

void World::note(const char* what, const std::string& details) const {
  if (trace_) trace_("node", what, details);
}

void World::note(std::size_t host, const char* what, const std::string& details) const {
  if (trace_) trace_(is_cluster() ? "node" + std::to_string(host) : "node", what, details);
}

std::size_t World::draw_host() { return is_cluster() ? cluster_rng_.below(swarm_->size()) : 0; }

std::uint64_t World::drops() const {
  std::uint64_t sum = drops_;
  for (std::size_t i = 0; i < swarm_->size(); ++i) {
    const Node* node = swarm_->node(i);
    if (node != nullptr) sum += node->counted(core::Plain::QueueMessageDrop);
  }
  return sum;
}

WorldReport World::run() {
  for (std::size_t i = 0; i < swarm_->size(); ++i) swarm_->start(i, now_);
  if (is_cluster() && (is_eager_ || cluster_rng_.below(2) == 0)) everybody_hears();
  storm();
  if (!has_failed()) calm();
  if (!has_failed()) judge();
  if (!has_failed()) leave_all();
  WorldReport report;
  report.failure = oracles_->failure();
  for (std::size_t i = 0; i < swarm_->size(); ++i) {
    if (swarm_->node(i) != nullptr)
      digest_ = (digest_ ^ swarm_->node(i)->digest()) * 0x9e3779b97f4a7c15u;
  }
  report.digest = digest_ ^ oracles_->digest();
  report.publishes = oracles_->publishes();
  report.deliveries = oracles_->deliveries();
  report.owed_checked = oracles_->owed_checked();
  report.crashes = crashes_;
  report.drops = drops();
  report.events = events_;
  for (const auto& agent : agents_) agent->forget();
  return report;
}

// --- the storm ---

void World::storm() {
  for (std::uint32_t step = 0; step < steps_ && !has_failed(); ++step) storm_step();
}

// False: nobody is up in this step.
bool World::bring_up() {
  bool is_up = false;
  for (std::size_t i = 0; i < swarm_->size(); ++i) {
    if (swarm_->node(i) != nullptr) {
      is_up = true;
    } else if (swarm_->host(i).down_steps-- == 0) {
      restart(i);
    }
  }
  return is_up;
}

void World::storm_step() {
  ++events_;
  pass_time();
  if (!bring_up()) return;
  if (one_in(crash_rng_, crash_odds_)) return crash();
  if (one_in(disk_rng_, fault_odds_)) draw_faults();
  if (one_in(net_rng_, 40)) draw_stall();
  if (is_cluster()) {
    if (one_in(cluster_rng_, cable_odds_)) draw_cable_faults();
    flap();
  }
  if (one_in(operator_rng_, 300)) operate();
  if (one_in(schedule_rng_, 200)) quiesce();
  const std::uint64_t drawn = schedule_rng_.below(is_cluster() ? 15 : 10);
  if (drawn < 3) return act();
  if (drawn >= 10) return use_cables();
  const std::size_t host = draw_host();
  Node* const node = swarm_->node(host);
  if (node == nullptr) return;
  if (drawn < 5) {
    swarm_->host(host).store->step();
    return;
  }
  TurnLimits limits;
  if (one_in(net_rng_, 3)) limits.read_max = 1 + net_rng_.below(30);
  if (one_in(schedule_rng_, 4)) limits.frames_max = schedule_rng_.below(2);
  const auto shard = static_cast<std::uint8_t>(schedule_rng_.below(node->shard_count()));
  node->turn(shard, swarm_->now_at(host, now_), limits);
  if (one_in(schedule_rng_, 20)) node->check_invariants();
}

void World::act() {
  Agent& agent = *agents_[schedule_rng_.below(agents_.size())];
  if (Node* const node = node_of(agent)) agent.act(*node, now_of(agent));
}

void World::use_cables() {
  if (one_in(cluster_rng_, 4)) swarm_->cables().dial(swarm_->nodes());
  swarm_->cables().carry_some(swarm_->nodes(), cluster_rng_);
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
  const std::size_t host = draw_host();
  note(host, "disk",
       drawn < 3    ? "slow"
       : drawn == 3 ? "stall"
       : drawn == 4 ? "full"
       : drawn == 5 ? "unreadable"
                    : "well");
  swarm_->host(host).store->set_faults(faults);
}

// One way between two hosts, both ways, or all ways to one.
void World::block_some() {
  Cables& cables = swarm_->cables();
  const std::size_t one = draw_host();
  const std::size_t other = (one + 1 + cluster_rng_.below(swarm_->size() - 1)) % swarm_->size();
  const std::uint64_t drawn = cluster_rng_.below(3);
  cables.block(one, other);
  if (drawn > 0) cables.block(other, one);
  for (std::size_t i = 0; drawn == 2 && i < swarm_->size(); ++i) {
    if (i == one) continue;
    cables.block(one, i);
    cables.block(i, one);
  }
  note(one, "block",
       drawn == 2 ? "alone" : (drawn == 1 ? "both ways " : "to ") + std::to_string(other));
}

void World::draw_cable_faults() {
  switch (cluster_rng_.below(6)) {
    case 0:
    case 1:
      note("cable", "cut");
      return swarm_->cables().cut(swarm_->nodes(), cluster_rng_);
    case 2:
    case 3:
      return block_some();
    case 4:
      flap_steps_ = between(cluster_rng_, 5, 60);
      return;
    default:
      note("cable", "heal");
      swarm_->cables().heal();
  }
}

// Blocked and healed again and again.
void World::flap() {
  if (flap_steps_ == 0 || cluster_rng_.below(4) != 0) return;
  --flap_steps_;
  if (swarm_->cables().is_blocked()) {
    swarm_->cables().heal();
    if (cluster_rng_.below(2) == 0) swarm_->cables().cut(swarm_->nodes(), cluster_rng_);
  } else {
    block_some();
  }
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
    if (agent.has_will() || node_of(agent) == nullptr) return;
    const std::string& id = agent.client_id();
    // A goodbye that is under way would take the will back; cut off before, the will is published.
    quiesce();
    note("disconnect", id);
    node_of(agent)->command(now_of(agent), [&id](core::ShardCore& core) {
      core.shard().disconnect_client("", id, core::Cleanup::No);
    });
    return;
  }
  const std::size_t host = draw_host();
  config::Config config = swarm_->host(host).options.config;
  config.session.retry_interval = seconds(between(operator_rng_, 5, 30));
  if (config.listeners.empty()) config.listeners.emplace_back();
  if (swarm_->node(host) == nullptr) return;
  const auto snapshot = std::make_shared<const config::Config>(std::move(config));
  note(host, "config", "");
  swarm_->node(host)->command(swarm_->now_at(host, now_), [&](core::ShardCore& core) {
    core.on_config({snapshot, options_.hooks});
  });
}

void World::crash() {
  constexpr std::array kinds = {CrashKind::Process, CrashKind::MachineLosesAll,
                                CrashKind::MachineKeepsSome};
  const CrashKind kind = kinds[crash_rng_.below(kinds.size())];
  const std::size_t host = draw_host();
  if (swarm_->node(host) == nullptr) return;
  // What one member has confirmed to another is on its disk: without syncs there is no such thing.
  const bool must_keep = is_cluster() && sync_ != SyncMode::Always;
  crash(host, must_keep ? CrashKind::Process : kind);
}

void World::crash(std::size_t host, CrashKind kind) {
  constexpr std::array names = {"process", "machine loses all", "machine keeps some"};
  const bool loses = kind != CrashKind::Process && sync_ != SyncMode::Always;
  const CrashBudget budget = loses ? CrashBudget::Unsynced : CrashBudget::Nothing;
  note(host, "crash", names[static_cast<std::size_t>(kind)]);
  ++crashes_;
  drops_ += swarm_->node(host)->counted(core::Plain::QueueMessageDrop);
  digest_ = (digest_ ^ swarm_->node(host)->digest()) * 0x9e3779b97f4a7c15u;
  oracles_->crashed(budget, host);
  for (const auto& agent : agents_) {
    if (home_of(*agent) == host) agent->crashed(budget, now_of(*agent));
  }
  swarm_->crash(host, kind);
  // In a cluster the others go on for a while.
  swarm_->host(host).down_steps = between(crash_rng_, 0, 20) * (is_cluster() ? 15 : 1);
  if (!one_in(cluster_rng_, lapse_odds_)) return;
  note(host, "lapse", "");
  oracles_->lapsed(host);
  swarm_->lapse(host, now_);
}

void World::restart(std::size_t index) {
  Host& host = swarm_->host(index);
  host.store->set_faults({});
  // Another process: its clock starts anywhere, and the operator may wish for other shards.
  if (crash_rng_.below(2) == 0) {
    host.uptime_ahead =
        milliseconds(static_cast<std::int64_t>(crash_rng_.below(9999)) - now_.instant.ms);
  }
  host.options.seed = crash_rng_.next();
  if (crash_rng_.below(8) == 0) {
    host.options.shards = static_cast<std::uint8_t>(between(crash_rng_, 1, 4));
    has_leftovers_ = true;
    oracles_->sharded_anew(index);
  }
  swarm_->start(index, now_);
  const Node& node = *swarm_->node(index);
  note(index, "restart",
       std::to_string(node.recovered().sessions) + " sessions, " +
           std::to_string(node.recovered().messages) + " messages");
}

void World::restart_all() {
  for (std::size_t i = 0; i < swarm_->size(); ++i) {
    if (swarm_->node(i) == nullptr) restart(i);
  }
}

// A moment of peace on a host: everything written to it so far is taken and stored.
void World::quiesce(std::size_t host) {
  Node& node = *swarm_->node(host);
  node.heal_wires();
  node.settle(swarm_->now_at(host, now_));
  node.check_invariants();
  for (const auto& agent : agents_) {
    if (home_of(*agent) == host) agent->settled();
  }
}

// … and if all hosts are there, perhaps all that one has for another arrives.
void World::quiesce() {
  std::vector<store::MemoryFaults> faults;
  for (std::size_t i = 0; i < swarm_->size(); ++i) {
    faults.push_back(swarm_->host(i).store->faults());
    if (swarm_->node(i) == nullptr) continue;
    swarm_->host(i).store->set_faults({});
    quiesce(i);
  }
  const bool is_together = is_cluster() && swarm_->is_whole() && cluster_rng_.below(3) != 0;
  if (is_together) everybody_hears();
  for (std::size_t i = 0; i < swarm_->size(); ++i) swarm_->host(i).store->set_faults(faults[i]);
  note(is_together ? "together" : "quiet", "");
}

// REQUIRES: every host is up and its disk well.
void World::everybody_hears() {
  swarm_->heal();
  settle();
  // What could not be read is asked for again after a second.
  if (is_cluster() && has_leftovers_) {
    advance(seconds(1));
    settle();
  }
  swarm_->check_invariants();
  oracles_->everybody_knows();
}

// --- the calm ---

bool World::calm_round() {
  swarm_->heal();
  settle();
  swarm_->check_invariants();
  bool moved = false;
  for (const auto& agent : agents_) moved |= agent->finish_up(*node_of(*agent), now_of(*agent));
  return moved;
}

void World::calm() {
  note("calm", "");
  const Cables::Nodes nodes = swarm_->nodes();
  const bool is_up = std::any_of(nodes.begin(), nodes.end(), [](Node* n) { return n != nullptr; });
  if (!is_eager_ && is_up && crash_rng_.below(2) == 0) crash();
  restart_all();
  for (std::size_t i = 0; i < swarm_->size(); ++i) swarm_->host(i).store->set_faults({});
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
    agent->owe_wills(now_of(*agent));
  }
  oracles_->everybody_knows();
  // Only a small queue excuses a loss: a record that the disk has lost is counted as a drop too.
  oracles_->finish(has_tiny_queues_ ? drops() : 0);
  if (!has_failed()) judge_retained();
}

void World::judge_retained() {
  const std::map<std::string, std::string> first = read_retained(0);
  oracles_->check_retained("r/+", first);
  const auto text_of = [](const std::map<std::string, std::string>& all) {
    std::string text;
    for (const auto& [topic, payload] : all) text += " " + topic + "=" + payload.substr(0, 8);
    return text;
  };
  for (std::size_t i = 1; i < swarm_->size() && !has_failed(); ++i) {
    const std::map<std::string, std::string> other = read_retained(i);
    if (other == first) continue;
    oracles_->fail("retained: host " + std::to_string(i) + " holds" + text_of(other) + ", host 0" +
                   text_of(first));
  }
}

std::map<std::string, std::string> World::read_retained(std::size_t host) {
  Client reader("reader" + (host == 0 ? "" : std::to_string(host)), mqtt::Version::V5);
  reader.connect(*swarm_->node(host), reader.connect_fields());
  const auto run = [&] {
    do {
      settle();
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
  settle();
  return given;
}

// Sessions that may expire do, when their time has surely passed, and the client is told so.
void World::let_expire() {
  std::uint32_t longest_s = 0;
  for (const auto& agent : agents_) {
    if (agent->expiry_s() > 1000 || agent->expiry_s() == 0) continue;
    agent->go_away(now_of(*agent));
    longest_s = std::max(longest_s, agent->expiry_s());
  }
  if (longest_s == 0) return;
  settle();
  if (crash_rng_.below(2) == 0) {
    for (const auto& agent : agents_) agent->settled();
    crash();
    restart_all();
    for (int i = 0; i < 50; ++i) calm_round();
    return;
  }
  advance(seconds(longest_s + 2));
  settle();
  for (const auto& agent : agents_) {
    if (!agent->may_expire() || agent->expiry_s() > 1000) continue;
    oracles_->expired(agent->index());
    agent->finish_up(*node_of(*agent), now_of(*agent));
  }
  for (int i = 0; i < 20; ++i) calm_round();
}

void World::leave_all() {
  let_expire();
  for (const auto& agent : agents_) {
    agent->leave(*node_of(*agent), now_of(*agent));
    settle();
    agent->finish_up(*node_of(*agent), now_of(*agent));
    settle();
    agent->go_away(now_of(*agent));
  }
  settle();
  swarm_->check_invariants();
  // Members that part owe each other nothing more.
  swarm_->tell_members(now_, false);
  settle();
  // A disk that could not be read when a session ended, and a change of the number of shards, leave
  // records to the next start.
  if (!has_leftovers_) expect_empty();
  for (std::size_t i = 0; i < swarm_->size(); ++i) crash(i, CrashKind::Process);
  restart_all();
  settle();
  expect_empty();
}

void World::expect_empty() {
  for (std::size_t i = 0; i < swarm_->size(); ++i) expect_empty(i);
}

void World::expect_empty(std::size_t host) {
  const store::MemoryStore& store = *swarm_->host(host).store;
  const std::array kept = {
      std::pair{"sessions", store.count(store::Space::Session)},
      std::pair{"queue records", store.count(store::Space::Queue)},
      std::pair{"message records", store.count(store::Space::Message)},
      std::pair{"subscriptions", swarm_->node(host)->subscriptions().subscription_count()},
  };
  for (const auto& [what, count] : kept) {
    if (count != 0) {
      oracles_->fail("quiet: everybody has gone and " + std::to_string(count) + " " + what +
                     " are left on host " + std::to_string(host));
    }
  }
}

}  // namespace vmq::sim
