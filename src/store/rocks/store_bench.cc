// What a commit costs: CPU of the whole process and wall time for each batch, beside the disk's own
// fsync rate. `store_bench DIRECTORY [SECONDS a row]`; the numbers stand in src/store/README.md.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>

#include "store/rocks/rocks_store.h"

namespace {

using namespace vmq;
using namespace vmq::store;
using Clock = std::chrono::steady_clock;

double cpu_us() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

long rss_kib() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  long pages = 0;
  if (file == nullptr || std::fscanf(file, "%*d %ld", &pages) != 1) return 0;
  std::fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

struct Shape {
  const char* name;
  int records;
  std::size_t bytes;
};

class Waiter {
 public:
  Wake wake() {
    return [this](ShardId) {
      const std::lock_guard<std::mutex> lock(mutex_);
      is_woken_ = true;
      changed_.notify_one();
    };
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return is_woken_; });
    is_woken_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_woken_ = false;
};

struct Cost {
  double batches = 0;
  double wall_us = 0;
  double cpu_us = 0;
  double writes = 0;
};

// Submits as fast as at most `ahead` unanswered batches allow. Every record is erased 1000 batches
// later, as a journal's are.
Cost run(Store& store, Waiter& waiter, const Shape& shape, std::uint64_t ahead, double seconds) {
  static std::uint64_t ticket = 0;
  static std::uint64_t durable = 0;
  ticket = durable = store.health().batches;
  const std::uint64_t first = ticket;
  const std::string value(shape.bytes, 'x');
  const double writes = static_cast<double>(store.health().writes);
  Completions completions;
  Batch batch;
  std::uint8_t key[12];
  const auto each_key = [&](std::uint64_t of, const auto& use) {
    for (int i = 0; i < shape.records; ++i) {
      store_be64(key, of);
      store_be32(key + 8, static_cast<std::uint32_t>(i));
      use(ByteView(key));
    }
  };
  const Clock::time_point start = Clock::now();
  const double cpu = cpu_us();
  const auto deadline = start + std::chrono::duration<double>(seconds);
  const auto await = [&](std::uint64_t until) {
    for (store.poll(ShardId{0}, completions); completions.durable.value < until;
         store.poll(ShardId{0}, completions)) {
      waiter.wait();
    }
    durable = completions.durable.value;
  };
  while (Clock::now() < deadline) {
    ++ticket;
    each_key(ticket, [&](ByteView at) { batch.put(Space::Journal, at, value); });
    if (ticket > first + 1000) {
      each_key(ticket - 1000, [&](ByteView at) { batch.erase(Space::Journal, at); });
    }
    store.submit(ShardId{0}, std::move(batch), StoreTicket{ticket});
    if (ticket - durable >= ahead) await(ticket - ahead + 1);
  }
  await(ticket);
  Cost row;
  row.batches = static_cast<double>(ticket - first);
  row.cpu_us = cpu_us() - cpu;
  row.wall_us = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
  row.writes = static_cast<double>(store.health().writes) - writes;
  return row;
}

void raw_syncs(const std::string& directory, std::size_t bytes, double seconds) {
  const std::string name = directory + "/raw";
  const int file = ::open(name.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_TRUNC, 0600);
  if (file < 0) std::exit(1);
  const std::string block(bytes, 'x');
  const double cpu = cpu_us();
  const Clock::time_point start = Clock::now();
  double count = 0;
  while (Clock::now() < start + std::chrono::duration<double>(seconds)) {
    if (::write(file, block.data(), block.size()) < 0 || ::fdatasync(file) != 0) std::exit(1);
    ++count;
  }
  const double wall = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
  std::printf("| write + fdatasync | %zu B | 1 | %.0f | %.1f | %.1f | |\n", bytes,
              count / wall * 1e6, wall / count, (cpu_us() - cpu) / count);
  ::close(file);
  ::unlink(name.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::string directory = argv[1];
  const double seconds = argc > 2 ? std::atof(argv[2]) : 2;
  const Shape shapes[] = {{"1 x 256 B", 1, 256},
                          {"10 x 256 B", 10, 256},
                          {"100 x 256 B", 100, 256},
                          {"1 x 4 KiB", 1, 4 << 10},
                          {"1 x 64 KiB", 1, 64 << 10}};
  std::printf(
      "| sync | batch | ahead | batches/s | wall us/batch | CPU us/batch | batches/write |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n");
  for (const std::size_t bytes : {std::size_t{300}, std::size_t{4096}, std::size_t{65536}}) {
    raw_syncs(directory, bytes, seconds);
  }
  const long rss_before = rss_kib();
  for (const SyncMode sync : {SyncMode::Always, SyncMode::Off}) {
    const std::string path = directory + "/store";
    std::filesystem::remove_all(path);
    Waiter waiter;
    auto opened = open_rocks_store(path, {.sync = sync, .wake = waiter.wake()});
    if (!opened) {
      std::fprintf(stderr, "%s\n", opened.error().text.c_str());
      return 1;
    }
    if (sync == SyncMode::Always) {
      std::fprintf(stderr, "resident after open: +%ld KiB\n", rss_kib() - rss_before);
    }
    for (const Shape& shape : shapes) {
      for (const std::uint64_t ahead : {std::uint64_t{1}, std::uint64_t{64}}) {
        const Cost row = run(**opened, waiter, shape, ahead, seconds);
        std::printf("| %s | %s | %d | %.0f | %.1f | %.1f | %.1f |\n",
                    sync == SyncMode::Always ? "always" : "off", shape.name,
                    static_cast<int>(ahead), row.batches / row.wall_us * 1e6,
                    row.wall_us / row.batches, row.cpu_us / row.batches, row.batches / row.writes);
        std::fflush(stdout);
      }
    }
    std::fprintf(stderr, "resident after the rows: +%ld KiB\n", rss_kib() - rss_before);
    opened->reset();
    std::filesystem::remove_all(path);
  }
}
