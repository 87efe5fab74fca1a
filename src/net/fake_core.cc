#include "net/fake_core.h"

#include <cstring>

#include "base/expect.h"

namespace vmq::core {

Taken Shard::take(ConnId conn, ByteView bytes) {
  constexpr std::size_t head = 5;
  Taken taken;
  while (bytes.size() - taken.consumed >= head) {
    const ByteView rest = bytes.subspan(taken.consumed);
    const std::size_t size = head + load_be32(rest.data() + 1);
    if (rest.size() < size) {
      taken.wanted = size;
      return taken;
    }
    const auto op = static_cast<char>(rest[0]);
    const std::string body(as_text(rest.subspan(head, size - head)));
    if (op == 'p' && !conns[conn.slot()].is_released) {
      taken.paused = true;
      return taken;
    }
    if (op == 'h') {
      effects.handovers.push_back({conn, 1, conns[conn.slot()].info});
      conns[conn.slot()].is_open = false;
      taken.paused = true;
      return taken;
    }
    ++turn_frames;
    frames.push_back(op + body);
    if (op == 'e' || op == 'k') send(conn, body);
    for (int i = 0; op == 'r' && i < 64; ++i) send(conn, body);
    if (op == 'k') effects.closes.push_back({conn, CloseHow::Flush});
    if (op == 'g') effects.closes.push_back({conn, CloseHow::Ended});
    if (op == 'a') effects.closes.push_back({conn, CloseHow::Abort});
    taken.consumed += size;
  }
  return taken;
}

void Shard::send(ConnId conn, std::string_view bytes) {
  std::uint8_t* to = arena.allocate(bytes.size());
  std::memcpy(to, bytes.data(), bytes.size());
  conns[conn.slot()].outbox.append(pool, to, bytes.size());
  effects.touched.push_back(conn);
}

void Shard::release(ConnId conn) {
  conns[conn.slot()].is_released = true;
  effects.resumes.push_back(conn);
}

ShardCore::ShardCore(const ShardSetup&, RecoveredShard) : shard_(std::make_unique<Shard>()) {}
ShardCore::~ShardCore() = default;

void ShardCore::begin_turn(Now) {
  VMQ_EXPECT(!shard_->in_turn);
  shard_->in_turn = true;
  shard_->turn_frames = 0;
}

void ShardCore::end_turn(Effects& out) {
  shard_->in_turn = false;
  std::swap(out, shard_->effects);
}

ConnId ShardCore::on_accepted(ConnInfo info) {
  VMQ_EXPECT(shard_->in_turn);
  shard_->users.push_back(info.user_name);
  shard_->peers.push_back(info.peer);
  std::uint32_t slot = 0;
  while (slot < shard_->conns.size() && shard_->conns[slot].is_open) ++slot;
  if (slot == shard_->conns.size()) shard_->conns.emplace_back();
  shard_->conns[slot].is_open = true;
  shard_->conns[slot].is_released = false;
  ++shard_->conns[slot].incarnation;
  shard_->conns[slot].info = std::move(info);
  shard_->conns[slot].info.is_moved = true;
  return shard_->id(slot);
}

Taken ShardCore::on_bytes(ConnId conn, ByteView bytes) {
  VMQ_EXPECT(shard_->in_turn);
  VMQ_EXPECT(shard_->id(conn.slot()) == conn);
  return shard_->take(conn, bytes);
}

void ShardCore::on_closed(ConnId conn, CloseCause cause) {
  VMQ_EXPECT(shard_->in_turn);
  Shard::Conn& state = shard_->conns[conn.slot()];
  if (!state.is_open || shard_->id(conn.slot()) != conn) return;
  state.is_open = false;
  state.outbox.clear(shard_->pool);
  shard_->closed.push_back(cause);
}

void ShardCore::on_drained(ConnId) { ++shard_->drained; }
bool ShardCore::turn_is_full() const { return shard_->turn_frames >= shard_->turn_frames_max; }
std::uint8_t* ShardCore::read_buffer(std::size_t size) { return shard_->arena.allocate(size); }
void ShardCore::give_back(std::size_t unused) { shard_->arena.shrink(unused); }

void ShardCore::release_turn_memory() { shard_->arena.reset(); }
session::Outbox& ShardCore::outbox(ConnId conn) { return shard_->conns[conn.slot()].outbox; }
session::PiecesPool& ShardCore::pieces_pool() { return shard_->pool; }

}  // namespace vmq::core
