#include "cluster/etcd/lease.h"

#include <algorithm>
#include <utility>

namespace vmq::cluster::etcd {

namespace {

constexpr Duration call_timeout = seconds(2);
constexpr Duration retry_interval = milliseconds(100);
// Two clocks that count the same seconds differ by less.
constexpr std::int64_t clock_margin_part = 100;
// A part of the time to live: two renewals may fail before the lease is in danger.
constexpr std::int64_t renew_part = 3;

}  // namespace

void LeaseKeeper::set(const LeaseCommand& command) {
  if (lease_ != 0) lose();
  serial_ = command.serial;
  wanted_ = command.time_to_live;
}

void LeaseKeeper::on_lost(LeaseId lease) {
  if (lease != 0 && lease == lease_) lose();
}

void LeaseKeeper::lose() {
  revokes_.push_back(std::exchange(lease_, 0));
  until_ = {};
  // Nobody else would end a renewal that was answered already.
  if (std::exchange(renewal_, std::nullopt)) is_renewing_ = false;
  mailbox_.set_lease(serial_, 0, {}, Mailbox::LeaseChange::Lost);
}

void LeaseKeeper::turn(Instant now) {
  if (std::exchange(generation_, link_.generation()) != link_.generation()) {
    is_granting_ = is_revoking_ = is_renewing_ = false;
    renewal_.reset();
    renew_due_ = {};
  }
  if (lease_ != 0 && now >= until_) lose();
  if (!link_.is_up()) return;
  close_renewal();
  if (!revokes_.empty()) {
    // First, so that no key of a lost lease is seen beside those of the new one.
    if (!is_revoking_ && now >= try_due_) revoke();
  } else if (lease_ == 0) {
    if (wanted_ && !is_granting_ && now >= try_due_) grant(now);
  } else if (!is_renewing_ && now >= renew_due_) {
    renew(now);
  }
}

Instant LeaseKeeper::due(Instant now) const {
  if (!wanted_ && revokes_.empty()) return now + seconds(3600);
  const Instant soon = now + retry_interval;
  if (!link_.is_up() || lease_ == 0 || is_renewing_) return soon;
  return std::min(renew_due_, until_);
}

void LeaseKeeper::grant(Instant now) {
  is_granting_ = true;
  const std::uint64_t serial = serial_;
  const std::int64_t whole_seconds = std::max<std::int64_t>(1, (wanted_->ms + 999) / 1000);
  wire_.call("/etcdserverpb.Lease/LeaseGrant", encode_grant(whole_seconds), call_timeout,
             [this, now, serial](const RpcStatus& status, std::string_view response) {
               is_granting_ = false;
               const std::optional<Grant> granted =
                   status.is_ok() ? decode_grant(response) : std::nullopt;
               if (!granted) {
                 try_due_ = monotonic_now() + retry_interval;
                 return link_.suspect();
               }
               if (!wanted_ || serial != serial_) return revokes_.push_back(granted->lease);
               // etcd may grant more than was asked for; the owner wants to know of a node that is
               // gone within the time it named, or as close to it as etcd goes.
               const std::int64_t ms = granted->time_to_live_s * 1000;
               lease_ = granted->lease;
               lasts_ = milliseconds(ms - ms / clock_margin_part);
               until_ = now + lasts_;
               renew_due_ = now + milliseconds(ms / renew_part);
               mailbox_.set_lease(serial_, lease_, until_, Mailbox::LeaseChange::Begins);
             });
}

void LeaseKeeper::revoke() {
  is_revoking_ = true;
  wire_.call("/etcdserverpb.Lease/LeaseRevoke", encode_lease(revokes_.front()), call_timeout,
             [this](const RpcStatus& status, std::string_view) {
               is_revoking_ = false;
               if (status.is_ok() || status.code == RpcCode::NotFound) {
                 revokes_.erase(revokes_.begin());
                 return;
               }
               try_due_ = monotonic_now() + retry_interval;
               link_.suspect();
             });
}

// A stream by etcd's interface, but one request on it and its end look like a single call.
void LeaseKeeper::renew(Instant now) {
  is_renewing_ = true;
  renewal_.reset();
  const LeaseId lease = lease_;
  const std::uint64_t term = link_.term();
  wire_.call("/etcdserverpb.Lease/LeaseKeepAlive", encode_lease(lease),
             std::min(call_timeout, milliseconds(lasts_.ms / renew_part)),
             [this, now, lease, term](const RpcStatus& status, std::string_view response) {
               if (lease != lease_) {
                 is_renewing_ = false;
                 return;
               }
               const std::optional<std::int64_t> left =
                   status.is_ok() ? decode_keep_alive(response) : std::nullopt;
               if (left && *left <= 0) {
                 is_renewing_ = false;
                 return lose();
               }
               if (!left) {
                 is_renewing_ = false;
                 renew_due_ = monotonic_now() + retry_interval;
                 return link_.suspect();
               }
               renewal_ = Renewal{now, monotonic_now(), term};
               link_.probe_soon();
             });
}

void LeaseKeeper::close_renewal() {
  // Times are whole milliseconds: a probe of the same one may have been sent before the answer.
  if (!renewal_ || link_.probe_sent() <= renewal_->answered) return;
  const Renewal renewal = *std::exchange(renewal_, std::nullopt);
  is_renewing_ = false;
  if (renewal.term != link_.term()) return;  // another leader: renewed again at once
  renew_due_ = renewal.sent + milliseconds(lasts_.ms / renew_part);
  until_ = std::max(until_, renewal.sent + lasts_);
  mailbox_.set_lease(serial_, lease_, until_, Mailbox::LeaseChange::Renewed);
}

}  // namespace vmq::cluster::etcd
