#include "node/link_gate.h"

#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "base/expect.h"

namespace vmq::node {
namespace {

using cluster::Handshake;
using cluster::Hello;
using cluster::LinkPurpose;
using cluster::Refusal;
using cluster::RefusalCode;

cluster::Nonce new_nonce() {
  cluster::Nonce nonce{};
  VMQ_EXPECT(getrandom(nonce.data(), nonce.size(), 0) == static_cast<ssize_t>(nonce.size()));
  return nonce;
}

}  // namespace

Result<std::unique_ptr<LinkGate>, std::string> LinkGate::make(const config::Config& config,
                                                              std::uint8_t shards,
                                                              std::int64_t now_s) {
  std::unique_ptr<LinkGate> gate(new LinkGate(config, shards));
  const auto listener =
      std::find_if(config.listeners.begin(), config.listeners.end(),
                   [](const auto& one) { return one.kind == config::ListenerKind::Vmqs; });
  config::TlsConfig tls;
  tls.versions = {"tlsv1.2", "tlsv1.3"};
  std::string key = "connections to other nodes";
  if (listener != config.listeners.end()) {
    tls = listener->tls;
    key = "listener.vmqs." + listener->name;
  }
  auto source = net::TlsSource::make(std::move(tls), config.transport.crl_refresh_interval, now_s,
                                     net::TlsRole::Client);
  if (!source) return failure(key + ": " + source.error());
  auto transport = std::make_shared<net::Transport>();
  transport->tls = std::move(*source);
  gate->tls_ = std::move(transport);
  return gate;
}

LinkGate::LinkGate(const config::Config& config, std::uint8_t shards)
    : name_(config.node.name),
      cookie_(config.node.cookie),
      shards_(shards),
      plain_(std::make_shared<net::Transport>()),
      members_(std::make_shared<const cluster::Members>()) {}

MembersSnapshot LinkGate::members() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return members_;
}

void LinkGate::set_members(cluster::Members members) {
  auto snapshot = std::make_shared<const cluster::Members>(std::move(members));
  const std::lock_guard<std::mutex> lock(mutex_);
  members_ = std::move(snapshot);
}

void LinkGate::set_control_room(std::function<bool()> has_room) {
  const std::lock_guard<std::mutex> lock(mutex_);
  has_control_room_ = std::move(has_room);
}

Handshake::Setup LinkGate::setup() const {
  const MembersSnapshot members = this->members();
  Handshake::Setup setup;
  setup.self.shards = shards_;
  setup.self.member = members->self;
  setup.self.cluster = members->cluster;
  setup.self.nonce = new_nonce();
  setup.self.name = name_;
  setup.cookie = cookie_;
  return setup;
}

Handshake::Setup LinkGate::accepter() const {
  Handshake::Setup setup = this->setup();
  setup.judge = [this](const Hello& peer) { return judge_accepted(peer); };
  return setup;
}

Handshake::Setup LinkGate::stream_to(const cluster::Member& member, std::uint8_t shard) const {
  Handshake::Setup setup = this->setup();
  setup.self.purpose = LinkPurpose::Stream;
  setup.self.shard = shard;
  setup.judge = [number = member.number, name = member.name,
                 own = setup.self.cluster](const Hello& peer) -> std::optional<Refusal> {
    if (peer.name != name) {
      return Refusal{RefusalCode::WrongNode, "this is not " + name};
    }
    if (peer.cluster != own) {
      return Refusal{RefusalCode::UnknownMember, name + " belongs to another cluster"};
    }
    if (peer.member != number) {
      return Refusal{RefusalCode::UnknownMember, name + " has joined anew, as another member"};
    }
    return std::nullopt;
  };
  return setup;
}

Handshake::Setup LinkGate::tunnel_to(const cluster::Member& member) const {
  Handshake::Setup setup = stream_to(member, 0);
  setup.self.purpose = LinkPurpose::Tunnel;
  return setup;
}

Handshake::Setup LinkGate::control_to(std::string name) const {
  Handshake::Setup setup = this->setup();
  setup.self.purpose = LinkPurpose::Control;
  setup.judge = [name = std::move(name)](const Hello& peer) -> std::optional<Refusal> {
    if (name.empty() || peer.name == name) return std::nullopt;
    return Refusal{RefusalCode::WrongNode, "this is not " + name};
  };
  return setup;
}

// A question may come from whoever has proved the cookie: from a node that wants to join, for
// example. Its handler decides whom it answers.
std::optional<Refusal> LinkGate::judge_accepted(const Hello& peer) const {
  if (peer.purpose != LinkPurpose::Control) return judge_stream(peer);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!has_control_room_) return Refusal{RefusalCode::NotServed, name_ + " takes no questions"};
  if (has_control_room_()) return std::nullopt;
  return Refusal{RefusalCode::Busy, name_ + " is busy with other questions; try again"};
}

std::optional<Refusal> LinkGate::judge_stream(const Hello& peer) const {
  const MembersSnapshot members = this->members();
  if (members->self == cluster::no_member) {
    return Refusal{RefusalCode::UnknownMember, name_ + " has joined no cluster"};
  }
  if (peer.cluster != members->cluster) {
    return Refusal{RefusalCode::UnknownMember,
                   peer.name + " belongs to another cluster than " + name_};
  }
  if (is_member(peer)) return std::nullopt;
  return Refusal{RefusalCode::UnknownMember,
                 peer.name + " is no member of the cluster of " + name_};
}

bool LinkGate::is_member(const Hello& peer) const {
  const MembersSnapshot members = this->members();
  if (members->self == cluster::no_member || peer.cluster != members->cluster) return false;
  const cluster::Member* member = members->find(peer.member);
  return member != nullptr && member->name == peer.name;
}

}  // namespace vmq::node
