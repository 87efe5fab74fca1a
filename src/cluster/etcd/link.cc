#include "cluster/etcd/link.h"

#include <algorithm>
#include <utility>

namespace vmq::cluster::etcd {

namespace {

constexpr Duration probe_interval = milliseconds(500);
// Longer than an election takes as a rule: going elsewhere ends what is under way.
constexpr Duration probe_timeout = milliseconds(1500);
constexpr Duration retry_max = seconds(1);
// With one endpoint there is no other to try, but a fresh connection may find what an old one lost.
constexpr std::size_t failures_alone_max = 3;

}  // namespace

Link::Link(Wire& wire, Mailbox& mailbox, const EtcdOptions& options)
    : wire_(wire), mailbox_(mailbox), options_(options) {
  set_endpoints(options.endpoints);
}

void Link::set_endpoints(std::vector<std::string> endpoints) {
  if (endpoints == endpoints_) return;
  endpoints_ = std::move(endpoints);
  const auto found = std::find(endpoints_.begin(), endpoints_.end(), endpoint_);
  if (found != endpoints_.end()) {
    place_ = static_cast<std::size_t>(found - endpoints_.begin());
  } else if (endpoints_.empty()) {
    wire_.disconnect();
    ++generation_;
    endpoint_.clear();
    is_up_ = is_probing_ = false;
    error_ = "no endpoint of etcd is known";
    report();
  } else {
    connect(0);
    probe_due_ = Instant{};
  }
}

void Link::connect(std::size_t place) {
  place_ = place;
  endpoint_ = endpoints_[place];
  wire_.connect(endpoint_, options_.tls);
  ++generation_;
  is_up_ = is_probing_ = false;
  report();
}

void Link::saw_majority(Instant sent) {
  if (!majority_seen_ || *majority_seen_ < sent) majority_seen_ = sent;
  mailbox_.set_quorum(monotonic_now() - *majority_seen_ < options_.quorum_timeout);
}

void Link::suspect() {
  if (is_up_) probe_due_ = Instant{};
}

void Link::probe_soon() {
  // Times are whole milliseconds, so the next one is after now for certain.
  probe_wanted_ = monotonic_now() + milliseconds(1);
  if (!is_probing_) probe_due_ = std::min(probe_due_, probe_wanted_);
}

Instant Link::due() const {
  const Instant now = monotonic_now();
  Instant due = is_probing_ ? now + probe_timeout : probe_due_;
  if (!majority_seen_) return due;
  const Instant lapses = *majority_seen_ + options_.quorum_timeout;
  return lapses < now ? due : std::min(due, lapses);
}

void Link::turn(Instant now) {
  if (majority_seen_ && now - *majority_seen_ >= options_.quorum_timeout) {
    mailbox_.set_quorum(false);
  }
  if (!endpoint_.empty() && !is_probing_ && now >= probe_due_) probe(now);
}

void Link::probe(Instant now) {
  is_probing_ = true;
  const std::string key = options_.key_prefix + '\0';
  wire_.call("/etcdserverpb.KV/Range", encode_range({.key = key, .is_count_only = true}),
             probe_timeout, [this, now](const RpcStatus& status, std::string_view response) {
               on_probe(now, status, response);
             });
}

void Link::on_probe(Instant sent, const RpcStatus& status, std::string_view response) {
  is_probing_ = false;
  const Instant now = monotonic_now();
  const std::optional<Page> page = status.is_ok() ? decode_page(response) : std::nullopt;
  if (!page) return on_failure(now, status.is_ok() ? "not an answer of etcd" : status.message);
  probe_due_ = sent + probe_interval;
  if (probe_wanted_ > sent) probe_due_ = std::min(probe_due_, probe_wanted_);
  probe_sent_ = sent;
  term_ = page->header.term;
  failures_ = 0;
  saw_majority(sent);
  if (std::exchange(is_up_, true)) return;
  error_.clear();
  report();
}

void Link::on_failure(Instant now, std::string error) {
  is_up_ = false;
  error_ = std::move(error);
  ++failures_;
  const std::size_t count = endpoints_.size();
  probe_due_ = now;
  if (failures_ % count == 0) {
    const std::size_t rounds = std::min<std::size_t>(failures_ / count, 4);
    probe_due_ = now + std::min(milliseconds(std::int64_t{50} << rounds), retry_max);
  }
  if (count > 1 || failures_ % failures_alone_max == 0) {
    ++fail_overs_;
    connect((place_ + 1) % count);
  } else {
    report();
  }
}

void Link::report() {
  mailbox_.set_link_status({.endpoint = endpoint_,
                            .is_up = is_up_,
                            .error = is_up_ ? std::string() : error_,
                            .fail_overs = fail_overs_});
}

}  // namespace vmq::cluster::etcd
