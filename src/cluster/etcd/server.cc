#include "cluster/etcd/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/expect.h"
#include "cluster/etcd/codec.h"
#include "cluster/etcd/files.h"
#include "cluster/etcd/log_line.h"
#include "cluster/etcd/process.h"
#include "cluster/etcd/wire.h"

namespace vmq::cluster {

namespace {

constexpr Duration backoff_first = milliseconds(100);
constexpr Duration backoff_max = seconds(5);
// A server that served for so long did not end because of how it was started.
constexpr Duration proven_after = seconds(30);
constexpr Duration ready_interval = milliseconds(100);
constexpr Duration ready_timeout = milliseconds(500);

std::string scheme(const EtcdServerOptions& options) {
  return options.tls.authority.empty() ? "http://" : "https://";
}

std::string url(const EtcdServerOptions& options, const std::string& host, std::uint16_t port) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return scheme(options) + (is_ipv6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

}  // namespace

std::string peer_url(const EtcdServerOptions& options) {
  return url(options, options.host, options.peer_port);
}

std::string client_address(const EtcdServerOptions& options) {
  const std::string text = url(options, options.host, options.client_port);
  return text.substr(scheme(options).size());
}

std::vector<std::string> etcd_arguments(const EtcdServerOptions& options) {
  std::string members;
  for (const EtcdPeer& peer : options.peers) {
    if (!members.empty()) members += ',';
    members += peer.name + '=' + peer.peer_url;
  }
  if (members.empty()) members = options.name + '=' + peer_url(options);
  const bool is_new = options.start == EtcdStart::NewCluster;
  std::vector<std::string> result = {
      options.program,
      "--name=" + options.name,
      "--data-dir=" + options.directory,
      "--listen-client-urls=" + url(options, options.listen_address, options.client_port),
      "--advertise-client-urls=" + url(options, options.host, options.client_port),
      "--listen-peer-urls=" + url(options, options.listen_address, options.peer_port),
      "--initial-advertise-peer-urls=" + peer_url(options),
      "--initial-cluster=" + members,
      std::string("--initial-cluster-state=") + (is_new ? "new" : "existing"),
      "--initial-cluster-token=" + options.token,
      "--heartbeat-interval=" + std::to_string(options.heartbeat.ms),
      "--election-timeout=" + std::to_string(options.election.ms),
      "--quota-backend-bytes=" + std::to_string(options.quota_bytes),
      // A member that comes back asks before it disturbs a leader that serves.
      "--pre-vote",
      // Our transactions are larger than the defaults allow.
      "--max-txn-ops=10000",
      "--max-request-bytes=33554432",
      "--snapshot-count=10000",
      // History is for watches that reconnect; who was away for longer reads everything anew.
      "--auto-compaction-mode=periodic",
      "--auto-compaction-retention=10m",
      "--experimental-watch-progress-notify-interval=10s",
      "--logger=zap",
      "--log-outputs=stderr",
      "--log-level=warn",
  };
  if (options.start == EtcdStart::Alone) result.emplace_back("--force-new-cluster");
  if (options.tls.authority.empty()) return result;
  for (const std::string kind : {"", "peer-"}) {
    result.push_back("--" + kind + "trusted-ca-file=" + options.tls.authority);
    result.push_back("--" + kind + "cert-file=" + options.tls.certificate);
    result.push_back("--" + kind + "key-file=" + options.tls.key);
    result.push_back("--" + kind + "client-cert-auth");
  }
  // The authority is the cluster's own: who has a certificate of it belongs to the cluster, from
  // whatever address it comes.
  result.emplace_back("--experimental-peer-skip-client-san-verification");
  return result;
}

// Lifetime: from start() to stop(). One thread, which the child is bound to.
class EtcdServer::Supervisor {
 public:
  explicit Supervisor(EtcdServerOptions options)
      : options_(std::move(options)), kick_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    VMQ_EXPECT(kick_ >= 0);
    status_.state = EtcdServerState::Starting;
    thread_ = std::thread([this] { run(); });
  }
  ~Supervisor() {
    is_stopping_.store(true);
    eventfd_write(kick_, 1);
    thread_.join();
    close(kick_);
  }
  EtcdServerStatus status() const {
    const std::lock_guard guard(mutex_);
    return status_;
  }

