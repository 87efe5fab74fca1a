#include "node/node.h"

#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "base/expect.h"
#include "core/session_record.h"
#include "node/clock.h"
#include "node/cluster_record.h"
#include "store/rocks/rocks_store.h"

namespace vmq::node {
namespace {

constexpr std::uint8_t shards_max = core::member_shard;  // that number means another member

std::uint64_t system_seed() {
  std::uint64_t seed = 0;
  VMQ_EXPECT(getrandom(&seed, sizeof seed, 0) == sizeof seed);
  return seed;
}

store::SyncMode sync_mode(config::StoreSync sync) {
  switch (sync) {
    case config::StoreSync::Always:
      return store::SyncMode::Always;
    case config::StoreSync::Interval:
      return store::SyncMode::Interval;
    case config::StoreSync::Off:
      break;
  }
  return store::SyncMode::Off;
}

std::uint8_t shards_wanted(const config::Config& config) {
  std::uint32_t shards = config.node.shards;
  if (shards == 0) shards = std::max(1u, std::thread::hardware_concurrency());
  return static_cast<std::uint8_t>(std::min<std::uint32_t>(shards, shards_max));
}

// mkdir -p. The reason on failure.
Result<void, std::string> make_folders(const std::string& path) {
  for (std::size_t at = 1; at <= path.size(); ++at) {
    if (at != path.size() && path[at] != '/') continue;
    const std::string folder = path.substr(0, at);
    if (::mkdir(folder.c_str(), 0750) != 0 && errno != EEXIST) {
      return failure("cannot make the folder " + folder + ": " + std::strerror(errno));
    }
  }
  return {};
}

// A shard that is alive takes a change over within a turn.
constexpr std::chrono::seconds change_patience{5};
// Connections ended in one turn of a shard.
constexpr std::uint32_t disconnects_per_turn = 256;

}  // namespace

std::uint64_t raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return raised.rlim_cur;
  return limit.rlim_cur;
}

// What may be given up must not be what takes the node to its limit.
config::Config Node::with_bounds(config::Config config) {
  const std::uint64_t limit = MemoryWatch(config.node.memory_max_bytes).limit();
  config.message_store.recent_bytes = std::min(config.message_store.recent_bytes, limit / 16);
  return config;
}

Node::Node(config::Config config, Log& log, config::Settings settings)
    : config_(std::make_shared<const config::Config>(with_bounds(std::move(config)))),
      log_(log),
      live_(*config_, std::move(settings), &Node::with_bounds),
      rng_(system_seed()),
      memory_(config_->node.memory_max_bytes) {}

Result<std::unique_ptr<Node>, std::string> Node::start(config::Config config, Log& log,
                                                       config::Settings settings) {
  std::unique_ptr<Node> node(new Node(std::move(config), log, std::move(settings)));
  if (auto done = node->open_store(); !done) return failure(done.error());
  core::RecoveredNode recovered;
  if (auto done = node->recover(recovered); !done) return failure(done.error());
  for (std::size_t i = 0; i < recovered.shards.size(); ++i) {
    node->wakers_.push_back(std::make_unique<net::Waker>());
  }
  node->waker_count_.store(node->wakers_.size(), std::memory_order_release);
  const config::Config& start = *node->config_;
  auto gate = LinkGate::make(start, static_cast<std::uint8_t>(node->wakers_.size()),
                             read_clock().wall.ms / 1000);
  if (!gate) return failure(gate.error());
  node->gate_ = std::move(*gate);
  node->questions_ = std::make_unique<MemberQuestions>(*node->gate_, log);
  node->make_owner_desk();
  node->listeners_ = std::make_unique<Listeners>(
      node->wakers_.size(), static_cast<int>(start.node.accept_backlog), start.transport,
      [gate = node->gate_.get()] { return gate->accepter(); });
  if (auto done = node->listeners_->open(start.listeners); !done) return failure(done.error());
  node->make_shards(std::move(recovered));
  node->make_rules();
  node->tick();
  // A member of a cluster is one from its first client on, whether or not it can reach the others.
  const auto remembered = read_cluster_record(start.node.data_dir, start.node.name);
  if (!remembered) return failure(remembered.error());
  if (*remembered) node->set_members(**remembered);
  for (auto& shard : node->shards_) shard->start();
  return node;
}

