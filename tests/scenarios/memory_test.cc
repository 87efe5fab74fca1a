// What must not grow, and what must end though clocks differ.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "session/outbox.h"
#include "tests/scenarios/stage.h"

namespace vmq::sim {
namespace {

class Memory : public Stage {};

TEST_F(Memory, a_client_that_comes_and_goes_leaves_few_timers) {
  Client& restless = client("restless");
  for (int i = 0; i < 6000; ++i) {
    mqtt::ConnectView fields = restless.connect_fields();
    fields.clean_start = false;
    fields.keep_alive = 65535;
    fields.session_expiry_interval = 100'000'000;
    restless.connect(*node, fields);
    run();
    restless.cut();
    run();
  }
  EXPECT_EQ(restless.connack, mqtt::ReasonCode::Success);
  // Two connection timers each would make 12,000.
  EXPECT_LT(node->shard(0).timers_.size(), 4200u);
}

TEST_F(Memory, a_session_ends_though_the_wall_clock_lags_behind) {
  Client& leaver = client("leaver");
  join(leaver, true);
  leaver.cut();
  run();
  // An hour by the clock that timers run by, a little less by the one that sessions count by.
  now.instant = now.instant + seconds(3600);
  now.wall = now.wall + milliseconds(3'599'500);
  run();
  pass(seconds(1));
  join(leaver);
  EXPECT_FALSE(leaver.session_present);
}

TEST_F(Memory, a_session_whose_expiry_was_shortened_ends_in_time) {
  Client& leaver = client("leaver");
  for (const std::uint32_t expiry : {100'000u, 10u}) {
    mqtt::ConnectView fields = leaver.connect_fields();
    fields.clean_start = false;
    fields.session_expiry_interval = expiry;
    leaver.connect(*node, fields);
    run();
    leaver.cut();
    run();
  }
  pass(seconds(11));
  EXPECT_EQ(node->shard(0).clients_.size(), 0u);
}

TEST(Outbox, small_pieces_that_are_kept_turn_after_turn_become_few_blocks) {
  session::PiecesPool pool;
  session::TurnArena arena;
  session::Outbox outbox;
  std::string expected;
  for (int turn = 0; turn < 3000; ++turn) {
    const std::string text = std::to_string(turn);
    std::uint8_t* to = arena.allocate(text.size());
    std::copy(text.begin(), text.end(), to);
    outbox.append(pool, to, text.size());
    expected += text;
    outbox.keep();
    arena.reset();
    if (turn == 1000) {
      outbox.consume(pool, 100);
      expected.erase(0, 100);
    }
  }
  EXPECT_LE(outbox.piece_count(), 12u);
  std::string kept;
  for (std::size_t i = 0; i < outbox.piece_count(); ++i) {
    const session::Piece& piece = outbox.piece(i);
    kept.append(piece.data, piece.data + piece.size);
  }
  EXPECT_EQ(kept, expected);
}

}  // namespace
}  // namespace vmq::sim
