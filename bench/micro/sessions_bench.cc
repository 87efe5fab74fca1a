// What a client weighs in the core: a million sessions without sockets or a disk.
//
//     sessions_bench [COUNT]
//
// Every batch counts as durable at once and is thrown away, so what is measured is the core and the
// subscription index alone. Figures belong into docs/performance.md.
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/expect.h"
#include "core/recovery.h"
#include "core/shard.h"
#include "core/shard_core.h"
#include "core/state.h"
#include "store/memory_store.h"

namespace vmq::core {
namespace {

// Bytes that the allocator has given out, its own headers included.
std::size_t heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

std::vector<std::uint8_t> frame(std::uint8_t first, const std::vector<std::uint8_t>& body) {
  VMQ_EXPECT(body.size() < 128);
  std::vector<std::uint8_t> packet;
  packet.reserve(body.size() + 2);
  packet.push_back(first);
  packet.push_back(static_cast<std::uint8_t>(body.size()));
  packet.insert(packet.end(), body.begin(), body.end());
  return packet;
}

void put_text(std::vector<std::uint8_t>& to, const std::string& text) {
  to.push_back(0);
  to.push_back(static_cast<std::uint8_t>(text.size()));
  to.insert(to.end(), text.begin(), text.end());
}

std::string padded(std::uint32_t number) {
  const std::string digits = std::to_string(number);
  return std::string(7 - std::min<std::size_t>(7, digits.size()), '0') + digits;
}

std::vector<std::uint8_t> connect_packet(std::uint32_t number, bool clean) {
  std::vector<std::uint8_t> body;
  put_text(body, "MQTT");
  body.insert(body.end(), {4, static_cast<std::uint8_t>(clean ? 2 : 0), 1, 44});  // 300 s
  put_text(body, "device-" + padded(number));
  return frame(0x10, body);
}

std::vector<std::uint8_t> subscribe_packet(std::uint32_t number) {
  std::vector<std::uint8_t> body;
  body.reserve(64);
  body.push_back(0);
  body.push_back(1);
  put_text(body, "devices/" + padded(number) + "/cmd");
  body.push_back(1);
  return frame(0x82, body);
}

// One shard of a node whose disk is infinitely fast and empty.
class Node {
 public:
  Node() {
    config_.allow_anonymous = true;
    config_.systree.enabled = false;
    config_.listeners.emplace_back();
    store::MemoryStore store({.shards = 1,
                              .sync = store::SyncMode::Always,
                              .interval_steps = 1,
                              .retry_steps = 1,
                              .seed = 1,
                              .wake = {}});
    Rng rng(1);
    auto recovered = recover(store, retained_, 1, rng);
    VMQ_EXPECT(recovered.has_value());
    shared_ = std::make_unique<NodeShared>(
        NodeShared{std::make_shared<const config::Config>(config_), subscriptions_, retained_,
                   counters_, recovered->home_key, 0});
    core_ = std::make_unique<ShardCore>(
        ShardSetup{*shared_, 0, {}, {}, rng.split(), now_, recovered->first_ticket},
        std::move(recovered->shards[0]));
    reader_ = epochs_.register_reader();
  }
  ~Node() {
    core_.reset();
    epochs_.unregister_reader(reader_);
  }

  // Connects, and subscribes if asked to; the client has read all answers.
  ConnId join(std::uint32_t number, bool clean, bool subscribes) {
    ConnId conn;
    turn([&] {
      conn = core_->on_accepted({0, "10.123.45.67:54321", false});
      core_->on_bytes(conn, connect_packet(number, clean));
      if (subscribes) core_->on_bytes(conn, subscribe_packet(number));
    });
    turn([] {});  // what waited for the disk
    return conn;
  }
  void leave(ConnId conn) {
    turn([&] { core_->on_closed(conn, CloseCause::PeerClosed); });
  }
  void pass(Duration time) {
    now_.instant = now_.instant + time;
    now_.wall = now_.wall + time;
    while (core_->next_deadline() && *core_->next_deadline() <= now_.instant) {
      turn([&] { core_->on_timer(); });
    }
    turn([] {});
    epochs_.collect();
  }

 private:
  template <typename Inputs>
  void turn(Inputs inputs) {
    core_->begin_turn(now_);
    if (ticket_ != 0) core_->on_stored(ticket_);
    ticket_ = 0;
    for (const ConnId conn : closed_) core_->on_closed(conn, CloseCause::PeerClosed);
    closed_.clear();
    inputs();
    core_->end_turn(effects_);
    ticket_ = effects_.ticket;
    for (const ConnId conn : effects_.touched) core_->outbox(conn).clear(core_->pieces_pool());
    for (const Close& close : effects_.closes) closed_.push_back(close.conn);
    effects_ = {};
    core_->release_turn_memory();
    epochs_.quiescent(reader_);
  }

  config::Config config_;
  EpochDomain epochs_;
  topic::SubscriptionIndex subscriptions_{epochs_, HashKey{42}};
  topic::RetainedIndex retained_{HashKey{43}};
  std::vector<Counters> counters_{1};
  Now now_{{1000}, {1'700'000'000'000}};
  std::unique_ptr<NodeShared> shared_;
  std::unique_ptr<ShardCore> core_;
  ReaderId reader_;
  Effects effects_;
  std::uint64_t ticket_ = 0;
  std::vector<ConnId> closed_;
};

class Clock {
 public:
  double microseconds() const {
    const auto passed = std::chrono::steady_clock::now() - began_;
    return std::chrono::duration<double, std::micro>(passed).count();
  }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

void measure(const char* what, std::uint32_t count, bool clean, bool subscribes, bool online) {
  Node node;
  const std::size_t before = heap_bytes();
  const Clock clock;
  std::vector<ConnId> conns;
  conns.reserve(count);
  const std::size_t own = conns.capacity() * sizeof(ConnId);
  for (std::uint32_t i = 0; i < count; ++i) {
    conns.push_back(node.join(i, clean, subscribes));
    if (!online) node.leave(conns.back());
  }
  const double took = clock.microseconds() / count;
  node.pass(seconds(120));  // connect timers are over
  const auto each = static_cast<double>(heap_bytes() - own - before) / count;
  const Clock leaving;
  for (std::uint32_t i = 0; online && i < count; ++i) node.leave(conns[i]);
  node.pass(seconds(1));
  const double gone = leaving.microseconds() / count;
  const auto left = static_cast<double>(heap_bytes() - own - before) / count;
  std::printf("%-46s %8u %8.0f B each  %6.2f us to come", what, count, each, took);
  if (online) std::printf("  %6.2f us to go  %4.0f B left", gone, left);
  std::printf("\n");
}

}  // namespace
}  // namespace vmq::core

int main(int argc, char** argv) {
  using vmq::core::measure;
  const int wanted = argc > 1 ? std::atoi(argv[1]) : 1'000'000;
  if (wanted <= 0) return 2;
  const auto count = static_cast<std::uint32_t>(wanted);
  std::printf("sizeof: Connection %zu, Session %zu, DurableState %zu\n",
              sizeof(vmq::core::Connection), sizeof(vmq::core::Session),
              sizeof(vmq::core::DurableState));
  measure("online, clean", count, true, false, true);
  measure("online, clean, a subscription", count, true, true, true);
  measure("offline, durable", count, false, false, false);
  measure("offline, durable, a subscription", count, false, true, false);
  return 0;
}