void Node::make_owner_desk() {
  OwnerDesk::Shards shards;
  shards.on_owner = [this](ShardId shard, core::AskId ask, core::Owner owner) {
    shards_[shard.value]->post([ask, owner = std::move(owner)](ShardThread& thread) {
      thread.core().on_owner(ask, owner);
    });
  };
  shards.on_recorded = [this](ShardId shard, std::uint64_t tag, bool is_known) {
    shards_[shard.value]->post(
        [tag, is_known](ShardThread& thread) { thread.core().on_owner_recorded(tag, is_known); });
  };
  shards.on_claimed = [this](OwnerDesk::Claims claims, std::function<void(std::size_t)> taken) {
    std::vector<OwnerDesk::Claims> by_shard(shards_.size());
    for (cluster::Owners::Claimed& claim : claims) {
      const std::uint64_t hash =
          core::name_hash(shared_->home_key, claim.mountpoint, claim.client_id);
      by_shard[core::home_shard(hash, by_shard.size())].push_back(std::move(claim));
    }
    for (std::size_t i = 0; i < by_shard.size(); ++i) {
      if (by_shard[i].empty()) continue;
      shards_[i]->post([claims = std::move(by_shard[i]), taken](ShardThread& thread) {
        for (const cluster::Owners::Claimed& claim : claims) {
          thread.core().on_claimed(claim.mountpoint, claim.client_id, claim.owner);
        }
        taken(claims.size());
      });
    }
  };
  owners_ = std::make_unique<OwnerDesk>(std::move(shards));
}

Node::Done Node::open_store() {
  const std::string& folder = config_->message_store.directory;
  const std::size_t slash = folder.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    if (auto made = make_folders(folder.substr(0, slash)); !made) return made;
  }
  store::RocksOptions options;
  options.sync = sync_mode(config_->message_store.sync);
  options.interval_ms = static_cast<std::uint32_t>(config_->message_store.sync_interval.ms);
  options.cache_bytes = config_->message_store.cache_bytes;
  options.shards = shards_max + 1;  // the last one is the operator's
  // During recovery no shard exists yet; what its batches complete is polled by the first turn.
  options.wake = [this](ShardId shard) {
    if (shard.value < waker_count_.load(std::memory_order_acquire)) wakers_[shard.value]->wake();
  };
  auto opened = store::open_rocks_store(folder, std::move(options));
  if (!opened) return failure(opened.error().text);
  store_ = std::move(*opened);
  return {};
}

Node::Done Node::recover(core::RecoveredNode& recovered) {
  const auto begin = std::chrono::steady_clock::now();
  subscriptions_ = std::make_unique<topic::SubscriptionIndex>(epochs_, HashKey{rng_.next()});
  retained_ = std::make_unique<topic::RetainedIndex>(HashKey{rng_.next()});
  auto result = core::recover(*store_, *retained_, shards_wanted(*config_), rng_);
  if (!result) return failure("cannot read the message store: " + result.error().text);
  recovered = std::move(*result);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  log_.info("recovered", {{"sessions", recovered.sessions},
                          {"messages", recovered.messages},
                          {"retained", recovered.retained},
                          {"shards", recovered.shards.size()},
                          {"ms", took.count()}});
  if (recovered.corrupted > 0) {
    log_.error("records_corrupted", {{"count", recovered.corrupted}, {"store", "recovery"}});
  }
  if (recovered.shards.size() != shards_wanted(*config_)) {
    log_.warning("shards_kept", {{"wanted", static_cast<unsigned>(shards_wanted(*config_))},
                                 {"kept", recovered.shards.size()},
                                 {"reason", "the message store was made with that number"}});
  }
  return {};
}

void Node::make_shards(core::RecoveredNode recovered) {
  const std::size_t count = recovered.shards.size();
  counters_ = std::vector<core::Counters>(count);
  shared_ = std::make_unique<core::NodeShared>(core::NodeShared{
      config_, *subscriptions_, *retained_, counters_, recovered.home_key, &values_});
  links_ = std::make_unique<ShardLinks>(wakers_);
  hasher_ = std::make_unique<Hasher>(
      Hasher::Options{std::max<std::size_t>(1, count / 4), 4096, config_->session.connect_timeout},
      [this](ShardId shard, core::AskId ask, core::Verdict verdict) {
        shards_[shard.value]->post(
            [ask, verdict](ShardThread& thread) { thread.core().on_verdict(ask, verdict); });
      });
  shards_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const ShardId id{static_cast<std::uint8_t>(i)};
    core::ShardSetup setup{
        *shared_, id.value, {}, {}, rng_.split(), read_clock(), recovered.first_ticket};
    const ShardWorld world{id,          *wakers_[i], *links_,     *store_,      epochs_,
                           *hasher_,    log_,        traces_,     *gate_,       resolver_,
                           *questions_, *owners_,    rng_.next(), quiet_shards_};
    shards_.push_back(std::make_unique<ShardThread>(world, std::move(setup),
                                                    std::move(recovered.shards[i]), counters_[i]));
  }
  gate_->set_on_heard([this](cluster::MemberNumber member) {
    for (auto& shard : shards_) {
      shard->post([member](ShardThread& thread) { thread.hurry_link(member); });
    }
  });
  listeners_->begin(
      [this](std::size_t shard, ShardThread::Task task) { shards_[shard]->post(std::move(task)); });
}

