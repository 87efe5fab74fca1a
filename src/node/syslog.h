// Log events for a syslog daemon: datagrams to the one of this machine (/dev/log), or over UDP to
// another.
//
// Nothing waits for it: what the daemon cannot take at once is lost, as syslog has it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "config/config.h"
#include "net/fd.h"

namespace vmq::node {

// Threads: one at a time.
class Syslog {
 public:
  // `local_path`: where the daemon of this machine listens.
  explicit Syslog(const config::SyslogConfig& config, std::string local_path = "/dev/log");

  // Why nothing can be sent; empty when it can.
  std::string problem() const { return problem_; }
  void write(config::LogLevel level, std::string_view text);

 private:
  void open();
  void open_local();
  void open_remote();

  const config::SyslogConfig config_;
  const std::string local_path_;
  std::string host_;  // of this machine
  net::Fd fd_;
  std::string problem_;
};

// From debug, 7, to emergency, 0.
inline int severity_of(config::LogLevel level) { return 7 - static_cast<int>(level); }

// One datagram. `is_remote`: with the name of the host.
std::string syslog_line(const config::SyslogConfig& config, config::LogLevel level,
                        std::chrono::system_clock::time_point at, std::string_view host,
                        std::string_view text, bool is_remote);

}  // namespace vmq::node
