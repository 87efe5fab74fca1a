#include "cluster/key_edit.h"

#include <utility>
#include <vector>

namespace vmq::cluster {
namespace {

// After a request that was not taken at all. One that waited for an answer in vain has waited.
constexpr Duration pause_time = milliseconds(100);

}  // namespace

void KeyEdit::begin(Metadata& metadata, std::string key, Decide decide, bool is_leased) {
  key_ = std::move(key);
  decide_ = std::move(decide);
  is_leased_ = is_leased;
  read(metadata);
}

void KeyEdit::read(Metadata& metadata) {
  phase_ = Phase::Reading;
  metadata.get(++id_, key_);
}

void KeyEdit::pause(Instant now) {
  phase_ = Phase::Pausing;
  resume_at_ = now + pause_time;
}

std::optional<Instant> KeyEdit::due() const {
  if (phase_ != Phase::Pausing) return std::nullopt;
  return resume_at_;
}

std::optional<KeyEdit::Outcome> KeyEdit::take(Metadata& metadata, const Answers& answers,
                                              Instant now) {
  if (phase_ == Phase::Pausing && now >= resume_at_) read(metadata);
  if (phase_ == Phase::Reading) {
    for (const GetAnswer& answer : answers.gets) {
      if (answer.id != id_) continue;
      if (answer.is_reachable) return judge(metadata, answer.value, answer.revision);
      pause(now);
      break;
    }
  }
  if (phase_ == Phase::Writing) {
    for (const CasAnswer& answer : answers.cas) {
      if (answer.id == id_) return on_written(metadata, answer, now);
    }
  }
  return std::nullopt;
}

std::optional<KeyEdit::Outcome> KeyEdit::on_written(Metadata& metadata, const CasAnswer& answer,
                                                    Instant now) {
  switch (answer.status) {
    case CasStatus::Done:
      phase_ = Phase::Idle;
      return Outcome{true, {}, answer.revision};
    case CasStatus::Conflict:
      return judge(metadata, answer.current_value, answer.current_revision);
    case CasStatus::Unreachable:
      pause(now);
      return std::nullopt;
    case CasStatus::Refused:
      break;
  }
  phase_ = Phase::Idle;
  return Outcome{false, "the record " + key_ + " is too large", 0};
}

std::optional<KeyEdit::Outcome> KeyEdit::judge(Metadata& metadata,
                                               const std::optional<std::string>& current,
                                               Revision revision) {
  Decision decision = decide_(current);
  if (decision.what == Decision::What::Write) {
    phase_ = Phase::Writing;
    std::vector<CasRequest> requests;
    requests.push_back({.id = ++id_,
                        .key = key_,
                        .expected_revision = revision,
                        .value = std::move(decision.value),
                        .is_leased = is_leased_});
    metadata.submit(std::move(requests));
    return std::nullopt;
  }
  phase_ = Phase::Idle;
  return Outcome{decision.what == Decision::What::Done, std::move(decision.reason), revision};
}

}  // namespace vmq::cluster
