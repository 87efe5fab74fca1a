#include "node/meter.h"

#include <sys/resource.h>

#include <algorithm>
#include <thread>

namespace vmq::node {
namespace {

using core::NodeValue;

std::uint64_t milliseconds_of(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1000 +
         static_cast<std::uint64_t>(time.tv_usec) / 1000;
}

}  // namespace

void Meter::note_store(const store::StoreHealth& health) {
  values_.set(NodeValue::StoreWritable, health.writable ? 1 : 0);
  values_.set(NodeValue::StoreCongested, health.congested ? 1 : 0);
  values_.set(NodeValue::StoreBytesOnDisk, health.bytes_on_disk);
  values_.set(NodeValue::StoreBytesPending, health.bytes_pending);
  values_.set(NodeValue::StoreBatches, health.batches);
  values_.set(NodeValue::StoreWrites, health.writes);
  values_.set(NodeValue::StoreSyncs, health.syncs);
  values_.set(NodeValue::StoreWriteErrors, health.write_errors);
  values_.set(NodeValue::StoreReadErrors, health.read_errors);
}

void Meter::note_sockets(const std::vector<std::unique_ptr<ShardThread>>& shards) {
  const auto sum = [&](const Counter net::SocketCounters::*which) {
    std::uint64_t total = 0;
    for (const auto& shard : shards) total += (shard->socket_counters().*which).value();
    return total;
  };
  values_.set(NodeValue::AcceptRefused, sum(&net::SocketCounters::accept_refused));
  values_.set(NodeValue::AcceptPaused, sum(&net::SocketCounters::accept_paused));
  values_.set(NodeValue::LingerCut, sum(&net::SocketCounters::linger_cut));
  values_.set(NodeValue::ReadsStalled, sum(&net::SocketCounters::reads_stalled));
  values_.set(NodeValue::HandedOver, sum(&net::SocketCounters::handed_over));
  std::uint64_t overloaded = 0;
  for (const auto& shard : shards) overloaded += shard->is_overloaded() ? 1 : 0;
  values_.set(NodeValue::OverloadedShards, overloaded);
  values_.set(NodeValue::HandshakesDone, sum(&net::SocketCounters::handshakes));
  values_.set(NodeValue::HandshakesResumed, sum(&net::SocketCounters::handshakes_resumed));
  values_.set(NodeValue::OpeningsFailed, sum(&net::SocketCounters::openings_failed));
  values_.set(NodeValue::OpeningsCut, sum(&net::SocketCounters::openings_cut));
}

void Meter::note_hasher(const Hasher& hasher) {
  values_.set(NodeValue::PasswordHashes, hasher.hashed());
  values_.set(NodeValue::PasswordsDropped, hasher.dropped());
}

void Meter::note_process(std::uint64_t memory_used) {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return;
  const std::uint64_t cpu_ms = milliseconds_of(usage.ru_utime) + milliseconds_of(usage.ru_stime);
  const auto wall = std::chrono::steady_clock::now() - started_;
  const auto wall_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(wall).count());
  values_.set(NodeValue::VmMemoryTotal, memory_used);
  values_.set(NodeValue::SystemRuntime, cpu_ms);
  values_.set(NodeValue::SystemWallclock, wall_ms);
  values_.set(NodeValue::SystemContextSwitches,
              static_cast<std::uint64_t>(usage.ru_nvcsw + usage.ru_nivcsw));
  if (wall_ms <= wall_ms_) return;
  const std::uint64_t cores = std::max(1u, std::thread::hardware_concurrency());
  const std::uint64_t used = (cpu_ms - std::min(cpu_ms, cpu_ms_)) * 100;
  values_.set(NodeValue::SystemUtilization,
              std::min<std::uint64_t>(100, used / ((wall_ms - wall_ms_) * cores)));
  cpu_ms_ = cpu_ms;
  wall_ms_ = wall_ms;
}

}  // namespace vmq::node
