// The program `vernemq`: arguments, signals, exit codes; nothing else.
#include <malloc.h>
#include <signal.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "config/load.h"
#include "config/load_files.h"
#include "daemon/notify.h"
#include "node/log.h"
#include "node/node.h"

// Read by jemalloc, where the program is linked to it: pages that were not used for some seconds go
// back to the system, by a thread of its own.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "background_thread:true,dirty_decay_ms:3000,muzzy_decay_ms:0";
}

namespace vmq::daemon {
namespace {

constexpr Duration stop_patience = seconds(5);

sigset_t control_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  return signals;
}

void print_line(const std::string& text) {
  std::fputs((text + "\n").c_str(), stdout);
  std::fflush(stdout);
}

std::string ready_line(const node::Node& node) {
  std::string line = "vernemq " VMQ_VERSION " is ready:";
  for (const node::BoundListener& listener : node.listeners()) {
    line += " " + listener.name + "=" + listener.address;
  }
  if (node.listeners().empty()) line += " no listener is configured";
  return line;
}

// Until a signal asks to stop. The control thread has nothing to do but this.
int control(node::Node& node) {
  const sigset_t signals = control_signals();
  while (true) {
    const timespec second{1, 0};
    siginfo_t info{};
    const int signal = sigtimedwait(&signals, &info, &second);
    if (signal == SIGTERM || signal == SIGINT) return signal;
    if (signal == SIGHUP) {
      node.reload();
    } else {
      node.tick();
    }
  }
}

// Buffers of some hundred KiB come and go every turn and cross threads. By default the allocator
// maps and unmaps each of them, or gives the end of its heap back at once, and the kernel clears
// every page anew.
void keep_turn_memory() {
  ::mallopt(M_MMAP_THRESHOLD, 4 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

int serve(const std::string& file) {
  keep_turn_memory();
  auto loaded = config::load(file, config::real_files());
  if (!loaded) {
    std::fputs(config::format_errors(loaded.error()).c_str(), stderr);
    return 1;
  }
  // Before any thread exists: all of them inherit it, so signals come to control() alone.
  const sigset_t signals = control_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  node::Log log(loaded->config.log);
  const std::uint64_t files = node::raise_file_limit();
  log.info("starting", {{"version", VMQ_VERSION}, {"config", file}, {"file_limit", files}});
  for (const config::ConfigWarning& warning : loaded->warnings) {
    log.warning("config", {{"text", config::format_warning(warning)}});
  }
  auto node = node::Node::start(std::move(loaded->config), log);
  if (!node) {
    log.error("start_failed", {{"reason", node.error()}});
    std::fputs(("vernemq cannot start: " + node.error() + "\n").c_str(), stderr);
    return 1;
  }
  const std::string ready = ready_line(**node);
  log.info("ready", {{"listeners", ready.substr(ready.find(':') + 2)}});
  print_line(ready);
  notify_service_manager("READY=1");

  const int signal = control(**node);
  log.info("stopping", {{"signal", signal}});
  notify_service_manager("STOPPING=1");
  auto stopped = (*node)->stop(stop_patience);
  if (!stopped) {
    log.error("stop_failed", {{"reason", stopped.error()}});
    std::fputs((stopped.error() + "\n").c_str(), stderr);
    return 1;
  }
  log.info("stopped");
  return 0;
}

int check(const std::string& file) {
  const auto loaded = config::load(file, config::real_files());
  const std::string report = config::check_report(loaded);
  std::fputs(report.c_str(), loaded ? stdout : stderr);
  if (!report.empty() && report.back() != '\n') std::fputc('\n', loaded ? stdout : stderr);
  return loaded ? 0 : 1;
}

int run(int argc, char** argv) {
  CLI::App app(
      "An MQTT broker. Without a command it serves in the foreground until SIGTERM or SIGINT; "
      "SIGHUP reads the rule files again and opens the log files anew.");
  std::string file = "/etc/vernemq/vernemq.conf";
  app.add_option("-c,--config", file, "The configuration file")->capture_default_str();
  app.fallthrough();
  CLI::App* chkconfig = app.add_subcommand("chkconfig", "Checks the configuration file");
  CLI::App* version = app.add_subcommand("version", "Prints the version");
  app.require_subcommand(0, 1);
  CLI11_PARSE(app, argc, argv);
  if (version->parsed()) {
    print_line("vernemq " VMQ_VERSION);
    return 0;
  }
  return chkconfig->parsed() ? check(file) : serve(file);
}

}  // namespace
}  // namespace vmq::daemon

int main(int argc, char** argv) { return vmq::daemon::run(argc, argv); }
