#include "bench/vmq_bench/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace vmq::bench {
namespace {

struct Row {
  Scenario scenario;
  const char* name;
  const char* prose;
  const char* shape;  // the default P:S, or nothing when the subcommand takes none
};

constexpr Row rows[] = {
    {Scenario::connect, "connect", "connect storm: open N connections, hold, close", nullptr},
    {Scenario::idle, "idle", "hold N connections (and --filters each) and measure memory", nullptr},
    {Scenario::fanin, "fanin", "P publishers to S subscribers, each subscriber taking its share",
     "50:1"},
    {Scenario::fanout, "fanout", "every message of P publishers to each of S subscribers", "1:100"},
    {Scenario::pairwise, "pairwise", "publisher i to subscriber i", "50:50"},
    {Scenario::shared, "shared", "P publishers to one shared subscription of S members", "50:(4)"},
    {Scenario::latency, "latency", "pairwise at a fixed --rate (default 1000/s)", "10:10"},
    {Scenario::rtt, "rtt", "pairwise, one message at a time each", "1:1"},
    {Scenario::retained, "retained", "publish N retained messages, replay them to S subscribers",
     "1:1"},
    {Scenario::offline, "offline", "fill the queues of S durable sessions, then drain them",
     "1:100"},
    {Scenario::filters, "filters", "load --filters subscriptions over S clients, publish into them",
     "50:50"},
};

// Splits "P:S" and "P:(S)"; false when it is neither.
bool parse_shape(std::string_view text, std::uint32_t* publishers, std::uint32_t* subscribers) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  std::string_view left = text.substr(0, colon);
  std::string_view right = text.substr(colon + 1);
  if (right.size() > 2 && right.front() == '(' && right.back() == ')') {
    right = right.substr(1, right.size() - 2);
  }
  const auto number = [](std::string_view digits, std::uint32_t* to) {
    if (digits.empty() || digits.size() > 7) return false;
    *to = 0;
    for (char digit : digits) {
      if (std::isdigit(static_cast<unsigned char>(digit)) == 0) return false;
      *to = *to * 10 + static_cast<std::uint32_t>(digit - '0');
    }
    return *to > 0;
  };
  return number(left, publishers) && number(right, subscribers);
}

void add_connection_options(CLI::App& app, Options& options) {
  app.add_option("-H,--host", options.host, "IPv4 address of the broker");
  app.add_option("-p,--port", options.port, "its port");
  app.add_option("--publish-port", options.publish_port,
                 "publishers go to this port: another node of the cluster");
  app.add_option("-u,--user", options.user, "user name");
  app.add_option("-P,--password", options.password, "password");
  app.add_option("--prefix", options.prefix,
                 "start of every client id and topic (default: bench- and the process id)");
  app.add_option("-V,--mqtt", options.version, "3 = MQTT 3.1, 4 = 3.1.1, 5 = 5.0")
      ->check(CLI::Range(3, 5));
  app.add_option("-k,--keepalive", options.keepalive_s, "seconds; 0 = none")
      ->check(CLI::Range(0, 65535));
  app.add_option("--sources", options.sources,
                 "spread connections over the source addresses 127.0.0.1 to 127.0.0.N "
                 "(default: one for every 4000 connections to a loopback address)")
      ->check(CLI::Range(1, 254));
  app.add_option("--pending", options.pending_max, "connections being opened at a time")
      ->check(CLI::Range(1, 100000));
  app.add_option("--connect-rate", options.connect_rate, "connections a second; 0 = unpaced");
  app.add_flag("--durable", options.durable, "clean session off / session expiry set");
  app.add_option("--expiry", options.expiry_s, "session expiry of durable MQTT 5 clients, seconds");
  app.add_flag("--tls", options.tls, "over TLS, without looking at the certificate");
  app.add_flag("--ws", options.websocket, "over WebSocket, path /mqtt; with --tls over both");
  app.add_option("--receive-maximum", options.receive_maximum, "of MQTT 5 clients; 0 = not sent")
      ->check(CLI::Range(0, 65535));
}

void add_load_options(CLI::App& app, Options& options) {
  app.add_option("-n,--messages", options.messages, "messages published in total");
  app.add_option("-d,--duration", options.duration_s, "seconds of load, instead of --messages");
  app.add_option("--warmup", options.warmup, "part of the load that is not measured, 0 to 0.9")
      ->check(CLI::Range(0.0, 0.9));
  app.add_option("-s,--size", options.payload_bytes, "payload bytes")->check(CLI::Range(16, 65536));
  app.add_option("-q,--qos", options.qos, "QoS of messages and subscriptions")
      ->check(CLI::Range(0, 2));
  app.add_option("-r,--rate", options.rate,
                 "messages a second in total, latencies from the intended time; 0 = unpaced");
  app.add_option("-w,--inflight", options.inflight, "unacknowledged messages a publisher may have")
      ->check(CLI::Range(1, 32767));
  app.add_option("-a,--ahead", options.ahead,
                 "messages the publishers of a topic may be ahead of its subscribers; 0 = no limit "
                 "(default: chosen when unpaced)");
}

