// A connection between two nodes for a thread that may wait: whole messages in and out, each with
// its size in front (docs/formats/link-handshake.md, "On a control connection"). Every wait ends at
// a deadline, or when the owner of `stop_fd` makes that readable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "net/address.h"
#include "net/fd.h"
#include "net/reactor.h"
#include "net/stages.h"

namespace vmq::node {

inline constexpr std::size_t question_bytes_max = 1u << 20;
inline constexpr std::size_t answer_bytes_max = 16u << 20;

class WaitingLink {
 public:
  struct Trouble {
    bool is_timeout = false;
    std::string text;
  };
  using Done = Result<void, Trouble>;

  // One that a reactor has taken as far as the handshake.
  WaitingLink(net::MovedSocket socket, int stop_fd);
  // One that is to be made: connect() and then shake_hands().
  WaitingLink(std::unique_ptr<net::Stages> stages, int stop_fd);
  ~WaitingLink();
  WaitingLink(const WaitingLink&) = delete;
  WaitingLink& operator=(const WaitingLink&) = delete;

  [[nodiscard]] Done connect(const net::SocketAddress& to, Instant deadline);
  // The error is what both have to say about it. REQUIRES: connected.
  [[nodiscard]] Done shake_hands(Instant deadline);
  const net::Stages* stages() const { return stages_.get(); }

  [[nodiscard]] Done send(ByteView message, Instant deadline);
  [[nodiscard]] Result<std::vector<std::uint8_t>, Trouble> receive(std::size_t bytes_max,
                                                                   Instant deadline);
  // Says that nothing follows.
  void end();

 private:
  Done wait(short events, Instant deadline);
  Done write(ByteView wire, Instant deadline);
  Done read(Instant deadline);

  net::Fd fd_;
  net::ListenerShared* listener_ = nullptr;
  std::unique_ptr<net::Stages> stages_;  // null: bytes pass as they are
  const int stop_fd_;
  std::vector<std::uint8_t> in_;  // received and not taken yet
};

}  // namespace vmq::node
