// This node as a member of a cluster: how it comes in, stays, and goes, and who the others are. All
// of it is kept in the metadata (member_record.h); this is the part of a node that writes and
// follows it.
//
//   a number     from a counter, by compare-and-swap: never given twice, even if a join fails
//   a name       is the key of the member's record: who creates it first has it
//   is it up     a key of its own that lasts as long as the node's lease
//
// A node joins in steps, each of which can be repeated or undone: number, record "joining", lease
// and `up` key, record "member". Others count it from the last one on. Nothing but members of the
// state "member" or "leaving" is told to anybody.
//
// A node that cannot renew its lease is fenced: others may do in its place what it owned. It goes
// on being a member and is one again, without a word, once it holds a lease and has its `up` key.
//
// Pure: whoever owns the Metadata polls it and hands over the answers. Requests have ids from
// membership_ids up to twice of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cluster/key_edit.h"
#include "cluster/member_record.h"
#include "cluster/members.h"
#include "cluster/metadata.h"
#include "cluster/prefix_view.h"

namespace vmq::cluster {

inline constexpr std::uint64_t membership_ids = std::uint64_t{1} << 56;

enum class Standing : std::uint8_t {
  Outside,   // it has joined nobody, or not yet
  Member,    // fenced or not
  Removed,   // others have taken it out, or the metadata is of another cluster: trouble() says
  Replaced,  // another process runs as this member
};

class Membership {
 public:
  struct Setup {
    std::string name;     // nodename
    std::string address;  // host:port of its listener.vmq
    std::uint8_t shards = 1;
    std::uint64_t run = 1;  // drawn at the start of the process
    Duration lease = seconds(5);
    // So long after the start a node that meets no majority takes that for a netsplit.
    Duration patience = seconds(10);
  };
  // As `cluster show` has it.
  struct Row {
    Member member;
    MemberState state = MemberState::Member;
    friend bool operator==(const Row&, const Row&) = default;
  };
  // What was asked for last: done, or a sentence that says why not.
  using Finished = Result<void, std::string>;

  // `known`: what the node remembers of its cluster; nothing: it has joined nobody. REQUIRES: the
  // metadata outlives this, and nobody else holds a lease there.
  Membership(Metadata& metadata, Setup setup, std::optional<Members> known, Instant now);
  // Gives the lease up, so that the others need not wait until it has lapsed.
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  // --- what may be asked for: one after the other, each is finished() within `patience` or so ---
  // Begins a cluster and makes this node its first member. `cluster`: drawn, not 0. REQUIRES: the
  // node is Outside.
  void create(std::uint64_t cluster, Duration patience, Instant now);
  // Joins the cluster that keeps this metadata. REQUIRES: likewise.
  void join(Duration patience, Instant now);
  // Tells the others that this member is about to go, and that its sessions are theirs. There is no
  // way back. REQUIRES: it is a Member.
  void announce_leave(Duration patience, Instant now);
  // Counts itself down, so that the others need not wait until the lease has lapsed: it is about to
  // end. There is no way back. REQUIRES: nothing else is under way.
  void step_down(Duration patience, Instant now);
  // Takes a member out for good: this one, or one that is down.
  void remove(MemberNumber number, Duration patience, Instant now);
  bool is_busy() const { return operation_ != Operation::None; }

  // Goes on with what a poll has brought; also when it is due(). True: something may be new.
  bool take(const Answers& answers, Instant now);
  // When to come again though the metadata has nothing new.
  Instant due(Instant now) const;

  // --- what is known ---
  Standing standing() const { return standing_; }
  // What the operator should know about it; empty: all is well.
  const std::string& trouble() const { return trouble_; }
  // As the rest of the node is told. has_quorum is false while the node is fenced.
  const Members& members() const { return members_; }
  // All records, also of those that are joining.
  std::vector<Row> rows() const;
  // Once for each thing that was asked for.
  std::optional<Finished> finished();
  // Not a member that may act for the cluster: it has no lease at this moment.
  bool is_fenced(Instant now) const;
  // The lease is held at every instant before it.
  Instant lease_until() const { return lease_until_; }
  // True once all that the metadata holds about members has been told.
  bool is_informed() const { return view_.is_complete(); }

  // As VerneMQ counts them: the cluster was whole, with every member up, and is not any more; and
  // back.
  std::uint64_t netsplits_detected() const { return netsplits_detected_; }
  std::uint64_t netsplits_resolved() const { return netsplits_resolved_; }

 private:
  enum class Operation : std::uint8_t { None, Join, Announce, Remove, StepDown };
  enum class Step : std::uint8_t { View, Cluster, Number, Name, Up, Enter, Seen, Undo };

  void begin(Operation operation, Duration patience, Instant now);
  void finish(Finished how);
  void release_lease();
  // following the metadata
  std::optional<MemberRecord> record_of(std::string_view name) const;
  bool is_up(MemberNumber number) const;
  void rebuild(Instant now);
  void judge_standing();
  void count_netsplit(Instant now);
  // joining (membership_join.cc)
  void step_join(const Answers& answers, Instant now);
  std::optional<std::string> start_join();
  void begin_cluster_step();
  void begin_number_step();
  void begin_name_step();
  void begin_enter_step();
  void next_join_step();
  void fail_join(std::string reason, Instant now);
  KeyEdit::Decision decide_name(const std::optional<std::string>& current) const;
  // staying
  void keep_up(const Answers& answers, Instant now);
  void keep_record(const Answers& answers, Instant now);
  bool wants_up() const;
  // going
  void step_other(const Answers& answers, Instant now);

  Metadata& metadata_;
  const Setup setup_;
  Standing standing_ = Standing::Outside;
  std::string trouble_;
  Members members_;  // as told
  Instant started_at_;
  PrefixView view_;

  bool has_quorum_ = false;
  Instant lease_until_{};
  std::uint64_t lease_number_ = 0;
  bool is_lease_asked_ = false;

  // The `up` key.
  KeyEdit up_edit_{membership_ids + (1ull << 40)};
  std::uint64_t up_asked_lease_ = 0;  // the lease when it was last written
  std::uint64_t up_lease_ = 0;        // it stands under this one; 0: it does not
  Revision up_revision_ = 0;
  bool was_up_ = false;  // in this run
  bool steps_down_ = false;

  KeyEdit record_edit_{membership_ids + (2ull << 40)};

  // What is asked for.
  Operation operation_ = Operation::None;
  KeyEdit edit_{membership_ids + (3ull << 40)};
  Duration patience_{};
  Instant deadline_{};
  Step step_ = Step::View;
  std::uint64_t cluster_ = 0;  // to be created, then: the one joined; 0: whichever is there
  bool is_creating_ = false;
  MemberNumber number_ = no_member;  // drawn by this join, or to be removed
  MemberNumber drawn_ = no_member;   // while the counter is changed
  std::string failure_;              // of a join that is being undone
  std::optional<Finished> finished_;

  bool is_whole_ = true;
  std::uint64_t netsplits_detected_ = 0;
  std::uint64_t netsplits_resolved_ = 0;
};

}  // namespace vmq::cluster
