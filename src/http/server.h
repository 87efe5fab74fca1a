// The HTTP server: its listeners, its one thread, and what it keeps for the pages.
//
//   accept → PROXY header or TLS (deadline) → header (bounded, deadline) → admit
//     → body (bounded, deadline) → handle (deadline) → answer
//
// Everything that a client sends has a limit and a deadline, so a slow or hostile one costs one
// connection and nobody else. Requests of one connection are answered one after the other; the next
// is not read before the answer to the one before it is written.
//
// Lifetime: started after node and control, stopped before them. Threads: any.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "control/api_keys.h"
#include "control/control.h"
#include "node/log.h"
#include "node/node.h"

namespace vmq::http {

class HttpServer {
 public:
  struct Setup {
    node::Node& node;
    control::Control& control;
    control::ApiKeys& keys;
    node::Log& log;
    std::string version;
  };

  // Serves the node's http and https listeners from now on. The error is a sentence for the
  // operator.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>, std::string> start(Setup setup);
  // Connections are closed at once.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vmq::http