 private:
  template <typename Change>
  void change(const Change& change_status) {
    const std::lock_guard guard(mutex_);
    change_status(status_);
  }
  void tell(Severity severity, std::string_view event, std::string_view text) const {
    if (options_.report) options_.report(severity, event, text);
  }

  void run();
  bool prepare();
  bool read_version();
  void supervise(etcd::Process child);
  void check_ready();
  void forward_log(const etcd::Process& child);
  void on_end(int status, bool was_asked);
  void fail(std::string error);
  void wait(Duration time);

  EtcdServerOptions options_;
  const int kick_;
  std::atomic<bool> is_stopping_ = false;
  mutable std::mutex mutex_;  // of status_
  EtcdServerStatus status_;
  // The rest is the thread's.
  std::thread thread_;
  Duration backoff_ = backoff_first;
  std::string log_;  // a line that is not complete yet
  std::string last_line_;
  Instant ready_due_ = {};
  Instant ready_since_ = {};
  etcd::TlsTexts tls_;
};

void EtcdServer::Supervisor::run() {
  while (!is_stopping_.load()) {
    if (prepare()) {
      Result<etcd::Process, std::string> child = etcd::Process::start(etcd_arguments(options_));
      if (child) {
        supervise(std::move(*child));
      } else {
        fail("etcd could not be started: " + child.error());
      }
    }
    if (is_stopping_.load()) break;
    change([](EtcdServerStatus& status) { status.state = EtcdServerState::Waiting; });
    wait(backoff_);
    backoff_ = std::min(milliseconds(2 * backoff_.ms), backoff_max);
  }
  change([](EtcdServerStatus& status) { status.state = EtcdServerState::Stopped; });
}

// All that can be found wrong before a start, as a sentence that says what to do.
bool EtcdServer::Supervisor::prepare() {
  const std::string program = etcd::find_program(options_.program);
  if (program.empty()) {
    fail("etcd is not installed: '" + options_.program +
         "' is not there. Install the package etcd-server, or say where it is with "
         "metadata.etcd.program, or name servers of your own with metadata.etcd.endpoints");
    return false;
  }
  options_.program = program;
  if (mkdir(options_.directory.c_str(), 0700) != 0 && errno != EEXIST) {
    fail("the directory " + options_.directory + " cannot be made: " + strerror(errno));
    return false;
  }
  if (!options_.tls.authority.empty()) {
    Result<etcd::TlsTexts, std::string> texts = etcd::read_tls_files(options_.tls);
    if (!texts) {
      fail(texts.error());
      return false;
    }
    tls_ = std::move(*texts);
  }
  return status().version.empty() ? read_version() : true;
}

bool EtcdServer::Supervisor::read_version() {
  Result<etcd::Process, std::string> child = etcd::Process::start({options_.program, "--version"});
  if (!child) {
    fail("etcd could not be started: " + child.error());
    return false;
  }
  std::string text;
  const Instant last = etcd::monotonic_now() + seconds(5);
  pollfd ready{child->output(), POLLIN, 0};
  while (etcd::monotonic_now() < last && poll(&ready, 1, 100) >= 0 && child->read(text)) continue;
  constexpr std::string_view words = "etcd Version: ";
  const std::size_t at = text.find(words);
  std::string version;
  if (at != std::string::npos) {
    version = text.substr(at + words.size(), text.find('\n', at) - at - words.size());
  }
  int major = 0;
  int minor = 0;
  if (sscanf(version.c_str(), "%d.%d", &major, &minor) != 2 ||
      std::pair(major, minor) < std::pair(3, 4)) {
    fail(options_.program + " is not etcd 3.4 or later: " +
         (version.empty() ? "it does not say its version" : "it is " + version));
    return false;
  }
  change([&](EtcdServerStatus& status) { status.version = version; });
  return true;
}

void EtcdServer::Supervisor::supervise(etcd::Process child) {
  change([&](EtcdServerStatus& status) {
    status.state = EtcdServerState::Starting;
    status.pid = child.pid();
    ++status.starts;
  });
  ready_due_ = etcd::monotonic_now() + ready_interval;
  last_line_.clear();
  bool is_asked = false;
  Instant kill_at = {};
  pollfd waits[] = {{child.end(), POLLIN, 0}, {child.output(), POLLIN, 0}, {kick_, POLLIN, 0}};
  while ((waits[0].revents & POLLIN) == 0) {
    const Instant now = etcd::monotonic_now();
    if (is_stopping_.load() && !std::exchange(is_asked, true)) {
      child.signal(SIGTERM);
      kill_at = now + options_.stop_timeout;
      waits[2].fd = -1;
    }
    if (is_asked && now >= kill_at) child.signal(SIGKILL);
    const bool is_starting = status().state == EtcdServerState::Starting && !is_asked;
    if (is_starting && now >= ready_due_) check_ready();
    poll(waits, 3, is_asked || is_starting ? static_cast<int>(ready_interval.ms) : -1);
    if (waits[1].revents != 0) forward_log(child);
    if ((waits[1].revents & POLLHUP) != 0) waits[1].fd = -1;
  }
  forward_log(child);
  on_end(child.wait(), is_asked);
}

void EtcdServer::Supervisor::check_ready() {
  const etcd::WaitedCall call = etcd::call_and_wait(
      client_address(options_), tls_, "/etcdserverpb.Maintenance/Status", {}, ready_timeout);
  const Instant now = etcd::monotonic_now();
  ready_due_ = now + ready_interval;
  const auto answer = call.status.is_ok() ? etcd::decode_status(call.response) : std::nullopt;
  if (!answer || answer->leader == 0) return;
  ready_since_ = now;
  // From now on it has files. Should they be gone at a later start, it must not begin anew.
  options_.start = EtcdStart::JoinCluster;
  change([&](EtcdServerStatus& status) {
    status.state = EtcdServerState::Ready;
    status.error.clear();
    status.has_ended_well = false;
  });
  tell(Severity::Info, "etcd_ready", client_address(options_));
}

void EtcdServer::Supervisor::forward_log(const etcd::Process& child) {
  std::size_t size = 0;
  do {
    size = log_.size();
    child.read(log_);
  } while (log_.size() > size && log_.size() < (1u << 20));
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = log_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const EtcdLogLine line =
        read_etcd_log(std::string_view(log_).substr(begin, end - begin), is_stopping_.load());
    if (line.text.empty()) continue;
    tell(line.severity, "etcd", line.text);
    last_line_ = line.text;
  }
  log_.erase(0, begin);
}

