// Writes batches as fast as the store takes them and prints the number of each batch that was
// reported durable, one a line, until it is killed. `store_crash_writer DIRECTORY FIRST
// always|interval|off`
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include "store/rocks/rocks_store.h"

namespace {

using namespace vmq;
using namespace vmq::store;

constexpr std::uint64_t batches_ahead_max = 50;

SyncMode mode_named(const char* name) {
  if (std::strcmp(name, "always") == 0) return SyncMode::Always;
  return std::strcmp(name, "interval") == 0 ? SyncMode::Interval : SyncMode::Off;
}

// A number has the same digits whatever its size, so that keys sort as numbers.
std::string digits(std::uint64_t number) {
  std::string text = std::to_string(number);
  return std::string(12 - text.size(), '0') + text;
}

void report(std::uint64_t number) {
  const std::string line = digits(number) + '\n';
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::_Exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::mutex mutex;
  std::condition_variable changed;
  bool is_woken = false;
  RocksOptions options;
  options.sync = mode_named(argv[3]);
  options.interval_ms = 5;
  options.memtable_bytes = 1u << 20;  // small, so that flushes and compactions are cut short too
  options.wake = [&](ShardId) {
    const std::lock_guard<std::mutex> lock(mutex);
    is_woken = true;
    changed.notify_one();
  };
  auto opened = open_rocks_store(argv[1], options);
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().text.c_str());
    return 1;
  }
  Store& store = **opened;
  const std::uint64_t first = std::strtoull(argv[2], nullptr, 10);
  Completions completions;
  Batch batch;
  for (std::uint64_t ticket = 1;; ++ticket) {
    const std::string name = digits(first + ticket);
    batch.put(Space::Journal, name, std::string(500, 'x'));
    batch.put(Space::Queue, name, "entry");
    batch.put(Space::Meta, "last", name);
    store.submit(ShardId{0}, std::move(batch), StoreTicket{ticket});
    const std::uint64_t before = completions.durable.value;
    store.poll(ShardId{0}, completions);
    while (completions.durable.value + batches_ahead_max < ticket) {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock, [&] { return is_woken; });
      is_woken = false;
      lock.unlock();
      store.poll(ShardId{0}, completions);
    }
    if (completions.durable.value > before) report(first + completions.durable.value);
  }
}
