#include "cluster/etcd/followers.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace vmq::cluster::etcd {

namespace {

constexpr Duration page_timeout = seconds(10);
constexpr Duration retry_interval = milliseconds(200);
constexpr std::int64_t limit_first = 128;
constexpr std::int64_t limit_max = 10'000;
constexpr std::size_t page_bytes = 4 << 20;  // aimed at
constexpr std::size_t depth_max = 64;        // bytes behind the prefix
const std::string everything(1, '\0');       // as the end of a range

}  // namespace

void Followers::add(FollowCommand command) {
  Follow& follow = follows_[command.serial];
  follow.id = command.id;
  follow.is_watch = command.is_watch;
  follow.first = options_.key_prefix + command.prefix;
  follow.end = prefix_end(follow.first);
  if (follow.end.empty()) follow.end = everything;
  if (follow.first.empty()) follow.first = everything;
  if (command.from) {
    follow.is_paging = false;
    follow.next = std::max<Revision>(1, *command.from);
  } else {
    begin_paging(follow);
  }
}

void Followers::remove(std::uint64_t serial) {
  const auto found = follows_.find(serial);
  if (found == follows_.end()) return;
  if (found->second.watch != 0) {
    watches_.erase(found->second.watch);
    if (is_stream_open_) wire_.write_stream(encode_watch_cancel(found->second.watch));
  }
  follows_.erase(found);
}

void Followers::turn(Instant now) {
  if (std::exchange(generation_, link_.generation()) != link_.generation()) {
    is_stream_open_ = is_paused_ = false;
    watches_.clear();
    for (auto& [serial, follow] : follows_) {
      follow.is_asked = false;
      follow.watch = 0;
    }
  }
  if (!link_.is_up() || mailbox_.is_full()) return;
  if (std::exchange(is_paused_, false)) wire_.read_next();
  for (auto& [serial, follow] : follows_) {
    if (follow.is_asked || now < follow.due) continue;
    if (follow.is_paging) {
      ask(serial, follow);
    } else {
      start_watch(follow);
      watches_[follow.watch] = serial;
    }
  }
}

Instant Followers::due(Instant now) const {
  Instant due = now + seconds(3600);
  for (const auto& [serial, follow] : follows_) {
    if (!follow.is_asked) due = std::min(due, std::max(follow.due, now + milliseconds(10)));
  }
  return due;
}

void Followers::begin_paging(Follow& follow) {
  follow.is_paging = true;
  follow.at = 0;
  follow.cursor = follow.first;
  follow.depth = 0;
  follow.limit = limit_first;
}

void Followers::ask(std::uint64_t serial, Follow& follow) {
  follow.is_asked = true;
  std::string end = follow.end;
  if (follow.depth > 0) {
    std::string part =
        prefix_end(std::string_view(follow.cursor).substr(0, follow.first.size() + follow.depth));
    if (!part.empty() && (end == everything || part < end)) end = std::move(part);
  }
  const RangeQuery query{
      .key = follow.cursor, .end = end, .limit = follow.limit, .revision = follow.at};
  wire_.call("/etcdserverpb.KV/Range", encode_range(query), page_timeout,
             [this, serial, end](const RpcStatus& status, std::string_view response) {
               on_page(serial, end, status, response);
             });
}

void Followers::on_page(std::uint64_t serial, const std::string& range_end, const RpcStatus& status,
                        std::string_view response) {
  const auto found = follows_.find(serial);
  if (found == follows_.end()) return;
  Follow& follow = found->second;
  follow.is_asked = false;
  std::optional<Page> page;
  if (status.is_ok()) page = decode_page(response);
  if (!page) return on_page_failure(follow, status);
  adapt(follow, *page, response.size());
  const bool is_first = follow.at == 0;
  if (is_first) follow.at = page->header.revision;
  const bool is_last = !page->has_more && range_end == follow.end;
  follow.cursor = page->has_more ? page->entries.back().key + '\0' : range_end;
  std::vector<News> news;
  if (is_first) news.push_back({.id = follow.id, .kind = NewsKind::Restart});
  add_page(news, follow.id, std::move(*page));
  if (is_last) {
    news.push_back({.id = follow.id, .kind = NewsKind::Complete, .revision = follow.at});
  }
  mailbox_.tell(serial, std::move(news), is_last && !follow.is_watch);
  if (!is_last) return;
  if (!follow.is_watch) {
    follows_.erase(found);
    return;
  }
  follow.is_paging = false;
  follow.next = follow.at + 1;
}

