#include "node/syslog.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace vmq::node {
namespace {

constexpr std::size_t datagram_max = 8192;

}  // namespace

std::string syslog_line(const config::SyslogConfig& config, config::LogLevel level,
                        std::chrono::system_clock::time_point at, std::string_view host,
                        std::string_view text, bool is_remote) {
  const int priority = config.facility * 8 + severity_of(level);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  std::string line;
  if (config.is_rfc5424) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch());
    line =
        fmt::format("<{}>1 {:%Y-%m-%dT%H:%M:%S}.{:03}Z {} {} {} - - {}", priority,
                    fmt::gmtime(seconds), ms.count() % 1000, host, config.app_name, getpid(), text);
  } else {
    line =
        fmt::format("<{}>{:%b %e %H:%M:%S} {}{}{}[{}]: {}", priority, fmt::localtime(seconds),
                    is_remote ? host : "", is_remote ? " " : "", config.app_name, getpid(), text);
  }
  if (line.size() > datagram_max) line.resize(datagram_max);
  return line;
}

Syslog::Syslog(const config::SyslogConfig& config, std::string local_path)
    : config_(config), local_path_(std::move(local_path)) {
  std::array<char, 256> name{};
  host_ = gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "-";
  open();
}

void Syslog::open() {
  problem_.clear();
  if (config_.remote_host.empty()) {
    open_local();
  } else if (config_.protocol != "udp") {
    problem_ = "log.syslog.remote.protocol = " + config_.protocol + " is not built yet, udp is";
  } else {
    open_remote();
  }
}

void Syslog::open_local() {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (local_path_.size() >= sizeof to.sun_path) {
    problem_ = local_path_ + ": path too long";
    return;
  }
  std::memcpy(to.sun_path, local_path_.c_str(), local_path_.size() + 1);
  fd_ = net::Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    problem_ = local_path_ + ": " + std::strerror(errno);
  }
}

void Syslog::open_remote() {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(config_.remote_port);
  const int error = ::getaddrinfo(config_.remote_host.c_str(), port.c_str(), &wanted, &found);
  if (error != 0) {
    problem_ = config_.remote_host + ": " + gai_strerror(error);
    return;
  }
  problem_ = config_.remote_host + ": cannot be reached";
  for (const addrinfo* at = found; at != nullptr && !problem_.empty(); at = at->ai_next) {
    fd_ = net::Fd(::socket(at->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (::connect(fd_.get(), at->ai_addr, at->ai_addrlen) == 0) problem_.clear();
  }
  ::freeaddrinfo(found);
}

void Syslog::write(config::LogLevel level, std::string_view text) {
  if (level < config_.level) return;
  const bool is_remote = !config_.remote_host.empty();
  const std::string line =
      syslog_line(config_, level, std::chrono::system_clock::now(), host_, text, is_remote);
  if (::send(fd_.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return;
  // The daemon of this machine was started anew: its socket is another one. Names are not resolved
  // again here, that could take long.
  if (is_remote || errno == EAGAIN) return;
  open();
  static_cast<void>(::send(fd_.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

}  // namespace vmq::node
