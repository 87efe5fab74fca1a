// Compare-and-swaps and gets on their way to etcd. One transaction is under way, so requests for
// one key keep their order by themselves; meanwhile the next ones gather.
//
// Thread: the client's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "cluster/etcd/codec.h"
#include "cluster/etcd/link.h"
#include "cluster/etcd/mailbox.h"
#include "cluster/etcd/wire.h"

namespace vmq::cluster::etcd {

class CasSender {
 public:
  CasSender(Wire& wire, Mailbox& mailbox, Link& link, const EtcdOptions& options)
      : wire_(wire),
        mailbox_(mailbox),
        link_(link),
        options_(options),
        batch_max_(options.transaction_max) {}

  void add(std::vector<CasRequest> requests, Instant now);
  // `lease` is 0 without one.
  void turn(Instant now, LeaseId lease);
  // The lease that etcd did not know any more, since the last time it was asked for.
  LeaseId take_lost_lease() { return std::exchange(lost_lease_, 0); }
  Instant due(Instant now) const;

 private:
  struct Pending {
    CasRequest request;
    Instant since;
    bool is_answered = false;
  };

  void give_up_late(Instant now);
  void send(Instant now, LeaseId lease);
  void on_response(Instant sent, const RpcStatus& status, std::string_view response);
  void on_failure(const RpcStatus& status);
  std::vector<const CasRequest*> requests_of_batch() const;
  // Answers what is open of the batch, and forgets it.
  void end_batch(CasStatus status, bool is_in_doubt);
  // It was certainly not done: puts it back in front of the queue.
  void take_batch_back();

  Wire& wire_;
  Mailbox& mailbox_;
  Link& link_;
  const EtcdOptions& options_;
  std::size_t batch_max_;
  std::deque<Pending> queue_;
  std::vector<Pending> batch_;  // under way; empty: none
  LeaseId batch_lease_ = 0;
  LeaseId lost_lease_ = 0;
  std::uint64_t generation_ = 0;
  Instant send_due_ = {};
};

class GetSender {
 public:
  GetSender(Wire& wire, Mailbox& mailbox, Link& link, const EtcdOptions& options)
      : wire_(wire), mailbox_(mailbox), link_(link), options_(options) {}

  void add(std::uint64_t id, std::string key, Instant now);
  void turn(Instant now);
  bool is_idle() const { return queue_.empty(); }

 private:
  struct Pending {
    std::uint64_t id = 0;
    std::string key;
    Instant since;
  };

  void send(Instant now);
  void on_response(Instant sent, const RpcStatus& status, std::string_view response);

  Wire& wire_;
  Mailbox& mailbox_;
  Link& link_;
  const EtcdOptions& options_;
  std::deque<Pending> queue_;  // the first asked_ are under way
  std::size_t asked_ = 0;
  std::size_t given_up_ = 0;  // of those under way, answered already
  std::uint64_t generation_ = 0;
  Instant send_due_ = {};
};

}  // namespace vmq::cluster::etcd
