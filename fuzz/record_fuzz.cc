// Any bytes as any record that the broker reads from its disk, or as frames from another shard.
// What is accepted is written again and must then read the same, to the byte. The first byte of the
// input says which kind; of a session the second one says how much of the rest is its key.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/expect.h"
#include "core/any_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vmq;
  using namespace vmq::core;
  if (size < 2) return 0;
  const auto kind = static_cast<RecordKind>(data[0] % record_kind_count);
  const ByteView rest(data + 2, size - 2);
  const std::size_t key_size =
      kind == RecordKind::Session ? std::min<std::size_t>(data[1], rest.size()) : 0;
  const std::string key(as_text(rest.first(key_size)));
  // A copy of exactly the right size, so that a read past the end is seen.
  const std::vector<std::uint8_t> value(rest.begin() + static_cast<std::ptrdiff_t>(key_size),
                                        rest.end());
  const AnyRecord record = decode_record(kind, key, value);
  if (!record.accepted && record.text.empty()) return 0;
  const AnyRecord again = decode_record(kind, key, record.encoded);
  VMQ_EXPECT(again.accepted);
  VMQ_EXPECT(again.text == record.text);
  VMQ_EXPECT(again.encoded == record.encoded);
  return 0;
}
