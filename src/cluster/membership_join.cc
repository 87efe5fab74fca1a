// Coming into a cluster, step by step. Each step is one compare-and-swap, so a join that ends in
// the middle leaves nothing that counts: a number that is never given again, and at most a record
// "joining" that anybody who comes under that name may take over.
#include <utility>

#include "base/expect.h"
#include "cluster/membership.h"

namespace vmq::cluster {
namespace {

constexpr const char* no_answer =
    "the majority of the cluster did not answer in time; try again when vmq-admin cluster show "
    "on a member shows that it runs";

constexpr const char* in_doubt =
    "the majority of the cluster did not answer in time. Should vmq-admin cluster show on a member "
    "list this node all the same, take it out there: vmq-admin cluster leave node=… -k";

std::string taken_by(const std::string& name, MemberNumber number) {
  return "the name " + name + " belongs to member " + number_text(number) +
         " of that cluster: give this node another nodename, or take the other out with vmq-admin "
         "cluster leave node=" +
         name + " -k if it is gone for good";
}

}  // namespace

void Membership::create(std::uint64_t cluster, Duration patience, Instant now) {
  VMQ_EXPECT(cluster != 0);
  join(patience, now);
  cluster_ = cluster;
  is_creating_ = true;
}

void Membership::join(Duration patience, Instant now) {
  VMQ_EXPECT(standing_ == Standing::Outside);
  begin(Operation::Join, patience, now);
  step_ = Step::View;
  cluster_ = 0;
  is_creating_ = false;
  number_ = no_member;
  failure_.clear();
  was_up_ = false;
  if (!std::exchange(is_lease_asked_, true)) metadata_.hold_lease(setup_.lease);
}

void Membership::step_join(const Answers& answers, Instant now) {
  if (now >= deadline_) {
    const bool may_be_in = step_ == Step::Enter || step_ == Step::Seen;
    if (step_ != Step::Undo) return fail_join(may_be_in ? in_doubt : no_answer, now);
    return finish(failure(failure_));  // what is left of it counts for nothing
  }
  switch (step_) {
    case Step::View:
      if (!view_.is_complete() || !has_quorum_) return;
      if (auto reason = start_join()) return fail_join(std::move(*reason), now);
      begin_cluster_step();
      return;
    case Step::Up:
      // Its writing is keep_up's.
      if (up_lease_ != 0 && up_lease_ == lease_number_) begin_enter_step();
      return;
    case Step::Seen: {
      const auto record = record_of(setup_.name);
      if (!record || record->number != number_ || record->state != MemberState::Member) return;
      standing_ = Standing::Member;
      is_whole_ = true;
      return finish({});
    }
    case Step::Cluster:
    case Step::Number:
    case Step::Name:
    case Step::Enter:
    case Step::Undo:
      break;
  }
  const auto outcome = edit_.take(metadata_, answers, now);
  if (!outcome) return;
  if (!outcome->is_done) return fail_join(outcome->reason, now);
  next_join_step();
}

void Membership::next_join_step() {
  switch (step_) {
    case Step::Cluster:
      return begin_number_step();
    case Step::Number:
      number_ = drawn_;
      return begin_name_step();
    case Step::Name:
      step_ = Step::Up;
      return;
    case Step::Enter:
      step_ = Step::Seen;
      return;
    case Step::Undo:
      return finish(failure(failure_));
    case Step::View:
    case Step::Up:
    case Step::Seen:
      break;
  }
}

// Before anything is written: what can be seen to go wrong.
std::optional<std::string> Membership::start_join() {
  const auto record = record_of(setup_.name);
  if (!record) return std::nullopt;
  if (record->state == MemberState::Joining && !is_up(record->number)) return std::nullopt;
  return taken_by(setup_.name, record->number);
}

void Membership::begin_cluster_step() {
  step_ = Step::Cluster;
  edit_.begin(metadata_, std::string(cluster_key),
              [this](const std::optional<std::string>& current) {
                if (!current && is_creating_) return KeyEdit::write(cluster_record(cluster_));
                if (!current) return KeyEdit::give_up("there is no cluster to join there");
                const auto cluster = parse_cluster_record(*current);
                if (!cluster) return KeyEdit::give_up("that cluster is of a later version");
                if (is_creating_ && *cluster != cluster_) {
                  return KeyEdit::give_up("the metadata already belongs to a cluster");
                }
                cluster_ = *cluster;
                return KeyEdit::done();
              });
}

void Membership::begin_number_step() {
  step_ = Step::Number;
  edit_.begin(metadata_, std::string(next_member_key),
              [this](const std::optional<std::string>& current) {
                constexpr std::uint64_t end = std::uint64_t{member_number_max} + 1;
                const auto next = current ? parse_number(*current, end) : 1;
                if (!next || *next == no_member) {
                  return KeyEdit::give_up("the counter of members is unreadable: " + *current);
                }
                if (*next == end) {
                  return KeyEdit::give_up("all 65535 numbers of members have been given");
                }
                drawn_ = static_cast<MemberNumber>(*next);
                return KeyEdit::write(number_text(*next + 1));
              });
}

void Membership::begin_name_step() {
  step_ = Step::Name;
  edit_.begin(metadata_, member_node_key(setup_.name),
              [this](const std::optional<std::string>& current) { return decide_name(current); });
}

KeyEdit::Decision Membership::decide_name(const std::optional<std::string>& current) const {
  if (current) {
    const auto record = parse_member_record(*current);
    if (!record) return KeyEdit::give_up("the record of " + setup_.name + " is of a later version");
    if (record->number == number_) return KeyEdit::done();
    // One that died while it joined is in nobody's way.
    if (record->state != MemberState::Joining || is_up(record->number)) {
      return KeyEdit::give_up(taken_by(setup_.name, record->number));
    }
  }
  return KeyEdit::write(
      to_text(MemberRecord{number_, MemberState::Joining, setup_.shards, setup_.address}));
}

void Membership::begin_enter_step() {
  step_ = Step::Enter;
  edit_.begin(metadata_, member_node_key(setup_.name),
              [this](const std::optional<std::string>& current) {
                auto record = current ? parse_member_record(*current) : std::nullopt;
                if (!record || record->number != number_) {
                  return KeyEdit::give_up("another node has joined as " + setup_.name +
                                          " at the same moment");
                }
                if (record->state == MemberState::Member) return KeyEdit::done();
                record->state = MemberState::Member;
                return KeyEdit::write(to_text(*record));
              });
}

// Nothing is left that counts.
void Membership::fail_join(std::string reason, Instant now) {
  failure_ = std::move(reason);
  release_lease();
  const bool has_record = step_ >= Step::Name && step_ != Step::Undo;
  step_ = Step::Undo;
  if (!has_record) return finish(failure(failure_));
  deadline_ = now + patience_;
  edit_.begin(metadata_, member_node_key(setup_.name),
              [number = number_](const std::optional<std::string>& current) {
                const auto record = current ? parse_member_record(*current) : std::nullopt;
                if (!record || record->number != number) return KeyEdit::done();
                return KeyEdit::erase();
              });
}

}  // namespace vmq::cluster
