// Who this node is towards other nodes, and which of them it talks to: both halves of every
// handshake come from here.
//
// Thread: any. Lifetime: the node's, longer than its listeners and shards.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cluster/handshake.h"
#include "cluster/members.h"
#include "config/config.h"
#include "net/tls_source.h"
#include "net/transport.h"

namespace vmq::node {

inline constexpr Instant lease_for_ever{std::numeric_limits<std::int64_t>::max()};
using MembersSnapshot = std::shared_ptr<const cluster::Members>;

class LinkGate {
 public:
  // Certificate, key and authorities of connections that this node makes are those of its first
  // listener.vmqs. The error is a sentence for the operator.
  [[nodiscard]] static Result<std::unique_ptr<LinkGate>, std::string> make(
      const config::Config& config, std::uint8_t shards, std::int64_t now_s);

  const std::string& name() const { return name_; }
  // The cookie is the one that stands in every file of settings as shipped.
  bool has_default_cookie() const { return cookie_ == "vmq"; }
  MembersSnapshot members() const;
  void set_members(cluster::Members members);
  // The lease of this node as a member is held at every instant before `until`; a node that has
  // joined nobody needs none. Read by shards in every turn, so that one that was stopped for a
  // while knows at once.
  void set_lease(Instant until) { lease_until_ms_.store(until.ms, std::memory_order_relaxed); }
  bool holds_lease(Instant now) const {
    return now.ms < lease_until_ms_.load(std::memory_order_relaxed);
  }
  // Whether a member of this cluster says this of itself.
  bool is_member(const cluster::Hello& peer) const;

  // --- our half of a handshake ---
  cluster::Handshake::Setup accepter() const;
  // For frames of a shard, with that member and nobody else.
  cluster::Handshake::Setup stream_to(const cluster::Member& member, std::uint8_t shard) const;
  // For one client, with that member and nobody else.
  cluster::Handshake::Setup tunnel_to(const cluster::Member& member) const;
  // For a question. `name`: the node that must answer; empty: whoever does.
  cluster::Handshake::Setup control_to(std::string name) const;
  // Questions of other nodes are refused while it says no.
  void set_control_room(std::function<bool()> has_room);

  // Called when a member has connected to this node, on any shard's thread. Set before there are
  // any.
  void set_on_heard(std::function<void(cluster::MemberNumber)> on_heard) {
    on_heard_ = std::move(on_heard);
  }
  void heard_of(cluster::MemberNumber member) const {
    if (on_heard_) on_heard_(member);
  }

  // What lies under connections that this node makes.
  std::shared_ptr<const net::Transport> transport(bool is_tls) const {
    return is_tls ? tls_ : plain_;
  }
  net::TlsSource& tls() const { return *tls_->tls; }

 private:
  LinkGate(const config::Config& config, std::uint8_t shards);
  cluster::Handshake::Setup setup() const;
  std::optional<cluster::Refusal> judge_accepted(const cluster::Hello& peer) const;
  std::optional<cluster::Refusal> judge_stream(const cluster::Hello& peer) const;

  const std::string name_;
  const std::string cookie_;
  const std::uint8_t shards_;
  std::shared_ptr<const net::Transport> plain_;
  std::shared_ptr<const net::Transport> tls_;
  std::function<void(cluster::MemberNumber)> on_heard_;
  std::atomic<std::int64_t> lease_until_ms_{lease_for_ever.ms};
  mutable std::mutex mutex_;
  MembersSnapshot members_;
  std::function<bool()> has_control_room_;
};

}  // namespace vmq::node
