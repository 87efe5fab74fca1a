// Calls to one gRPC server at a time, as bytes: the only place that knows gRPC. One thread owns a
// Wire, makes the calls and runs what comes back inside turn(); nothing happens between turns.
// gRPC's own threads begin with the first Wire and not before. They end by themselves some time
// after the last one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"

namespace vmq::cluster::etcd {

// By the numbers of gRPC; those that decide something here.
enum class RpcCode : std::uint8_t {
  Ok = 0,
  Cancelled = 1,
  Unknown = 2,
  InvalidArgument = 3,
  DeadlineExceeded = 4,
  NotFound = 5,
  PermissionDenied = 7,
  ResourceExhausted = 8,
  FailedPrecondition = 9,
  OutOfRange = 11,
  Unavailable = 14,
  Unauthenticated = 16,
};

struct RpcStatus {
  RpcCode code = RpcCode::Ok;
  std::string message = {};
  bool is_ok() const { return code == RpcCode::Ok; }
};

// PEM texts. Empty authority: no TLS. Empty key: no certificate of our own.
struct TlsTexts {
  std::string authority = {};
  std::string certificate = {};
  std::string key = {};
};

// Milliseconds of CLOCK_MONOTONIC, as the node's shards read it.
Instant monotonic_now();

class Wire {
 public:
  using Done = std::function<void(const RpcStatus&, std::string_view response)>;
  using Message = std::function<bool(std::string_view)>;  // false: pause, until read_next()
  using Ended = std::function<void(const RpcStatus&)>;
  using StreamId = std::uint64_t;  // 0: none

  Wire();
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // From now on calls go to `address` (host:port). What is under way elsewhere ends without a word.
  // The connection is made with the first call.
  void connect(const std::string& address, const TlsTexts& tls);
  void disconnect();

  // One request, one response. `method` is "/service/Method". REQUIRES: connected.
  void call(std::string_view method, std::string_view request, Duration timeout, Done done);

  // A stream in both directions, one at a time. REQUIRES: connected, no stream is open.
  void open_stream(std::string_view method, Message message, Ended ended);
  void write_stream(std::string_view message);
  // Goes on after a pause; without effect if there is none.
  void read_next();

  // Runs what has come, and waits for something to come until `until`, or until a kick.
  void turn(Instant until);
  // Ends the turn, or the next one at once. From any thread.
  void kick();

 private:
  struct Connection;
  class Call;
  class Stream;
  struct Queue;

  std::unique_ptr<Queue> queue_;
  std::shared_ptr<Connection> connection_;
};

// A call that is waited for: for what is done once in a while. The response is valid if the status
// is Ok.
struct WaitedCall {
  RpcStatus status;
  std::string response;
};
// Keeps its connection from call to call while the address is the same. Thread: one.
class Caller {
 public:
  WaitedCall call(const std::string& address, const TlsTexts& tls, std::string_view method,
                  std::string_view request, Duration timeout);

 private:
  std::unique_ptr<Wire> wire_;
  std::string address_;
};
WaitedCall call_and_wait(const std::string& address, const TlsTexts& tls, std::string_view method,
                         std::string_view request, Duration timeout);

// Waits for gRPC's threads to end. For a process that is about to end and has no Wire any more:
// what runs at its exit takes OpenSSL down, which these threads may still be using. False if some
// are left after `patience`.
bool await_threads_end(Duration patience);

}  // namespace vmq::cluster::etcd
