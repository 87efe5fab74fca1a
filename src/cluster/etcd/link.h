// The one connection to etcd: which member it goes to, whether a majority answers there, and when
// to try another one. A probe is a linearizable read, twice a second: only a majority answers it.
//
// Thread: the client's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "cluster/etcd/client.h"
#include "cluster/etcd/codec.h"
#include "cluster/etcd/mailbox.h"
#include "cluster/etcd/wire.h"

namespace vmq::cluster::etcd {

class Link {
 public:
  Link(Wire& wire, Mailbox& mailbox, const EtcdOptions& options);

  void set_endpoints(std::vector<std::string> endpoints);
  // The last probe of this connection was answered. Nothing is asked before.
  bool is_up() const { return is_up_; }
  // Grows with every new connection. What was under way on an older one is lost without a word.
  std::uint64_t generation() const { return generation_; }

  // The last answered probe of this connection: when it was sent, and the term of the leader that
  // the majority confirmed. REQUIRES: is_up().
  Instant probe_sent() const { return probe_sent_; }
  std::uint64_t term() const { return term_; }

  // A majority answered what was sent then.
  void saw_majority(Instant sent);
  // Something went wrong that a probe may explain.
  void suspect();
  // A probe that is sent after now is wanted, soon.
  void probe_soon();

  void turn(Instant now);
  Instant due() const;

 private:
  void probe(Instant now);
  void on_probe(Instant sent, const RpcStatus& status, std::string_view response);
  void on_failure(Instant now, std::string error);
  void connect(std::size_t place);
  void report();

  Wire& wire_;
  Mailbox& mailbox_;
  const EtcdOptions& options_;
  std::vector<std::string> endpoints_;
  std::size_t place_ = 0;  // in endpoints_
  std::string endpoint_;   // connected to; empty: none
  std::uint64_t generation_ = 0;
  bool is_up_ = false;
  bool is_probing_ = false;
  Instant probe_due_ = {};
  Instant probe_wanted_ = {};
  Instant probe_sent_ = {};
  std::uint64_t term_ = 0;
  std::size_t failures_ = 0;  // in a row
  std::optional<Instant> majority_seen_;
  std::string error_;
  std::uint64_t fail_overs_ = 0;
};

}  // namespace vmq::cluster::etcd
