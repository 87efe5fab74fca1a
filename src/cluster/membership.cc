// Following the metadata, staying a member, and going.
#include "cluster/membership.h"

#include <algorithm>
#include <utility>

#include "base/expect.h"

namespace vmq::cluster {
namespace {

constexpr std::uint64_t watch_id = membership_ids;

}  // namespace

Membership::Membership(Metadata& metadata, Setup setup, std::optional<Members> known, Instant now)
    : metadata_(metadata), setup_(std::move(setup)), started_at_(now) {
  metadata_.watch(watch_id, std::string(members_prefix), std::nullopt);
  if (!known) return;
  standing_ = Standing::Member;
  members_ = *std::move(known);
  members_.has_quorum = false;
  members_.lease = 0;
  for (Member& member : members_.all) member.is_up = false;
  number_ = members_.self;
  cluster_ = members_.cluster;
  metadata_.hold_lease(setup_.lease);
  is_lease_asked_ = true;
}

Membership::~Membership() {
  metadata_.cancel(watch_id);
  release_lease();
}

void Membership::release_lease() {
  if (std::exchange(is_lease_asked_, false)) metadata_.release_lease();
  up_edit_.stop();
  up_lease_ = 0;
}

void Membership::begin(Operation operation, Duration patience, Instant now) {
  VMQ_EXPECT(operation_ == Operation::None);
  operation_ = operation;
  patience_ = patience;
  deadline_ = now + patience;
  finished_.reset();
}

void Membership::finish(Finished how) {
  operation_ = Operation::None;
  edit_.stop();
  finished_ = std::move(how);
}

std::optional<Membership::Finished> Membership::finished() {
  return std::exchange(finished_, std::nullopt);
}

bool Membership::take(const Answers& answers, Instant now) {
  const Members before = members_;
  const Standing stood = standing_;
  has_quorum_ = answers.has_quorum;
  lease_until_ = answers.lease_until;
  lease_number_ = answers.lease_number;
  for (const News& news : answers.news) {
    if (news.id == watch_id) view_.take(news);
  }
  judge_standing();
  keep_up(answers, now);
  keep_record(answers, now);
  if (operation_ == Operation::Join) {
    step_join(answers, now);
  } else if (operation_ != Operation::None) {
    step_other(answers, now);
  }
  rebuild(now);
  count_netsplit(now);
  return members_ != before || standing_ != stood || finished_ || !answers.news.empty();
}

Instant Membership::due(Instant now) const {
  // Deadlines of netsplit counting and operations need no better than this.
  Instant due = now + seconds(1);
  const auto note = [&](std::optional<Instant> at) {
    if (at && *at > now) due = std::min(due, *at);
  };
  if (lease_until_ > now) note(lease_until_);
  if (operation_ != Operation::None) note(deadline_);
  for (const KeyEdit* edit : {&up_edit_, &record_edit_, &edit_}) {
    const std::optional<Instant> at = edit->due();
    if (at) due = std::min(due, std::max(*at, now));
  }
  return due;
}

// --- following ---

std::optional<MemberRecord> Membership::record_of(std::string_view name) const {
  const auto found = view_.values().find(member_node_key(name));
  if (found == view_.values().end()) return std::nullopt;
  return parse_member_record(found->second);
}

bool Membership::is_up(MemberNumber number) const {
  return view_.values().contains(member_up_key(number));
}

std::vector<Membership::Row> Membership::rows() const {
  std::vector<Row> rows;
  for (auto at = view_.values().lower_bound(member_nodes_prefix);
       at != view_.values().end() && at->first.starts_with(member_nodes_prefix); ++at) {
    const std::optional<MemberRecord> record = parse_member_record(at->second);
    if (!record) continue;
    std::string name = at->first.substr(member_nodes_prefix.size());
    rows.push_back({{record->number, std::move(name), record->address, record->shards,
                     is_up(record->number), record->state == MemberState::Leaving},
                    record->state});
  }
  std::sort(rows.begin(), rows.end(),
            [](const Row& a, const Row& b) { return a.member.number < b.member.number; });
  return rows;
}

void Membership::rebuild(Instant now) {
  if (standing_ == Standing::Outside) {
    members_ = {};
    return;
  }
  const bool may_act = standing_ == Standing::Member && has_quorum_ && !is_fenced(now);
  members_.has_quorum = may_act && view_.is_complete();
  if (may_act) members_.lease = lease_number_;
  if (standing_ == Standing::Member && view_.is_complete()) {
    members_.self = number_;
    members_.cluster = cluster_;
    members_.all.clear();
    for (Row& row : rows()) {
      if (row.state != MemberState::Joining) members_.all.push_back(std::move(row.member));
    }
  }
  for (Member& member : members_.all) {
    if (member.number == number_) member.is_up = may_act;
  }
}

void Membership::judge_standing() {
  if (standing_ != Standing::Member || !view_.is_complete()) return;
  const auto cluster = view_.values().find(cluster_key);
  const std::optional<std::uint64_t> number =
      cluster == view_.values().end() ? std::nullopt : parse_cluster_record(cluster->second);
  const std::optional<MemberRecord> record = record_of(setup_.name);
  if (number != cluster_) {
    trouble_ = number ? "the metadata is that of another cluster than this node's"
                      : "the metadata knows nothing of this node's cluster";
  } else if (!record || record->number != number_) {
    trouble_ = setup_.name + " was taken out of the cluster";
  } else {
    return;
  }
  standing_ = Standing::Removed;
  record_edit_.stop();
  release_lease();
  if (operation_ != Operation::None && operation_ != Operation::Remove) finish(failure(trouble_));
}

void Membership::count_netsplit(Instant now) {
  if (standing_ == Standing::Outside) {
    is_whole_ = true;
    return;
  }
  if (!was_up_ && now - started_at_ < setup_.patience) return;
  const bool is_whole =
      members_.has_quorum && std::all_of(members_.all.begin(), members_.all.end(),
                                         [](const Member& member) { return member.is_up; });
  if (is_whole == is_whole_) return;
  is_whole_ = is_whole;
  ++(is_whole ? netsplits_resolved_ : netsplits_detected_);
}

// --- staying ---

bool Membership::is_fenced(Instant now) const {
  return standing_ != Standing::Member || now >= lease_until_ || up_lease_ == 0 ||
         up_lease_ != lease_number_;
}

bool Membership::wants_up() const {
  if (steps_down_) return false;
  if (number_ == no_member || lease_number_ == 0) return false;
  if (standing_ == Standing::Member) return view_.is_complete();
  return operation_ == Operation::Join && step_ >= Step::Up && step_ != Step::Undo;
}

void Membership::keep_up(const Answers& answers, Instant now) {
  if (const auto outcome = up_edit_.take(metadata_, answers, now)) {
    if (!outcome->is_done) {
      standing_ = Standing::Replaced;
      trouble_ = outcome->reason;
      release_lease();
      if (operation_ != Operation::None) finish(failure(trouble_));
      return;
    }
    up_lease_ = up_asked_lease_;
    up_revision_ = outcome->revision;
    was_up_ = true;
  }
  if (!wants_up() || up_edit_.is_running() || now >= lease_until_) return;
  const auto seen = view_.values().find(member_up_key(number_));
  const std::string run = number_text(setup_.run);
  const bool is_seen = seen != view_.values().end() && seen->second == run;
  const bool is_not_told_yet = up_lease_ != 0 && view_.revision() < up_revision_;
  if (up_lease_ == lease_number_ && (is_seen || is_not_told_yet)) return;
  up_asked_lease_ = lease_number_;
  up_edit_.begin(
      metadata_, member_up_key(number_),
      [run, name = setup_.name, this](const std::optional<std::string>& current) {
        // At the start it may be that of the run before, whose lease has not lapsed yet.
        if (current && *current != run && was_up_) {
          return KeyEdit::give_up("another process runs as " + name +
                                  ": of the two only the one that was started last may go on");
        }
        return KeyEdit::write(run);
      },
      true);
}

// The address or the number of shards may be others than before the restart.
void Membership::keep_record(const Answers& answers, Instant now) {
  static_cast<void>(record_edit_.take(metadata_, answers, now));
  if (standing_ != Standing::Member || !view_.is_complete() || record_edit_.is_running()) return;
  const std::optional<MemberRecord> record = record_of(setup_.name);
  if (!record || record->number != number_ || !has_quorum_) return;
  if (record->address == setup_.address && record->shards == setup_.shards) return;
  record_edit_.begin(metadata_, member_node_key(setup_.name),
                     [this](const std::optional<std::string>& current) {
                       auto found = current ? parse_member_record(*current) : std::nullopt;
                       if (!found || found->number != number_) return KeyEdit::done();
                       found->address = setup_.address;
                       found->shards = setup_.shards;
                       const std::string wanted = to_text(*found);
                       return wanted == *current ? KeyEdit::done() : KeyEdit::write(wanted);
                     });
}

// --- going ---

void Membership::announce_leave(Duration patience, Instant now) {
  VMQ_EXPECT(standing_ == Standing::Member);
  begin(Operation::Announce, patience, now);
  edit_.begin(metadata_, member_node_key(setup_.name),
              [this](const std::optional<std::string>& current) {
                auto record = current ? parse_member_record(*current) : std::nullopt;
                if (!record || record->number != number_) {
                  return KeyEdit::give_up(setup_.name + " was taken out of the cluster");
                }
                if (record->state == MemberState::Leaving) return KeyEdit::done();
                record->state = MemberState::Leaving;
                return KeyEdit::write(to_text(*record));
              });
}

void Membership::remove(MemberNumber number, Duration patience, Instant now) {
  begin(Operation::Remove, patience, now);
  std::string name;
  for (const Row& row : rows()) {
    if (row.member.number == number) name = row.member.name;
  }
  if (number != number_ && is_up(number)) {
    return finish(failure(name + " is running: it has to leave by itself"));
  }
  // A record that is not there: somebody else was faster.
  if (name.empty()) return finish({});
  edit_.begin(metadata_, member_node_key(name),
              [number](const std::optional<std::string>& current) {
                const auto record = current ? parse_member_record(*current) : std::nullopt;
                if (!record || record->number != number) return KeyEdit::done();
                return KeyEdit::erase();
              });
}

void Membership::step_down(Duration patience, Instant now) {
  steps_down_ = true;
  up_edit_.stop();
  up_lease_ = 0;
  begin(Operation::StepDown, patience, now);
  if (number_ == no_member || !is_lease_asked_) return finish({});
  edit_.begin(metadata_, member_up_key(number_),
              [run = number_text(setup_.run)](const std::optional<std::string>& current) {
                return current == run ? KeyEdit::erase() : KeyEdit::done();
              });
}

void Membership::step_other(const Answers& answers, Instant now) {
  const auto outcome = edit_.take(metadata_, answers, now);
  if (outcome) return finish(outcome->is_done ? Finished{} : failure(outcome->reason));
  if (now < deadline_ || !edit_.is_running()) return;
  finish(
      failure(std::string("the majority of the cluster did not answer in time; whether it was "
                          "done is not known: vmq-admin cluster show says it")));
}

}  // namespace vmq::cluster
