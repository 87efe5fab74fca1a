// Claiming the sessions of owners that are gone.
#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "cluster/owners.h"

namespace vmq::cluster {
namespace {

// The same on all members: each session has one among those that stay, and when the members
// change only those of the members that came or went get another.
MemberNumber choose(const Members& members, std::string_view key) {
  MemberNumber best = no_member;
  std::uint64_t best_hash = 0;
  for (const Member& member : members.all) {
    if (!member.stays()) continue;
    const std::uint64_t hash = keyed_hash({member.number}, key);
    if (best != no_member && hash <= best_hash) continue;
    best = member.number;
    best_hash = hash;
  }
  return best;
}

}  // namespace

void Owners::sweep() {
  if (is_sweeping_) {
    sweeps_again_ = true;
    return;
  }
  is_sweeping_ = true;
  is_scan_over_ = false;
  has_left_ = false;
  is_telling_ = std::exchange(tells_own_, false);
  scan_id_ = next_id_++;
  metadata_.scan(scan_id_, std::string(owners_prefix));
}

bool Owners::drop_unused() {
  drops_unused_ = first_written_ != revision_absent;
  return drops_unused_;
}

void Owners::stop_sweep() {
  // What is under way may be done without anybody hearing of it.
  leave_claims();
  if (!std::exchange(is_sweeping_, false)) return;
  sweeps_again_ = false;
  if (!is_scan_over_) metadata_.cancel(scan_id_);
  found_.clear();
  found_bytes_ = 0;
}

void Owners::leave_claims() {
  has_left_ = true;
  tells_own_ = true;
}

void Owners::read_news(const News& news) {
  if (!is_sweeping_ || news.id != scan_id_) return;
  if (news.kind == NewsKind::Restart) {
    found_.clear();
    found_bytes_ = 0;
  }
  for (const Change& change : news.changes) consider(change);
  if (news.kind == NewsKind::Complete) is_scan_over_ = true;
}

void Owners::consider(const Change& change) {
  const std::optional<OwnerValue> value =
      change.value ? parse_owner_value(*change.value) : std::nullopt;
  if (!value || !parse_owner_key(change.key)) return;
  const bool is_own = value->owner == members_.self;
  const bool has_record = !value->record.empty();
  const bool is_meant = !has_record ? is_unused(change.key, *value, change.revision)
                        : is_own    ? is_telling_
                                    : is_wanted(change.key, *value);
  if (!is_meant) return;
  Found found{change.key, std::nullopt, change.revision};
  if (found_bytes_ < found_bytes_max) {
    found.value = change.value;
    found_bytes_ += change.value->size();
  }
  found_.push_back(std::move(found));
}

bool Owners::is_wanted(const std::string& key, const OwnerValue& value) const {
  const bool is_spared = !is_leaving(value.owner) &&
                         std::find(spared_.begin(), spared_.end(), value.owner) != spared_.end();
  return !stays(value.owner) && !is_spared && choose(members_, key) == members_.self;
}

// Of a value without a record: the session ended with the process that had it.
bool Owners::is_unused(const std::string& key, const OwnerValue& value, Revision revision) const {
  if (value.owner == members_.self) return drops_unused_ && revision < first_written_;
  return members_.find(value.owner) == nullptr && choose(members_, key) == members_.self;
}

void Owners::begin_claims(Told& told) {
  while (!holds_claims_ && claim_count_ < claims_max && !found_.empty()) {
    Found found = std::move(found_.front());
    found_.pop_front();
    if (found.value) found_bytes_ -= found.value->size();
    const auto [job, is_new] = jobs_.try_emplace(std::move(found.key));
    job->second.push_back({.kind = Task::Kind::Claim});
    ++task_count_;
    ++claim_count_;
    if (!is_new) continue;  // it is read when its turn comes
    if (found.value) {
      on_value(job, found.value, found.revision, told);
    } else {
      begin(job->first, job->second.front());
    }
  }
  if (is_sweeping_ && is_scan_over_ && found_.empty() && claim_count_ == 0) end_sweep();
}

void Owners::end_sweep() {
  is_sweeping_ = false;
  if (std::exchange(sweeps_again_, false)) sweep();
}

void Owners::on_claim(Jobs::iterator job, std::optional<OwnerValue> found, Revision revision) {
  if (!found) return end(job);
  if (found->record.empty()) {
    if (!is_unused(job->first, *found, revision)) return end(job);
    return compare_and_swap(job->first, revision, std::nullopt);
  }
  if (found->owner == members_.self) return compare_and_swap(job->first, revision, found);
  if (!is_wanted(job->first, *found)) return end(job);
  look_at_owner(job, *std::move(found), revision);
}

// An own key that is another than it was when the sweep saw it: the session was asked for or
// recorded since, so those who have it know.
bool Owners::has_been_used(const CasAnswer& conflict) const {
  const std::optional<OwnerValue> value =
      conflict.current_value ? parse_owner_value(*conflict.current_value) : std::nullopt;
  return value && value->owner == members_.self;
}

void Owners::tell_claimed(Jobs::iterator job, const OwnerValue& value, Told& told) {
  // One that is over by now is not told of.
  bool is_over = false;
  for (const Task& task : job->second) is_over |= task.kind == Task::Kind::Release;
  const std::optional<OwnerKey> key = parse_owner_key(job->first);
  if (!is_over && key) {
    told.claimed.push_back(
        {std::string(key->mountpoint), std::string(key->client_id), here(value)});
  }
  end(job);
}

}  // namespace vmq::cluster
