// Carries out the commands of the table (admin/command.h) on a running node. Every way in (the
// admin socket of vmq-admin, the HTTP API, the status page) comes through here.
//
// Handlers run one after the other on Control's own thread, so they need no locks among each other;
// they may block for a moment on the shards (Node::ask_shards). Those that take long run one after
// the other on a second thread, beside the rest. A command that streams gets a thread of its own
// for as long as its caller listens.
//
// Lifetime: made after the node, gone before it. Threads: submit() may be called by any.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/invocation.h"
#include "admin/table.h"
#include "node/log.h"
#include "node/node.h"

namespace vmq::control {

class ApiKeys;

// Who asks, for the log.
struct Caller {
  std::string via;   // "socket", "http"
  std::string name;  // the user of the socket's other end, or the first characters of an API key
};

// Where a command that streams writes to; one thread at a time.
class Stream {
 public:
  virtual ~Stream() = default;
  // A piece of the answer, as lines. False: nobody listens any more.
  virtual bool write(const admin::Text& lines) = 0;
  // Also true when the node stops.
  virtual bool is_over() const = 0;
};

// What a handler works with.
struct Context {
  node::Node& node;
  node::Log& log;
  const Caller& caller;
  Stream* stream = nullptr;  // of commands that stream
  // Of commands that take long: the node stops, so they should end.
  std::function<bool()> is_ending = [] { return false; };
};

// How long a handler waits for the shards, and what it answers when that was not enough.
inline constexpr std::chrono::seconds shard_patience{10};
inline constexpr std::string_view shard_is_busy = "A shard of the node is busy: try again.";

using Handler = std::function<admin::Answer(Context&, const admin::Invocation&)>;
// By the words of the command.
using Handlers = std::map<std::string, Handler, std::less<>>;

class Control {
 public:
  using Done = std::function<void(admin::Answer)>;

  // REQUIRES: there is a handler for every row of the table.
  Control(node::Node& node, node::Log& log, Handlers handlers);
  // Commands under way are finished, those that take long as soon as they see that the node stops;
  // those that wait are answered with a failure.
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // `done` is called exactly once, on a thread of Control's. A queue that is full (64 commands)
  // answers at once that the node is busy (Outcome::Busy). REQUIRES: the command does not stream.
  void submit(admin::Invocation invocation, Caller caller, Done done);
  // The same, and waits for the answer. Not from Control's own thread.
  admin::Answer run(admin::Invocation invocation, Caller caller);
  // For a command that streams: on the calling thread, until it is over.
  admin::Answer run_stream(const admin::Invocation& invocation, Caller caller, Stream& stream);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Each file of commands binds its own.
void bind_cluster_commands(Handlers& handlers);
void bind_config_commands(Handlers& handlers);
void bind_extension_commands(Handlers& handlers);
void bind_key_commands(Handlers& handlers, ApiKeys& keys);
void bind_listener_commands(Handlers& handlers);
void bind_log_commands(Handlers& handlers);
void bind_metrics_commands(Handlers& handlers);
void bind_node_commands(Handlers& handlers);
void bind_plugin_commands(Handlers& handlers);
void bind_retain_commands(Handlers& handlers);
void bind_route_commands(Handlers& handlers);
void bind_session_commands(Handlers& handlers);
void bind_tls_commands(Handlers& handlers);
void bind_trace_commands(Handlers& handlers);
// `keys` outlives the handlers.
Handlers all_handlers(ApiKeys& keys);

}  // namespace vmq::control
