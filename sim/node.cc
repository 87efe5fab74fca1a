#include "sim/node.h"

#include <algorithm>

#include "base/expect.h"
#include "base/hash.h"
#include "core/session_record.h"

namespace vmq::sim {

Node::Node(const NodeOptions& options, store::MemoryStore& store, Now now)
    : options_(options), store_(store), counters_(options.shards) {
  Rng rng(options.seed);
  const HashKey key{rng.next()};
  subscriptions_ = std::make_unique<topic::SubscriptionIndex>(epochs_, key);
  retained_ = std::make_unique<topic::RetainedIndex>(key);
  reader_ = epochs_.register_reader();
  if (options_.config.listeners.empty()) options_.config.listeners.emplace_back();
  auto recovered = core::recover(store_, *retained_, options.shards, rng);
  VMQ_EXPECT(recovered.has_value());
  recovered_ = std::move(*recovered);
  counters_ = std::vector<core::Counters>(recovered_.shards.size());
  shared_ = std::make_unique<core::NodeShared>(
      core::NodeShared{std::make_shared<const config::Config>(options_.config), *subscriptions_,
                       *retained_, counters_, recovered_.home_key});
  for (std::uint8_t i = 0; i < recovered_.shards.size(); ++i) {
    ShardState& shard = shards_.emplace_back();
    shard.core = std::make_unique<core::ShardCore>(
        core::ShardSetup{*shared_, i, options_.limits, options_.hooks, rng.split(), now,
                         recovered_.first_ticket},
        std::move(recovered_.shards[i]));
  }
}

Node::~Node() {
  shards_.clear();
  epochs_.unregister_reader(reader_);
}

WireId Node::connect() {
  const WireId id = next_wire_++;
  wires_.emplace(id, std::make_unique<Wire>());
  shards_[next_shard_].arrivals.push_back({id, {}, {}});
  next_shard_ = static_cast<std::uint8_t>((next_shard_ + 1) % shards_.size());
  return id;
}

WireId Node::join(const core::LinkInfo& link) {
  const WireId id = next_wire_++;
  wires_.emplace(id, std::make_unique<Wire>());
  shards_[link.shard % shards_.size()].arrivals.push_back({id, {}, link});
  return id;
}

void Node::heal_wires() {
  for (const auto& [id, wire] : wires_) {
    wire->stalled = false;
    wire->room = ~std::size_t{0};
  }
}

void Node::note(std::uint64_t value) {
  digest_ = (digest_ ^ value) * 0x9e3779b97f4a7c15u;
  digest_ ^= digest_ >> 29;
}

void Node::feed(ShardState& shard, Link& link, ByteView fresh) {
  link.kept.insert(link.kept.end(), fresh.begin(), fresh.end());
  const core::ConnId conn = link.conn;
  const core::Taken taken = shard.core->on_bytes(conn, link.kept);
  link.kept.erase(link.kept.begin(),
                  link.kept.begin() + static_cast<std::ptrdiff_t>(taken.consumed));
  link.is_paused = taken.paused;
}

// Hands the next bytes of the wire to the core. False when there was nothing to do.
bool Node::read_wire(ShardState& shard, Link& link, std::size_t read_max) {
  Wire& wire = *wires_.at(link.wire);
  if (link.is_paused || link.is_closing || wire.stalled) return false;
  if (!wire.to_broker.empty()) {
    const std::size_t size = std::min({wire.to_broker.size(), options_.read_max, read_max});
    const std::vector<std::uint8_t> bytes(
        wire.to_broker.begin(), wire.to_broker.begin() + static_cast<std::ptrdiff_t>(size));
    wire.to_broker.erase(wire.to_broker.begin(),
                         wire.to_broker.begin() + static_cast<std::ptrdiff_t>(size));
    feed(shard, link, bytes);
    return true;
  }
  if (!wire.closed_by_client) return false;
  shard.core->on_closed(link.conn, core::CloseCause::PeerClosed);
  wires_.erase(link.wire);
  shard.links.erase(link.conn.slot());
  return true;
}

void Node::turn(std::uint8_t index, Now now, const TurnLimits& limits) {
  ShardState& shard = shards_[index];
  core::ShardCore& core = *shard.core;
  core.begin_turn(now);
  store::Completions completions;
  store_.poll(ShardId{index}, completions);
  if (completions.writable != shard.store_writable ||
      completions.congested != shard.store_congested) {
    shard.store_writable = completions.writable;
    shard.store_congested = completions.congested;
    core.on_store_health(completions.writable, completions.congested);
  }
  core.on_stored(completions.durable.value);
  for (const store::LoadAnswer& answer : completions.loads) core.on_loaded(answer);
  for (std::size_t i = std::min(shard.frames.size(), limits.frames_max); i > 0; --i) {
    const auto [from, frames] = std::move(shard.frames.front());
    shard.frames.pop_front();
    core.on_peer(from, frames);
  }
  while (!shard.asks.empty()) {
    const core::Ask ask = std::move(shard.asks.front());
    shard.asks.pop_front();
    core.on_verdict(ask.id, verdict);
  }
  for (; !shard.owners.empty(); shard.owners.pop_front()) {
    core.on_owner(shard.owners.front().first, shard.owners.front().second);
  }
  for (; !shard.recorded.empty(); shard.recorded.pop_front()) {
    core.on_owner_recorded(shard.recorded.front().first, shard.recorded.front().second);
  }
  for (; !shard.claimed.empty(); shard.claimed.pop_front()) {
    const ShardState::Claimed& claimed = shard.claimed.front();
    core.on_claimed(claimed.mountpoint, claimed.client_id, claimed.owner);
  }
  for (; !shard.failed_tunnels.empty(); shard.failed_tunnels.pop_front()) {
    core.on_tunnel_failed(shard.failed_tunnels.front());
  }
  for (; !shard.arrivals.empty(); shard.arrivals.pop_front()) {
    Arrival arrival = std::move(shard.arrivals.front());
    core::ConnInfo info{0, "sim:" + std::to_string(arrival.wire)};
    info.link = arrival.link;
    const core::ConnId conn = core.on_accepted(std::move(info));
    Link& link = shard.links[conn.slot()];
    link = Link{arrival.wire, conn, {}, false, false, false};
    feed(shard, link, arrival.kept);
  }
  std::vector<std::uint32_t> slots;
  for (const auto& [slot, link] : shard.links) slots.push_back(slot);
  for (std::uint32_t slot : slots) {
    const auto found = shard.links.find(slot);
    if (found == shard.links.end()) continue;
    Wire& wire = *wires_.at(found->second.wire);
    if (found->second.is_blocked && wire.to_client.size() < wire.room) flush(shard, found->second);
    read_wire(shard, found->second, limits.read_max);
  }
  core.on_timer();
  core::Effects effects;
  core.end_turn(effects);
  carry_out(index, shard, effects);
  core.release_turn_memory();
  epochs_.quiescent(reader_);
}

void Node::flush(ShardState& shard, Link& link) {
  session::Outbox& outbox = shard.core->outbox(link.conn);
  Wire& wire = *wires_.at(link.wire);
  while (outbox.piece_count() > 0 && wire.to_client.size() < wire.room) {
    const session::Piece& piece = outbox.piece(0);
    const std::size_t size = std::min(piece.size, wire.room - wire.to_client.size());
    wire.to_client.insert(wire.to_client.end(), piece.data, piece.data + size);
    note(size + (std::uint64_t{link.wire} << 32));
    note(piece.data[0]);
    outbox.consume(shard.core->pieces_pool(), size);
  }
  if (!outbox.empty()) {
    outbox.keep();
    link.is_blocked = true;
  } else if (link.is_blocked) {
    link.is_blocked = false;
    shard.core->on_drained(link.conn);
  }
}

void Node::carry_out(std::uint8_t index, ShardState& shard, core::Effects& effects) {
  core::ShardCore& core = *shard.core;
  if (effects.ticket != 0) {
    note(effects.batch.bytes());
    store_.submit(ShardId{index}, std::move(effects.batch), StoreTicket{effects.ticket});
  }
  for (std::uint8_t to = 0; to < shards_.size(); ++to) {
    if (to < effects.forwards.size() && !effects.forwards[to].empty()) {
      shards_[to].frames.emplace_back(index, std::move(effects.forwards[to]));
    }
  }
  for (core::ConnId conn : effects.touched) {
    const auto found = shard.links.find(conn.slot());
    if (found != shard.links.end() && found->second.conn == conn) flush(shard, found->second);
  }
  for (const core::Handover& handover : effects.handovers) {
    const auto found = shard.links.find(handover.conn.slot());
    VMQ_EXPECT(found != shard.links.end());
    shards_[handover.shard].arrivals.push_back(
        {found->second.wire, std::move(found->second.kept), {}});
    shard.links.erase(found);
  }
  for (const core::Close& close : effects.closes) {
    const auto found = shard.links.find(close.conn.slot());
    if (found == shard.links.end() || !(found->second.conn == close.conn)) continue;
    // A blocked peer does not get its last packets: the linger of a real socket is bounded too.
    wires_.at(found->second.wire)->closed_by_broker = true;
    core.on_closed(close.conn, core::CloseCause::Shutdown);
    shard.links.erase(found);
  }
  for (core::TraceLine& line : effects.traces) trace_lines.push_back(std::move(line.text));
  for (const core::HttpAnswer& answer : effects.http_answers) {
    note(answer.id);
    note(static_cast<std::uint64_t>(answer.outcome));
    http_answers.push_back(answer);
  }
  for (core::Ask& ask : effects.asks) shard.asks.push_back(std::move(ask));
  for (core::OwnerAsk& ask : effects.owner_asks) owner_asks.emplace_back(index, std::move(ask));
  for (core::OwnerRelease& release : effects.owner_releases) {
    owner_releases.emplace_back(index, std::move(release));
  }
  for (core::OwnerRecord& record : effects.owner_records) {
    owner_records.emplace_back(index, std::move(record));
  }
  for (const core::TunnelWish& wish : effects.tunnels) tunnel_wishes.emplace_back(index, wish);
  for (store::LoadRequest& request : effects.loads) store_.load(ShardId{index}, std::move(request));
  for (store::LoadKeysRequest& request : effects.key_loads) {
    store_.load_keys(ShardId{index}, std::move(request));
  }
  for (core::ConnId conn : effects.resumes) {
    const auto found = shard.links.find(conn.slot());
    if (found == shard.links.end() || !(found->second.conn == conn)) continue;
    found->second.is_paused = false;
    shard.resumes.push_back(conn);
  }
  if (shard.resumes.empty()) return;
  // Kept bytes are offered again in a turn of their own, as the shell does.
  std::vector<core::ConnId> resumes = std::move(shard.resumes);
  shard.resumes.clear();
  core::Effects more;
  for (core::ConnId conn : resumes) {
    const auto found = shard.links.find(conn.slot());
    if (found != shard.links.end()) feed(shard, found->second, {});
  }
  core.end_turn(more);
  carry_out(index, shard, more);
}

bool Node::has_work(const ShardState& shard) const {
  if (!shard.arrivals.empty() || !shard.frames.empty() || !shard.asks.empty() ||
      !shard.owners.empty() || !shard.recorded.empty() || !shard.claimed.empty() ||
      !shard.failed_tunnels.empty()) {
    return true;
  }
  return std::any_of(shard.links.begin(), shard.links.end(), [this](const auto& entry) {
    const Link& link = entry.second;
    const Wire& wire = *wires_.at(link.wire);
    if (link.is_blocked && wire.to_client.size() < wire.room) return true;
    return !link.is_paused && !wire.stalled && (!wire.to_broker.empty() || wire.closed_by_client);
  });
}

void Node::claim(const std::string& mountpoint, const std::string& client_id, core::Owner owner) {
  const std::uint64_t hash = core::name_hash(shared_->home_key, mountpoint, client_id);
  shards_[core::home_shard(hash, shards_.size())].claimed.push_back(
      {mountpoint, client_id, std::move(owner)});
}

bool Node::has_work() const {
  return std::any_of(shards_.begin(), shards_.end(),
                     [this](const ShardState& shard) { return has_work(shard); });
}

void Node::settle(Now now) {
  // Two quiet rounds: a store completion of the first may be work of the second.
  constexpr std::uint64_t rounds_max = 1'000'000;
  std::uint64_t rounds = 0;
  for (int quiet = 0; quiet < 2;) {
    VMQ_EXPECT(++rounds < rounds_max);  // a shard that never comes to rest
    bool worked = store_.is_busy();
    store_.step();
    for (std::uint8_t i = 0; i < shards_.size(); ++i) {
      const std::optional<Instant> due = shards_[i].core->next_deadline();
      worked |= has_work(shards_[i]) || (due && *due <= now.instant);
      turn(i, now);
    }
    quiet = worked ? 0 : quiet + 1;
  }
}

std::optional<Instant> Node::next_deadline() const {
  std::optional<Instant> next;
  for (const ShardState& shard : shards_) {
    const std::optional<Instant> due = shard.core->next_deadline();
    if (due && (!next || *due < *next)) next = due;
  }
  return next;
}

void Node::turn_for(std::uint8_t index, Now now, const Task& task) {
  shards_[index].core->begin_turn(now);
  task(*shards_[index].core);
  core::Effects effects;
  shards_[index].core->end_turn(effects);
  carry_out(index, shards_[index], effects);
  shards_[index].core->release_turn_memory();
}

void Node::command(Now now, const Task& task) {
  for (std::uint8_t i = 0; i < shards_.size(); ++i) turn_for(i, now, task);
}

void Node::publish(Now now, std::uint8_t shard, core::HttpPublish message) {
  turn_for(shard, now, [&](core::ShardCore& core) { core.on_http_publish(std::move(message)); });
}

void Node::stop(Now now) {
  command(now, [](core::ShardCore& core) { core.on_shutdown(); });
  settle(now);
}

std::uint64_t Node::counted(core::Plain which) const {
  std::uint64_t sum = 0;
  for (const core::Counters& counters : counters_) {
    sum += counters.plain[static_cast<std::size_t>(which)].value();
  }
  return sum;
}

void Node::check_invariants() const {
  for (const ShardState& shard : shards_) shard.core->check_invariants();
}

}  // namespace vmq::sim
