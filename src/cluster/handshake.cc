#include "cluster/handshake.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <utility>

#include "base/expect.h"

namespace vmq::cluster {
namespace {

constexpr std::string_view magic = "VMQL";
// What every message begins with: u16 size of what follows it, u8 kind.
constexpr std::size_t size_bytes = 2;
constexpr std::size_t head_bytes = 3;
// Of a hello behind its head, up to the name.
constexpr std::size_t hello_fixed = 4 + 2 + 1 + 1 + 1 + 2 + 8 + nonce_size + 1;
constexpr std::size_t mac_bytes = 32;
constexpr std::size_t refusal_text_max = 255;
// They differ, so a proof of one role is none of the other. The zero ends them.
constexpr std::string_view dialler_label{"vmq link dialler\0", 17};
constexpr std::string_view accepter_label{"vmq link accepter\0", 18};

void put16(std::vector<std::uint8_t>& to, std::uint16_t value) {
  to.resize(to.size() + 2);
  store_be16(to.data() + to.size() - 2, value);
}

void put64(std::vector<std::uint8_t>& to, std::uint64_t value) {
  to.resize(to.size() + 8);
  store_be64(to.data() + to.size() - 8, value);
}

void put(std::vector<std::uint8_t>& to, ByteView bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

// Names go into logs and tables, and one of them is the node's.
bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= node_name_max &&
         std::all_of(name.begin(), name.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte > 0x20 && byte != 0x7f;
         });
}

std::string readable(ByteView bytes) {
  std::string text(as_text(bytes.first(std::min(bytes.size(), refusal_text_max))));
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  return text;
}

std::string versions_of(const Hello& hello) {
  return hello.name + " speaks " + std::to_string(hello.version_min) + " to " +
         std::to_string(hello.version_max);
}

}  // namespace

std::string_view advice_on(RefusalCode code) {
  switch (code) {
    case RefusalCode::Version:
      return "bring both nodes to releases that speak a common version";
    case RefusalCode::Cookie:
      return "set the same distributed_cookie on all nodes of the cluster, and restart those that "
             "had another";
    case RefusalCode::UnknownMember:
      return "join it with `vmq-admin cluster join`, or stop it if it has left";
    case RefusalCode::DuplicateName:
      return "give each node a nodename of its own before it joins";
    case RefusalCode::WrongNode:
      return "another node answers at that address: see its listener.vmq and the name server";
    case RefusalCode::Malformed:
    case RefusalCode::Busy:
    case RefusalCode::NotServed:
      break;
  }
  return {};
}

std::string describe_refusal(const Handshake& handshake, std::string_view peer) {
  std::string text(handshake.peer() ? std::string_view(handshake.peer()->name) : peer);
  text += handshake.is_refused_by_peer() ? " says: " : ": ";
  text += handshake.refusal().text;
  const std::string_view advice = advice_on(handshake.refusal().code);
  if (!advice.empty()) text.append("; ").append(advice);
  return text;
}

void append_hello(const Hello& hello, std::vector<std::uint8_t>& to) {
  VMQ_EXPECT(is_name(hello.name));
  put16(to, static_cast<std::uint16_t>(1 + hello_fixed + hello.name.size()));
  to.push_back(1);
  put(to, as_bytes(magic));
  to.push_back(hello.version_min);
  to.push_back(hello.version_max);
  to.push_back(static_cast<std::uint8_t>(hello.purpose));
  to.push_back(hello.shard);
  to.push_back(hello.shards);
  put16(to, hello.member);
  put64(to, hello.cluster);
  put(to, hello.nonce);
  to.push_back(static_cast<std::uint8_t>(hello.name.size()));
  put(to, as_bytes(hello.name));
}

