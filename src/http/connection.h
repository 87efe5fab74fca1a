// One HTTP connection, between the server that accepted it and the router that answers it. Only
// server.cc and connection.cc see Asio and Beast: their headers are slow to compile.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/time.h"
#include "http/modules.h"
#include "http/router.h"
#include "net/transport.h"

namespace boost::asio {
class io_context;
}

namespace vmq::http {

// The way back to the server's thread for answers that come from others. It outlives the server:
// what comes too late is dropped.
class Mailbox {
 public:
  explicit Mailbox(boost::asio::io_context& io) : io_(&io) {}

  void post(std::function<void()> task);
  void close();

 private:
  std::mutex mutex_;
  boost::asio::io_context* io_;
};

// What the connections of one listener share. Outlives them. Counters may be read by any thread.
struct Door {
  std::string name;
  std::uint32_t request_line_max = 8000;
  std::uint32_t header_value_max = 4096;
  std::uint32_t connections_max = 10000;
  Duration answer_time = seconds(60);               // that a command may take
  std::size_t work_max = 256;                       // requests that others work on, at once
  std::size_t bodies_max = 64 << 20;                // bytes of all bodies, come or still to come
  std::shared_ptr<const net::Transport> transport;  // null: HTTP begins with the first byte
  // Told of clients that do not get as far as HTTP: at which stage (proxy, tls), and why.
  std::function<void(const char* stage, const std::string& why, const std::string& peer)> refused;
  Site site;
  const Router* router = nullptr;
  std::shared_ptr<Mailbox> mailbox;
  // By the server's thread alone: connections whose answer others work on, and what ends each of
  // all that are open.
  std::set<std::shared_ptr<void>> waiting;
  std::map<const void*, std::function<void()>> open;
  std::size_t work = 0;
  std::size_t bodies = 0;
  std::atomic<std::uint32_t> connections{0};
};

enum class Family : bool { V4, V6 };

// Serves the accepted socket, which is given away, until it is over; destroying `io` ends it too.
void serve_connection(boost::asio::io_context& io, int socket, Family family, Door& door);

}  // namespace vmq::http
