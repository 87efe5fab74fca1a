// The twin of the real metadata, for tests and the simulator: no thread, no network, virtual time.
// One MemoryRealm stands for the voters; each node has a MemoryMetadata on it. What a network does
// is set from outside: requests or answers that do not get through, requests that arrive long after
// everybody gave up on them, a majority that is gone, history that is forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cluster/metadata.h"

namespace vmq::cluster {

class MemoryRealm {
 public:
  using LeaseId = std::uint64_t;  // 0: none
  struct Entry {
    std::string value;
    Revision revision = 0;
    LeaseId lease = 0;
  };

  // Without a majority nobody is answered and no lease lapses; with a new one every lease lasts its
  // whole time again.
  void set_majority(bool is_there, Instant now);
  bool has_majority() const { return has_majority_; }
  // Forgets what happened before now: watches that are behind must restart.
  void compact();
  // Ends a lease at once, as if its time had passed.
  void drop_lease(LeaseId lease);
  const std::map<std::string, Entry>& entries() const { return entries_; }
  Revision revision() const { return revision_; }

  // What the clients do. Leases that have lapsed by `now` are gone first.
  void advance(Instant now);
  // One transaction. REQUIRES: no key twice.
  std::vector<CasAnswer> apply(const std::vector<CasRequest>& requests, LeaseId lease);
  LeaseId grant(Instant now, Duration time_to_live);
  // False: there is no such lease.
  bool keep_alive(LeaseId lease, Instant now);
  bool has_lease(LeaseId lease) const { return leases_.contains(lease); }
  // Changes with this prefix from revision `from` on; nullopt: they are forgotten.
  std::optional<std::vector<Change>> changes(std::string_view prefix, Revision from) const;
  std::vector<Change> snapshot(std::string_view prefix) const;
  bool remembers(Revision revision) const { return revision >= compacted_; }

 private:
  struct Lease {
    Instant until;
    Duration time_to_live;
  };
  void change(const std::string& key, std::optional<std::string> value, LeaseId lease);

  std::map<std::string, Entry> entries_;
  std::deque<Change> history_;  // changes above compacted_
  std::map<LeaseId, Lease> leases_;
  LeaseId last_lease_ = 0;
  Revision revision_ = 1;
  Revision compacted_ = 0;
  bool has_majority_ = true;
};

enum class Reach : std::uint8_t {
  Both,
  RequestsOnly,  // what is asked is done, but no answer comes back
  None,
};

class MemoryMetadata final : public Metadata {
 public:
  struct Options {
    std::size_t queue_max = 100'000;      // requests not yet answered
    std::size_t transaction_max = 1'000;  // requests in one transaction
    std::size_t page_max = 100;           // keys in one page
    Duration request_timeout = seconds(3);
    Duration quorum_timeout = milliseconds(2500);
    // A request that was given up while it could not get through arrives after the heal.
    bool late_requests = false;
    WakeOwner wake = {};  // called inside deliver()
  };

  // REQUIRES: the realm outlives this.
  MemoryMetadata(MemoryRealm& realm, Options options);

  void submit(std::vector<CasRequest> requests) override;
  void get(std::uint64_t id, std::string key) override;
  void scan(std::uint64_t id, std::string prefix) override;
  void watch(std::uint64_t id, std::string prefix, std::optional<Revision> from) override;
  void cancel(std::uint64_t id) override;
  void hold_lease(Duration time_to_live) override;
  void release_lease() override;
  void poll(Answers& out) override;

  void set_reach(Reach reach) { reach_ = reach; }
  // The realm does one transaction of what was asked, and all reads. REQUIRES: time does not go
  // back.
  void apply(Instant now);
  // The answers come in, and what took too long is given up.
  void deliver(Instant now);
  void step(Instant now) {
    apply(now);
    deliver(now);
  }
  // True while a further step at the same time would change something.
  bool is_busy() const;
  MemoryRealm::LeaseId lease() const { return lease_; }

 private:
  struct Waiting {
    CasRequest request;
    std::optional<Instant>
        since;  // the first step after it was submitted: only steps know the time
  };
  struct Sent {
    CasAnswer answer;
    Instant since;
  };
  struct Get {
    GetAnswer answer;
    std::string key;
    std::optional<Instant> since;
    bool is_applied = false;
  };
  struct Stream {
    std::string prefix;
    bool is_watch = false;
    bool restarts = true;
    Revision next = 0;             // the first revision that was not told
    std::vector<Change> snapshot;  // after Restart, of revision next - 1
    std::size_t told = 0;          // of the snapshot
    bool is_in_snapshot = false;
  };

  bool requests_arrive() const { return reach_ != Reach::None && realm_.has_majority(); }
  bool answers_arrive() const { return reach_ == Reach::Both && realm_.has_majority(); }
  void answer(CasAnswer answer);
  void apply_transaction(Instant now);
  void apply_lease(Instant now);
  void deliver_lease(Instant now);
  void deliver_late(Instant now);
  // False: the stream has ended.
  bool tell(std::uint64_t id, Stream& stream);
  void wake();

  MemoryRealm& realm_;
  Options options_;
  Reach reach_ = Reach::Both;
  std::deque<Waiting> waiting_;
  std::vector<CasRequest> late_;
  std::vector<Sent> sent_;
  std::vector<Get> gets_;
  std::map<std::uint64_t, Stream> streams_;
  Answers answers_;
  std::optional<Instant> quorum_seen_;
  std::optional<Duration> wanted_lease_;
  MemoryRealm::LeaseId lease_ = 0;        // as this node knows it
  MemoryRealm::LeaseId asked_lease_ = 0;  // granted, the answer is on its way
  std::optional<Instant> lease_sent_;     // when the last grant or keep-alive left that was done
  Instant lease_due_ = {};                // of the next keep-alive
  bool is_lease_gone_ = false;            // its time has passed, or the realm says so
  bool is_woken_ = false;
};

}  // namespace vmq::cluster
