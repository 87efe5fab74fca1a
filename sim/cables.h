// The network between the nodes of a simulated cluster: dials the streams that have no connection,
// and carries bytes between both ends, or does not. A cable is one connection.
#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "sim/node.h"

namespace vmq::sim {

class Cables {
 public:
  // By host; null: it is down.
  using Nodes = std::vector<Node*>;

  explicit Cables(std::size_t hosts) : blocked_(hosts, std::vector<bool>(hosts, false)) {}

  // Dials what has no connection, where both ends can be reached.
  void dial(const Nodes& nodes);
  // Makes the tunnels that are wished for, or says that they cannot be made.
  void dig(const Nodes& nodes);
  // Moves bytes of every cable; all there are, or up to `bytes_max` a cable. True: something moved.
  bool carry(const Nodes& nodes, std::size_t bytes_max);
  // The same of one cable that is drawn, and of a part of the bytes.
  void carry_some(const Nodes& nodes, Rng& rng);
  // Ends a cable that is drawn, and what was under way is lost. Both ends see it, or only the
  // sending one, which dials anew.
  void cut(const Nodes& nodes, Rng& rng);
  // The host is gone with its ends of the cables.
  void host_went_down(std::size_t host, const Nodes& nodes);
  // Nothing passes from one host to the other until healed.
  void block(std::size_t from, std::size_t to) { blocked_[from][to] = true; }
  void heal();
  bool is_blocked() const;

 private:
  struct Cable {
    std::size_t sender = 0;
    std::size_t receiver = 0;
    std::uint8_t shard = 0;  // of the sender
    core::LinkKind kind = core::LinkKind::Stream;
    WireId sender_wire = 0;
    WireId receiver_wire = 0;
  };
  bool passes(std::size_t from, std::size_t to) const { return !blocked_[from][to]; }
  // False: the cable is over.
  bool carry(const Cable& cable, const Nodes& nodes, std::size_t bytes_max, bool& moved) const;
  static void hang_up(Node* node, WireId wire);
  static void hang_up(const Cable& cable, const Nodes& nodes);

  std::vector<std::vector<bool>> blocked_;  // [from][to]
  std::vector<Cable> cables_;
};

}  // namespace vmq::sim