void EtcdServer::Supervisor::on_end(int status, bool was_asked) {
  const Instant now = etcd::monotonic_now();
  const bool was_ready = this->status().state == EtcdServerState::Ready;
  if (was_ready && now - ready_since_ > proven_after) backoff_ = backoff_first;
  change([&](EtcdServerStatus& current) {
    current.pid = 0;
    current.has_ended_well = status == 0 && !was_asked;
  });
  if (was_asked) return;
  fail("etcd " + etcd::end_text(status) + (last_line_.empty() ? "" : ", its last words: ") +
       last_line_);
}

void EtcdServer::Supervisor::fail(std::string error) {
  const bool is_news = status().error != error;
  if (is_news) tell(Severity::Error, "etcd_ended", error);
  change([&](EtcdServerStatus& status) { status.error = std::move(error); });
}

void EtcdServer::Supervisor::wait(Duration time) {
  pollfd kicked{kick_, POLLIN, 0};
  poll(&kicked, 1, static_cast<int>(time.ms));
}

EtcdServer::EtcdServer() = default;

EtcdServer::~EtcdServer() { stop(); }

void EtcdServer::start(EtcdServerOptions options) {
  VMQ_EXPECT(!supervisor_);
  supervisor_ = std::make_unique<Supervisor>(std::move(options));
}

void EtcdServer::stop() { supervisor_.reset(); }

EtcdServerStatus EtcdServer::status() const {
  return supervisor_ ? supervisor_->status() : EtcdServerStatus{};
}

}  // namespace vmq::cluster
