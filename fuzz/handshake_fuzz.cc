// The handshake between nodes, with a peer that does not know the cookie. What must hold: whatever
// it says and in whatever pieces, nobody agrees, what is answered and kept is bounded, and a hello
// that is understood is written back the same.
#include <algorithm>
#include <cstdlib>

#include "cluster/handshake.h"

namespace {

using vmq::cluster::Handshake;

void require(bool condition) {
  if (!condition) std::abort();
}

void talk(Handshake::Role role, vmq::ByteView bytes, std::size_t step) {
  vmq::cluster::Hello self;
  self.name = "b@10.0.0.2";
  Handshake handshake({role, self, "a cookie that no input holds", {}});
  std::vector<std::uint8_t> out;
  handshake.begin({}, out);
  while (!bytes.empty() && handshake.state() == Handshake::State::Running) {
    const std::size_t offered = std::min(step, bytes.size());
    const std::size_t taken = handshake.receive(bytes.first(offered), out);
    require(taken == offered || handshake.state() != Handshake::State::Running);
    bytes = bytes.subspan(offered);
  }
  require(handshake.state() != Handshake::State::Agreed);
  require(out.size() <= 3 * vmq::cluster::handshake_message_max);
  if (handshake.state() != Handshake::State::Refused) return;
  require(handshake.refusal().text.size() <= 255);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = 1 + data[0];
  const vmq::ByteView bytes(data + 1, size - 1);
  talk(Handshake::Role::Accepter, bytes, step);
  talk(Handshake::Role::Dialler, bytes, step);
  const auto hello = vmq::cluster::parse_hello(bytes);
  if (!hello) return 0;
  std::vector<std::uint8_t> again;
  vmq::cluster::append_hello(*hello, again);
  require(vmq::cluster::parse_hello(again) == hello);
  return 0;
}
