#include "cluster/etcd/client.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "cluster/etcd/followers.h"
#include "cluster/etcd/lease.h"
#include "cluster/etcd/link.h"
#include "cluster/etcd/mailbox.h"
#include "cluster/etcd/requests.h"

namespace vmq::cluster {

namespace {

constexpr Duration release_timeout = seconds(1);

// What the client's thread does.
class Loop {
 public:
  Loop(etcd::Wire& wire, etcd::Mailbox& mailbox, const EtcdOptions& options)
      : wire_(wire),
        mailbox_(mailbox),
        link_(wire, mailbox, options),
        cas_(wire, mailbox, link_, options),
        gets_(wire, mailbox, link_, options),
        lease_(wire, mailbox, link_),
        followers_(wire, mailbox, link_, options) {}

  void run() {
    while (!mailbox_.is_stopped()) turn();
    const Instant last = etcd::monotonic_now() + release_timeout;
    while (link_.is_up() && !lease_.is_released() && etcd::monotonic_now() < last) turn();
  }

 private:
  void turn() {
    const Instant now = etcd::monotonic_now();
    for (etcd::Command& command : mailbox_.take()) take(command, now);
    link_.turn(now);
    lease_.on_lost(cas_.take_lost_lease());
    lease_.turn(now);
    cas_.turn(now, lease_.lease(now));
    gets_.turn(now);
    followers_.turn(now);
    Instant due = std::min({link_.due(), lease_.due(now), cas_.due(now), followers_.due(now)});
    if (!gets_.is_idle()) due = std::min(due, now + milliseconds(20));
    wire_.turn(std::clamp(due, now, now + seconds(1)));
  }

  void take(etcd::Command& command, Instant now) {
    if (auto* requests = std::get_if<std::vector<CasRequest>>(&command)) {
      cas_.add(std::move(*requests), now);
    } else if (auto* get = std::get_if<etcd::GetCommand>(&command)) {
      gets_.add(get->id, std::move(get->key), now);
    } else if (auto* follow = std::get_if<etcd::FollowCommand>(&command)) {
      followers_.add(std::move(*follow));
    } else if (const auto* cancel = std::get_if<etcd::CancelCommand>(&command)) {
      followers_.remove(cancel->serial);
    } else if (const auto* lease = std::get_if<etcd::LeaseCommand>(&command)) {
      lease_.set(*lease);
    } else if (auto* members = std::get_if<etcd::EndpointsCommand>(&command)) {
      link_.set_endpoints(std::move(members->endpoints));
    }
  }

  etcd::Wire& wire_;
  etcd::Mailbox& mailbox_;
  etcd::Link link_;
  etcd::CasSender cas_;
  etcd::GetSender gets_;
  etcd::LeaseKeeper lease_;
  etcd::Followers followers_;
};

}  // namespace

struct EtcdMetadata::Parts {
  explicit Parts(EtcdOptions with)
      : options(std::move(with)),
        mailbox(options.queue_max, options.news_bytes_max, options.wake) {}

  const EtcdOptions options;
  etcd::Mailbox mailbox;
  etcd::Wire wire;
  std::thread thread;
};

EtcdMetadata::EtcdMetadata(EtcdOptions options)
    : parts_(std::make_unique<Parts>(std::move(options))) {
  parts_->thread = std::thread([parts = parts_.get()] {
    Loop(parts->wire, parts->mailbox, parts->options).run();
    // Here, so that only one thread ever calls; what is under way ends without a word.
    parts->wire.disconnect();
  });
}

EtcdMetadata::~EtcdMetadata() {
  parts_->mailbox.stop();
  parts_->wire.kick();
  parts_->thread.join();
}

void EtcdMetadata::submit(std::vector<CasRequest> requests) {
  parts_->mailbox.submit(std::move(requests));
  parts_->wire.kick();
}

void EtcdMetadata::get(std::uint64_t id, std::string key) {
  parts_->mailbox.get(id, std::move(key));
  parts_->wire.kick();
}

void EtcdMetadata::scan(std::uint64_t id, std::string prefix) {
  parts_->mailbox.follow({.id = id, .prefix = std::move(prefix), .from = {}});
  parts_->wire.kick();
}

void EtcdMetadata::watch(std::uint64_t id, std::string prefix, std::optional<Revision> from) {
  parts_->mailbox.follow({.id = id, .prefix = std::move(prefix), .is_watch = true, .from = from});
  parts_->wire.kick();
}

void EtcdMetadata::cancel(std::uint64_t id) {
  parts_->mailbox.cancel(id);
  parts_->wire.kick();
}

void EtcdMetadata::hold_lease(Duration time_to_live) {
  parts_->mailbox.set_lease(time_to_live);
  parts_->wire.kick();
}

void EtcdMetadata::release_lease() {
  parts_->mailbox.set_lease(std::nullopt);
  parts_->wire.kick();
}

void EtcdMetadata::poll(Answers& out) {
  if (parts_->mailbox.poll(out)) parts_->wire.kick();
}

void EtcdMetadata::set_endpoints(std::vector<std::string> endpoints) {
  parts_->mailbox.set_endpoints(std::move(endpoints));
  parts_->wire.kick();
}

EtcdLinkStatus EtcdMetadata::link_status() const { return parts_->mailbox.link_status(); }

}  // namespace vmq::cluster