void Node::make_rules() {
  rules_ = std::make_unique<RuleFiles>(
      config_->file_auth, log_,
      [this](const auth::PasswordSnapshot& table) {
        hasher_->set_table(table);
        for (auto& shard : shards_) {
          shard->post([table](ShardThread& thread) { thread.passwords().set(table); });
        }
      },
      [this](const auth::AclSnapshot& acl) {
        for (auto& shard : shards_) {
          shard->post([acl](ShardThread& thread) { thread.acl().set(acl); });
        }
      });
  rules_->reload(RuleFiles::When::Always);
  if (config_->file_auth.acl_enabled) return;
  if (config::is_open(*config_)) {
    log_.warning("everything_allowed", {{"reason", "allow_anonymous is on and plugins.vmq_acl off"},
                                        {"effect", "everybody may publish and subscribe"}});
  } else {
    log_.warning("nothing_allowed",
                 {{"reason", "plugins.vmq_acl is off and no other plugin answers"},
                  {"effect", "nobody may publish or subscribe"}});
  }
}

std::size_t Node::refresh_tls(net::TlsSource::When when) {
  const Now now = read_clock();
  std::size_t failed = 0;
  for (const Listeners::TlsEvent& event :
       listeners_->refresh_tls(when, now.instant, now.wall.ms / 1000)) {
    note_tls(event);
    failed += event.what == Listeners::TlsEvent::What::Failed ? 1 : 0;
  }
  // The files are those of a listener, which has told what is wrong with them.
  static_cast<void>(gate_->tls().refresh(when, now.instant, now.wall.ms / 1000));
  return failed;
}

void Node::note_tls(const Listeners::TlsEvent& event) {
  using What = Listeners::TlsEvent::What;
  if (event.what == What::Loaded) log_.info("tls_loaded", {{"listener", event.listener}});
  if (event.what == What::Note) {
    log_.warning("tls_note", {{"listener", event.listener}, {"text", event.text}});
  }
  if (event.what == What::Failed) {
    log_.error("tls_not_loaded", {{"listener", event.listener},
                                  {"reason", event.text},
                                  {"effect", "what was loaded before stays in force"}});
  }
}

void Node::set_members(const cluster::Members& members) {
  if (!members.is_alone() && gate_->has_default_cookie()) {
    log_.warning("cookie_is_default",
                 {{"reason", "distributed_cookie is the one that everybody knows"},
                  {"effect", "whoever reaches listener.vmq can join"}});
  }
  gate_->set_members(members);
  const MembersSnapshot snapshot = gate_->members();
  for (auto& shard : shards_) {
    shard->post([snapshot](ShardThread& thread) { thread.set_members(*snapshot); });
  }
}

Result<cluster::MemberAddress, std::string> Node::link_address() const {
  std::optional<cluster::MemberAddress> best;
  for (const ListenerView& view : listeners_->views()) {
    if (!view.config.is_link() || view.status != ListenerStatus::Running) continue;
    const bool is_tls = view.config.kind == config::ListenerKind::Vmqs;
    if (best && (best->is_tls || !is_tls)) continue;
    best = cluster::MemberAddress{is_tls, view.address, view.port};
  }
  if (!best) {
    return failure<std::string>(
        "other nodes cannot reach this one: listener.vmq.clustering = 0.0.0.0:44053 in "
        "vernemq.conf opens a listener for them");
  }
  if (best->host != "0.0.0.0" && best->host != "::") return *best;
  best->host = cluster::host_of(gate_->name());
  if (!best->host.empty()) return *best;
  return failure("other nodes cannot reach this one: nodename " + gate_->name() +
                 " has no host behind an @, and its listener.vmq names no address");
}

void Node::evacuate(const std::optional<Evacuation>& evacuation) {
  values_.set(core::NodeValue::Evacuating, evacuation ? 1 : 0);
  std::optional<core::Evacuation> share;
  if (evacuation) {
    share =
        core::Evacuation{evacuation->rate * 1000 / shards_.size(), evacuation->server_reference};
  }
  for (auto& shard : shards_) {
    shard->post([share](ShardThread& thread) { thread.core().on_evacuation(share); });
  }
}