void add_run_options(CLI::App& app, Options& options) {
  app.add_option("-t,--threads", options.threads, "load threads")->check(CLI::Range(1, 64));
  app.add_flag("--sleep", options.sleep, "wait in epoll instead of polling while load runs");
  app.add_option("--settle", options.settle_s,
                 "seconds without progress after which messages are lost")
      ->check(CLI::Range(0.1, 3600.0));
  app.add_option("--pid", options.pids,
                 "measure this process's CPU time and memory; of several the sum");
  app.add_option("--json", options.json, "write the result to this file, - for standard output");
  app.add_flag("--quiet", options.quiet, "no progress line");
}

void add_scenario_options(CLI::App& sub, Options& options, Scenario scenario) {
  if (scenario == Scenario::connect || scenario == Scenario::idle) {
    sub.add_option("clients", options.subscribers, "number of connections")->required();
    sub.add_option("--hold", options.hold_s, "seconds to hold them");
  }
  if (scenario == Scenario::idle || scenario == Scenario::filters) {
    sub.add_option(
           "--filters", options.filters,
           scenario == Scenario::idle ? "subscriptions a connection" : "subscriptions in total")
        ->check(CLI::Range(0, 9'999'999));
    sub.add_flag("--wildcard", options.wildcard, "filters end with /+");
  }
  if (scenario == Scenario::offline) {
    sub.add_option("--phase", options.phase, "both, fill or drain")
        ->transform(CLI::CheckedTransformer(
            std::map<std::string, OfflinePhase>{{"both", OfflinePhase::both},
                                                {"fill", OfflinePhase::fill},
                                                {"drain", OfflinePhase::drain}}));
    sub.add_option("--wave", options.wave, "durable sessions connected at a time");
  }
}

// What follows from the scenario when the command line is silent about it.
void complete(Options& options, const CLI::App& sub, const std::string& shape) {
  if (!shape.empty() && !parse_shape(shape, &options.publishers, &options.subscribers)) {
    std::fprintf(stderr, "%s: not of the form P:S\n", shape.c_str());
    std::exit(2);
  }
  const bool pairs = options.scenario == Scenario::pairwise ||
                     options.scenario == Scenario::latency || options.scenario == Scenario::rtt;
  if (pairs && options.publishers != options.subscribers) {
    std::fprintf(stderr, "%s needs as many publishers as subscribers\n", sub.get_name().c_str());
    std::exit(2);
  }
  if (options.scenario == Scenario::latency && options.rate <= 0) options.rate = 1000;
  if (options.scenario == Scenario::rtt) options.ahead = 1;
  if (options.scenario == Scenario::filters && options.filters == 0) options.filters = 1'000'000;
  if (options.scenario == Scenario::offline) {
    options.durable = true;
    if (options.qos == 0) options.qos = 1;
    if (options.phase != OfflinePhase::both && options.prefix.empty()) {
      std::fprintf(stderr, "--phase fill and --phase drain need the same --prefix\n");
      std::exit(2);
    }
  }
  if (options.sources == 0) {
    // Beyond some thousand connections from one address, the kernel's search for a free port costs
    // more than the rest of connecting.
    constexpr std::uint32_t connections_a_source = 4000;
    const bool loopback = options.host.starts_with("127.");
    options.sources = loopback ? 1 + options.subscribers / connections_a_source : 1;
    options.sources = std::min(options.sources, 254U);
  }
  if (options.prefix.empty()) options.prefix = "bench-" + std::to_string(getpid());
  options.warmup = options.scenario == Scenario::offline ? 0 : options.warmup;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  CLI::App app{"vmq-bench: loads an MQTT broker and counts what comes back", "vmq-bench"};
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  std::string shape;
  for (const Row& row : rows) {
    CLI::App* sub = app.add_subcommand(row.name, row.prose);
    add_connection_options(*sub, options);
    add_load_options(*sub, options);
    add_run_options(*sub, options);
    add_scenario_options(*sub, options, row.scenario);
    if (row.shape != nullptr) {
      sub->add_option("shape", shape, std::string("publishers:subscribers, default ") + row.shape);
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : 2);
  }
  for (const Row& row : rows) {
    const CLI::App* sub = app.get_subcommand(row.name);
    if (!sub->parsed()) continue;
    options.scenario = row.scenario;
    options.scenario_name = row.name;
    if (row.shape != nullptr && shape.empty()) shape = row.shape;
    complete(options, *sub, shape);
  }
  return options;
}

}  // namespace vmq::bench
