#include "cluster/etcd/requests.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "base/expect.h"

namespace vmq::cluster::etcd {

namespace {

// Below etcd's default bound of a request, 1.5 MiB: the key stands in it three times.
constexpr std::size_t batch_bytes_max = 1'200'000;
constexpr std::size_t gets_in_batch_max = 100;
constexpr Duration retry_interval = milliseconds(50);

std::size_t bytes_of(const CasRequest& request) {
  return 3 * request.key.size() + (request.value ? request.value->size() : 0) + 64;
}

bool is_about(const RpcStatus& status, std::string_view words) {
  return status.message.find(words) != std::string::npos;
}

}  // namespace

void CasSender::add(std::vector<CasRequest> requests, Instant now) {
  for (CasRequest& request : requests) queue_.push_back({std::move(request), now});
}

void CasSender::turn(Instant now, LeaseId lease) {
  if (std::exchange(generation_, link_.generation()) != link_.generation() && !batch_.empty()) {
    end_batch(CasStatus::Unreachable, true);
  }
  give_up_late(now);
  if (batch_.empty() && !queue_.empty() && link_.is_up() && now >= send_due_) send(now, lease);
}

Instant CasSender::due(Instant now) const {
  if (!batch_.empty() || !link_.is_up()) return now + retry_interval;
  if (queue_.empty()) return now + seconds(3600);
  return send_due_;
}

void CasSender::give_up_late(Instant now) {
  std::vector<CasAnswer> answers;
  const auto is_late = [&](const Pending& pending) {
    return now - pending.since >= options_.request_timeout;
  };
  for (Pending& pending : batch_) {
    if (pending.is_answered || !is_late(pending)) continue;
    pending.is_answered = true;
    answers.push_back({.id = pending.request.id, .is_in_doubt = true});
  }
  while (!queue_.empty() && is_late(queue_.front())) {
    answers.push_back({.id = queue_.front().request.id});
    queue_.pop_front();
  }
  mailbox_.answer(std::move(answers));
}

void CasSender::send(Instant now, LeaseId lease) {
  std::set<std::string_view> keys;
  std::size_t bytes = 0;
  std::vector<CasAnswer> turned_away;
  std::deque<Pending> later;
  // A transaction takes a key once; who comes second waits, and so does who comes behind it. The
  // look ahead has an end, else a long queue for one key would be walked for each of them.
  std::size_t look = 4 * batch_max_;
  batch_.reserve(std::min(batch_max_, queue_.size()));  // `keys` looks into it
  while (!queue_.empty() && batch_.size() < batch_max_ && look-- > 0) {
    Pending& next = queue_.front();
    const std::size_t size = bytes_of(next.request);
    if (next.request.is_leased && lease == 0) {
      turned_away.push_back({.id = next.request.id});
    } else if (keys.contains(next.request.key)) {
      later.push_back(std::move(next));
    } else if (!batch_.empty() && bytes + size > batch_bytes_max) {
      break;
    } else {
      bytes += size;
      batch_.push_back(std::move(next));
      keys.insert(batch_.back().request.key);
    }
    queue_.pop_front();
  }
  std::move(later.rbegin(), later.rend(), std::front_inserter(queue_));
  mailbox_.answer(std::move(turned_away));
  if (batch_.empty()) return;
  batch_lease_ = lease;
  send_due_ = now + options_.gather;
  wire_.call("/etcdserverpb.KV/Txn", encode_cas(requests_of_batch(), options_.key_prefix, lease),
             options_.request_timeout,
             [this, now](const RpcStatus& status, std::string_view response) {
               on_response(now, status, response);
             });
}

std::vector<const CasRequest*> CasSender::requests_of_batch() const {
  std::vector<const CasRequest*> requests;
  for (const Pending& pending : batch_) requests.push_back(&pending.request);
  return requests;
}

void CasSender::on_response(Instant sent, const RpcStatus& status, std::string_view response) {
  if (!status.is_ok()) return on_failure(status);
  link_.saw_majority(sent);
  std::optional<std::vector<CasAnswer>> answers = decode_cas(response, requests_of_batch());
  if (!answers) return end_batch(CasStatus::Unreachable, true);
  std::vector<CasAnswer> open;
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    if (!batch_[i].is_answered) open.push_back(std::move((*answers)[i]));
  }
  batch_.clear();
  mailbox_.answer(std::move(open));
}

