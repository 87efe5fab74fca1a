#include "store/frame.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vmq::store {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes framed(Batch& batch) {
  const ByteView value = (*batch.begin()).value;
  Bytes frame(value.begin(), value.end());
  batch.clear();
  return frame;
}

Bytes plain(std::string_view key, std::string_view value) {
  Batch batch;
  batch.put(Space::Queue, key, value);
  return framed(batch);
}

Bytes newer(std::string_view key, std::uint64_t version, std::string_view value) {
  Batch batch;
  batch.put_newer(Space::Queue, key, version, value);
  return framed(batch);
}

Bytes erased(std::string_view key, std::uint64_t version) {
  Batch batch;
  batch.erase_newer(Space::Queue, key, version);
  return framed(batch);
}

TEST(Frame, the_bytes_on_disk_stay_as_they_are) {
  // Stores in the field hold these bytes: this test is changed only by adding formats.
  EXPECT_EQ(plain("key", "value"), (Bytes{0x01, 0x49, 0xce, 0x36, 0xd9, 'v', 'a', 'l', 'u', 'e'}));
  EXPECT_EQ(newer("key", 0x0102, "v"),
            (Bytes{0x02, 0x58, 0x9e, 0x79, 0xd7, 0, 0, 0, 0, 0, 0, 1, 2, 'v'}));
  EXPECT_EQ(erased("key", 0x0102), (Bytes{0x03, 0x56, 0x08, 0x70, 0x46, 0, 0, 0, 0, 0, 0, 1, 2}));
}

TEST(Frame, opens_to_what_was_sealed) {
  const Bytes value = plain("k", "hello");
  EXPECT_EQ(open_frame(Space::Queue, as_bytes("k"), value).state, FrameState::Value);
  EXPECT_EQ(as_text(open_frame(Space::Queue, as_bytes("k"), value).value), "hello");
  const Bytes versioned = newer("k", 9, "world");
  EXPECT_EQ(open_frame(Space::Queue, as_bytes("k"), versioned).version, 9u);
  EXPECT_EQ(as_text(open_frame(Space::Queue, as_bytes("k"), versioned).value), "world");
  EXPECT_EQ(open_frame(Space::Queue, as_bytes("k"), erased("k", 5)).state, FrameState::Erased);
  EXPECT_EQ(open_frame(Space::Queue, as_bytes("k"), erased("k", 5)).version, 5u);
}

TEST(Frame, every_flipped_bit_and_every_cut_is_noticed) {
  for (const Bytes& sound : {plain("k", "hello"), newer("k", 9, "world"), erased("k", 5)}) {
    for (std::size_t bit = 0; bit < sound.size() * 8; ++bit) {
      Bytes changed = sound;
      changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1u << (bit % 8)));
      EXPECT_EQ(open_frame(Space::Queue, as_bytes("k"), changed).state, FrameState::Corrupted);
    }
    for (std::size_t size = 0; size < sound.size(); ++size) {
      const ByteView cut = ByteView(sound).first(size);
      EXPECT_EQ(open_frame(Space::Queue, as_bytes("k"), cut).state, FrameState::Corrupted);
    }
  }
}

TEST(Frame, a_sound_value_under_another_key_or_in_another_space_is_noticed) {
  const Bytes value = plain("k", "hello");
  EXPECT_EQ(open_frame(Space::Queue, as_bytes("j"), value).state, FrameState::Corrupted);
  EXPECT_EQ(open_frame(Space::Journal, as_bytes("k"), value).state, FrameState::Corrupted);
}

TEST(Frame, the_higher_version_wins_and_a_tie_keeps_what_is_stored) {
  const auto wins = [](const Bytes& stored, const Bytes& candidate) {
    return is_newer_frame(Space::Queue, as_bytes("k"), stored, candidate);
  };
  EXPECT_TRUE(wins(newer("k", 1, "a"), newer("k", 2, "b")));
  EXPECT_FALSE(wins(newer("k", 2, "a"), newer("k", 1, "b")));
  EXPECT_TRUE(wins(newer("k", 2, "a"), newer("k", 2, "b")));
  EXPECT_FALSE(wins(newer("k", 2, "b"), newer("k", 2, "a")));
  EXPECT_FALSE(wins(newer("k", 2, "a"), newer("k", 2, "a")));
  EXPECT_TRUE(wins(erased("k", 2), newer("k", 2, "")));
  EXPECT_FALSE(wins(newer("k", 2, ""), erased("k", 2)));
  EXPECT_TRUE(wins(newer("k", 2, "a"), erased("k", 3)));
  EXPECT_FALSE(wins(erased("k", 3), newer("k", 2, "a")));
  EXPECT_TRUE(wins(plain("k", "a"), newer("k", 1, "b")));
}

TEST(Frame, a_corrupted_candidate_never_wins_and_a_corrupted_record_always_loses) {
  Bytes broken = newer("k", 99, "a");
  broken.back() ^= 1;
  EXPECT_FALSE(is_newer_frame(Space::Queue, as_bytes("k"), newer("k", 1, "b"), broken));
  EXPECT_TRUE(is_newer_frame(Space::Queue, as_bytes("k"), broken, newer("k", 1, "b")));
  EXPECT_FALSE(is_newer_frame(Space::Queue, as_bytes("k"), broken, broken));
}

}  // namespace
}  // namespace vmq::store
