// The management API: commands of vmq-admin as URLs (/api/v1), and the two questions of /api/v2.
//
// Thread: the server's, but for commands that stream, each of which has a thread of its own.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>

#include "admin/invocation.h"
#include "control/control.h"
#include "http/message.h"

namespace vmq::http {

class Management {
 public:
  static constexpr std::size_t streams_max = 8;

  explicit Management(control::Control& control);
  // Streams are told to end, and waited for.
  ~Management();
  Management(const Management&) = delete;
  Management& operator=(const Management&) = delete;

  // `path` is what stands behind /api/v1; `key` is that of the request.
  void handle(const Request& request, std::string_view path, std::string_view key,
              const Reply& reply);
  // `path` is what stands behind /api/v2.
  void handle_v2(const Request& request, std::string_view path, std::string_view key,
                 const Reply& reply);

 private:
  struct Running;
  void stream(admin::Invocation invocation, control::Caller caller, const Reply& reply);

  control::Control& control_;
  std::list<std::unique_ptr<Running>> running_;
};

}  // namespace vmq::http