// What follows the name is left to later versions: their hellos are understood as far as these
// fields go, so that a refusal can say which versions there are.
std::optional<Hello> parse_hello(ByteView message) {
  if (message.size() < head_bytes + hello_fixed || message.size() > handshake_message_max)
    return {};
  if (load_be16(message.data()) != message.size() - size_bytes || message[2] != 1) return {};
  const std::uint8_t* at = message.data() + head_bytes;
  if (as_text({at, magic.size()}) != magic) return {};
  at += magic.size();
  Hello hello;
  hello.version_min = at[0];
  hello.version_max = at[1];
  hello.purpose = static_cast<LinkPurpose>(at[2]);
  hello.shard = at[3];
  hello.shards = at[4];
  hello.member = load_be16(at + 5);
  hello.cluster = load_be64(at + 7);
  at += 15;
  std::copy_n(at, nonce_size, hello.nonce.begin());
  at += nonce_size;
  const std::size_t name_size = *at++;
  if (message.size() < head_bytes + hello_fixed + name_size) return {};
  hello.name = as_text({at, name_size});
  if (!is_name(hello.name) || hello.version_min > hello.version_max) return {};
  if (hello.purpose < LinkPurpose::Stream || hello.purpose > LinkPurpose::Tunnel) return {};
  if (hello.shards == 0 || hello.shards > member_shards_max) return {};
  return hello;
}

Handshake::Handshake(Setup setup) : setup_(std::move(setup)), expected_(Message::Hello) {
  // A node's own configuration says its name, so it is not refused but cut.
  std::string& name = setup_.self.name;
  for (char& c : name) {
    if (!is_name(std::string_view(&c, 1))) c = '?';
  }
  name = name.empty() ? "?" : name.substr(0, node_name_max);
}

void Handshake::begin(ByteView channel, std::vector<std::uint8_t>& out) {
  channel_.assign(channel.begin(), channel.end());
  if (setup_.role == Role::Dialler) send_hello(out);
}

void Handshake::send_hello(std::vector<std::uint8_t>& out) {
  append_hello(setup_.self, own_hello_);
  put(out, own_hello_);
}

void Handshake::send_mac(Message kind, Role of, std::vector<std::uint8_t>& out) const {
  put16(out, 1 + mac_bytes);
  out.push_back(static_cast<std::uint8_t>(kind));
  put(out, mac_of(of));
}

void Handshake::refuse(Refusal refusal, std::vector<std::uint8_t>& out) {
  VMQ_EXPECT(state_ == State::Running);
  state_ = State::Refused;
  refusal.text.resize(std::min(refusal.text.size(), refusal_text_max));
  refusal_ = std::move(refusal);
  // Whoever does not speak this language is not spoken to.
  if (setup_.role == Role::Accepter && !peer_) return;
  put16(out, static_cast<std::uint16_t>(2 + refusal_.text.size()));
  out.push_back(static_cast<std::uint8_t>(Message::Refusal));
  out.push_back(static_cast<std::uint8_t>(refusal_.code));
  put(out, as_bytes(refusal_.text));
}

// How long the message that begins in in_ is, as far as that is known.
std::size_t Handshake::wanted() const {
  if (in_.size() < size_bytes) return size_bytes;
  return size_bytes + load_be16(in_.data());
}

std::size_t Handshake::receive(ByteView bytes, std::vector<std::uint8_t>& out) {
  std::size_t taken = 0;
  while (state_ == State::Running && taken < bytes.size()) {
    const std::size_t count = std::min(wanted() - in_.size(), bytes.size() - taken);
    put(in_, bytes.subspan(taken, count));
    taken += count;
    if (in_.size() < size_bytes) continue;
    if (wanted() > handshake_message_max || wanted() < head_bytes) {
      refuse({RefusalCode::Malformed, "this is no handshake between nodes"}, out);
    } else if (in_.size() == wanted()) {
      take_message(out);
      in_.clear();
    }
  }
  return taken;
}

void Handshake::take_message(std::vector<std::uint8_t>& out) {
  const ByteView body = ByteView(in_).subspan(head_bytes);
  const auto kind = static_cast<Message>(in_[2]);
  // A stranger's first word is a hello; only then there is somebody who can refuse.
  const bool may_refuse = setup_.role == Role::Dialler || peer_.has_value();
  if (kind == Message::Refusal && may_refuse) return take_refusal(body);
  if (kind != expected_) {
    return refuse({RefusalCode::Malformed, "this is no handshake between nodes"}, out);
  }
  if (kind == Message::Hello) return take_hello(in_, out);
  if (kind == Message::Proof) return take_proof(body, out);
  return take_welcome(body, out);
}

