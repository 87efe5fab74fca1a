// The sockets of one shard: readiness, reading, writing, accepting and closing, over epoll. It
// carries bytes between sockets and the shard's core and decides nothing about MQTT.
//
// A turn of the shard uses it like this (node/shard.cc):
//
//   wait(timeout)       sleep until sockets, the waker or the timeout; up to 1024 events
//   ┌ offer_ready()     in an open turn: accept, read, hand bytes to the core, until it is full
//   │ write(touched)    the turn is ended: one send or sendmsg for each touched connection
//   │ close, release, resume
//   └ while has_ready()
//
// What makes it cheap, by measurement: taking many events a wait and writing each touched
// connection once after all of them were read is worth more than a factor of two; the kernel's TCP
// path is most of the rest. So one shared read buffer a shard, one recv a ready connection and
// turn, no system call that is not needed, nothing allocated a packet.
//
// Everything that knows epoll stands behind this class. A reactor over io_uring would have the same
// surface: wait() submits and reaps, offer_ready() hands received buffers to the core, write()
// queues sends whose turn memory is kept until they complete.
//
// Lifetime: as long as its shard, shorter than the core and the listeners' shared part.
// Thread: the shard's.
// Invariants:
//   1. sockets_[slot] is the socket of the core's connection in that slot, or empty.
//   2. Reading never goes on past a packet that the core has not taken: what is left is the tail.
//   3. EPOLLOUT is asked for exactly while the connection's outbox is blocked.
#pragma once

#include <sys/epoll.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "cluster/handshake.h"
#include "core/counters.h"
#include "core/shard_core.h"
#include "net/address.h"
#include "net/counters.h"
#include "net/fd.h"
#include "net/listener.h"
#include "net/stages.h"
#include "net/tail.h"
#include "net/waker.h"

namespace vmq::net {

// A connection between two shards: on its way from the one that accepted it to its client's home.
struct MovedSocket {
  Fd fd;
  ListenerShared* listener = nullptr;
  Tail unread;
  std::unique_ptr<Stages> stages;
  core::ConnInfo info;
};

struct ReactorLimits {
  std::size_t read_bytes_max = 64 * 1024;    // of one connection and turn
  Duration linger_max = milliseconds(1500);  // for a graceful close to be finished by the peer
  std::size_t lingering_max = 8192;
  Duration accept_pause = milliseconds(100);
  // Connections that are not MQTT yet: in a handshake, or before their request's end.
  std::size_t openings_max = 1024;
  // Connections of nodes that have not proved yet that they are. At this number the oldest of them
  // goes: a node is through in no time, whoever fills the places is not.
  std::size_t unproved_max = 128;
  // TLS handshakes taken a step further each time that sockets are waited for: a step costs up to
  // a millisecond, and nobody else is served meanwhile.
  std::size_t handshake_steps_max = 4;
  Duration trouble_interval = seconds(1);  // between two reports about clients
};

// Something an operator should know, at a moment when it cannot be returned to anybody.
struct Trouble {
  std::string_view event;
  std::string_view reason;
  std::string_view peer;     // empty: nobody's
  std::uint64_t untold = 0;  // reports left out since the last one
};
using OnTrouble = std::function<void(const Trouble&)>;

// A connection that this node is to make to another one.
struct Dial {
  std::uint64_t id = 0;  // of the caller's choice, not 0
  SocketAddress to;
  std::shared_ptr<const Transport> transport;
  cluster::Handshake::Setup handshake;
};
// A connection with another node, both of which have agreed. Nobody reads from it before it is
// adopted.
struct Link {
  MovedSocket socket;
  cluster::Hello peer;
  std::uint64_t dial = 0;  // 0: it was accepted
};
// What happens to connections between nodes. Called in an open turn.
struct LinkEvents {
  std::function<void(Link)> on_agreed;
  std::function<void(std::uint64_t dial, std::string reason)> on_failed;
  // An adopted one whose ConnInfo has a link is gone.
  std::function<void(core::ConnId)> on_closed;
};

// What sockets between nodes are given, so that one whose other end is gone is noticed.
void watch_link(int fd);

class Reactor {
 public:
  // The waker lets other threads end a wait().
  Reactor(core::ShardCore& core, Waker& waker, core::Counters& counters,
          SocketCounters& socket_counters, ReactorLimits limits, OnTrouble on_trouble,
          LinkEvents link_events = {});
  // Closes every socket without a word.
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  void listen(ListenerSocket socket);
  // Closes the doors of one listener; its connections stay.
  void stop_listening(const ListenerShared& listener);
  // Closes all doors, for good.
  void stop_accepting();

  // Sleeps for at most `timeout_ms` (-1: for ever), less when something of the reactor's own is
  // due. Returns at once when there is work that needs no waiting.
  void wait(int timeout_ms);
  // No reading and accepting until further notice; writing goes on.
  void set_stalled(bool stalled);

