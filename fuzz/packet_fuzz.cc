// Any bytes as a packet, in every version and from both ends. What is accepted is encoded again and
// must then decode to the same words and encode to the same bytes. The first byte of the input says
// version and sender.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/expect.h"
#include "mqtt/any_packet.h"
#include "mqtt/utf8.h"

namespace {

using vmq::ByteView;
using vmq::mqtt::AnyPacket;
using vmq::mqtt::FrameResult;
using vmq::mqtt::Sender;
using vmq::mqtt::Version;

void try_packet(Version version, Sender sender, ByteView input) {
  const AnyPacket packet = decode_any(version, sender, input);
  if (packet.status != FrameResult::Status::Head) return;
  VMQ_EXPECT(packet.size <= input.size());
  const AnyPacket again = decode_any(version, sender, packet.encoded);
  VMQ_EXPECT(again.status == FrameResult::Status::Head);
  VMQ_EXPECT(again.size == packet.encoded.size());
  VMQ_EXPECT(again.text == packet.text);
  VMQ_EXPECT(again.encoded == packet.encoded);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr Version versions[] = {Version::V31, Version::V311, Version::V5, Version::V5};
  const Version version = versions[data[0] & 3U];
  const Sender sender = (data[0] & 4U) != 0 ? Sender::Server : Sender::Client;
  // Copies of exactly the right size, so that a read past the end is seen.
  const std::vector<std::uint8_t> input(data + 1, data + size);
  try_packet(version, sender, input);
  const std::string_view text = vmq::as_text(input);
  if (vmq::mqtt::is_mqtt_text(text)) VMQ_EXPECT(vmq::mqtt::is_utf8_payload(text));
  return 0;
}
