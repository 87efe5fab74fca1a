#include "net/packet_ends.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace vmq::net {
namespace {

using Bytes = std::vector<std::uint8_t>;

// The sizes that a stream is cut into when it comes in pieces of `piece` bytes.
std::vector<std::size_t> cuts(const Bytes& stream, std::size_t piece) {
  PacketEnds ends;
  std::vector<std::size_t> sizes;
  for (std::size_t from = 0; from < stream.size(); from += piece) {
    ByteView bytes = ByteView(stream).subspan(from, std::min(piece, stream.size() - from));
    while (!bytes.empty()) {
      sizes.push_back(ends.take(bytes));
      bytes = bytes.subspan(sizes.back());
    }
  }
  return sizes;
}

Bytes packet(std::uint8_t type, std::size_t body) {
  Bytes made{type};
  for (std::size_t rest = body; true; rest /= 128) {
    made.push_back(static_cast<std::uint8_t>(rest % 128 + (rest >= 128 ? 128 : 0)));
    if (rest < 128) break;
  }
  made.resize(made.size() + body, 0xFF);
  return made;
}

Bytes stream_of(const std::vector<std::size_t>& bodies) {
  Bytes stream;
  for (const std::size_t body : bodies) {
    const Bytes one = packet(0x30, body);
    stream.insert(stream.end(), one.begin(), one.end());
  }
  return stream;
}

TEST(PacketEnds, every_packet_of_a_buffer_is_a_piece_of_its_own) {
  EXPECT_EQ(cuts(stream_of({2, 0, 127, 128, 20'000, 0}), 100'000),
            (std::vector<std::size_t>{4, 2, 129, 131, 20'004, 2}));
}

TEST(PacketEnds, a_packet_that_a_buffer_cuts_goes_on_in_the_next_one) {
  EXPECT_EQ(cuts(stream_of({200, 3}), 150), (std::vector<std::size_t>{150, 53, 5}));
}

TEST(PacketEnds, byte_by_byte_no_end_is_lost) {
  const Bytes stream = stream_of({0, 300, 1, 128});
  EXPECT_EQ(cuts(stream, 1), std::vector<std::size_t>(stream.size(), 1));
  PacketEnds ends;
  for (const std::uint8_t byte : stream) ends.take({&byte, 1});
  const Bytes next = packet(0x40, 2);
  EXPECT_EQ(ends.take(stream_of({2, 2})), next.size());
}

}  // namespace
}  // namespace vmq::net