void Followers::on_page_failure(Follow& follow, const RpcStatus& status) {
  follow.due = monotonic_now() + retry_interval;
  if (status.code == RpcCode::OutOfRange) {
    // The revision is forgotten (or not yet known to this member, which a new start heals too).
    begin_paging(follow);
  } else if (status.code == RpcCode::ResourceExhausted) {
    follow.limit = std::max<std::int64_t>(1, follow.limit / 8);
  } else {
    link_.suspect();
  }
}

void Followers::adapt(Follow& follow, const Page& page, std::size_t bytes) {
  if (page.count > 4 * follow.limit && page.has_more) {
    follow.depth = std::min(follow.depth + 1, depth_max);
  } else if (page.count < follow.limit / 4 && follow.depth > 0) {
    --follow.depth;
  }
  if (page.entries.empty()) return;
  const std::size_t each = std::max<std::size_t>(1, bytes / page.entries.size());
  const auto fits = static_cast<std::int64_t>(page_bytes / each);
  follow.limit = std::clamp<std::int64_t>(fits, 1, std::min(8 * follow.limit, limit_max));
}

void Followers::add_page(std::vector<News>& news, std::uint64_t id, Page page) const {
  for (std::size_t i = 0; i < page.entries.size(); ++i) {
    if (i % options_.page_max == 0) news.push_back({.id = id});
    Change& change = page.entries[i];
    change.key.erase(0, options_.key_prefix.size());
    news.back().changes.push_back(std::move(change));
  }
}

void Followers::start_watch(Follow& follow) {
  if (!is_stream_open_) {
    is_stream_open_ = true;
    wire_.open_stream(
        "/etcdserverpb.Watch/Watch", [this](std::string_view bytes) { return on_message(bytes); },
        [this](const RpcStatus&) { on_stream_end(); });
  }
  follow.is_asked = true;
  follow.watch = ++last_watch_;
  wire_.write_stream(encode_watch(
      {.watch = follow.watch, .key = follow.first, .end = follow.end, .from = follow.next}));
}

// All events of one revision come in one message, and those of a message in the order of
// revisions. The revision in its header may be ahead of what it tells.
bool Followers::on_message(std::string_view bytes) {
  std::optional<WatchMessage> message = decode_watch(bytes);
  const auto watch = message ? watches_.find(message->watch) : watches_.end();
  if (watch != watches_.end()) {
    const std::uint64_t serial = watch->second;
    Follow& follow = follows_[serial];
    if (message->is_cancelled) {
      on_cancelled(follow, *message);
    } else if (!message->changes.empty()) {
      std::erase_if(message->changes,
                    [&](const Change& change) { return change.revision < follow.next; });
      for (Change& change : message->changes) change.key.erase(0, options_.key_prefix.size());
      if (!message->changes.empty()) {
        const Revision last = message->changes.back().revision;
        follow.next = last + 1;
        std::vector<News> news(1);
        news[0] = {.id = follow.id, .revision = last, .changes = std::move(message->changes)};
        mailbox_.tell(serial, std::move(news), false);
      }
    } else if (!message->is_created) {
      // Progress: nothing of ours happened up to there. It saves a new start after a long silence.
      follow.next = std::max(follow.next, message->revision + 1);
    }
  }
  is_paused_ = mailbox_.is_full();
  return !is_paused_;
}

void Followers::on_cancelled(Follow& follow, const WatchMessage& message) {
  watches_.erase(follow.watch);
  follow.watch = 0;
  follow.is_asked = false;
  if (message.compacted > 0) {
    begin_paging(follow);
  } else {
    follow.due = monotonic_now() + retry_interval;
  }
}

void Followers::on_stream_end() {
  is_stream_open_ = is_paused_ = false;
  for (const auto& [watch, serial] : watches_) {
    Follow& follow = follows_[serial];
    follow.watch = 0;
    follow.is_asked = false;
    follow.due = monotonic_now() + retry_interval;
  }
  watches_.clear();
  link_.suspect();
}

}  // namespace vmq::cluster::etcd