  // REQUIRES: the core's turn is open. Offers input to the core until there is no more of it or the
  // turn is full.
  void offer_ready(Instant now);
  // There is input that was not offered yet.
  bool has_ready() const;

  // --- effects: after end_turn, before the turn's memory is released ---
  void write(std::span<const core::ConnId> touched);
  void close(std::span<const core::Close> closes);
  void resume(std::span<const core::ConnId> conns);
  std::optional<MovedSocket> release(core::Handover& handover);

  // REQUIRES: the core's turn is open. Takes a connection in that another shard released.
  core::ConnId adopt(MovedSocket socket);

  // --- connections with other nodes; REQUIRES: the core's turn is open ---
  // Answered by on_agreed or on_failed, never before it returns.
  void dial(Dial dial, Instant now);
  // Ends a connection as if its peer had.
  void hang_up(core::ConnId conn);

  // Of the core.
  std::size_t connection_count() const { return connection_count_; }
  // Of them, those of clients and not of nodes.
  std::size_t client_count() const { return connection_count_ - link_count_; }
  // Closed by the core, not yet by the peer.
  std::size_t lingering_count() const { return lingering_count_; }
  // Not known to the core yet.
  std::size_t opening_count() const { return opening_count_; }

 private:
  enum Flag : std::uint8_t {
    ReadArmed = 1,   // epoll tells of input
    WriteArmed = 2,  // epoll tells of room
    Paused = 4,      // the core does not want more bytes
    WriteDead = 8,   // writing failed; what can be read is still read, then the connection ends
    Unwatched = 16,  // not known to epoll: it is paused and its peer is gone
    Resuming = 32,   // in resumed_
    Linked = 64,     // its peer is a node
  };
  // What a shard keeps for each connection.
  struct Socket {
    core::ConnId conn;
    Tail tail;
    ListenerShared* listener = nullptr;
    std::unique_ptr<Stages> stages;  // null: what is read and written is MQTT itself
    int fd = -1;
    std::uint8_t flags = 0;

    bool has(Flag flag) const { return (flags & flag) != 0; }
    void set(Flag flag) { flags = static_cast<std::uint8_t>(flags | flag); }
    void unset(Flag flag) { flags = static_cast<std::uint8_t>(flags & ~flag); }
  };
  static_assert(sizeof(Socket) <= 64);

  // A connection that the core has closed: its last bytes and our FIN are sent, the peer's FIN is
  // awaited, so that the reason it was told is not destroyed by a reset.
  struct Lingering {
    int fd = -1;
    std::uint32_t incarnation = 0;
    ListenerShared* listener = nullptr;
    std::vector<std::uint8_t> unsent;
    std::size_t sent = 0;
    std::size_t discarded = 0;
  };
  // A connection whose stages do not agree yet.
  struct Opening {
    int fd = -1;
    std::uint32_t incarnation = 0;
    ListenerShared* listener = nullptr;
    std::unique_ptr<Stages> stages;
    std::uint64_t dial = 0;      // not 0: this node made it
    bool is_link = false;        // with a node
    bool is_connecting = false;  // by the kernel
  };
  struct Unproved {
    std::uint32_t index = 0;
    std::uint32_t incarnation = 0;
  };
  struct OpeningDue {
    Instant at;
    std::uint32_t index = 0;
    std::uint32_t incarnation = 0;
    bool operator<(const OpeningDue& other) const { return other.at < at; }  // soonest on top
  };
  struct LingerDue {
    Instant at;
    std::uint32_t index = 0;
    std::uint32_t incarnation = 0;
  };
  struct Door {
    ListenerSocket socket;
    bool is_resting = false;
  };

  // What an event is about: kind in the high half, index in the low one.
  enum class Kind : std::uint32_t { Connection, Door, Lingering, Opening, Waker };
  static epoll_event event_for(Kind kind, std::uint32_t index, std::uint32_t events);

  // reactor.cc
  void on_event(const epoll_event& event);
  void on_connection(std::uint32_t slot, std::uint32_t events);
  Socket* find(core::ConnId conn);
  enum class Known { No, Yes };  // to epoll
  bool add(core::ConnId conn, int fd, ListenerShared* listener, Known known);
  void rearm(Socket& socket);
  void end(Socket& socket, core::CloseCause cause);
  void free_socket(Socket& socket);
  MovedSocket take_out(Socket& socket);
  int own_timeout() const;

  // reactor_accept.cc
  void accept_ready(Door& door);
  bool has_room(Door& door);
  void rest(Door& door, std::string_view reason);
  void end_rests();