// What etcd itself refuses was not done. Any other failure leaves it open.
void CasSender::on_failure(const RpcStatus& status) {
  if (status.code == RpcCode::NotFound && is_about(status, "lease")) {
    lost_lease_ = batch_lease_;
    std::vector<CasAnswer> answers;
    for (Pending& pending : batch_) {
      if (!pending.request.is_leased || pending.is_answered) continue;
      answers.push_back({.id = pending.request.id});
      pending.is_answered = true;
    }
    mailbox_.answer(std::move(answers));
    return take_batch_back();
  }
  const bool is_too_large =
      is_about(status, "too many operations") || is_about(status, "too large");
  if (status.code == RpcCode::InvalidArgument && is_too_large) {
    if (batch_.size() == 1) return end_batch(CasStatus::Refused, false);
    batch_max_ = std::max<std::size_t>(1, batch_.size() / 2);
    return take_batch_back();
  }
  link_.suspect();
  const bool is_refused =
      status.code == RpcCode::InvalidArgument || status.code == RpcCode::ResourceExhausted ||
      status.code == RpcCode::PermissionDenied || status.code == RpcCode::Unauthenticated;
  end_batch(CasStatus::Unreachable, !is_refused);
}

void CasSender::end_batch(CasStatus status, bool is_in_doubt) {
  std::vector<CasAnswer> answers;
  for (const Pending& pending : batch_) {
    if (pending.is_answered) continue;
    answers.push_back({.id = pending.request.id, .status = status, .is_in_doubt = is_in_doubt});
  }
  batch_.clear();
  mailbox_.answer(std::move(answers));
}

void CasSender::take_batch_back() {
  while (!batch_.empty()) {
    if (!batch_.back().is_answered) queue_.push_front(std::move(batch_.back()));
    batch_.pop_back();
  }
}

void GetSender::add(std::uint64_t id, std::string key, Instant now) {
  queue_.push_back({id, std::move(key), now});
}

void GetSender::turn(Instant now) {
  if (std::exchange(generation_, link_.generation()) != link_.generation()) {
    // Reading twice hurts nobody.
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(given_up_));
    asked_ = given_up_ = 0;
  }
  std::vector<GetAnswer> answers;
  const auto late_end = std::find_if(queue_.begin(), queue_.end(), [&](const Pending& pending) {
    return now - pending.since < options_.request_timeout;
  });
  const auto late = static_cast<std::size_t>(late_end - queue_.begin());
  for (std::size_t i = given_up_; i < late; ++i) answers.push_back({.id = queue_[i].id});
  if (asked_ > 0) {
    // Those under way keep their places until the response comes.
    const std::size_t beyond = late > asked_ ? late - asked_ : 0;
    const auto first = queue_.begin() + static_cast<std::ptrdiff_t>(asked_);
    queue_.erase(first, first + static_cast<std::ptrdiff_t>(beyond));
    given_up_ = std::max(given_up_, std::min(late, asked_));
  } else {
    queue_.erase(queue_.begin(), late_end);
  }
  mailbox_.answer(std::move(answers));
  if (asked_ == 0 && !queue_.empty() && link_.is_up() && now >= send_due_) send(now);
}

void GetSender::send(Instant now) {
  asked_ = std::min(queue_.size(), gets_in_batch_max);
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < asked_; ++i) keys.push_back(queue_[i].key);
  wire_.call("/etcdserverpb.KV/Txn", encode_gets(keys, options_.key_prefix),
             options_.request_timeout,
             [this, now](const RpcStatus& status, std::string_view response) {
               on_response(now, status, response);
             });
}

void GetSender::on_response(Instant sent, const RpcStatus& status, std::string_view response) {
  std::optional<std::vector<GetAnswer>> answers;
  if (status.is_ok()) answers = decode_gets(response, asked_);
  const std::size_t asked = std::exchange(asked_, 0);
  const std::size_t given_up = std::exchange(given_up_, 0);
  if (!answers) {
    // Asked again until its time is over.
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(given_up));
    send_due_ = monotonic_now() + retry_interval;
    return link_.suspect();
  }
  link_.saw_majority(sent);
  std::vector<GetAnswer> open;
  for (std::size_t i = given_up; i < asked; ++i) {
    (*answers)[i].id = queue_[i].id;
    open.push_back(std::move((*answers)[i]));
  }
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(asked));
  mailbox_.answer(std::move(open));
}

}  // namespace vmq::cluster::etcd
