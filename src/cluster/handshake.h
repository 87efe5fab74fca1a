// How two nodes make sure of each other before they talk: both prove that they know the cookie
// (distributed_cookie), and neither sends it. Bytes in, bytes out; sockets, deadlines and nonces
// are somebody else's.
//
//   dialler                          accepter
//   Hello  ─────────────────────────▶          who I am, what for, a nonce
//          ◀─────────────────────────  Hello   who I am, a nonce
//   Proof  ─────────────────────────▶          MAC over both hellos and the channel
//          ◀───────────────────────── Welcome  the same with another label: agreed
//
// Instead of its next message either end may send a Refusal, which says why, and end. The proof
// covers every byte of both hellos, so nothing in them can be changed on the way; nonces of both
// ends, so it is good once; a label for the role, and nobody talks to a node of its own name, so it
// cannot be sent back to where it came from; and what identifies the TLS channel, so whoever sits
// between two TLS channels cannot pass it on. The dialler proves first: a stranger who dials gets
// nothing that guesses of the cookie could be tried on. docs/formats/link-handshake.md has the
// bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "cluster/members.h"

namespace vmq::cluster {

// Versions of what travels on a stream that this program speaks.
inline constexpr std::uint8_t link_version_min = 1;
inline constexpr std::uint8_t link_version_max = 1;

inline constexpr std::size_t node_name_max = 255;
inline constexpr std::size_t nonce_size = 32;
using Nonce = std::array<std::uint8_t, nonce_size>;

// On the wire: values never change.
enum class LinkPurpose : std::uint8_t {
  Stream = 1,   // frames of one shard of the dialler
  Control = 2,  // a question of one node to another, and its answer
  Tunnel = 3,   // bytes of one client of the dialler, whose session the other has
};

// What a node says of itself.
struct Hello {
  std::uint8_t version_min = link_version_min;
  std::uint8_t version_max = link_version_max;
  LinkPurpose purpose = LinkPurpose::Stream;
  std::uint8_t shard = 0;           // of the dialler, which sends; of a Stream
  std::uint8_t shards = 1;          // of this node
  MemberNumber member = no_member;  // no_member: a node that has joined nobody
  std::uint64_t cluster = 0;        // 0: likewise
  Nonce nonce{};                    // never used twice
  std::string name;                 // nodename
  friend bool operator==(const Hello&, const Hello&) = default;
};

// On the wire: values never change.
enum class RefusalCode : std::uint8_t {
  Malformed = 1,      // these bytes are no handshake
  Version = 2,        // no version in common
  Cookie = 3,         // cookies differ
  UnknownMember = 4,  // not in the cluster, or of another one
  DuplicateName = 5,  // the name belongs to another member
  WrongNode = 6,      // not the node that was dialled
  Busy = 7,           // try again later
  NotServed = 8,      // nothing of that purpose is served here
};

struct Refusal {
  RefusalCode code = RefusalCode::Malformed;
  std::string text;  // a sentence for the operator of either node
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

class Handshake {
 public:
  enum class Role : std::uint8_t { Dialler, Accepter };
  enum class State : std::uint8_t {
    Running,
    Agreed,   // the peer is who it says
    Refused,  // by one of both: refusal() says why
  };
  // Whether to talk to a node that says this of itself. An accepter is asked once the peer has
  // proved the cookie, a dialler before it proves it.
  using Judge = std::function<std::optional<Refusal>(const Hello& peer)>;
  struct Setup {
    Role role = Role::Dialler;
    Hello self;  // an accepter takes purpose and shard from the dialler
    std::string cookie;
    Judge judge;  // empty: anybody with the cookie
  };

  explicit Handshake(Setup setup);

  // Before anything else. `channel` identifies the encrypted channel for both ends alike; empty:
  // there is none. `out` gets what the peer is to be sent, here and below.
  void begin(ByteView channel, std::vector<std::uint8_t>& out);
  // Takes what belongs to the handshake off the front of `bytes`; returns how many bytes that are.
  // What follows the last message is the stream's.
  std::size_t receive(ByteView bytes, std::vector<std::uint8_t>& out);
  // Ends it for a reason of our own. REQUIRES: Running.
  void refuse(Refusal refusal, std::vector<std::uint8_t>& out);

  State state() const { return state_; }
  // Nothing before its hello has come. Not proved before Agreed.
  const std::optional<Hello>& peer() const { return peer_; }
  // REQUIRES: Refused.
  const Refusal& refusal() const { return refusal_; }
  bool is_refused_by_peer() const { return is_refused_by_peer_; }
  // The highest that both speak. REQUIRES: Agreed.
  std::uint8_t version() const;

 private:
  enum class Message : std::uint8_t { Hello = 1, Proof = 2, Welcome = 3, Refusal = 4 };
  using Mac = std::array<std::uint8_t, 32>;

  std::size_t wanted() const;
  void take_message(std::vector<std::uint8_t>& out);
  void take_hello(ByteView body, std::vector<std::uint8_t>& out);
  void take_proof(ByteView body, std::vector<std::uint8_t>& out);
  void take_welcome(ByteView body, std::vector<std::uint8_t>& out);
  void take_refusal(ByteView body);
  void send_hello(std::vector<std::uint8_t>& out);
  void send_mac(Message kind, Role of, std::vector<std::uint8_t>& out) const;
  std::optional<Refusal> judge_hello() const;
  Mac mac_of(Role role) const;
  bool is_mac_of(Role role, ByteView mac) const;

  Setup setup_;
  State state_ = State::Running;
  Message expected_;
  std::vector<std::uint8_t> channel_;
  std::vector<std::uint8_t> in_;  // of a message that is not complete
  std::vector<std::uint8_t> own_hello_;
  std::vector<std::uint8_t> peer_hello_;
  std::optional<Hello> peer_;
  Refusal refusal_;
  bool is_refused_by_peer_ = false;
};

// For the operator: who and why, and what to do about it. `peer`: how the other end is known before
// it has said its name. REQUIRES: Refused.
std::string describe_refusal(const Handshake& handshake, std::string_view peer);
// What an operator can do about it; empty: nothing that is always right.
std::string_view advice_on(RefusalCode code);

// For whoever looks at the bytes alone: a Hello message with its head, and back.
void append_hello(const Hello& hello, std::vector<std::uint8_t>& to);
std::optional<Hello> parse_hello(ByteView message);

// Longest message of a handshake, its head included.
inline constexpr std::size_t handshake_message_max = 512;

}  // namespace vmq::cluster
