// A WebSocket's client: the request, then frames. What must hold: how the bytes are cut changes
// neither the payload nor the answers, and nobody gets more out than went in.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "net/upgrade.h"
#include "net/websocket.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

struct Seen {
  std::vector<std::uint8_t> payload;
  std::vector<std::uint8_t> answer;
  std::string error;
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen see(vmq::ByteView stream, std::size_t step) {
  vmq::net::WebSocket socket(100'000);
  Seen seen;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    const vmq::ByteView part = stream.subspan(at, std::min(step, stream.size() - at));
    std::vector<std::uint8_t> bytes(part.begin(), part.end());
    const std::size_t size = socket.receive(bytes, seen.answer);
    require(size <= bytes.size());
    seen.payload.insert(seen.payload.end(), bytes.begin(),
                        bytes.begin() + static_cast<std::ptrdiff_t>(size));
  }
  seen.error = socket.error();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using vmq::net::Upgrade;
  vmq::ByteView bytes(data, size);
  vmq::net::ForwardedPolicy policy;
  policy.takes_address = policy.takes_common_name = true;
  policy.trusted = {"::1", "10.0.0.1"};
  const Upgrade upgrade = vmq::net::read_upgrade(bytes, {}, policy, "[::1]:1");
  if (upgrade.status == Upgrade::Status::NeedMore)
    require(size < vmq::net::UpgradeLimits{}.head_max);
  if (upgrade.status == Upgrade::Status::Refused) require(!upgrade.error.empty());
  if (upgrade.status == Upgrade::Status::Accepted) {
    require(upgrade.size <= size);
    bytes = bytes.subspan(upgrade.size);
  }
  const Seen whole = see(bytes, std::max<std::size_t>(1, bytes.size()));
  require(see(bytes, 1) == whole);
  require(see(bytes, 7) == whole);
  return 0;
}
