#include "node/owner_desk.h"

#include <algorithm>
#include <utility>

namespace vmq::node {

bool OwnerDesk::pass(Item item) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!wake_) return false;
  const bool is_first = items_.empty();
  items_.push_back(std::move(item));
  if (is_first) wake_();
  return true;
}

void OwnerDesk::ask(ShardId shard, core::OwnerAsk ask) {
  const core::AskId id = ask.id;
  if (!pass({shard, std::move(ask)})) shards_.on_owner(shard, id, {});
}

void OwnerDesk::record(ShardId shard, core::OwnerRecord record) {
  const std::uint64_t tag = record.tag;
  if (!pass({shard, std::move(record)})) shards_.on_recorded(shard, tag, false);
}

void OwnerDesk::release(core::OwnerRelease release) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!wake_ && (!is_paused_ || items_.size() >= releases_max)) return;
  const bool is_first = items_.empty();
  items_.push_back({{}, std::move(release)});
  if (is_first && wake_) wake_();
}

void OwnerDesk::open(std::function<void()> wake) {
  const std::lock_guard<std::mutex> lock(mutex_);
  wake_ = std::move(wake);
  is_paused_ = false;
  if (!items_.empty()) wake_();
}

void OwnerDesk::serve(cluster::Owners& owners, const cluster::Answers& answers) {
  std::vector<Item> items;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    items.swap(items_);
  }
  for (Item& item : items) {
    if (const auto* release = std::get_if<core::OwnerRelease>(&item.what)) {
      owners.release(release->mountpoint, release->client_id);
    } else if (const auto* ask = std::get_if<core::OwnerAsk>(&item.what)) {
      waiting_.emplace(next_tag_, Asked{item.shard, ask->id.value});
      owners.ask(next_tag_++, ask->mountpoint, ask->client_id);
    } else if (auto* record = std::get_if<core::OwnerRecord>(&item.what)) {
      waiting_.emplace(next_tag_, Asked{item.shard, record->tag, true});
      owners.record(next_tag_++, record->mountpoint, record->client_id, std::move(record->record));
    }
  }
  owners.hold_claims(untaken_.load(std::memory_order_acquire) >= claims_max);
  cluster::Owners::Told told;
  owners.take(answers, told);
  owners.submit();
  const auto finish = [this](std::uint64_t tag, const core::Owner& owner, bool is_known) {
    const auto asked = waiting_.extract(tag);
    if (!asked.empty()) answer(asked.mapped(), owner, is_known);
  };
  for (const auto& done : told.answered) finish(done.tag, done.owner, false);
  for (const auto& done : told.recorded) finish(done.tag, {}, done.is_known);
  if (!told.claimed.empty()) tell_claimed(std::move(told.claimed));
}

void OwnerDesk::answer(const Asked& asked, const core::Owner& owner, bool is_known) {
  if (asked.is_record) return shards_.on_recorded(asked.shard, asked.id, is_known);
  shards_.on_owner(asked.shard, {asked.id}, owner);
}

void OwnerDesk::tell_claimed(Claims claims) {
  untaken_.fetch_add(claims.size(), std::memory_order_acq_rel);
  shards_.on_claimed(std::move(claims), [this](std::size_t count) {
    const std::size_t before = untaken_.fetch_sub(count, std::memory_order_acq_rel);
    if (before >= claims_max && before - count < claims_max) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (wake_) wake_();
    }
  });
}

void OwnerDesk::pause() { answer_waiting(true); }
void OwnerDesk::close() { answer_waiting(false); }

void OwnerDesk::answer_waiting(bool keeps_releases) {
  std::vector<Item> items;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    wake_ = {};
    is_paused_ = keeps_releases;
    items.swap(items_);
    for (Item& item : items) {
      const bool is_release = std::holds_alternative<core::OwnerRelease>(item.what);
      if (keeps_releases && is_release) items_.push_back(std::move(item));
    }
  }
  for (const Item& item : items) {
    if (const auto* ask = std::get_if<core::OwnerAsk>(&item.what)) {
      answer({item.shard, ask->id.value}, {}, false);
    } else if (const auto* record = std::get_if<core::OwnerRecord>(&item.what)) {
      answer({item.shard, record->tag, true}, {}, false);
    }
  }
  for (const auto& [tag, asked] : waiting_) answer(asked, {}, false);
  waiting_.clear();
}

}  // namespace vmq::node