bool Node::prepare_to_leave(bool is_about_to) {
  const auto done = ask_shards<bool>(
      [is_about_to](ShardThread& shard) {
        shard.core().shard().on_leaving(is_about_to);
        return true;
      },
      change_patience);
  return std::all_of(done.begin(), done.end(), [](const auto& one) { return one.has_value(); });
}

std::optional<core::LeaveStatus> Node::leave_status() {
  const auto by_shard = ask_shards<core::LeaveStatus>(
      [](ShardThread& shard) { return shard.core().shard().leave_status(); }, change_patience);
  core::LeaveStatus sum;
  for (const auto& share : by_shard) {
    if (!share) return std::nullopt;
    sum += *share;
  }
  return sum;
}

void Node::note_netsplits(std::uint64_t detected, std::uint64_t resolved) {
  values_.set(core::NodeValue::NetsplitDetected, detected);
  values_.set(core::NodeValue::NetsplitResolved, resolved);
}

std::vector<std::optional<std::vector<LinkView>>> Node::links() {
  return ask_shards<std::vector<LinkView>>([](ShardThread& shard) { return shard.links(); },
                                           change_patience);
}

void Node::publish(core::HttpPublish message, std::function<void(core::HttpOutcome)> done) {
  const std::size_t shard = next_publisher_.fetch_add(1, std::memory_order_relaxed);
  shards_[shard % shards_.size()]->post(
      [message = std::move(message), done = std::move(done)](ShardThread& thread) mutable {
        thread.publish(std::move(message), std::move(done));
      });
}

void Node::tick() {
  {
    const std::lock_guard<std::mutex> lock(rules_mutex_);
    rules_->tick(read_clock().instant);
  }
  static_cast<void>(refresh_tls(net::TlsSource::When::Due));
  const store::StoreHealth health = store_->health();
  const std::uint64_t memory_used = heap_resident_bytes();
  report_store(health);
  watch_memory(memory_used);
  meter_.note_store(health);
  meter_.note_sockets(shards_);
  meter_.note_hasher(*hasher_);
  meter_.note_process(memory_used);
  epochs_.collect();
}

bool Node::take_over(const ConfigSnapshot& config) {
  const auto taken = ask_shards<bool>(
      [config](ShardThread& shard) {
        shard.set_config(config);
        return true;
      },
      change_patience);
  return std::all_of(taken.begin(), taken.end(), [](const auto& one) { return one.has_value(); });
}

Node::SetDone Node::set(const std::vector<SettingText>& changes) {
  const std::lock_guard<std::mutex> lock(change_mutex_);
  // Rule files first: one that cannot be used would lock everybody out one restart later.
  std::vector<SettingProblem> problems;
  for (const auto& [key, text] : changes) {
    if (auto usable = RuleFiles::check(key, text); !usable) {
      problems.push_back({key, {config::SetError::BadValue, usable.error()}});
    }
  }
  if (!problems.empty()) return failure(std::move(problems));
  auto config = live_.set(changes);
  if (!config) return failure(config.error());
  use(*config);
  return {};
}

void Node::reset(const std::vector<std::string>& keys) {
  const std::lock_guard<std::mutex> lock(change_mutex_);
  use(live_.reset(keys));
}

Result<void, std::string> Node::switch_plugin(const std::string& name, bool is_on) {
  const std::lock_guard<std::mutex> lock(change_mutex_);
  const config::FileAuthConfig& files = live_.snapshot()->file_auth;
  if (is_on) {
    const bool is_acl = name == "vmq_acl";
    const auto usable = RuleFiles::check(is_acl ? "vmq_acl.acl_file" : "vmq_passwd.password_file",
                                         is_acl ? files.acl_file : files.passwd_file);
    if (!usable) return usable;
  }
  const auto config = live_.switch_plugin(name, is_on);
  if (!config) return failure(config.error());
  use(*config);
  return {};
}

void Node::use(const ConfigSnapshot& config) {
  {
    // Rules first: a plugin that is switched on finds them there.
    const std::lock_guard<std::mutex> lock(rules_mutex_);
    rules_->set_config(config->file_auth);
  }
  if (!take_over(config)) log_.warning("settings_late", {{"reason", "a shard is busy"}});
}

