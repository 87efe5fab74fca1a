#include "cluster/etcd/mailbox.h"

#include <algorithm>

#include "base/expect.h"

namespace vmq::cluster::etcd {

namespace {

std::size_t bytes_of(const News& news) {
  std::size_t bytes = sizeof(News);
  for (const Change& change : news.changes) {
    bytes += sizeof(Change) + change.key.size() + (change.value ? change.value->size() : 0);
  }
  return bytes;
}

}  // namespace

void Mailbox::submit(std::vector<CasRequest> requests) {
  bool wakes = false;
  {
    const Guard guard(mutex_);
    std::vector<CasRequest> taken;
    taken.reserve(requests.size());
    for (CasRequest& request : requests) {
      if (!is_acceptable(request)) {
        answers_.cas.push_back({.id = request.id, .status = CasStatus::Refused});
      } else if (cas_open_ >= queue_max_) {
        answers_.cas.push_back({.id = request.id});
      } else {
        ++cas_open_;
        taken.push_back(std::move(request));
      }
    }
    if (taken.size() < requests.size()) wakes = mark_woken();
    if (!taken.empty()) commands_.emplace_back(std::move(taken));
  }
  wake(wakes);
}

void Mailbox::get(std::uint64_t id, std::string key) {
  const Guard guard(mutex_);
  commands_.emplace_back(GetCommand{id, std::move(key)});
}

void Mailbox::follow(FollowCommand command) {
  const Guard guard(mutex_);
  command.serial = ++last_serial_;
  VMQ_EXPECT(follows_.emplace(command.id, command.serial).second);
  commands_.emplace_back(std::move(command));
}

void Mailbox::cancel(std::uint64_t id) {
  const Guard guard(mutex_);
  const auto found = follows_.find(id);
  if (found != follows_.end()) {
    commands_.emplace_back(CancelCommand{found->second});
    follows_.erase(found);
  }
  std::erase_if(answers_.news, [&](const News& news) {
    if (news.id != id) return false;
    news_bytes_ -= bytes_of(news);
    return true;
  });
}

void Mailbox::set_lease(std::optional<Duration> time_to_live) {
  const Guard guard(mutex_);
  answers_.lease_until = {};
  commands_.emplace_back(LeaseCommand{++lease_serial_, time_to_live});
}

void Mailbox::set_endpoints(std::vector<std::string> endpoints) {
  const Guard guard(mutex_);
  commands_.emplace_back(EndpointsCommand{std::move(endpoints)});
}

bool Mailbox::poll(Answers& out) {
  out.cas.clear();
  out.gets.clear();
  out.news.clear();
  const Guard guard(mutex_);
  std::swap(out.cas, answers_.cas);
  std::swap(out.gets, answers_.gets);
  std::swap(out.news, answers_.news);
  out.has_quorum = answers_.has_quorum;
  out.lease_until = answers_.lease_until;
  out.lease_number = answers_.lease_number;
  is_woken_ = false;
  return std::exchange(news_bytes_, 0) >= news_bytes_max_;
}

EtcdLinkStatus Mailbox::link_status() const {
  const Guard guard(mutex_);
  return link_status_;
}

void Mailbox::stop() {
  const Guard guard(mutex_);
  is_stopped_ = true;
}

bool Mailbox::is_stopped() const {
  const Guard guard(mutex_);
  return is_stopped_;
}

std::vector<Command> Mailbox::take() {
  const Guard guard(mutex_);
  return std::exchange(commands_, {});
}

void Mailbox::answer(std::vector<CasAnswer> answers) {
  if (answers.empty()) return;
  bool wakes = false;
  {
    const Guard guard(mutex_);
    VMQ_EXPECT(cas_open_ >= answers.size());
    cas_open_ -= answers.size();
    std::move(answers.begin(), answers.end(), std::back_inserter(answers_.cas));
    wakes = mark_woken();
  }
  wake(wakes);
}

void Mailbox::answer(CasAnswer one) {
  std::vector<CasAnswer> answers;
  answers.push_back(std::move(one));
  answer(std::move(answers));
}

void Mailbox::answer(std::vector<GetAnswer> answers) {
  if (answers.empty()) return;
  bool wakes = false;
  {
    const Guard guard(mutex_);
    std::move(answers.begin(), answers.end(), std::back_inserter(answers_.gets));
    wakes = mark_woken();
  }
  wake(wakes);
}

void Mailbox::tell(std::uint64_t serial, std::vector<News> news, bool ends) {
  if (news.empty()) return;
  bool wakes = false;
  {
    const Guard guard(mutex_);
    const auto found = follows_.find(news.front().id);
    if (found == follows_.end() || found->second != serial) return;  // cancelled meanwhile
    for (News& one : news) {
      news_bytes_ += bytes_of(one);
      answers_.news.push_back(std::move(one));
    }
    if (ends) follows_.erase(found);
    wakes = mark_woken();
  }
  wake(wakes);
}

bool Mailbox::is_full() const {
  const Guard guard(mutex_);
  return news_bytes_ >= news_bytes_max_;
}

void Mailbox::set_quorum(bool has_quorum) {
  bool wakes = false;
  {
    const Guard guard(mutex_);
    if (answers_.has_quorum == has_quorum) return;
    answers_.has_quorum = has_quorum;
    wakes = mark_woken();
  }
  wake(wakes);
}

void Mailbox::set_lease(std::uint64_t serial, std::int64_t lease, Instant until,
                        LeaseChange change) {
  bool wakes = false;
  {
    const Guard guard(mutex_);
    // The number tells of every lease there was, also of one that its owner gives up just now.
    if (change == LeaseChange::Begins) ++answers_.lease_number;
    if (serial == lease_serial_) answers_.lease_until = until;
    link_status_.lease = lease;
    wakes = change != LeaseChange::Renewed && mark_woken();
  }
  wake(wakes);
}

void Mailbox::set_link_status(EtcdLinkStatus status) {
  const Guard guard(mutex_);
  status.lease = link_status_.lease;
  link_status_ = std::move(status);
}

}  // namespace vmq::cluster::etcd
