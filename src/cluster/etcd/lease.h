// Holds one lease, and knows honestly until when.
//
// A lease lives on the leader, and etcd's leader renews it without asking the majority whether it
// still is one. A leader that was voted out a moment ago may renew while its successor already
// counts the lease down. So a renewal counts only between two probes:
//
//   probe answered, term T … keep-alive sent at S, answered … probe sent, answered, term T
//
// The first says that the member we speak to knew of term T, so it passed the keep-alive to a
// leader of T or later; the last, that no later leader was elected before. Then the lease lasts
// until S + its time to live at least. A grant is a decision of the majority and needs no probe.
//
// Thread: the client's.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "cluster/etcd/codec.h"
#include "cluster/etcd/link.h"
#include "cluster/etcd/mailbox.h"
#include "cluster/etcd/wire.h"

namespace vmq::cluster::etcd {

class LeaseKeeper {
 public:
  LeaseKeeper(Wire& wire, Mailbox& mailbox, Link& link)
      : wire_(wire), mailbox_(mailbox), link_(link) {}

  void set(const LeaseCommand& command);
  // etcd does not know this lease any more.
  void on_lost(LeaseId lease);
  void turn(Instant now);
  // For keys that are put now; 0: none is held.
  LeaseId lease(Instant now) const { return now < until_ ? lease_ : 0; }
  // Nothing of ours is left at etcd that nobody wants.
  bool is_released() const { return revokes_.empty() && !is_granting_; }
  Instant due(Instant now) const;

 private:
  void lose();
  void grant(Instant now);
  void revoke();
  void renew(Instant now);
  void close_renewal();

  Wire& wire_;
  Mailbox& mailbox_;
  Link& link_;
  std::uint64_t serial_ = 0;  // of the owner's command
  std::optional<Duration> wanted_;
  LeaseId lease_ = 0;
  Duration lasts_ = {};  // from each renewal on
  Instant until_ = {};
  std::vector<LeaseId> revokes_;  // nobody's any more, but perhaps still at etcd
  std::uint64_t generation_ = 0;
  bool is_granting_ = false;
  bool is_revoking_ = false;
  bool is_renewing_ = false;
  Instant try_due_ = {};  // of a grant or revocation after a failure
  Instant renew_due_ = {};
  // A keep-alive that was answered and waits for the probe that makes it count.
  struct Renewal {
    Instant sent;
    Instant answered;
    std::uint64_t term = 0;
  };
  std::optional<Renewal> renewal_;
};

}  // namespace vmq::cluster::etcd
