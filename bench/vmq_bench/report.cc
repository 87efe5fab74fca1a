#include "bench/vmq_bench/report.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

namespace vmq::bench {
namespace {

double us(std::uint64_t ns) { return static_cast<double>(ns) / 1000.0; }

double per(double amount, std::uint64_t count) {
  return count == 0 ? 0.0 : amount / static_cast<double>(count);
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string json_percentiles(const Percentiles& p) {
  return fmt::format(R"({{"count":{},"p50_us":{:.1f},"p90_us":{:.1f},"p99_us":{:.1f},)"
                     R"("p999_us":{:.1f},"max_us":{:.1f}}})",
                     p.count, p.p50_us, p.p90_us, p.p99_us, p.p999_us, p.max_us);
}

std::string json_phase(const Phase& phase) {
  std::string out = fmt::format(
      R"({{"name":{},"unit":{},"count":{},"windows":{:.2f},"seconds":{:.6f},"per_second":{:.1f},)"
      R"("client_cpu_us_per_unit":{:.4f})",
      json_text(phase.name), json_text(phase.unit), phase.count, phase.windows, phase.seconds,
      phase.seconds > 0 ? static_cast<double>(phase.count) / phase.seconds : 0.0,
      per(phase.client_cpu_s * 1e6, phase.count));
  if (phase.broker_cpu_s) {
    out += fmt::format(R"(,"broker_cpu_s":{:.6f},"broker_cpu_us_per_unit":{:.4f},)"
                       R"("rss_before_kib":{},"rss_after_kib":{})",
                       *phase.broker_cpu_s, per(*phase.broker_cpu_s * 1e6, phase.count),
                       phase.rss_before_kib, phase.rss_after_kib);
  }
  if (phase.latency.count > 0) out += R"(,"latency":)" + json_percentiles(phase.latency);
  if (phase.ack_latency.count > 0)
    out += R"(,"ack_latency":)" + json_percentiles(phase.ack_latency);
  if (phase.connect_latency.count > 0) {
    out += R"(,"connect_latency":)" + json_percentiles(phase.connect_latency);
  }
  return out + "}";
}

std::string json_options(const Options& o) {
  return fmt::format(
      R"({{"publishers":{},"subscribers":{},"qos":{},"mqtt":{},"payload_bytes":{},"rate":{},)"
      R"("inflight":{},"ahead":{},"threads":{},"durable":{},"filters":{},"cores":{}}})",
      o.publishers, o.subscribers, o.qos, o.version, o.payload_bytes, o.rate, o.inflight, o.ahead,
      o.threads, o.durable, o.filters, sysconf(_SC_NPROCESSORS_ONLN));
}

std::string json_report(const Options& options, const Report& r) {
  std::string phases;
  for (const Phase& phase : r.phases) phases += (phases.empty() ? "" : ",") + json_phase(phase);
  return fmt::format(
      R"({{"tool":"vmq-bench","scenario":{},"options":{},"phases":[{}],"sent":{},"acked":{},)"
      R"("expected":{},"delivered":{},"lost":{},"duplicates":{},"reordered":{},"redelivered":{},)"
      R"("repeated":{},"refused":{},"foreign":{},"malformed":{},"disconnects":{},)"
      R"("connect_failed":{},"sessions_present":{},"stalls":{},"failure":{},"exit_code":{}}})",
      json_text(options.scenario_name), json_options(options), phases, r.sent, r.acked,
      r.account.expected, r.delivered, r.account.lost, r.account.duplicates, r.account.reordered,
      r.redelivered, r.repeated, r.refused, r.foreign, r.malformed, r.disconnects, r.connect_failed,
      r.sessions_present, r.stalls, json_text(r.failure), exit_code(options, r));
}

void print_percentiles(const char* what, const Percentiles& p) {
  if (p.count == 0) return;
  fmt::print("    {:<16} p50 {:.0f}  p90 {:.0f}  p99 {:.0f}  p99.9 {:.0f}  max {:.0f} us\n", what,
             p.p50_us, p.p90_us, p.p99_us, p.p999_us, p.max_us);
}

}  // namespace

Percentiles percentiles_of(const Histogram& histogram) {
  return {histogram.count(),
          us(histogram.percentile_ns(0.50)),
          us(histogram.percentile_ns(0.90)),
          us(histogram.percentile_ns(0.99)),
          us(histogram.percentile_ns(0.999)),
          us(histogram.max_ns())};
}

int exit_code(const Options& options, const Report& r) {
  if (!r.failure.empty() || r.disconnects > 0 || r.connect_failed > 0 || r.malformed > 0) return 3;
  const bool wrong = r.account.lost + r.account.duplicates + r.account.reordered > 0 ||
                     r.refused > 0 || r.foreign > 0;
  return wrong && options.qos > 0 ? 1 : 0;
}

void print_report(const Options& options, const Report& r) {
  fmt::print("{} {}:{} QoS {} MQTT {} {} B, {} load thread(s), {} core(s) shared with the broker\n",
             options.scenario_name, options.publishers, options.subscribers, options.qos,
             options.version, options.payload_bytes, options.threads,
             sysconf(_SC_NPROCESSORS_ONLN));
  for (const Phase& phase : r.phases) {
    fmt::print("  {:<10} {} {} in {:.3f} s = {:.0f}/s; client CPU {:.3f} us each", phase.name,
               phase.count, phase.unit, phase.seconds,
               phase.seconds > 0 ? static_cast<double>(phase.count) / phase.seconds : 0.0,
               per(phase.client_cpu_s * 1e6, phase.count));
    if (phase.broker_cpu_s) {
      fmt::print("; broker CPU {:.3f} us each, memory {} -> {} KiB",
                 per(*phase.broker_cpu_s * 1e6, phase.count), phase.rss_before_kib,
                 phase.rss_after_kib);
    }
    fmt::print("\n");
    if (phase.windows > 0 && phase.windows < 1) {
      fmt::print("    no steady state: only {:.0f} % of what can be under way at once came\n",
                 phase.windows * 100);
    }
    print_percentiles("latency", phase.latency);
    print_percentiles("acknowledgement", phase.ack_latency);
    print_percentiles("connect", phase.connect_latency);
  }
  fmt::print("  sent {} acked {} expected {} delivered {}: lost {}, duplicates {}, reordered {}\n",
             r.sent, r.acked, r.account.expected, r.delivered, r.account.lost, r.account.duplicates,
             r.account.reordered);
  const auto mention = [](const char* what, std::uint64_t count) {
    if (count > 0) fmt::print("  {}: {}\n", what, count);
  };
  mention("redelivered with DUP", r.redelivered);
  mention("repeated before PUBREL", r.repeated);
  mention("refused by the broker", r.refused);
  mention("messages that are not ours", r.foreign);
  mention("malformed packets", r.malformed);
  mention("connections ended by the broker", r.disconnects);
  mention("connections that failed", r.connect_failed);
  mention("stalls of a second", r.stalls);
  if (!r.failure.empty()) fmt::print("  given up: {}\n", r.failure);
}

bool write_json(const Options& options, const Report& report) {
  const std::string text = json_report(options, report) + "\n";
  if (options.json == "-") return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  std::FILE* file = std::fopen(options.json.c_str(), "w");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return std::fclose(file) == 0 && written;
}

}  // namespace vmq::bench
