// A core for the reactor's tests: it takes the place of the real one at link time and speaks a
// protocol of frames that a test can write by hand: | op u8 | size u32 big-endian | body |.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/shard_core.h"

namespace vmq::core {

struct ShardSetup {};
struct RecoveredShard {};

// What the fake has seen, and what it is told to do. Ops:
//   'e' echo the body
//   'p' pause, with the frame not taken
//   'k' answer the body, then close gracefully
//   'g' close after a goodbye
//   'a' abort
//   'h' hand over to shard 1 (frame not taken)
//   'r' repeat the body 64 times
class Shard {
 public:
  struct Conn {
    std::uint32_t incarnation = 0;
    bool is_open = false;
    bool is_released = false;  // paused frames are taken from now on
    session::Outbox outbox;
    ConnInfo info;  // for a hand-over
  };
  std::vector<Conn> conns;
  std::vector<std::string> frames;
  std::vector<CloseCause> closed;
  std::vector<std::string> peers;
  std::vector<std::string> users;
  std::size_t drained = 0;
  std::size_t turn_frames_max = ~std::size_t{0};
  std::size_t turn_frames = 0;
  bool in_turn = false;
  session::TurnArena arena;
  session::PiecesPool pool;
  Effects effects;

  ConnId id(std::uint32_t slot) const {
    return {(static_cast<std::uint64_t>(conns[slot].incarnation) << 32) | slot};
  }
  Taken take(ConnId conn, ByteView bytes);
  void send(ConnId conn, std::string_view bytes);
  // Lets the frames go on that 'p' has stopped.
  void release(ConnId conn);
};

}  // namespace vmq::core
