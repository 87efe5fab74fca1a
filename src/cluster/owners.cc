#include "cluster/owners.h"

#include <charconv>
#include <utility>

namespace vmq::cluster {

namespace {

std::string key_of(std::string_view mountpoint, std::string_view client_id) {
  std::string key(owners_prefix);
  key += mountpoint;
  key += '\0';
  return key.append(client_id);
}

// no_member for what is no number.
MemberNumber member_in(std::string_view value) {
  MemberNumber number = no_member;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  return error == std::errc() && end == value.data() + value.size() ? number : no_member;
}

}  // namespace

void Owners::ask(std::uint64_t tag, std::string_view mountpoint, std::string_view client_id) {
  if (jobs_.size() >= jobs_max) {
    refused_.push_back(tag);
    return;
  }
  add(key_of(mountpoint, client_id), {false, tag});
}

void Owners::release(std::string_view mountpoint, std::string_view client_id) {
  // Left out above the bound: whoever asks for the client comes here, and then it is free.
  if (jobs_.size() < jobs_max) add(key_of(mountpoint, client_id), {true, 0});
}

void Owners::add(std::string key, Task task) {
  std::deque<Task>& tasks = jobs_[key];
  tasks.push_back(task);
  if (tasks.size() == 1) begin(key, task);
}

void Owners::begin(const std::string& key, const Task& task) {
  if (!task.is_release) return compare_and_swap(key, revision_absent, false);
  asked_.emplace(next_id_, key);
  metadata_.get(next_id_++, key);
}

void Owners::compare_and_swap(const std::string& key, Revision expected, bool erases) {
  CasRequest request;
  request.id = next_id_++;
  request.key = key;
  request.expected_revision = expected;
  if (!erases) request.value = std::to_string(members_.self);
  asked_.emplace(request.id, key);
  unsent_.push_back(std::move(request));
}

void Owners::submit() {
  if (!unsent_.empty()) metadata_.submit(std::exchange(unsent_, {}));
}

// The first task of the job is over; the next one begins.
void Owners::end(Jobs::iterator job) {
  job->second.pop_front();
  if (job->second.empty()) {
    jobs_.erase(job);
  } else {
    begin(job->first, job->second.front());
  }
}

void Owners::answer(Jobs::iterator job, Owner owner, std::vector<Answered>& out) {
  const Task task = job->second.front();
  if (!task.is_release) out.push_back({task.tag, owner});
  end(job);
}

// Somebody has the client.
void Owners::on_conflict(Jobs::iterator job, const CasAnswer& conflict,
                         std::vector<Answered>& out) {
  if (job->second.front().is_release) return end(job);  // it is another's by now
  if (!conflict.current_value) return compare_and_swap(job->first, revision_absent, false);
  const MemberNumber number = member_in(*conflict.current_value);
  if (number == members_.self) return answer(job, {OwnerStatus::Here, number}, out);
  const Member* member = members_.find(number);
  if (member != nullptr && member->is_up) {
    return answer(job, {OwnerStatus::Elsewhere, number}, out);
  }
  compare_and_swap(job->first, conflict.current_revision, false);
}

Owners::Jobs::iterator Owners::take_job(std::uint64_t id) {
  const auto found = asked_.find(id);
  if (found == asked_.end()) return jobs_.end();
  const auto job = jobs_.find(found->second);
  asked_.erase(found);
  return job;
}

void Owners::take(const Answers& answers, std::vector<Answered>& out) {
  for (const std::uint64_t tag : refused_) out.push_back({tag, {}});
  refused_.clear();
  for (const CasAnswer& done : answers.cas) {
    const auto job = take_job(done.id);
    if (job == jobs_.end()) continue;
    switch (done.status) {
      case CasStatus::Done:
        answer(job, {OwnerStatus::Here, members_.self}, out);
        break;
      case CasStatus::Conflict:
        on_conflict(job, done, out);
        break;
      case CasStatus::Unreachable:
      case CasStatus::Refused:
        answer(job, {OwnerStatus::Unknown, no_member}, out);
        break;
    }
  }
  for (const GetAnswer& got : answers.gets) {
    const auto job = take_job(got.id);
    if (job == jobs_.end()) continue;
    if (got.is_reachable && got.value && member_in(*got.value) == members_.self) {
      compare_and_swap(job->first, got.revision, true);
    } else {
      end(job);
    }
  }
  submit();
}

}  // namespace vmq::cluster
