// The listeners of a node: opened at its start, suspended, resumed, deleted and added while it
// runs.
//
// A listener is named by its index, which is the one in Config::listeners too. The index of a
// deleted one stays, so that its connections, which live on, keep their options.
//
// Threads: any but the shards'. Lifetime: the node's; longer than the shards', which hold the
// shared part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "config/config.h"
#include "net/listener.h"
#include "net/tls_source.h"
#include "net/transport.h"
#include "node/shard.h"

namespace vmq::node {

struct BoundListener {
  std::string name;     // as in listener.tcp.NAME
  std::string address;  // with the port that the system chose when 0 was asked for
};

enum class ListenerStatus : std::uint8_t {
  Running,
  Suspended,  // takes nobody new
  NotServed,  // of a kind that nobody serves
  Deleted,
};

struct ListenerView {
  std::size_t index = 0;
  config::ListenerConfig config;
  ListenerStatus status = ListenerStatus::NotServed;
  std::string address;     // without the port; of a domain socket its path
  std::uint16_t port = 0;  // the real one
  std::uint32_t connections = 0;
};

// Serves the listeners of other kinds than MQTT's, HTTP for example. Called by one thread at a
// time.
class ListenerServer {
 public:
  virtual ~ListenerServer() = default;
  // Begins to take clients in. Returns the real port. The error is a sentence. `transport` is null
  // when nothing lies between the socket and the clients' first byte.
  [[nodiscard]] virtual Result<std::uint16_t, std::string> open(
      std::size_t index, const config::ListenerConfig& listener,
      std::shared_ptr<const net::Transport> transport) = 0;
  // Takes nobody new in; `kill`: ends the connections there are.
  virtual void close(std::size_t index, bool kill) = 0;
  virtual std::uint32_t connections(std::size_t index) const = 0;
};

class Listeners {
 public:
  using Post = std::function<void(std::size_t shard, ShardThread::Task task)>;
  using Done = Result<void, std::string>;

  // `accepter`: this node's half of handshakes with nodes that come.
  Listeners(std::size_t shards, int backlog, config::TransportConfig transport,
            net::MakeAccepter accepter)
      : shards_(shards),
        backlog_(backlog),
        transport_(std::move(transport)),
        accepter_(std::move(accepter)) {}
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;

  // Opens those of MQTT and of nodes. Until begin() their clients wait in the backlog. What is
  // wrong with the certificates of any is told here.
  [[nodiscard]] Done open(const std::vector<config::ListenerConfig>& listeners);
  // Gives the shards their doors.
  void begin(Post post);
  // From now on `server` has the listeners of these kinds; those that are there are opened. Null
  // takes the server away, after it has ended by itself.
  [[nodiscard]] Done serve(const std::vector<config::ListenerKind>& kinds, ListenerServer* server);

  // The error says what is in the way. A suspended or removed listener's port is free on return.
  [[nodiscard]] Done suspend(std::size_t index);
  [[nodiscard]] Done resume(std::size_t index);
  // Takes nobody new in, and is not shown any more.
  [[nodiscard]] Done remove(std::size_t index);
  // In two steps: prepare() opens, so that what is in the way is told before anything changes;
  // when every shard knows the options of the new index, admit() lets clients in.
  [[nodiscard]] Result<std::size_t, std::string> prepare(const config::ListenerConfig& listener);
  [[nodiscard]] Done admit(std::size_t index);
  // Ends what connections an HTTP server has on it; those of MQTT are the shards' (Node).
  void kill_served(std::size_t index);

  // Looks after the files of TLS listeners: certificates, keys, revocation lists, secrets. Says
  // what an operator should read of, a new listener's notes included.
  struct TlsEvent {
    enum class What { Loaded, Failed, Note };
    What what = What::Loaded;
    std::string listener;  // as in the configuration, listener.ssl.NAME
    std::string text;      // of Failed and Note
  };
  std::vector<TlsEvent> refresh_tls(net::TlsSource::When when, Instant now, std::int64_t now_s);

  // All that were not deleted.
  std::vector<ListenerView> views() const;
  // Of MQTT and running.
  std::vector<BoundListener> bound() const;

 private:
  struct Entry {
    config::ListenerConfig config;
    ListenerStatus status = ListenerStatus::NotServed;
    std::shared_ptr<const net::Transport> transport;
    std::unique_ptr<net::ListenerShared> shared;  // of MQTT's, for as long as the node lives
    std::vector<net::ListenerSocket> doors;       // on their way to the shards
    std::string address;
    std::uint16_t port = 0;                       // the real one, kept over a suspension
    std::shared_ptr<const net::TlsContext> told;  // whose notes were told
  };
  // All with the mutex held.
  [[nodiscard]] Done add_entry(const config::ListenerConfig& listener);
  Done open_entry(std::size_t index);
  void close_entry(std::size_t index);
  void hand_out(Entry& entry);
  Entry* find(std::size_t index);
  ListenerServer* server_of(const Entry& entry) const;

  const std::size_t shards_;
  const int backlog_;
  const config::TransportConfig transport_;
  const net::MakeAccepter accepter_;
  mutable std::mutex mutex_;
  Post post_;
  std::map<config::ListenerKind, ListenerServer*> servers_;
  std::vector<Entry> entries_;  // by index
};

}  // namespace vmq::node
