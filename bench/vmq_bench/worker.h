// A load thread: one epoll loop over the clients it owns. While load runs it polls instead of
// sleeping, because waking a sleeping client is CPU time that the kernel charges to the broker. It
// reads into one large buffer, gathers the acknowledgements of a read into one write, and writes
// PUBLISH packets in bursts.
#pragma once

#include <netinet/in.h>
#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "bench/vmq_bench/client.h"
#include "bench/vmq_bench/histogram.h"
#include "bench/vmq_bench/options.h"

namespace vmq::bench {

// A number that one worker writes and the coordinator reads.
class Counter {
 public:
  void add(std::uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct Counters {
  Counter connected;       // CONNACKs with code 0
  Counter present;         // of them with session present
  Counter connect_failed;  // refused, reset or answered with another code
  Counter closed;          // connections that ended because we left
  Counter disconnects;     // connections that the broker ended
  Counter subscribed;      // filters granted
  Counter refused;         // filters and publishes answered with a failure code
  Counter sent;
  Counter acked;       // PUBACK or PUBCOMP
  Counter handshakes;  // PUBREC and PUBREL: progress that is neither a delivery nor an end
  Counter delivered;
  Counter redelivered;  // deliveries with the DUP flag
  Counter repeated;     // QoS 2: a PUBLISH again before its PUBREL, which is no second delivery
  Counter duplicates;   // seen by a Tally; a Stream counts its own
  Counter reordered;
  Counter foreign;    // payloads that are not ours
  Counter malformed;  // bytes that are not MQTT, or an answer to nothing
};

// What the coordinator tells all workers; written between phases, read every turn.
struct Run {
  std::atomic<bool> busy{false};  // poll
  std::atomic<bool> publishing{false};
  std::atomic<bool> measuring{false};  // record latencies
  std::atomic<bool> quit{false};
  std::int64_t paced_start_ns = 0;  // set before publishing
  double interval_ns = 0;           // between two messages of all publishers together; 0 = unpaced
  std::uint32_t publisher_count = 0;
};

struct Command {
  enum class Kind : std::uint8_t { connect, subscribe, publish, leave, abandon };
  Kind kind;
  std::uint32_t first;  // the clients [first, last) that this worker owns
  std::uint32_t last;
};

class Worker {
 public:
  Worker(const Options& options, Run& run, std::vector<Client>& clients, unsigned number);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void run();  // the thread's body: returns after Run::quit
  void post(Command command);

  Counters counters;
  // Read by the coordinator when the load is over and this worker is at rest.
  Histogram latency;          // publish to delivery
  Histogram ack_latency;      // publish to PUBACK or PUBCOMP
  Histogram connect_latency;  // opening to CONNACK
  // Goes up every turn: two turns after a change of Run, this worker has seen it.
  [[nodiscard]] std::uint64_t turns() const { return turns_.load(std::memory_order_acquire); }
  // CPU time of this thread without the time it spent polling in vain.
  [[nodiscard]] std::int64_t working_cpu_ns() const {
    return working_cpu_ns_.load(std::memory_order_relaxed);
  }

 private:
  // worker.cc
  bool owns(std::uint32_t client) const;
  void take_commands();
  void obey(const Command& command);
  void handle(const epoll_event& event);
  void account(bool worked);
  void ping_idle_clients(std::int64_t now);

  // worker_connection.cc
  bool open_some();
  void open(Client& client, std::int64_t intended_ns);
  void greet(Client& client);
  void introduce(Client& client);
  void send_wire(Client& client, const std::uint8_t* bytes, std::size_t length);
  bool bind_source(Client& client);
  void subscribe_next(Client& client);
  void leave(Client& client);
  void close(Client& client, ClientState state);
  void fail(Client& client);
  void send(Client& client, const std::uint8_t* bytes, std::size_t length);
  void flush(Client& client);
  void watch(Client& client, bool for_write);

  // worker_receive.cc
  void on_readable(Client& client);
  void on_carried(Client& client);
  void take(Client& client, std::size_t size);
  const std::uint8_t* scan(Client& client, const std::uint8_t* at, const std::uint8_t* end);
  bool on_frame(Client& client, std::uint8_t first, const std::uint8_t* body, std::uint32_t length);
  bool on_publish(Client& client, std::uint8_t first, const std::uint8_t* body,
                  std::uint32_t length);
  void on_message(Subscriber& subscriber, const Stamp& stamp);
  bool on_connack(Client& client, const std::uint8_t* body, std::uint32_t length);
  bool on_suback(Client& client, const std::uint8_t* body, std::uint32_t length);
  bool on_publisher_ack(Client& client, PacketType type, const std::uint8_t* body,
                        std::uint32_t length);
  bool on_pubrel(Client& client, const std::uint8_t* body, std::uint32_t length);
  void answer(std::uint8_t first, const std::uint8_t* id);

  // worker_publish.cc
  bool publish_some();
  bool publish_burst(Client& client, std::int64_t now);
  std::uint8_t* append(Publisher& publisher, std::uint8_t* to, std::int64_t stamp_ns,
                       std::int64_t now);

  const Options& options_;
  Run& run_;
  std::vector<Client>& clients_;
  const unsigned number_;
  const int epoll_;
  sockaddr_in broker_{};

  std::mutex mutex_;
  std::vector<Command> posted_;
  std::atomic<bool> has_posted_{false};

  std::vector<epoll_event> events_;
  std::vector<std::uint8_t> buffer_;  // of one read
  std::vector<std::uint8_t> plain_;   // what a carrier made of one read
  std::vector<std::uint8_t> wire_;    // what a carrier has to send
  ssl_ctx_st* const tls_context_;
  std::vector<std::uint8_t> answers_;  // acknowledgements of one read
  std::vector<std::uint8_t> burst_;    // PUBLISH packets of one write
  std::uint64_t delivered_ = 0;        // in one read
  std::int64_t read_ns_ = 0;           // when it was done
  bool measuring_ = false;

  std::vector<std::uint32_t> publishers_;  // clients of ours that are publishing
  std::size_t publisher_turn_ = 0;

  std::uint32_t open_next_ = 0;  // the connect command in progress
  std::uint32_t open_last_ = 0;
  std::uint64_t open_count_ = 0;
  std::int64_t open_start_ns_ = 0;
  unsigned opening_ = 0;

  std::atomic<std::uint64_t> turns_{0};
  bool was_working_ = false;
  std::int64_t cpu_mark_ns_ = 0;
  std::atomic<std::int64_t> working_cpu_ns_{0};
  std::int64_t next_ping_ns_ = 0;
};

// "<prefix>/0000042": every topic of a run is its prefix and a number.
std::string topic_name(const Options& options, std::uint32_t number);
std::string filter_name(const Options& options, FilterStyle style, std::uint32_t number);

}  // namespace vmq::bench
