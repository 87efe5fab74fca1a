#include "node/owner_desk.h"

#include <utility>

namespace vmq::node {

void OwnerDesk::ask(ShardId shard, core::OwnerAsk ask) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (wake_) {
      const bool is_first = asks_.empty() && releases_.empty();
      asks_.emplace_back(shard, std::move(ask));
      if (is_first) wake_();
      return;
    }
  }
  answer_(shard, ask.id, {});
}

void OwnerDesk::release(core::OwnerRelease release) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!wake_) return;
  const bool is_first = asks_.empty() && releases_.empty();
  releases_.push_back(std::move(release));
  if (is_first) wake_();
}

void OwnerDesk::open(std::function<void()> wake) {
  const std::lock_guard<std::mutex> lock(mutex_);
  wake_ = std::move(wake);
}

void OwnerDesk::serve(cluster::Owners& owners, const cluster::Answers& answers) {
  std::vector<std::pair<ShardId, core::OwnerAsk>> asks;
  std::vector<core::OwnerRelease> releases;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    asks.swap(asks_);
    releases.swap(releases_);
  }
  // A client that has ended a session and comes back at once asks after the release.
  for (const core::OwnerRelease& release : releases) {
    owners.release(release.mountpoint, release.client_id);
  }
  for (auto& [shard, ask] : asks) {
    waiting_.emplace(next_tag_, Asked{shard, ask.id});
    owners.ask(next_tag_++, ask.mountpoint, ask.client_id);
  }
  std::vector<cluster::Owners::Answered> answered;
  owners.take(answers, answered);
  owners.submit();
  for (const cluster::Owners::Answered& done : answered) {
    const auto found = waiting_.find(done.tag);
    if (found == waiting_.end()) continue;
    answer_(found->second.shard, found->second.ask, done.owner);
    waiting_.erase(found);
  }
}

void OwnerDesk::close() {
  std::vector<std::pair<ShardId, core::OwnerAsk>> asks;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    wake_ = {};
    asks.swap(asks_);
    releases_.clear();
  }
  for (const auto& [shard, ask] : asks) answer_(shard, ask.id, {});
  for (const auto& [tag, asked] : waiting_) answer_(asked.shard, asked.ask, {});
  waiting_.clear();
}

}  // namespace vmq::node
