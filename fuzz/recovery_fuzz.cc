// A store that says what no broker ever wrote, though every checksum is right: a node starts on it,
// serves its clients and starts again, and breaks no invariant. The first byte of the input says
// with how many shards, the rest is the damage (tests/scenarios/damage.h).
#include <cstdint>

#include "tests/scenarios/damage.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmq;
  static const std::vector<sim::StoredRecord> sound = sim::busy_store();
  constexpr std::size_t pieces_max = 16;
  if (size == 0) return 0;
  std::vector<sim::StoredRecord> records = sound;
  sim::damage(records, ByteView(data + 1, std::min(size - 1, 8 * pieces_max)));
  sim::live_with(records, static_cast<std::uint8_t>(1 + data[0] % 3));
  return 0;
}