  // reactor_open.cc
  void begin_opening(int fd, ListenerShared* listener, std::string peer);
  Opening* new_opening(int fd, ListenerShared* listener, std::uint32_t events,
                       std::uint32_t& index);
  void set_patience(std::uint32_t index, std::optional<Duration> patience);
  void on_opening(std::uint32_t index, std::uint32_t events);
  void finish_opening(std::uint32_t index, ByteView bytes);
  void fail_opening(std::uint32_t index);
  void drop_opening(std::uint32_t index);
  void free_opening(Opening& opening, std::uint32_t index);
  void end_due_openings();
  bool send_staged(int fd, Stages& stages, ByteView bytes);
  bool send_pending(int fd, Stages& stages);
  void report(const char* stage, std::string_view reason, std::string_view peer);

  // reactor_link.cc
  bool is_unproved(const Unproved& place) const;
  void make_room_for_link();
  void on_connected(std::uint32_t index);
  void finish_link(std::uint32_t index, ByteView bytes);
  void tell_failed(std::uint64_t dial, std::string reason);
  void tell_links();

  // reactor_staged.cc
  void read_staged(Socket& socket);
  void offer_staged(Socket& socket, std::uint8_t* buffer, std::size_t kept, std::size_t size);
  void answer(Socket& socket);
  void stop_answering(Socket& socket);
  bool flush_staged(Socket& socket, session::Outbox& outbox);
  std::size_t gather(const session::Outbox& outbox);
  void end_staged(Socket& socket, core::CloseCause cause);
  void append_unsent(Socket& socket, std::vector<std::uint8_t>& unsent);

  // reactor_read.cc
  void read(Socket& socket);
  void read_behind_tail(Socket& socket);
  void offer_behind_tail(Socket& socket, ByteView behind);
  bool check_read(Socket& socket, ssize_t count);
  void offer(Socket& socket, ByteView bytes);
  void offer_tail(Socket& socket);
  void offer_kept(core::ConnId conn);
  void pause(Socket& socket);

  // reactor_write.cc
  void write_one(Socket& socket);
  bool flush(Socket& socket, session::Outbox& outbox);
  ssize_t send_some(int fd, const session::Outbox& outbox, std::size_t& offered);
  void on_writable(Socket& socket);

  // reactor_close.cc
  void linger(Socket& socket);
  void on_lingering(std::uint32_t index, std::uint32_t events);
  bool send_last(Lingering& lingering);
  Lingering& new_lingering(int fd, ListenerShared* listener, std::uint32_t& index);
  void begin_lingering(Lingering& lingering, std::uint32_t index);
  void end_lingering(std::uint32_t index);
  void end_due_lingering();
  void close_fd(int fd, ListenerShared* listener);

  core::ShardCore& core_;
  Waker& waker_;
  core::Counters& counters_;
  SocketCounters& socket_counters_;
  const ReactorLimits limits_;
  const OnTrouble on_trouble_;
  const LinkEvents link_events_;

  Fd epoll_;
  Instant now_{0};
  bool is_stalled_ = false;

  std::vector<Socket> sockets_;  // by the slot of the core's connection
  std::vector<Socket>
      displaced_;  // handed over in this turn, while their slot was given away again
  std::size_t connection_count_ = 0;
  std::size_t link_count_ = 0;  // of them, adopted ones of nodes
  std::vector<Door> doors_;
  Instant rest_until_{0};
  bool has_resting_ = false;
  bool is_closed_ = false;  // to new clients

  std::vector<epoll_event> events_;
  std::size_t event_next_ = 0;
  std::size_t event_count_ = 0;

  std::vector<core::ConnId> resumed_;  // their tails are to be offered again
  std::size_t resumed_next_ = 0;
  std::vector<core::ConnId> closed_;  // by the core; it is told when the socket is gone

  std::vector<Lingering> lingering_;
  std::vector<std::uint32_t> free_lingering_;
  std::deque<LingerDue> linger_due_;  // by time, since all linger equally long
  std::size_t lingering_count_ = 0;

  std::vector<Opening> openings_;
  std::vector<std::uint32_t> free_openings_;
  std::priority_queue<OpeningDue> opening_due_;
  std::size_t opening_count_ = 0;
  std::size_t link_opening_count_ = 0;  // of them, those with nodes
  std::deque<Unproved> unproved_;       // accepted ones, the oldest first; some are proved or gone
  std::vector<std::pair<std::uint64_t, std::string>> failed_dials_;  // not told yet
  std::vector<core::ConnId> closed_links_;                           // likewise
  std::size_t handshake_steps_left_ = 0;
  std::vector<std::uint8_t> wire_;  // what stages have made for a socket
  Instant report_at_{0};
  std::uint64_t untold_ = 0;

  std::unique_ptr<std::uint8_t[]> buffer_;  // everything is read here first
  std::array<iovec, 1024> iov_;             // UIO_MAXIOV: what the kernel takes a call
};

}  // namespace vmq::net
