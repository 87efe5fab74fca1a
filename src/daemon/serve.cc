#include "daemon/serve.h"

#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <time.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "config/listeners.h"
#include "config/load.h"
#include "config/load_files.h"
#include "control/admin_socket.h"
#include "control/api_keys.h"
#include "control/control.h"
#include "control/everywhere.h"
#include "control/member_commands.h"
#include "control/shared_keys.h"
#include "daemon/notify.h"
#include "daemon/pid_file.h"
#include "daemon/places.h"
#include "daemon/watchdog.h"
#include "http/server.h"
#include "node/cluster.h"
#include "node/log.h"
#include "node/node.h"

namespace vmq::daemon {

namespace {

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

std::string ready_line(node::Node& node) {
  std::string line = "vernemq " VMQ_VERSION " is ready:";
  const std::vector<node::BoundListener> bound = node.listeners().bound();
  for (const node::BoundListener& listener : bound) {
    line += " " + listener.name + "=" + listener.address;
  }
  if (bound.empty()) line += " no listener is configured";
  for (const node::ListenerView& view : node.listeners().views()) {
    if (view.config.is_mqtt() || view.status != node::ListenerStatus::Running) continue;
    line += fmt::format(" {}.{}={}:{}", config::to_string(view.config.kind), view.config.name,
                        view.address, view.port);
  }
  return line;
}

// Until a signal asks to stop. This thread has nothing to do but this.
int control(node::Node& node, Watchdog& watchdog) {
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
    watchdog.look_at(node);
  }
}

// Buffers of some hundred KiB come and go every turn and cross threads. By default the allocator
// maps and unmaps each of them, or gives the end of its heap back at once, and the kernel clears
// every page anew.
void keep_turn_memory() {
  ::mallopt(M_MMAP_THRESHOLD, 4 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

// Nobody else serves from these files as long as this lives. A folder that cannot be written costs
// `stop` and `ping`, not the service.
Result<std::optional<PidFile>, std::string> take_pid_file(const std::string& config_file,
                                                          node::Log& log) {
  const Result<std::string, std::string> path = pid_file_of(config_file);
  if (!path) return failure(path.error());
  Result<PidFile, PidFile::Error> taken = PidFile::take(*path);
  if (taken) return std::optional<PidFile>(std::move(*taken));
  if (taken.error().failure == PidFile::Failure::AlreadyRunning) {
    return failure(taken.error().reason);
  }
  log.warning("pid_file", {{"reason", taken.error().reason}});
  return std::optional<PidFile>();
}

int fail_to_start(node::Log& log, const std::string& reason) {
  log.error("start_failed", {{"reason", reason}});
  std::fputs(("vernemq cannot start: " + reason + "\n").c_str(), stderr);
  return 1;
}

control::ApiKeys::Limits key_limits(const config::HttpConfig& http) {
  control::ApiKeys::Limits limits;
  limits.length_min = http.key_length_min;
  if (http.key_days_max) limits.days_max = *http.key_days_max;
  return limits;
}

void warn_of(const control::ApiKeys& keys, node::Log& log) {
  const auto trouble = keys.trouble();
  if (!trouble) return;
  log.error("api_keys_unreadable",
            {{"reason", *trouble}, {"effect", "no API key is good until that is repaired"}});
}

// None when it is off, or cannot be made: clients are served without it too. That another process
// answers there is an error: two nodes are mixed up.
using AdminDoor = std::unique_ptr<control::AdminSocket>;
Result<AdminDoor, std::string> open_admin_socket(control::Control& control, node::Log& log,
                                                 const std::string& path) {
  if (path == "off") return AdminDoor();
  auto opened = control::AdminSocket::open(control, log, path);
  if (opened) return std::move(*opened);
  if (opened.error().is_in_use) return failure(opened.error().reason);
  log.error("admin_socket", {{"reason", opened.error().reason}});
  return AdminDoor();
}

}  // namespace

int serve(const std::string& file, const std::function<void()>& on_ready) {
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
  const auto pid_file = take_pid_file(file, log);
  if (!pid_file) return fail_to_start(log, pid_file.error());
  const Duration stop_patience = loaded->config.node.stop_patience;
  auto node = node::Node::start(std::move(loaded->config), log, std::move(loaded->settings));
  if (!node) return fail_to_start(log, node.error());
  const node::ConfigSnapshot config = (*node)->config();
  control::ApiKeys keys(control::make_key_file(config->node.data_dir + "/api_keys"),
                        key_limits(config->http));
  warn_of(keys, log);
  std::optional<node::Cluster> cluster(std::in_place, **node, log);
  control::ClusterKeys shared_keys(keys, *cluster, log);
  if (const auto done = cluster->resume(); !done) return fail_to_start(log, done.error());
  control::Handlers handlers = control::all_handlers(keys);
  control::bind_member_commands(handlers, **node, log, *cluster);
  control::spread_over_members(handlers, **node, log);
  std::optional<control::Control> commands(std::in_place, **node, log, std::move(handlers));
  auto admin_socket = open_admin_socket(*commands, log, (*node)->config()->node.admin_socket);
  if (!admin_socket) return fail_to_start(log, admin_socket.error());
  auto server = http::HttpServer::start({**node, *commands, keys, log, VMQ_VERSION});
  if (!server) return fail_to_start(log, server.error());
  const std::string ready = ready_line(**node);
  log.info("ready", {{"listeners", ready.substr(ready.find(':') + 2)}});
  print_line(ready);
  notify_service_manager("READY=1");
  if (on_ready) on_ready();

  Watchdog watchdog(log);
  const int signal = control(**node, watchdog);
  log.info("stopping", {{"signal", signal}});
  notify_service_manager("STOPPING=1");
  server->reset();
  admin_socket->reset();
  commands.reset();
  cluster->step_down();
  auto stopped = (*node)->stop(stop_patience);
  if (!stopped) {
    log.error("stop_failed", {{"reason", stopped.error()}});
    std::fputs((stopped.error() + "\n").c_str(), stderr);
    return 1;
  }
  log.info("stopped");
  return 0;
}

}  // namespace vmq::daemon
