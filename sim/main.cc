// vmq-sim: replays a seed, tries fresh ones, or runs the fixed smoke set. See sim/README.md.
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

#include "sim/world.h"

namespace {

using vmq::sim::World;
using vmq::sim::WorldReport;

constexpr std::uint64_t smoke_seeds = 300;

struct Options {
  std::uint64_t seed = 0;
  bool has_seed = false;
  bool is_short = false;
  bool is_smoke = false;
  long seconds = 10;
};

// A broken invariant of the broker ends the process: the seed must be known then.
char abort_line[96];

void on_abort(int) {
  const ssize_t written = write(STDERR_FILENO, abort_line, std::strlen(abort_line));
  _exit(written > 0 ? 1 : 2);
}

void print_line(std::uint64_t& line, const std::string& who, const char* what,
                const std::string& details) {
  std::printf("%7llu %14s  %-12s %s\n", static_cast<unsigned long long>(++line), who.c_str(), what,
              details.c_str());
}

WorldReport run(std::uint64_t seed, bool is_short) {
  std::snprintf(abort_line, sizeof abort_line, "seed %llu aborted; repeat: ./dev sim %llu\n",
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed));
  std::uint64_t line = 0;
  vmq::sim::Trace trace;
  if (is_short) {
    trace = [&line](const std::string& who, const char* what, const std::string& details) {
      print_line(line, who, what, details);
    };
  }
  World world(seed, trace);
  if (is_short) std::printf("%s\n", world.describe().c_str());
  return world.run();
}

int report(std::uint64_t seed, const WorldReport& result) {
  std::printf(
      "seed %llu: publishes %llu, deliveries %llu, owed %llu, crashes %llu, digest %016llx\n",
      static_cast<unsigned long long>(seed), static_cast<unsigned long long>(result.publishes),
      static_cast<unsigned long long>(result.deliveries),
      static_cast<unsigned long long>(result.owed_checked),
      static_cast<unsigned long long>(result.crashes),
      static_cast<unsigned long long>(result.digest));
  if (result.failure.empty()) return 0;
  std::printf("FAILED %s\nrepeat: ./dev sim %llu --short\n", result.failure.c_str(),
              static_cast<unsigned long long>(seed));
  return 1;
}

int smoke() {
  WorldReport sum;
  for (std::uint64_t seed = 1; seed <= smoke_seeds; ++seed) {
    const WorldReport first = run(seed, false);
    if (!first.failure.empty()) return report(seed, first);
    const WorldReport again = run(seed, false);
    if (first.digest != again.digest) {
      std::printf("FAILED unseed: seed %llu differs from itself\n",
                  static_cast<unsigned long long>(seed));
      return 1;
    }
    sum.publishes += first.publishes;
    sum.deliveries += first.deliveries;
    sum.owed_checked += first.owed_checked;
    sum.crashes += first.crashes;
    sum.digest ^= first.digest;
  }
  return report(smoke_seeds, sum);
}

int fresh(long seconds) {
  std::random_device chance;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  std::uint64_t worlds = 0;
  while (std::chrono::steady_clock::now() < end) {
    const std::uint64_t seed = chance();
    const WorldReport result = run(seed, false);
    ++worlds;
    if (!result.failure.empty()) return report(seed, result);
  }
  std::printf("%llu seeds, no promise broken\n", static_cast<unsigned long long>(worlds));
  return 0;
}

int usage() {
  std::fputs(
      "vmq-sim SEED [--short]   replay one seed; --short prints one line a state change\n"
      "vmq-sim --seconds N      fresh seeds for N seconds (10), or until one fails\n"
      "vmq-sim --smoke          the fixed seeds, each twice\n",
      stderr);
  return 2;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    char* end = nullptr;
    if (word == "--short") {
      options.is_short = true;
    } else if (word == "--smoke") {
      options.is_smoke = true;
    } else if (word == "--seconds" && i + 1 < argc) {
      options.seconds = std::strtol(argv[++i], &end, 10);
      if (*end != '\0') return false;
    } else {
      options.seed = std::strtoull(argv[i], &end, 10);
      options.has_seed = true;
      if (*end != '\0' || word.empty()) return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) return usage();
  std::signal(SIGABRT, on_abort);
  if (options.has_seed) return report(options.seed, run(options.seed, options.is_short));
  return options.is_smoke ? smoke() : fresh(options.seconds);
}
