// The way in for vmq-admin: a Unix socket whose file mode and folder decide who may. The protocol
// is in admin/wire.h.
//
// One thread serves all connections and never waits for any of them: a connection that sends
// nothing, or reads nothing, is closed after a while, and when all places are taken, the one that
// has been silent for longest makes room. Commands that stream have a thread of their own.
//
// Lifetime: made after Control, gone before it. Commands under way are answered first.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "control/control.h"
#include "control/socket_file.h"

namespace vmq::control {

struct AdminSocketLimits {
  std::size_t connections = 64;
  std::size_t streams = 16;
  std::chrono::milliseconds request_patience{10'000};  // for the whole request
  std::chrono::milliseconds reading_patience{30'000};  // for the peer to take some of the answer
  std::chrono::milliseconds stop_patience{2'000};      // for answers under way when this goes
};

class AdminSocket {
 public:
  [[nodiscard]] static Result<std::unique_ptr<AdminSocket>, SocketFile::Error> open(
      Control& control, node::Log& log, const std::string& path, AdminSocketLimits limits = {});
  ~AdminSocket();
  AdminSocket(const AdminSocket&) = delete;
  AdminSocket& operator=(const AdminSocket&) = delete;

 private:
  struct Impl;
  explicit AdminSocket(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vmq::control
