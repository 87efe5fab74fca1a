#include "cluster/memory_metadata.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/expect.h"

namespace vmq::cluster {

MemoryMetadata::MemoryMetadata(MemoryRealm& realm, Options options)
    : realm_(realm), options_(std::move(options)) {}

void MemoryMetadata::submit(std::vector<CasRequest> requests) {
  for (CasRequest& request : requests) {
    if (!is_acceptable(request)) {
      answer({.id = request.id, .status = CasStatus::Refused});
    } else if (waiting_.size() + sent_.size() >= options_.queue_max) {
      answer({.id = request.id});
    } else {
      waiting_.push_back({std::move(request), {}});
    }
  }
}

void MemoryMetadata::get(std::uint64_t id, std::string key) {
  gets_.push_back({.answer = {.id = id}, .key = std::move(key), .since = {}});
}

void MemoryMetadata::scan(std::uint64_t id, std::string prefix) {
  VMQ_EXPECT(!streams_.contains(id));
  streams_[id] = {.prefix = std::move(prefix), .snapshot = {}};
}

void MemoryMetadata::watch(std::uint64_t id, std::string prefix, std::optional<Revision> from) {
  VMQ_EXPECT(!streams_.contains(id));
  streams_[id] = {.prefix = std::move(prefix),
                  .is_watch = true,
                  .restarts = !from,
                  .next = from.value_or(0),
                  .snapshot = {}};
}

void MemoryMetadata::cancel(std::uint64_t id) {
  streams_.erase(id);
  std::erase_if(answers_.news, [id](const News& news) { return news.id == id; });
}

void MemoryMetadata::hold_lease(Duration time_to_live) {
  VMQ_EXPECT(!wanted_lease_);
  wanted_lease_ = time_to_live;
}

void MemoryMetadata::release_lease() {
  wanted_lease_.reset();
  answers_.lease_until = {};
}

void MemoryMetadata::poll(Answers& out) {
  out.cas.clear();
  out.gets.clear();
  out.news.clear();
  std::swap(out.cas, answers_.cas);
  std::swap(out.gets, answers_.gets);
  std::swap(out.news, answers_.news);
  out.has_quorum = answers_.has_quorum;
  out.lease_until = answers_.lease_until;
  out.lease_number = answers_.lease_number;
  is_woken_ = false;
}

bool MemoryMetadata::is_busy() const {
  if (!requests_arrive()) return false;
  if (!waiting_.empty() || !late_.empty() || !gets_.empty()) return true;
  if (reach_ != Reach::Both) return false;
  if (!sent_.empty()) return true;
  return std::any_of(streams_.begin(), streams_.end(), [this](const auto& entry) {
    const Stream& stream = entry.second;
    return stream.restarts || stream.is_in_snapshot || stream.next <= realm_.revision();
  });
}

void MemoryMetadata::apply(Instant now) {
  for (Waiting& waiting : waiting_) {
    if (!waiting.since) waiting.since = now;
  }
  for (Get& get : gets_) {
    if (!get.since) get.since = now;
  }
  realm_.advance(now);
  if (!requests_arrive()) return;
  realm_.apply(std::exchange(late_, {}), 0);
  apply_lease(now);
  apply_transaction(now);
  for (Get& get : gets_) {
    if (get.is_applied) continue;
    get.is_applied = true;
    get.answer.is_reachable = true;
    const auto found = realm_.entries().find(get.key);
    if (found == realm_.entries().end()) continue;
    get.answer.value = found->second.value;
    get.answer.revision = found->second.revision;
  }
}

void MemoryMetadata::apply_transaction(Instant now) {
  const bool is_leased = lease_ != 0 && now < answers_.lease_until && realm_.has_lease(lease_);
  std::vector<CasRequest> requests;
  std::vector<Instant> times;
  std::set<std::string> keys;
  std::deque<Waiting> later;
  for (Waiting& waiting : waiting_) {
    if (waiting.request.is_leased && !is_leased) {
      answer({.id = waiting.request.id});
    } else if (requests.size() < options_.transaction_max &&
               keys.insert(waiting.request.key).second) {
      requests.push_back(std::move(waiting.request));
      times.push_back(*waiting.since);
    } else {
      keys.insert(waiting.request.key);
      later.push_back(std::move(waiting));
    }
  }
  waiting_ = std::move(later);
  std::vector<CasAnswer> answers = realm_.apply(requests, lease_);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    sent_.push_back({std::move(answers[i]), times[i]});
  }
}

void MemoryMetadata::apply_lease(Instant now) {
  if (lease_ != 0 && (!wanted_lease_ || is_lease_gone_)) {
    // What the others still see of a lease that is lost here must not outlive it.
    realm_.drop_lease(std::exchange(lease_, 0));
    lease_sent_.reset();
  }
  is_lease_gone_ = false;
  if (!wanted_lease_) {
    realm_.drop_lease(std::exchange(asked_lease_, 0));
    return;
  }
  if (lease_ == 0) {
    if (asked_lease_ != 0 && realm_.has_lease(asked_lease_)) return;
    asked_lease_ = realm_.grant(now, *wanted_lease_);
    lease_sent_ = now;
    lease_due_ = now + milliseconds(wanted_lease_->ms / 3);
  } else if (now >= lease_due_) {
    lease_due_ = now + milliseconds(wanted_lease_->ms / 3);
    is_lease_gone_ = !realm_.keep_alive(lease_, now);
    if (!is_lease_gone_) lease_sent_ = now;
  }
}

