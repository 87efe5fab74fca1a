// What a publish pays in the indexes and what a subscription weighs. `--filters=N` sets their size
// (a million by default); figures belong into src/topic/README.md.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "topic/retained_index.h"
#include "topic/subscription_index.h"

namespace vmq::topic {
namespace {

std::uint32_t filters_count = 1000000;

// Bytes that the allocator has given out, its own headers included.
std::size_t heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

std::string device(std::uint64_t number, std::string_view end) {
  std::string digits = std::to_string(number);
  return "devices/" + std::string(6 - std::min<std::size_t>(6, digits.size()), '0') + digits +
         std::string(end);
}

// Topics in random order, many enough that no cache holds what they lead to.
std::vector<std::string> random_topics(std::string_view end) {
  Rng rng(11);
  std::vector<std::string> topics;
  for (int i = 0; i < 1 << 16; ++i) topics.push_back(device(rng.below(filters_count), end));
  return topics;
}

Subscriber subscriber(std::uint32_t slot) {
  return {SessionHandle(ShardId{static_cast<std::uint8_t>(slot % 16)}, slot / 16), {.qos = 1}};
}

// An index of `filters_count` subscriptions to different filters.
struct Filled {
  explicit Filled(std::initializer_list<std::string_view> ends) {
    for (std::uint32_t i = 0; i < filters_count; ++i) {
      const std::string filter = device(i, ends.begin()[i % ends.size()]);
      index.subscribe({.mountpoint = {}, .filter = filter, .share_group = {}}, subscriber(i));
    }
    bytes_each = static_cast<double>(heap_bytes() - bytes_before) / filters_count;
  }

  std::size_t bytes_before = heap_bytes();
  EpochDomain domain;
  SubscriptionIndex index{domain, HashKey{42}};
  double bytes_each = 0;
};

Filled& exact() {
  static Filled filled({"/cmd"});
  return filled;
}
Filled& wildcard() {
  static Filled filled({"/+"});
  return filled;
}
Filled& mixed() {
  static Filled filled({"/cmd", "/+", "/#", "/+/set"});
  return filled;
}

void match(benchmark::State& state, Filled& filled, std::string_view end) {
  static std::vector<std::string> topics;
  if (state.thread_index() == 0) topics = random_topics(end);
  const ReaderId reader = filled.domain.register_reader();
  Matches matches;
  std::size_t next = static_cast<std::size_t>(state.thread_index()) * 7919;
  std::size_t found = 0;
  for (auto _ : state) {
    filled.index.match("", topics[next++ % topics.size()], matches);
    found += matches.plain.size();
    if (next % 64 == 0) filled.domain.quiescent(reader);
  }
  filled.domain.unregister_reader(reader);
  state.counters["found"] =
      benchmark::Counter(static_cast<double>(found), benchmark::Counter::kAvgIterations);
  state.counters["bytes_each"] =
      benchmark::Counter(filled.bytes_each, benchmark::Counter::kAvgThreads);
}

void match_exact(benchmark::State& state) { match(state, exact(), "/cmd"); }
void match_exact_miss(benchmark::State& state) { match(state, exact(), "/other"); }
void match_wildcard(benchmark::State& state) { match(state, wildcard(), "/cmd"); }
void match_mixed(benchmark::State& state) { match(state, mixed(), "/cmd"); }
BENCHMARK(match_exact)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(match_exact_miss);
BENCHMARK(match_wildcard)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(match_mixed);

void match_one_hot_topic(benchmark::State& state) {
  const std::string topic = device(filters_count / 2, "/cmd");
  Matches matches;
  for (auto _ : state) exact().index.match("", topic, matches);
}
BENCHMARK(match_one_hot_topic);

void match_fan_out(benchmark::State& state) {
  EpochDomain domain;
  SubscriptionIndex index(domain, HashKey{1});
  const auto count = static_cast<std::uint32_t>(state.range(0));
  for (std::uint32_t i = 0; i < count; ++i) {
    index.subscribe({.mountpoint = {}, .filter = "news/+", .share_group = {}}, subscriber(i));
  }
  Matches matches;
  for (auto _ : state) index.match("", "news/today", matches);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * count);
}
BENCHMARK(match_fan_out)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->Arg(100000);

// Subscribes to a filter nobody has, in a full index, and unsubscribes it again.
void subscribe_and_unsubscribe(benchmark::State& state, Filled& (*fill)(), std::string_view end) {
  Filled& filled = fill();
  Rng rng(3);
  for (auto _ : state) {
    const std::string filter = device(rng.below(filters_count), end);
    const SubscribeResult made = filled.index.subscribe(
        {.mountpoint = {}, .filter = filter, .share_group = {}}, subscriber(1));
    filled.index.unsubscribe(made.id, subscriber(1).handle());
  }
}
BENCHMARK_CAPTURE(subscribe_and_unsubscribe, exact, &exact, "/new");
BENCHMARK_CAPTURE(subscribe_and_unsubscribe, wildcard, &wildcard, "/new/+");

// One filter with a million subscribers: another one comes and goes.
void subscribe_to_crowded_filter(benchmark::State& state) {
  EpochDomain domain;
  SubscriptionIndex index(domain, HashKey{1});
  const FilterKey key{.mountpoint = {}, .filter = "all", .share_group = {}};
  const std::size_t before = heap_bytes();
  for (std::uint32_t i = 0; i < filters_count; ++i) index.subscribe(key, subscriber(i));
  domain.collect();
  const double bytes_each = static_cast<double>(heap_bytes() - before) / filters_count;
  Rng rng(5);
  for (auto _ : state) {
    const Subscriber one = subscriber(filters_count + static_cast<std::uint32_t>(rng.below(9999)));
    const SubscribeResult made = index.subscribe(key, one);
    index.unsubscribe(made.id, one.handle());
  }
  state.counters["bytes_each"] = bytes_each;
}
BENCHMARK(subscribe_to_crowded_filter);

// Building from nothing: the rate of a storm of subscriptions.
void subscribe_all(benchmark::State& state, std::string_view end) {
  for (auto _ : state) {
    const Filled filled({end});
    benchmark::DoNotOptimize(filled.index.generation());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * filters_count);
}
BENCHMARK_CAPTURE(subscribe_all, exact, "/cmd")->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK_CAPTURE(subscribe_all, wildcard, "/+")->Unit(benchmark::kMillisecond)->Iterations(1);

struct Retained {
  Retained() {
    const std::size_t before = heap_bytes();
    for (std::uint32_t i = 0; i < filters_count; ++i) put(i);
    bytes_each = static_cast<double>(heap_bytes() - before) / filters_count -
                 static_cast<double>(blob.size());
  }
  void put(std::uint32_t number) {
    index.put("", device(number, "/state"), as_bytes(blob), WallTime{});
  }

