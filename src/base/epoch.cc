#include "base/epoch.h"

#include <algorithm>

#include "base/expect.h"

namespace vmq {

EpochDomain::~EpochDomain() {
  for (const Retired& retired : pending_) retired.free(retired.object);
}

ReaderId EpochDomain::register_reader() {
  ReaderId reader;
  {
    const WriterGuard guard(lock_);
    const auto slot = std::find(taken_.begin(), taken_.end(), false);
    VMQ_EXPECT(slot != taken_.end());
    *slot = true;
    reader.value = static_cast<std::uint16_t>(slot - taken_.begin());
    // A slot counts before it is online: whoever scans afterwards cannot overlook it.
    noted(reader).store(is_offline, std::memory_order_relaxed);
    const std::size_t count = std::max<std::size_t>(readers_count_.load(), reader.value + 1u);
    readers_count_.store(count);
  }
  online(reader);
  return reader;
}

void EpochDomain::unregister_reader(ReaderId reader) {
  const WriterGuard guard(lock_);
  VMQ_EXPECT(taken_[reader.value]);
  offline(reader);
  taken_[reader.value] = false;
}

// The store and the load that follows are sequentially consistent, as are stamp()'s increment and
// the scan that follows it. So either the scan sees this reader online with an old epoch and keeps
// the object, or the load sees the new epoch and with it the unlinking.
void EpochDomain::online(ReaderId reader) {
  noted(reader).store(epoch_.load(std::memory_order_acquire), std::memory_order_seq_cst);
  static_cast<void>(epoch_.load(std::memory_order_seq_cst));
}

std::uint64_t EpochDomain::stamp() { return epoch_.fetch_add(1, std::memory_order_seq_cst) + 1; }

void EpochDomain::retire(void* object, void (*free)(void*)) {
  const WriterGuard guard(lock_);
  pending_.push_back({object, free, stamp()});
  if (pending_.size() >= collect_at_) collect_locked();
}

void EpochDomain::collect() {
  const WriterGuard guard(lock_);
  collect_locked();
}

std::size_t EpochDomain::pending() const {
  const WriterGuard guard(lock_);
  return pending_.size();
}

std::uint64_t EpochDomain::epoch_seen_by_all() const {
  std::uint64_t lowest = epoch_.load(std::memory_order_seq_cst);
  const std::size_t count = readers_count_.load(std::memory_order_seq_cst);
  for (std::size_t i = 0; i < count; ++i) {
    lowest = std::min(lowest, readers_[i].noted.load(std::memory_order_seq_cst));
  }
  return lowest;
}

// The next collection waits until as much again is pending: a reader in a long turn must not make
// every retire() scan in vain.
void EpochDomain::collect_locked() {
  const std::uint64_t seen = epoch_seen_by_all();
  while (!pending_.empty() && pending_.front().stamp <= seen) {
    const Retired retired = pending_.front();
    pending_.pop_front();
    retired.free(retired.object);
  }
  collect_at_ = std::max(collect_every, pending_.size() * 2);
}

}  // namespace vmq