void MemoryMetadata::deliver(Instant now) {
  if (answers_arrive()) {
    for (Sent& sent : std::exchange(sent_, {})) answer(std::move(sent.answer));
    quorum_seen_ = now;
    for (auto at = streams_.begin(); at != streams_.end();) {
      at = tell(at->first, at->second) ? std::next(at) : streams_.erase(at);
    }
  }
  deliver_late(now);
  deliver_lease(now);
  const bool has_quorum = quorum_seen_ && now - *quorum_seen_ < options_.quorum_timeout;
  if (has_quorum != answers_.has_quorum) {
    answers_.has_quorum = has_quorum;
    wake();
  }
}

void MemoryMetadata::deliver_late(Instant now) {
  const auto is_late = [&](Instant since) { return now - since >= options_.request_timeout; };
  std::erase_if(sent_, [&](const Sent& sent) {
    if (!is_late(sent.since)) return false;
    answer({.id = sent.answer.id, .is_in_doubt = true});
    return true;
  });
  std::erase_if(waiting_, [&](Waiting& waiting) {
    if (!waiting.since || !is_late(*waiting.since)) return false;
    answer({.id = waiting.request.id, .is_in_doubt = true});
    // Of one key only the first may come late, and no leased one: its lease is another by then.
    const bool is_known = std::any_of(late_.begin(), late_.end(), [&](const CasRequest& late) {
      return late.key == waiting.request.key;
    });
    if (options_.late_requests && !is_known && !waiting.request.is_leased) {
      late_.push_back(std::move(waiting.request));
    }
    return true;
  });
  std::erase_if(gets_, [&](Get& get) {
    const bool has_come = get.is_applied && answers_arrive();
    if (!has_come && !(get.since && is_late(*get.since))) return false;
    answers_.gets.push_back(has_come ? std::move(get.answer) : GetAnswer{.id = get.answer.id});
    wake();
    return true;
  });
}

void MemoryMetadata::deliver_lease(Instant now) {
  if (wanted_lease_ && answers_arrive() && lease_sent_ && !is_lease_gone_) {
    const Instant until = *lease_sent_ + *wanted_lease_;
    if (asked_lease_ != 0 && now < until) {
      lease_ = std::exchange(asked_lease_, 0);
      ++answers_.lease_number;
      wake();
    }
    if (lease_ != 0) answers_.lease_until = until;
  }
  if (lease_ != 0 && now >= answers_.lease_until) is_lease_gone_ = true;
  if (is_lease_gone_ && answers_.lease_until != Instant{}) {
    answers_.lease_until = {};
    wake();
  }
}

bool MemoryMetadata::tell(std::uint64_t id, Stream& stream) {
  const auto add = [&](News news) {
    news.id = id;
    answers_.news.push_back(std::move(news));
    wake();
  };
  if (stream.is_in_snapshot && !realm_.remembers(stream.next - 1)) stream.restarts = true;
  if (!stream.restarts && !stream.is_in_snapshot) {
    std::optional<std::vector<Change>> changes = realm_.changes(stream.prefix, stream.next);
    const bool is_behind = stream.next <= realm_.revision();
    if (changes && is_behind) {
      stream.next = realm_.revision() + 1;
      if (!changes->empty()) {
        add({.kind = NewsKind::Changes,
             .revision = realm_.revision(),
             .changes = std::move(*changes)});
      }
    }
    stream.restarts = !changes && is_behind;
  }
  if (stream.restarts) {
    stream.restarts = false;
    stream.is_in_snapshot = true;
    stream.snapshot = realm_.snapshot(stream.prefix);
    stream.told = 0;
    stream.next = realm_.revision() + 1;
    add({.kind = NewsKind::Restart});
  }
  if (!stream.is_in_snapshot) return true;
  const std::size_t count = std::min(options_.page_max, stream.snapshot.size() - stream.told);
  if (count > 0) {
    const auto first = stream.snapshot.begin() + static_cast<std::ptrdiff_t>(stream.told);
    add({.kind = NewsKind::Changes,
         .changes = {first, first + static_cast<std::ptrdiff_t>(count)}});
    stream.told += count;
  }
  if (stream.told < stream.snapshot.size()) return true;
  add({.kind = NewsKind::Complete, .revision = stream.next - 1});
  stream.is_in_snapshot = false;
  stream.snapshot.clear();
  return stream.is_watch;
}

void MemoryMetadata::answer(CasAnswer answer) {
  answers_.cas.push_back(std::move(answer));
  wake();
}

void MemoryMetadata::wake() {
  if (std::exchange(is_woken_, true) || !options_.wake) return;
  options_.wake();
}

}  // namespace vmq::cluster