  const std::string blob = std::string(100, 'b');
  RetainedIndex index{HashKey{42}};
  double bytes_each = 0;
};

Retained& retained() {
  static Retained filled;
  return filled;
}

void retained_get(benchmark::State& state) {
  const std::vector<std::string> topics = random_topics("/state");
  const Retained& filled = retained();
  std::size_t next = 0, bytes = 0;
  for (auto _ : state) {
    filled.index.get("", topics[next++ % topics.size()],
                     [&](const RetainedView& view) { bytes += view.blob.size(); });
  }
  benchmark::DoNotOptimize(bytes);
  state.counters["bytes_each"] = filled.bytes_each;
}
BENCHMARK(retained_get);

void retained_replace(benchmark::State& state) {
  Rng rng(1);
  for (auto _ : state) retained().put(static_cast<std::uint32_t>(rng.below(filters_count)));
}
BENCHMARK(retained_replace);

void retained_put_and_erase(benchmark::State& state) {
  Rng rng(1);
  for (auto _ : state) {
    const std::string topic = device(rng.below(filters_count), "/new");
    retained().index.put("", topic, as_bytes(retained().blob), WallTime{});
    retained().index.erase("", topic);
  }
}
BENCHMARK(retained_put_and_erase);

void retained_scan(benchmark::State& state, std::string_view filter) {
  std::size_t found = 0;
  for (auto _ : state) {
    RetainedCursor cursor;
    while (!cursor.done()) {
      retained().index.scan("", filter, cursor, 1000, [&](const RetainedView&) { ++found; });
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(found));
}
BENCHMARK_CAPTURE(retained_scan, all, "#")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(retained_scan, one_of_each, "devices/+/state")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vmq::topic

int main(int argc, char** argv) {
  constexpr std::string_view option = "--filters=";
  if (argc > 1 && std::string_view(argv[1]).starts_with(option)) {
    vmq::topic::filters_count =
        static_cast<std::uint32_t>(std::strtoul(argv[1] + option.size(), nullptr, 10));
    argv[1] = argv[0];
    ++argv;
    --argc;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
