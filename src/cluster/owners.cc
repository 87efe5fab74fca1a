#include "cluster/owners.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "cluster/member_record.h"

namespace vmq::cluster {

// --- what is asked ---

void Owners::ask(std::uint64_t tag, std::string_view mountpoint, std::string_view client_id) {
  std::string key = to_text(OwnerKey{mountpoint, client_id});
  const bool is_unreleased = unreleased_.contains(key);
  if (is_unreleased && add(key, {.kind = Task::Kind::Release})) unreleased_.erase(key);
  if (!add(std::move(key), {.kind = Task::Kind::Ask, .tags = {tag}})) {
    refused_.answered.push_back({tag, {}});
  }
}

void Owners::release(std::string_view mountpoint, std::string_view client_id) {
  std::string key = to_text(OwnerKey{mountpoint, client_id});
  if (key.size() > metadata_key_bytes_max) return;
  if (add(key, {.kind = Task::Kind::Release})) return;
  if (unreleased_.size() < jobs_max) unreleased_.insert(std::move(key));
}

void Owners::record(std::uint64_t tag, std::string_view mountpoint, std::string_view client_id,
                    std::string record) {
  std::string key = to_text(OwnerKey{mountpoint, client_id});
  const bool is_fit =
      key.size() <= metadata_key_bytes_max && record.size() <= owner_record_bytes_max;
  Task task{Task::Kind::Record, {tag}, std::move(record)};
  if (!is_fit || !add(std::move(key), std::move(task))) refused_.recorded.push_back({tag, false});
}

bool Owners::add(std::string key, Task task) {
  if (task_count_ >= jobs_max) return false;
  ++task_count_;
  std::deque<Task>& tasks = jobs_[key];
  const bool is_record = task.kind == Task::Kind::Record;
  if (is_record && tasks.size() > 1 && tasks.back().kind == Task::Kind::Record) {
    tasks.back().tags.push_back(task.tags.front());
    tasks.back().record = std::move(task.record);
    return true;
  }
  tasks.push_back(std::move(task));
  if (tasks.size() == 1) begin(key, tasks.front());
  return true;
}

void Owners::begin(const std::string& key, const Task& task) {
  if (task.kind == Task::Kind::Ask) {
    return compare_and_swap(key, revision_absent, new_value());
  }
  const Own* own = task.kind == Task::Kind::Claim ? nullptr : recall(key);
  if (own != nullptr) {
    write_own(key, task, *own);
  } else {
    get(key);
  }
}

void Owners::get(const std::string& key) {
  asked_.emplace(next_id_, Request{key});
  metadata_.get(next_id_++, key);
}

void Owners::compare_and_swap(const std::string& key, Revision expected,
                              std::optional<OwnerValue> value) {
  CasRequest request;
  request.id = next_id_++;
  request.key = key;
  request.expected_revision = expected;
  if (value) request.value = to_text(*value);
  asked_.emplace(request.id, Request{key, std::move(value).value_or(OwnerValue{})});
  unsent_.push_back(std::move(request));
}

void Owners::write_own(const std::string& key, const Task& task, const Own& own) {
  if (task.kind == Task::Kind::Release) return compare_and_swap(key, own.revision, std::nullopt);
  compare_and_swap(key, own.revision,
                   OwnerValue{members_.self, own.birth, own.epoch, own.earlier, task.record});
}

void Owners::submit() {
  if (!unsent_.empty()) metadata_.submit(std::exchange(unsent_, {}));
}

void Owners::retry() {
  for (auto at = unreleased_.begin(); at != unreleased_.end();) {
    if (!add(*at, {.kind = Task::Kind::Release})) break;
    at = unreleased_.erase(at);
  }
  if (has_left_ && !is_sweeping_) sweep();
}

// --- what is answered ---

// The first task of the job is over; the next one begins.
void Owners::end(Jobs::iterator job) {
  const Task& task = job->second.front();
  task_count_ -= std::max<std::size_t>(task.tags.size(), 1);
  if (task.kind == Task::Kind::Claim) --claim_count_;
  job->second.pop_front();
  if (job->second.empty()) {
    jobs_.erase(job);
  } else {
    begin(job->first, job->second.front());
  }
}

void Owners::answer(Jobs::iterator job, const Owner& owner, Told& told) {
  for (const std::uint64_t tag : job->second.front().tags) told.answered.push_back({tag, owner});
  end(job);
}

void Owners::answer(Jobs::iterator job, bool is_known, Told& told) {
  for (const std::uint64_t tag : job->second.front().tags) {
    told.recorded.push_back({tag, is_known});
  }
  end(job);
}

void Owners::fail(Jobs::iterator job, Told& told) {
  forget(job->first);
  switch (job->second.front().kind) {
    case Task::Kind::Ask:
      return answer(job, Owner{}, told);
    case Task::Kind::Record:
      return answer(job, false, told);
    case Task::Kind::Release:
      return keep_release(job, told);
    case Task::Kind::Claim:
      leave_claims();
      return end(job);
  }
}

// Whoever asks behind it would be told of a session that is over.
void Owners::keep_release(Jobs::iterator job, Told& told) {
  if (unreleased_.size() < jobs_max) unreleased_.insert(job->first);
  for (const Task& task : job->second) {
    task_count_ -= std::max<std::size_t>(task.tags.size(), 1);
    for (const std::uint64_t tag : task.tags) {
      if (task.kind == Task::Kind::Ask) told.answered.push_back({tag, {}});
      if (task.kind == Task::Kind::Record) told.recorded.push_back({tag, false});
    }
    if (task.kind == Task::Kind::Claim) --claim_count_;
  }
  jobs_.erase(job);
}

OwnerValue Owners::new_value() {
  OwnerValue value{members_.self};
  while (value.birth == 0) value.birth = births_.next();
  return value;
}

Owner Owners::here(const OwnerValue& value) const {
  return {OwnerStatus::Here, members_.self, value.birth, value.epoch, value.earlier, value.record};
}

bool Owners::stays(MemberNumber number) const {
  const Member* member = members_.find(number);
  return member != nullptr && member->stays();
}

bool Owners::is_leaving(MemberNumber number) const {
  const Member* member = members_.find(number);
  return member != nullptr && member->is_leaving;
}

void Owners::on_value(Jobs::iterator job, const std::optional<std::string>& value,
                      Revision revision, Told& told) {
  std::optional<OwnerValue> found = value ? parse_owner_value(*value) : std::nullopt;
  const bool is_own = found && found->owner == members_.self;
  const Task& task = job->second.front();
  if (!is_own) forget(job->first);
  switch (task.kind) {
    case Task::Kind::Ask:
      return on_asked(job, std::move(found), value ? revision : revision_absent, told);
    case Task::Kind::Release:
      if (!is_own) return end(job);  // it is another's by now
      return write_own(job->first, task, {revision, found->birth, found->epoch, found->earlier});
    case Task::Kind::Record:
      if (!is_own) return answer(job, false, told);
      return write_own(job->first, task, {revision, found->birth, found->epoch, found->earlier});
    case Task::Kind::Claim:
      return on_claim(job, std::move(found), revision);
  }
}

void Owners::on_asked(Jobs::iterator job, std::optional<OwnerValue> found, Revision revision,
                      Told& told) {
  if (!found) return compare_and_swap(job->first, revision, new_value());
  if (found->owner == members_.self) {
    if (!members_.is_self_leaving()) return compare_and_swap(job->first, revision, found);
    // It serves nobody with it, so it may be taken at any moment.
    remember(job->first, {revision, found->birth, found->epoch, found->earlier});
    return answer(job, here(*found), told);
  }
  // Who leaves takes nothing from anybody.
  if (stays(found->owner) || members_.is_self_leaving()) {
    return answer(
        job, {OwnerStatus::Elsewhere, found->owner, found->birth, found->epoch, found->earlier},
        told);
  }
  look_at_owner(job, *std::move(found), revision);
}

void Owners::look_at_owner(Jobs::iterator job, OwnerValue found, Revision revision) {
  const MemberNumber owner = found.owner;
  // That it leaves is for good: there is nothing to look at. What it has not told of is still its.
  if (is_leaving(owner) && !found.record.empty()) {
    return take_over(job, std::move(found), revision);
  }
  asked_.emplace(next_id_, Request{job->first, std::move(found), revision, true});
  metadata_.get(next_id_++, member_up_key(owner));
}

// What was found was there before the look, and the owner would write it once more before it goes
// on with it.
void Owners::on_look(Jobs::iterator job, Request& looked, bool is_up, Told& told) {
  OwnerValue& value = looked.value;
  if (is_up) {
    if (job->second.front().kind == Task::Kind::Ask) {
      return answer(job,
                    {OwnerStatus::Elsewhere, value.owner, value.birth, value.epoch, value.earlier},
                    told);
    }
    has_left_ = true;  // the members that are known here are not those of now
    return end(job);
  }
  take_over(job, std::move(value), looked.revision);
}

void Owners::take_over(Jobs::iterator job, OwnerValue found, Revision revision) {
  if (found.record.empty()) return compare_and_swap(job->first, revision, new_value());
  compare_and_swap(job->first, revision, claimed_by(members_.self, std::move(found), revision));
}

void Owners::on_done(Jobs::iterator job, Request& done, Revision revision, Told& told) {
  OwnerValue& value = done.value;
  const Task::Kind kind = job->second.front().kind;
  if (value.owner == no_member) {  // it is gone
    forget(job->first);
    return end(job);
  }
  if (first_written_ == revision_absent) first_written_ = revision;
  remember(job->first, {revision, value.birth, value.epoch, value.earlier});
  if (kind == Task::Kind::Record) return answer(job, true, told);
  if (kind == Task::Kind::Claim) return tell_claimed(job, value, told);
  answer(job, here(value), told);
}

std::optional<std::pair<Owners::Jobs::iterator, Owners::Request>> Owners::take_job(
    std::uint64_t id) {
  auto asked = asked_.extract(id);
  if (asked.empty()) return std::nullopt;
  const auto job = jobs_.find(asked.mapped().key);
  if (job == jobs_.end()) return std::nullopt;
  return std::pair{job, std::move(asked.mapped())};
}

void Owners::take_cas(const CasAnswer& done, Told& told) {
  auto taken = take_job(done.id);
  if (!taken) return;
  auto& [job, request] = *taken;
  const Task::Kind kind = job->second.front().kind;
  switch (done.status) {
    case CasStatus::Done:
      return on_done(job, request, done.revision, told);
    case CasStatus::Conflict:
      if (kind == Task::Kind::Claim && has_been_used(done)) return end(job);
      return on_value(job, done.current_value, done.current_revision, told);
    case CasStatus::Unreachable:
      // The session may be claimed, and nobody here know of it.
      if (kind == Task::Kind::Ask && !request.value.record.empty()) leave_claims();
      return fail(job, told);
    case CasStatus::Refused:
      if (kind == Task::Kind::Ask) return answer(job, Owner{}, told);
      if (kind == Task::Kind::Record) return answer(job, false, told);
      return end(job);
  }
}

void Owners::take_get(const GetAnswer& got, Told& told) {
  auto taken = take_job(got.id);
  if (!taken) return;
  auto& [job, request] = *taken;
  if (!got.is_reachable) return fail(job, told);
  if (request.is_look) return on_look(job, request, got.value.has_value(), told);
  on_value(job, got.value, got.revision, told);
}

void Owners::take(const Answers& answers, Told& told) {
  std::move(refused_.answered.begin(), refused_.answered.end(), std::back_inserter(told.answered));
  std::move(refused_.recorded.begin(), refused_.recorded.end(), std::back_inserter(told.recorded));
  refused_ = {};
  for (const CasAnswer& done : answers.cas) take_cas(done, told);
  for (const GetAnswer& got : answers.gets) take_get(got, told);
  for (const News& news : answers.news) read_news(news);
  begin_claims(told);
  submit();
}

// --- own keys ---

void Owners::remember(const std::string& key, const Own& own) {
  if (own_.size() >= own_max) older_own_ = std::exchange(own_, {});
  own_.insert_or_assign(key, own);
}

const Owners::Own* Owners::recall(const std::string& key) {
  const auto found = own_.find(key);
  if (found != own_.end()) return &found->second;
  const auto older = older_own_.find(key);
  if (older == older_own_.end()) return nullptr;
  return &older->second;
}

void Owners::forget(const std::string& key) {
  own_.erase(key);
  older_own_.erase(key);
}

}  // namespace vmq::cluster
