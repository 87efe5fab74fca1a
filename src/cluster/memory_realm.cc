#include <utility>

#include "base/expect.h"
#include "cluster/memory_metadata.h"

namespace vmq::cluster {

void MemoryRealm::set_majority(bool is_there, Instant now) {
  if (is_there && !has_majority_) {
    for (auto& [id, lease] : leases_) lease.until = now + lease.time_to_live;
  }
  has_majority_ = is_there;
}

void MemoryRealm::compact() {
  history_.clear();
  compacted_ = revision_;
}

void MemoryRealm::advance(Instant now) {
  if (!has_majority_) return;
  std::vector<LeaseId> lapsed;
  for (const auto& [id, lease] : leases_) {
    if (lease.until <= now) lapsed.push_back(id);
  }
  for (const LeaseId id : lapsed) drop_lease(id);
}

void MemoryRealm::drop_lease(LeaseId lease) {
  if (leases_.erase(lease) == 0) return;
  std::vector<std::string> keys;
  for (const auto& [key, entry] : entries_) {
    if (entry.lease == lease) keys.push_back(key);
  }
  if (keys.empty()) return;
  ++revision_;
  for (const std::string& key : keys) change(key, std::nullopt, 0);
}

void MemoryRealm::change(const std::string& key, std::optional<std::string> value, LeaseId lease) {
  if (value) {
    entries_[key] = {*value, revision_, lease};
  } else {
    entries_.erase(key);
  }
  history_.push_back({key, std::move(value), revision_});
}

std::vector<CasAnswer> MemoryRealm::apply(const std::vector<CasRequest>& requests, LeaseId lease) {
  std::vector<CasAnswer> answers;
  bool has_changed = false;
  for (const CasRequest& request : requests) {
    CasAnswer answer{.id = request.id, .status = CasStatus::Conflict};
    const auto found = entries_.find(request.key);
    const Revision current = found == entries_.end() ? revision_absent : found->second.revision;
    // A key that changed in this very transaction would be there twice.
    VMQ_EXPECT(!has_changed || current != revision_);
    if (current != request.expected_revision) {
      answer.current_revision = current;
      if (found != entries_.end()) answer.current_value = found->second.value;
    } else {
      answer.status = CasStatus::Done;
      if (request.value || found != entries_.end()) {
        if (!has_changed) ++revision_;
        has_changed = true;
        change(request.key, request.value, request.is_leased ? lease : 0);
      }
    }
    answers.push_back(std::move(answer));
  }
  for (CasAnswer& answer : answers) answer.revision = revision_;
  return answers;
}

MemoryRealm::LeaseId MemoryRealm::grant(Instant now, Duration time_to_live) {
  leases_[++last_lease_] = {now + time_to_live, time_to_live};
  return last_lease_;
}

bool MemoryRealm::keep_alive(LeaseId lease, Instant now) {
  const auto found = leases_.find(lease);
  if (found == leases_.end()) return false;
  found->second.until = now + found->second.time_to_live;
  return true;
}

std::optional<std::vector<Change>> MemoryRealm::changes(std::string_view prefix,
                                                        Revision from) const {
  if (from <= compacted_) return std::nullopt;
  std::vector<Change> result;
  for (const Change& change : history_) {
    if (change.revision >= from && change.key.starts_with(prefix)) result.push_back(change);
  }
  return result;
}

std::vector<Change> MemoryRealm::snapshot(std::string_view prefix) const {
  std::vector<Change> result;
  for (auto at = entries_.lower_bound(std::string(prefix)); at != entries_.end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    result.push_back({at->first, at->second.value, at->second.revision});
  }
  return result;
}

}  // namespace vmq::cluster