Result<std::size_t, std::string> Node::add_listener(const config::ListenerConfig& listener) {
  const std::lock_guard<std::mutex> lock(change_mutex_);
  auto index = listeners_->prepare(listener);
  if (!index) return failure(index.error());
  if (!take_over(live_.add_listener(listener))) {
    static_cast<void>(listeners_->remove(*index));
    return failure("a shard of the node is busy: try again");
  }
  if (auto done = listeners_->admit(*index); !done) return failure(done.error());
  return *index;
}

std::vector<std::optional<std::string>> Node::read_rows(store::Space space,
                                                        std::vector<std::string> keys,
                                                        std::chrono::milliseconds patience) {
  const std::lock_guard<std::mutex> lock(reader_mutex_);
  const ShardId reader{shards_max};
  const auto end = std::chrono::steady_clock::now() + patience;
  const std::uint64_t id = next_read_++;
  std::vector<std::optional<std::string>> values(keys.size());
  store_->load_keys(reader, {id, space, std::move(keys)});
  store::Completions completions;
  while (true) {
    store_->poll(reader, completions);
    for (const store::LoadAnswer& answer : completions.loads) {
      if (answer.id != id) continue;  // one that came too late
      for (std::size_t i = 0; i < answer.rows.size() && i < values.size(); ++i) {
        const store::Row row = answer.rows[i];
        if (row.state == store::RowState::Value) values[i] = std::string(as_text(row.value));
      }
      return values;
    }
    if (std::chrono::steady_clock::now() >= end) return values;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

void Node::disconnect_listener(std::size_t index) {
  listeners_->kill_served(index);
  // A connection that changes shards meanwhile is met in the second round.
  for (int round = 0; round < 2; ++round) {
    std::vector<std::uint32_t> next(shards_.size(), 0);
    for (bool is_done = false; !is_done;) {
      const auto at = ask_shards<std::uint32_t>(
          [next, index](ShardThread& shard) {
            return shard.core().shard().disconnect_listener(
                static_cast<std::uint16_t>(index), next[shard.id().value], disconnects_per_turn);
          },
          change_patience);
      is_done = true;
      for (std::size_t i = 0; i < at.size(); ++i) {
        next[i] = at[i].value_or(core::no_slot);
        is_done = is_done && next[i] == core::no_slot;
      }
    }
  }
}

void Node::watch_memory(std::uint64_t used) {
  if (!memory_.update(used)) return;
  if (memory_.is_short()) {
    log_.warning("memory_short",
                 {{"used", used},
                  {"limit", memory_.limit()},
                  {"effect", "what would be queued, retained or remembered is refused"}});
  } else {
    log_.info("memory_enough_again", {{"used", used}, {"limit", memory_.limit()}});
  }
  for (auto& shard : shards_) {
    shard->post([is_short = memory_.is_short()](ShardThread& thread) {
      thread.core().on_memory(is_short);
    });
  }
}

void Node::report_store(const store::StoreHealth& health) {
  if (health.writable != was_writable_) {
    was_writable_ = health.writable;
    if (health.writable) {
      log_.info("store_writable_again");
    } else {
      log_.error("store_not_writable",
                 {{"reason", health.last_error}, {"effect", "durable publishes are refused"}});
    }
  }
  if (health.corrupted_records > corrupted_seen_) {
    log_.error("records_corrupted",
               {{"count", health.corrupted_records - corrupted_seen_}, {"store", "load"}});
    corrupted_seen_ = health.corrupted_records;
  }
  const std::uint64_t dropped = hasher_->dropped();
  if (dropped > questions_dropped_seen_) {
    log_.warning("hashing_overloaded", {{"dropped", dropped - questions_dropped_seen_}});
    questions_dropped_seen_ = dropped;
  }
}

void Node::reload() {
  log_.reopen();
  {
    const std::lock_guard<std::mutex> lock(rules_mutex_);
    rules_->reload(RuleFiles::When::Always);
  }
  log_.info("reloaded");
}

Result<void, std::string> Node::stop(Duration patience) {
  if (is_stopped_) return {};
  end_threads(patience);
  auto closed = store_->close();
  if (!closed) return failure("the message store did not close: " + closed.error().text);
  return {};
}

void Node::end_threads(Duration patience) {
  is_stopped_ = true;
  questions_->stop();
  for (auto& shard : shards_) {
    shard->post([patience](ShardThread& thread) { thread.stop(patience); });
  }
  for (auto& shard : shards_) shard->join();
  resolver_.stop();
  hasher_.reset();  // its answers go to the shards
}

Node::~Node() {
  if (hasher_ != nullptr && !is_stopped_ && rules_ != nullptr) end_threads({0});
  if (store_ != nullptr) static_cast<void>(store_->close());
}

}  // namespace vmq::node
