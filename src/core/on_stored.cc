// The disk has caught up: what waited for it may go.
#include "base/expect.h"
#include "core/node_record.h"
#include "core/shard.h"

namespace vmq::core {

void Shard::on_stored(std::uint64_t ticket) {
  if (ticket <= durable_ticket_) return;
  durable_ticket_ = ticket;
  for (const auto& stream : in_streams_) send_answers(*stream);
  release_awaited();
  while (!waiting_.empty() && waiting_.front().ticket <= durable_ticket_) {
    const Waiting waiting = waiting_.front();
    waiting_.pop_front();
    Session* session =
        waiting.session < sessions_.size() ? sessions_[waiting.session].get() : nullptr;
    if (session == nullptr || session->created_generation != waiting.generation) continue;
    session->is_waiting_for_disk = false;
    pump(*session);
  }
  confirm_durable();
}

// Whether its frame is where it must be before the publisher is answered.
bool Shard::has_answered(const Awaited& awaited) {
  if (awaited.member == cluster::no_member) return awaited.number <= peers_[awaited.shard].settled;
  const OutStream* stream = out_stream(awaited.member);
  if (stream == nullptr || awaited.number <= stream->confirmed) return true;
  return awaited.number <= stream->kept_number && stream->kept_ticket <= durable_ticket_;
}

void Shard::release_awaited() {
  while (!awaited_.empty() && has_answered(awaited_.front())) {
    awaited_.pop_front();
    ++awaited_confirmed_;
  }
  release_held();
}

// Sends what waited for our batches and for the confirmations of other shards and members.
void Shard::release_held() {
  while (!held_.empty() && held_.front().ticket <= durable_ticket_ &&
         held_.front().awaited <= awaited_confirmed_) {
    const Held held = std::move(held_.front());
    held_.pop_front();
    if (held.http != 0) {
      answer_http(held.http, HttpOutcome::Published);
      continue;
    }
    Connection* conn = find(held.conn);
    if (conn == nullptr) continue;
    if (--conn->held == limits_.held_max / 2) resume(held.conn.slot());
    if (held.completes_inbound && conn->inbound_open > 0) --conn->inbound_open;
    if (conn->phase == Connection::Phase::Closing) continue;
    const std::uint32_t slot = held.conn.slot();
    std::copy(held.bytes.begin(), held.bytes.end(), reserve(slot, held.bytes.size()));
  }
}

void Shard::on_store_health(bool writable, bool congested) {
  store_writable_ = writable;
  store_congested_ = congested;
  if (congested) return;
  for (ConnId id : congested_) {
    if (find(id) != nullptr) resume(id.slot());
  }
  congested_.clear();
}

void Shard::on_memory(bool is_short) {
  is_memory_short_ = is_short;
  if (is_short) journal_.forget_recent();
}

void Shard::on_load(bool is_overloaded) { is_overloaded_ = is_overloaded; }
void Shard::on_lease(bool is_held) { is_lease_held_ = is_held; }

// The numbers of the links between shards, kept when the journal turns that held them go.
void Shard::save_links() {
  std::uint64_t sum = 0;
  for (const Peer& peer : peers_) sum += peer.next_number + peer.applied;
  if (sum == saved_links_) return;
  saved_links_ = sum;
  std::vector<std::uint8_t> value;
  std::vector<LinkNumbers> links;
  for (const Peer& peer : peers_) links.push_back({peer.next_number, peer.applied});
  write_links_record(links, value);
  effects_.batch.put(store::Space::Meta, links_key(shard_), value);
}

}  // namespace vmq::core
