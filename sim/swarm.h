// Several nodes that are one broker: each with its own disk, cables between them, and the word who
// the members are, which a real cluster gets from its metadata.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cluster/members.h"
#include "sim/cables.h"
#include "sim/node.h"
#include "store/memory_store.h"

namespace vmq::sim {

struct Host {
  NodeOptions options;
  std::unique_ptr<store::MemoryStore> store;
  std::unique_ptr<Node> node;    // null: it is down
  std::uint32_t down_steps = 0;  // until it starts again
  // Its clocks, against those of the world.
  Duration uptime_ahead{0};
  Duration wall_ahead{0};
  std::uint64_t leases = 1;  // the cluster has given it
  bool is_lapsed = false;
  bool is_leaving = false;
  bool has_left = false;  // it is no member any more
  // That it has come up with: what it was told to have, unless its disk still owes something.
  std::uint8_t shards = 0;
};

class Swarm {
 public:
  explicit Swarm(std::vector<Host> hosts) : hosts_(std::move(hosts)), cables_(hosts_.size()) {}

  std::size_t size() const { return hosts_.size(); }
  Host& host(std::size_t index) { return hosts_[index]; }
  // Null: it is down.
  Node* node(std::size_t index) { return hosts_[index].node.get(); }
  bool is_whole() const;
  // What its clocks show.
  Now now_at(std::size_t index, Now now) const;

  // Starts it on what its disk holds, and tells it who the members are.
  void start(std::size_t index, Now now);
  void crash(std::size_t index, store::CrashKind kind);
  // Tells everybody who the members are: all hosts, or each only itself.
  void tell_members(Now now, bool together = true);
  // Its lease is over, as far as the others are concerned: what it owned goes to them. It learns of
  // it when it is told who the members are, or starts.
  void lapse(std::size_t index, Now now);
  // Its process is about to end in order: the others count it as down before its clients hear of
  // it. crash() ends it, start() brings it back.
  void stop(std::size_t index, Now now);
  // It hands on what it has, and is a member until it is taken out.
  void leave(std::size_t index, Now now);
  void take_out(std::size_t index, Now now);
  // What it has still to hand on, all shards together.
  core::LeaveStatus leave_status(std::size_t index, Now now);
  // Answers what nodes ask about the owners of clients. Who is asked knows everything at once.
  void tell_owners();
  // What nodes tell of their sessions cannot be kept, this many times.
  void refuse_records(int times) { records_refused_ = times; }
  // The member that has this client's session; no_member: none.
  cluster::MemberNumber owner_of(const std::string& client_id) const;
  // Turns of all nodes, steps of all disks and all cables until nothing moves at this time.
  void settle(Now now);
  void heal();
  void check_invariants();

  Cables& cables() { return cables_; }
  Cables::Nodes nodes();

 private:
  cluster::Members members_for(std::size_t index) const;

  std::vector<Host> hosts_;
  Cables cables_;
  bool is_together_ = true;
  using ClientName = std::pair<std::string, std::string>;  // mountpoint, client id
  struct Owned {
    cluster::MemberNumber owner = cluster::no_member;
    std::uint64_t birth = 0;
    std::uint64_t epoch = 0;
    std::vector<cluster::OwnerStep> earlier;
    std::string record;
  };
  void give(const ClientName& name, const Owned& owned);
  void take(Owned& owned, cluster::MemberNumber by);
  bool is_up(cluster::MemberNumber member) const;
  bool stays(cluster::MemberNumber member) const;
  bool may_take(const Owned& owned, cluster::MemberNumber by) const;
  // Those that are known of go to the others.
  void share_out(cluster::MemberNumber member);

  std::map<ClientName, Owned> owners_;
  std::uint64_t last_epoch_ = 0;
  int records_refused_ = 0;
};

}  // namespace vmq::sim
