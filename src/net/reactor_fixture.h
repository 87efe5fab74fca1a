// For the reactor's tests: a reactor over real sockets, driven turn by turn as a shard does it,
// with the core of fake_core.h behind it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/fake_core.h"
#include "net/reactor.h"

namespace vmq::net {

inline std::string frame(char op, std::string_view body) {
  std::string text(5, op);
  store_be32(reinterpret_cast<std::uint8_t*>(text.data()) + 1,
             static_cast<std::uint32_t>(body.size()));
  return text.append(body);
}

class ReactorFixture : public ::testing::Test {
 protected:
  void listen(ListenerSpec spec, std::shared_ptr<const Transport> transport = {},
              ReactorLimits limits = {}) {
    spec.address = "127.0.0.1";
    auto opened = open_listener(spec, 1);
    ASSERT_TRUE(opened) << opened.error();
    reactor_.reset();
    listener_ = std::move(*opened);
    listener_.shared->transport = std::move(transport);
    reactor_ = std::make_unique<Reactor>(
        core_, waker_, counters_, socket_counters_, limits,
        [this](const Trouble& trouble) {
          troubles_.push_back(std::string(trouble.event) + ": " + std::string(trouble.reason));
        },
        link_events_);
    reactor_->listen(std::move(listener_.sockets[0]));
  }

  // One turn as a shard does it.
  void turn(int timeout_ms = 0) {
    reactor_->wait(timeout_ms);
    do {
      ++turns_;
      core_.begin_turn({now_, {}});
      for (MovedSocket& moved : to_adopt_) reactor_->adopt(std::move(moved));
      to_adopt_.clear();
      reactor_->offer_ready(now_);
      core::Effects effects;
      core_.end_turn(effects);
      reactor_->write(effects.touched);
      reactor_->close(effects.closes);
      for (core::Handover& handover : effects.handovers) {
        if (auto moved = reactor_->release(handover)) to_adopt_.push_back(std::move(*moved));
      }
      reactor_->resume(effects.resumes);
      core_.release_turn_memory();
    } while (reactor_->has_ready());
  }
  // Turns until it is so. A turn waits for a few ms at most, so what never becomes so ends.
  template <typename Condition>
  bool until(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      turn(5);
    }
    return condition();
  }
  core::Shard& fake() { return core_.shard(); }
  const SocketAddress& address() const { return listener_.address; }

  core::ShardCore core_{core::ShardSetup{}, core::RecoveredShard{}};
  Waker waker_;
  core::Counters counters_;
  SocketCounters socket_counters_;
  std::vector<std::string> troubles_;  // "event: reason"
  LinkEvents link_events_;
  OpenedListener listener_;
  std::unique_ptr<Reactor> reactor_;
  std::vector<MovedSocket> to_adopt_;
  Instant now_{1000};
  std::size_t turns_ = 0;
};

}  // namespace vmq::net
