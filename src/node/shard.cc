#include "node/shard.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "node/clock.h"

namespace vmq::node {
namespace {

// Mails taken from one other shard in one turn.
constexpr int mails_per_turn = 256;
// While stopping, how often the thread looks whether it may end.
constexpr int stopping_poll_ms = 10;

}  // namespace

ShardThread::ShardThread(const ShardWorld& world, core::ShardSetup setup,
                         core::RecoveredShard recovered, core::Counters& counters)
    : world_(world),
      core_(with_hooks(std::move(setup)), std::move(recovered)),
      reactor_(
          core_, world_.waker, counters, socket_counters_, {},
          [this](const net::Trouble& trouble) { log_trouble(trouble); }, link_events()),
      cluster_links_(
          {world_.id, reactor_, world_.gate, world_.resolver, world_.log,
           [this](ClusterLinks::Task task) {
             post([task = std::move(task)](ShardThread& thread) { task(thread.cluster_links_); });
           }},
          world_.link_seed),
      tunnels_({world_.id, reactor_, core_, world_.gate, world_.resolver, world_.log,
                [this](Tunnels::Task task) {
                  post([task = std::move(task)](ShardThread& thread) { task(thread.tunnels_); });
                }}),
      stopwatch_(counters),
      now_(read_clock()) {}

ShardThread::~ShardThread() { join(); }

core::ShardSetup ShardThread::with_hooks(core::ShardSetup setup) {
  core::ConfigChange change = change_to(setup.shared.config);
  setup.hooks = std::move(change.hooks);
  setup.listener_hooks = std::move(change.listener_hooks);
  return setup;
}

core::ConfigChange ShardThread::change_to(const core::ConfigSnapshot& config) {
  core::ConfigChange change{config, chain_of(config->plugins, config->plugins), {}};
  change.hooks.is_open = config::is_open(*config);
  for (const config::ListenerConfig& listener : config->listeners) {
    change.listener_hooks.push_back(chain_of(listener.auth_plugins.value_or(config->plugins),
                                             listener.authz_plugins.value_or(config->plugins)));
    change.listener_hooks.back().is_open = !listener.authz_plugins && config::is_open(*config);
  }
  return change;
}

void ShardThread::set_config(const core::ConfigSnapshot& config) {
  core_.on_config(change_to(config));
}

core::HookChain ShardThread::chain_of(const std::vector<std::string>& register_plugins,
                                      const std::vector<std::string>& topic_plugins) {
  core::HookChain chain;
  for (const std::string& name : register_plugins) {
    if (name == passwords_.name()) chain.auth_on_register.push_back(&passwords_);
  }
  for (const std::string& name : topic_plugins) {
    if (name != acl_.name()) continue;
    chain.auth_on_publish.push_back(&acl_);
    chain.auth_on_subscribe.push_back(&acl_);
  }
  return chain;
}

void ShardThread::start() {
  thread_ = std::thread([this] { run(); });
  const std::string name = "shard-" + std::to_string(world_.id.value);
  pthread_setname_np(thread_.native_handle(), name.c_str());
}

void ShardThread::join() {
  if (thread_.joinable()) thread_.join();
}

void ShardThread::post(Task task) {
  {
    const std::lock_guard<std::mutex> lock(tasks_mutex_);
    tasks_.push_back(std::move(task));
    has_tasks_.store(true, std::memory_order_release);
  }
  world_.waker.wake();
}

void ShardThread::run() {
  const ReaderId reader = world_.epochs.register_reader();
  now_ = read_clock();
  turn();  // what recovery left to do
  while (!is_over()) {
    // Nothing of the shared indexes is held here, so a sleeping shard keeps no memory from being
    // freed.
    const int timeout_ms = timeout();
    if (timeout_ms != 0) world_.epochs.offline(reader);
    reactor_.wait(timeout_ms);
    if (timeout_ms != 0) world_.epochs.online(reader);
    stopwatch_.on_turn_begin();
    do {
      now_ = read_clock();
      turn();
      stopwatch_.on_turn_end();
      world_.epochs.quiescent(reader);
    } while (reactor_.has_ready());
  }
  world_.epochs.unregister_reader(reader);
}

int ShardThread::timeout() const {
  if (has_mail_left_) return 0;
  std::optional<Instant> deadline = core_.next_deadline();
  std::int64_t timeout_ms = -1;
  const std::optional<Instant> links = cluster_links_.next_deadline();
  if (links && (!deadline || *links < *deadline)) deadline = links;
  if (deadline) timeout_ms = std::clamp<std::int64_t>((*deadline - now_.instant).ms, 0, 3'600'000);
  if (is_stopping_ && (timeout_ms < 0 || timeout_ms > stopping_poll_ms)) {
    timeout_ms = stopping_poll_ms;
  }
  return static_cast<int>(timeout_ms);
}

void ShardThread::turn() {
  core_.begin_turn(now_);
  watch_lease();
  if (has_tasks_.load(std::memory_order_acquire)) take_tasks();
  take_completions();
  watch_load();
  // A turn that other shards have filled offers nothing of the sockets, so the next one begins with
  // them: under a flood from elsewhere own clients are still heard.
  const bool sockets_first = has_mail_left_;
  if (sockets_first) reactor_.offer_ready(now_.instant);
  take_links();
  if (!sockets_first) reactor_.offer_ready(now_.instant);
  const std::optional<Instant> deadline = core_.next_deadline();
  if (deadline && *deadline <= now_.instant) core_.on_timer();
  cluster_links_.on_timer(now_.instant);
  core_.end_turn(effects_);
  carry_out();
  core_.release_turn_memory();
}

void ShardThread::take_tasks() {
  std::vector<Task> tasks;
  {
    const std::lock_guard<std::mutex> lock(tasks_mutex_);
    tasks.swap(tasks_);
    has_tasks_.store(false, std::memory_order_relaxed);
  }
  for (const Task& task : tasks) task(*this);
}

void ShardThread::take_links() {
  has_mail_left_ = false;
  for (std::size_t from = 0; from < world_.links.shards(); ++from) {
    if (from == world_.id.value) continue;
    ShardLink& link = world_.links.link(from, world_.id.value);
    for (int i = 0; link.receive(mail_); ++i) {
      if (!mail_.frames.empty()) {
        core_.on_peer(static_cast<std::uint8_t>(from), mail_.frames);
      } else {
        reactor_.adopt(std::move(mail_.socket));
      }
      mail_ = {};
      // What stays was announced already, so nobody wakes this thread for it again.
      if (i + 1 == mails_per_turn || core_.turn_is_full()) {
        has_mail_left_ = true;
        break;
      }
    }
  }
}

void ShardThread::take_completions() {
  const std::uint64_t durable = completions_.durable.value;
  world_.store.poll(world_.id, completions_);
  if (completions_.durable.value > durable) {
    stopwatch_.on_durable(completions_.durable.value);
    core_.on_stored(completions_.durable.value);
  }
  for (const store::LoadAnswer& answer : completions_.loads) {
    stopwatch_.on_loaded(answer.id);
    core_.on_loaded(answer);
  }
  if (completions_.writable != was_writable_ || completions_.congested != was_congested_) {
    was_writable_ = completions_.writable;
    was_congested_ = completions_.congested;
    core_.on_store_health(was_writable_, was_congested_);
  }
}

// New clients make what is slow slower. They are taken again when input waits half as long.
void ShardThread::watch_load() {
  const Duration limit = core_.shard().config().node.overload_lag;
  const auto limit_us = static_cast<std::uint64_t>(limit.ms) * 1000;
  const bool was_overloaded = is_overloaded();
  const std::uint64_t lag_us = stopwatch_.lag_us();
  const bool overloaded = limit_us != 0 && lag_us >= (was_overloaded ? limit_us / 2 : limit_us);
  if (overloaded == was_overloaded) return;
  is_overloaded_.store(overloaded, std::memory_order_relaxed);
  core_.on_load(overloaded);
  const auto shard = static_cast<unsigned>(world_.id.value);
  if (overloaded) {
    world_.log.warning("overloaded", {{"shard", shard},
                                      {"lag_ms", lag_us / 1000},
                                      {"limit_ms", limit_us / 1000},
                                      {"effect", "new clients are refused"}});
  } else {
    world_.log.info("overload_over", {{"shard", shard}, {"lag_ms", lag_us / 1000}});
  }
}

// Whoever slept for longer than the lease lasts finds that out here, before it does anything.
void ShardThread::watch_lease() {
  const bool is_held = world_.gate.holds_lease(now_.instant);
  if (is_held == is_lease_held_) return;
  is_lease_held_ = is_held;
  core_.on_lease(is_held);
  const auto shard = static_cast<unsigned>(world_.id.value);
  if (is_held) {
    world_.log.info("lease_is_back", {{"shard", shard}});
  } else {
    world_.log.warning("lease_is_over",
                       {{"shard", shard}, {"effect", "the allow_*_during_netsplit keys decide"}});
  }
}

// The order matters: what must be durable is on its way before anybody hears of it.
void ShardThread::carry_out() {
  if (effects_.ticket != 0) {
    ticket_submitted_ = effects_.ticket;
    stopwatch_.on_submitted(effects_.ticket);
    world_.store.submit(world_.id, std::move(effects_.batch), {effects_.ticket});
    effects_.batch.clear();
  }
  for (std::size_t shard = 0; shard < effects_.forwards.size(); ++shard) {
    std::vector<std::uint8_t>& frames = effects_.forwards[shard];
    if (frames.empty()) continue;
    world_.links.link(world_.id.value, shard).send({std::move(frames), {}});
    frames = {};
  }
  reactor_.write(effects_.touched);
  reactor_.close(effects_.closes);
  for (core::Handover& handover : effects_.handovers) hand_over(handover);
  for (core::Ask& ask : effects_.asks) world_.hasher.ask(world_.id, std::move(ask));
  carry_out_owners();
  for (const core::TunnelWish& wish : effects_.tunnels) {
    post([wish](ShardThread& thread) { thread.tunnels_.make(wish, thread.now_.instant); });
  }
  for (store::LoadRequest& load : effects_.loads) {
    stopwatch_.on_load(load.id);
    world_.store.load(world_.id, std::move(load));
  }
  for (store::LoadKeysRequest& load : effects_.key_loads) {
    stopwatch_.on_load(load.id);
    world_.store.load_keys(world_.id, std::move(load));
  }
  reactor_.resume(effects_.resumes);
  flush_links();
  for (const core::Note& note : effects_.notes) log_note(note);
  if (!effects_.traces.empty()) world_.traces.add(effects_.traces);
  for (const core::HttpAnswer& answer : effects_.http_answers) {
    const auto waiting = http_waiting_.extract(answer.id);
    if (!waiting.empty()) waiting.mapped()(answer.outcome);
  }

  effects_.touched.clear();
  effects_.closes.clear();
  effects_.handovers.clear();
  effects_.asks.clear();
  effects_.owner_asks.clear();
  effects_.owner_releases.clear();
  effects_.owner_records.clear();
  effects_.tunnels.clear();
  effects_.loads.clear();
  effects_.key_loads.clear();
  effects_.resumes.clear();
  effects_.notes.clear();
  effects_.traces.clear();
  effects_.http_answers.clear();
}

// A client that has ended a session and comes back at once asks after the release, and the release
// is of a session that was recorded before.
void ShardThread::carry_out_owners() {
  for (core::OwnerRecord& record : effects_.owner_records) {
    world_.owners.record(world_.id, std::move(record));
  }
  for (core::OwnerRelease& release : effects_.owner_releases) {
    world_.owners.release(std::move(release));
  }
  for (core::OwnerAsk& ask : effects_.owner_asks) world_.owners.ask(world_.id, std::move(ask));
}

void ShardThread::publish(core::HttpPublish message, std::function<void(core::HttpOutcome)> done) {
  message.id = next_http_++;
  http_waiting_.emplace(message.id, std::move(done));
  core_.on_http_publish(std::move(message));
}

void ShardThread::log_note(const core::Note& note) {
  if (note.what == core::Note::What::StreamRefused) {
    world_.log.warning("stream_refused", {{"peer", note.peer}, {"reason", note.reason}});
    return;
  }
  const bool as_warning = core_.shard().config().log.keepalive_as_warning;
  world_.log.event(
      as_warning ? config::LogLevel::Warning : config::LogLevel::Debug, "keepalive_expired",
      {{"client", note.client_id}, {"mountpoint", note.mountpoint}, {"peer", note.peer}});
}

void ShardThread::log_trouble(const net::Trouble& trouble) {
  const unsigned shard = world_.id.value;
  if (trouble.peer.empty()) {
    world_.log.warning(trouble.event, {{"reason", trouble.reason}, {"shard", shard}});
  } else {
    world_.log.warning(trouble.event, {{"peer", trouble.peer},
                                       {"reason", trouble.reason},
                                       {"untold", trouble.untold},
                                       {"shard", shard}});
  }
}

net::LinkEvents ShardThread::link_events() {
  net::LinkEvents events;
  events.on_agreed = [this](net::Link link) { on_link(std::move(link)); };
  events.on_failed = [this](std::uint64_t dial, std::string reason) {
    if (Tunnels::has_made(dial)) return tunnels_.on_failed(dial, reason);
    cluster_links_.on_failed(dial, std::move(reason), now_.instant);
  };
  events.on_closed = [this](core::ConnId conn) { cluster_links_.on_closed(conn, now_.instant); };
  return events;
}

// Streams that come in are spread over the shards by the shard that sends on them.
void ShardThread::on_link(net::Link link) {
  if (Tunnels::has_made(link.dial)) return tunnels_.on_agreed(std::move(link));
  if (link.dial != 0) return cluster_links_.on_agreed(std::move(link), now_.instant);
  if (link.peer.purpose == cluster::LinkPurpose::Control) {
    return world_.questions.take(std::move(link));
  }
  world_.gate.heard_of(link.peer.member);
  if (link.peer.purpose == cluster::LinkPurpose::Tunnel) {
    // Any shard will do: CONNECT says which one is the client's.
    link.socket.info.link = core::LinkInfo{link.peer.member, 0, false, core::LinkKind::Tunnel, {}};
    reactor_.adopt(std::move(link.socket));
    return;
  }
  link.socket.info.link = core::LinkInfo{link.peer.member, link.peer.shard, false};
  const std::size_t home = link.peer.shard % world_.links.shards();
  if (home == world_.id.value) {
    reactor_.adopt(std::move(link.socket));
  } else {
    world_.links.link(world_.id.value, home).send({{}, std::move(link.socket)});
  }
}

void ShardThread::set_members(const cluster::Members& members) {
  core_.on_members(members);  // before a connection of one of them comes
  cluster_links_.set_members(members, now_.instant);
}

void ShardThread::hand_over(core::Handover& handover) {
  std::optional<net::MovedSocket> socket = reactor_.release(handover);
  if (!socket) return;
  world_.links.link(world_.id.value, handover.shard).send({{}, std::move(*socket)});
}

// A full way to another shard stops all reading here: its publishers wait, nothing is dropped.
void ShardThread::flush_links() {
  bool is_stalled = false;
  for (std::size_t to = 0; to < world_.links.shards(); ++to) {
    if (to == world_.id.value) continue;
    ShardLink& link = world_.links.link(world_.id.value, to);
    if (!link.has_waiting()) continue;
    link.flush();
    is_stalled = is_stalled || link.has_waiting();
  }
  reactor_.set_stalled(is_stalled);
}

void ShardThread::stop(Duration patience) {
  if (is_stopping_) return;
  is_stopping_ = true;
  stop_at_ = now_.instant + patience;
  reactor_.stop_accepting();
  cluster_links_.stop();
  core_.on_shutdown();
}

// A shard whose clients are gone goes on serving the others until they are done too.
bool ShardThread::is_over() {
  if (!is_stopping_) return false;
  const bool has_clients = reactor_.client_count() > 0 || reactor_.lingering_count() > 0;
  const bool is_done = !has_clients && completions_.durable.value >= ticket_submitted_ &&
                       core_.shard().has_handed_over();
  if (is_done && !is_quiet_) {
    is_quiet_ = true;
    world_.quiet_shards.fetch_add(1, std::memory_order_acq_rel);
  }
  if (now_.instant >= stop_at_) return true;
  return world_.quiet_shards.load(std::memory_order_acquire) == world_.links.shards();
}

}  // namespace vmq::node