void Handshake::take_hello(ByteView message, std::vector<std::uint8_t>& out) {
  std::optional<Hello> hello = parse_hello(message);
  if (!hello) return refuse({RefusalCode::Malformed, "this is no handshake between nodes"}, out);
  peer_ = std::move(hello);
  peer_hello_.assign(message.begin(), message.end());
  if (auto refusal = judge_hello()) return refuse(std::move(*refusal), out);
  if (setup_.role == Role::Accepter) {
    setup_.self.purpose = peer_->purpose;
    setup_.self.shard = peer_->shard;
    expected_ = Message::Proof;
    return send_hello(out);
  }
  if (setup_.judge) {
    if (auto refusal = setup_.judge(*peer_)) return refuse(std::move(*refusal), out);
  }
  expected_ = Message::Welcome;
  send_mac(Message::Proof, Role::Dialler, out);
}

// What needs no knowledge of the cluster, and tells a stranger no more than our own hello does.
std::optional<Refusal> Handshake::judge_hello() const {
  const Hello& self = setup_.self;
  if (peer_->version_min > self.version_max || peer_->version_max < self.version_min) {
    return Refusal{RefusalCode::Version, "no version of the link protocol in common: " +
                                             versions_of(self) + ", " + versions_of(*peer_)};
  }
  if (peer_->name == self.name) {
    return Refusal{RefusalCode::DuplicateName,
                   "both nodes have the name " + self.name + ": each needs a nodename of its own"};
  }
  const bool has_shard = peer_->purpose != LinkPurpose::Stream || setup_.role == Role::Dialler ||
                         peer_->shard < peer_->shards;
  const bool is_answer = setup_.role == Role::Accepter ||
                         (peer_->purpose == self.purpose && peer_->shard == self.shard);
  if (has_shard && is_answer) return std::nullopt;
  return Refusal{RefusalCode::Malformed, "the hello contradicts itself"};
}

void Handshake::take_proof(ByteView body, std::vector<std::uint8_t>& out) {
  if (!is_mac_of(Role::Dialler, body)) return refuse({RefusalCode::Cookie, "cookies differ"}, out);
  if (setup_.judge) {
    if (auto refusal = setup_.judge(*peer_)) return refuse(std::move(*refusal), out);
  }
  send_mac(Message::Welcome, Role::Accepter, out);
  state_ = State::Agreed;
}

void Handshake::take_welcome(ByteView body, std::vector<std::uint8_t>& out) {
  if (!is_mac_of(Role::Accepter, body)) return refuse({RefusalCode::Cookie, "cookies differ"}, out);
  state_ = State::Agreed;
}

void Handshake::take_refusal(ByteView body) {
  state_ = State::Refused;
  is_refused_by_peer_ = true;
  refusal_ = {RefusalCode::Malformed, "refused without a reason"};
  if (body.empty()) return;
  refusal_.code = static_cast<RefusalCode>(body[0]);
  if (body.size() > 1) refusal_.text = readable(body.subspan(1));
}

std::uint8_t Handshake::version() const {
  VMQ_EXPECT(state_ == State::Agreed);
  return std::min(setup_.self.version_max, peer_->version_max);
}

Handshake::Mac Handshake::mac_of(Role role) const {
  const bool is_dialler = setup_.role == Role::Dialler;
  std::vector<std::uint8_t> text;
  put(text, as_bytes(role == Role::Dialler ? dialler_label : accepter_label));
  put16(text, static_cast<std::uint16_t>(channel_.size()));
  put(text, channel_);
  put(text, is_dialler ? own_hello_ : peer_hello_);
  put(text, is_dialler ? peer_hello_ : own_hello_);
  Mac mac{};
  static_assert(sizeof(Mac) == mac_bytes);
  unsigned int size = 0;
  const unsigned char* made =
      HMAC(EVP_sha256(), setup_.cookie.data(), static_cast<int>(setup_.cookie.size()), text.data(),
           text.size(), mac.data(), &size);
  VMQ_EXPECT(made != nullptr && size == mac_bytes);
  return mac;
}

bool Handshake::is_mac_of(Role role, ByteView mac) const {
  const Mac expected = mac_of(role);
  return mac.size() == expected.size() &&
         CRYPTO_memcmp(mac.data(), expected.data(), expected.size()) == 0;
}

}  // namespace vmq::cluster
