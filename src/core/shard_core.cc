// The turn, and the door to the shard.
#include "core/shard_core.h"

#include "base/expect.h"
#include "core/shard.h"
#include "core/trace.h"

namespace vmq::core {

Shard::Shard(const ShardSetup& setup, RecoveredShard recovered)
    : shared_(setup.shared),
      config_(setup.shared.config),
      shard_(setup.shard),
      limits_(setup.limits),
      hooks_(setup.hooks),
      listener_hooks_(setup.listener_hooks),
      rng_(setup.rng),
      counters_(setup.shared.counters[setup.shard]),
      connect_rate_(setup.shared.home_key),
      listener_rate_(setup.shared.home_key),
      now_(setup.now),
      journal_(std::move(recovered.journal),
               setup.shared.config->message_store.recent_bytes / setup.shared.counters.size()),
      ticket_(setup.first_ticket),
      durable_ticket_(setup.first_ticket - 1) {
  const std::size_t shards = shared_.counters.size();
  peers_.resize(shards);
  for (std::size_t i = 0; i < shards; ++i) {
    if (i < recovered.next_owed.size()) peers_[i].next_number = recovered.next_owed[i];
    if (i < recovered.applied.size()) peers_[i].applied = recovered.applied[i];
  }
  run_ = rng_.next();
  last_stamp_ = recovered.stamp;
  for (RecoveredSession& session : recovered.sessions) restore(session);
  restore_streams(recovered);
  restore_claims(recovered);
  restore_doubts(recovered);
  resend_owed(std::move(recovered.owed), recovered.owed_turn);
  if (shard_ == 0) {
    begin_sys_rounds();
    if (config().retained_sweep_interval.ms > 0) {
      timers_.add(now_.instant + config().retained_sweep_interval,
                  {TimerKind::RetainedSweep, 0, 0});
    }
  }
}

Shard::~Shard() = default;

void Shard::begin_turn(Now now) {
  now_ = now;
  allowed_session_ = no_slot;  // rules may have changed between turns
}

void Shard::end_turn(Effects& out) {
  if (!retained_ready_.empty()) continue_retained_jobs();
  note_applied();
  note_streams_applied();
  continue_relays();
  tell_records();
  send_interest();
  ask_sources();
  if (!claims_.owed_flushes.empty()) answer_flushes();
  settle_some();
  // What the turns that are given up said of the links is kept in the same batch.
  if (journal_.end_turn(effects_.batch) > 0 && peers_.size() > 1) save_links();
  // A ticket that something waits for must become durable even if its turn wrote nothing.
  const bool awaited = is_turn_awaited_ || (!held_.empty() && held_.back().ticket == ticket_);
  is_turn_awaited_ = false;
  effects_.ticket = 0;
  if (!effects_.batch.empty() || awaited) effects_.ticket = ticket_++;
  effects_.forwards.resize(peers_.size());
  for (std::size_t shard = 0; shard < peers_.size(); ++shard) {
    effects_.forwards[shard].swap(peers_[shard].out);
    peers_[shard].out.clear();
  }
  for (ConnId id : effects_.touched) {
    Connection* conn = find(id);
    if (conn != nullptr) conn->is_touched = false;
  }
  last_packet_ = {};
  if (tracer_ != nullptr) flush_traces();
  std::swap(out, effects_);
}

bool Shard::turn_is_full() const { return arena_.bytes_reserved() > limits_.turn_bytes_max; }

void Shard::release_turn_memory() { arena_.reset(); }

std::optional<Instant> Shard::next_deadline() const {
  if (!retained_ready_.empty() || is_relay_due_ || is_sending_interest()) return now_.instant;
  for (const Peer& peer : peers_) {
    if (!peer.out.empty()) return now_.instant;
  }
  return timers_.next();
}

void Shard::check_invariants() const {
  std::size_t online = 0;
  std::size_t queued = 0;
  for (const auto& session : sessions_) {
    if (session == nullptr) continue;
    session->queue.check_invariants();
    queued += session->queue.size();
    if (!session->is_online()) continue;
    ++online;
    VMQ_EXPECT(connections_[session->conn.slot()]->session == session->slot);
  }
  std::size_t tied = 0;
  for (const auto& conn : connections_) {
    if (conn == nullptr) continue;
    if (conn->phase == Connection::Phase::Online) VMQ_EXPECT(conn->session != no_slot);
    if (conn->session != no_slot) ++tied;
  }
  VMQ_EXPECT(online == tied);
  VMQ_EXPECT(queued == counters_.gauge(Gauge::QueueMessages).value());
}

ShardCore::ShardCore(const ShardSetup& setup, RecoveredShard recovered)
    : shard_(std::make_unique<Shard>(setup, std::move(recovered))) {}
ShardCore::~ShardCore() = default;

void ShardCore::begin_turn(Now now) { shard_->begin_turn(now); }
void ShardCore::end_turn(Effects& out) { shard_->end_turn(out); }
ConnId ShardCore::on_accepted(ConnInfo info) { return shard_->accept(std::move(info)); }
Taken ShardCore::on_bytes(ConnId conn, ByteView bytes) { return shard_->on_bytes(conn, bytes); }
void ShardCore::on_closed(ConnId conn, CloseCause cause) { shard_->on_closed(conn, cause); }
void ShardCore::on_peer(std::uint8_t from, ByteView frames) { shard_->on_peer(from, frames); }
void ShardCore::on_stored(std::uint64_t ticket) { shard_->on_stored(ticket); }
void ShardCore::on_store_health(bool writable, bool congested) {
  shard_->on_store_health(writable, congested);
}
void ShardCore::on_memory(bool is_short) { shard_->on_memory(is_short); }
void ShardCore::on_load(bool is_overloaded) { shard_->on_load(is_overloaded); }
void ShardCore::on_evacuation(std::optional<Evacuation> evacuation) {
  shard_->on_evacuation(std::move(evacuation));
}
void ShardCore::on_lease(bool is_held) { shard_->on_lease(is_held); }
void ShardCore::on_loaded(const store::LoadAnswer& answer) { shard_->on_loaded(answer); }
void ShardCore::on_http_publish(HttpPublish publish) {
  shard_->on_http_publish(std::move(publish));
}

void ShardCore::on_verdict(AskId ask, Verdict verdict) { shard_->on_verdict(ask, verdict); }
void ShardCore::on_owner(AskId ask, const Owner& owner) { shard_->on_owner(ask, owner); }
void ShardCore::on_claimed(std::string_view mountpoint, std::string_view client_id,
                           const Owner& owner) {
  shard_->on_claimed(mountpoint, client_id, owner);
}
void ShardCore::on_owner_recorded(std::uint64_t tag, bool is_known) {
  shard_->on_owner_recorded(tag, is_known);
}
void ShardCore::on_tunnel_failed(ConnId client) { shard_->on_tunnel_failed(client); }
void ShardCore::on_config(ConfigChange change) { shard_->on_config(std::move(change)); }
void ShardCore::on_timer() { shard_->on_timer(); }
void ShardCore::on_members(const cluster::Members& members) { shard_->on_members(members); }
void ShardCore::list_unlinked(std::vector<LinkInfo>& out) const { shard_->list_unlinked(out); }
void ShardCore::on_shutdown() { shard_->on_shutdown(); }
std::optional<Instant> ShardCore::next_deadline() const { return shard_->next_deadline(); }
std::uint64_t ShardCore::turn_ticket() const { return shard_->turn_ticket(); }
session::Outbox& ShardCore::outbox(ConnId conn) {
  Connection* found = shard_->find(conn);
  VMQ_EXPECT(found != nullptr);
  return found->outbox;
}
session::PiecesPool& ShardCore::pieces_pool() { return shard_->pieces(); }
void ShardCore::on_drained(ConnId conn) { shard_->on_drained(conn); }
bool ShardCore::turn_is_full() const { return shard_->turn_is_full(); }
std::uint8_t* ShardCore::read_buffer(std::size_t size) { return shard_->arena().allocate(size); }
void ShardCore::give_back(std::size_t unused) { shard_->arena().shrink(unused); }
void ShardCore::release_turn_memory() { shard_->release_turn_memory(); }
void ShardCore::check_invariants() const { shard_->check_invariants(); }

}  // namespace vmq::core
