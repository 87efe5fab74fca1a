#include "core/stream_frame.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "core/streams.h"

namespace vmq::core {
namespace {

using Bytes = std::vector<std::uint8_t>;

StreamBody sample() {
  StreamBody body;
  body.stamp = 0x0102030405060708;
  body.publisher = 9;
  body.mountpoint = "m";
  body.message.topic = "a/b";
  body.message.payload = as_bytes("hello");
  body.message.qos = 1;
  return body;
}

TEST(stream_frames, a_body_comes_back_as_it_was) {
  StreamBody body = sample();
  body.updates_retained = true;
  body.is_matched = false;
  body.hops = 2;
  body.group = "g";
  body.filter = "a/+";
  Bytes bytes;
  append_stream_body(body, bytes);
  const auto parsed = parse_stream_body(bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->stamp, body.stamp);
  EXPECT_EQ(parsed->publisher, body.publisher);
  EXPECT_TRUE(parsed->updates_retained);
  EXPECT_FALSE(parsed->is_matched);
  EXPECT_EQ(parsed->hops, 2);
  EXPECT_EQ(parsed->mountpoint, "m");
  EXPECT_EQ(parsed->group, "g");
  EXPECT_EQ(parsed->filter, "a/+");
  EXPECT_EQ(parsed->message.topic, "a/b");
  EXPECT_EQ(as_text(parsed->message.payload), "hello");
}

// The bytes of docs/formats/stream-frames.md never change.
TEST(stream_frames, the_head_of_a_body_has_its_bytes) {
  Bytes bytes;
  append_stream_body(sample(), bytes);
  const Bytes head(bytes.begin(), bytes.begin() + 21);
  EXPECT_EQ(head, (Bytes{0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 'm'}));
}

TEST(stream_frames, interest_has_its_bytes_and_comes_back) {
  Bytes bytes;
  append_interest({InterestLevel::Durable, 3, "", "a/#", "g"}, bytes);
  EXPECT_EQ(bytes, (Bytes{0, 0, 0, 16, 4, 3, 0, 0, 0, 3, 0, 0, 0, 3, 'a', '/', '#', 0, 1, 'g'}));
  const CutFrame cut = cut_stream_frame(bytes);
  ASSERT_EQ(cut.status, CutFrame::Status::Whole);
  EXPECT_EQ(cut.frame.kind, StreamKind::Interest);
  const auto interest = parse_interest(cut.frame.fields);
  ASSERT_TRUE(interest);
  EXPECT_EQ(interest->level, InterestLevel::Durable);
  EXPECT_EQ(interest->online, 3u);
  EXPECT_EQ(interest->filter, "a/#");
  EXPECT_EQ(interest->group, "g");
}

TEST(stream_frames, frames_of_numbers_have_as_many_as_their_kind) {
  Bytes bytes;
  append_stream_numbers(StreamKind::Open, {7, 8}, bytes);
  append_stream_numbers(StreamKind::InterestEnd, {}, bytes);
  append_stream_numbers(StreamKind::Confirm, {9}, bytes);
  const CutFrame open = cut_stream_frame(bytes);
  ASSERT_EQ(open.status, CutFrame::Status::Whole);
  EXPECT_EQ(stream_numbers(open.frame)->first, 7u);
  EXPECT_EQ(stream_numbers(open.frame)->second, 8u);
  const CutFrame end = cut_stream_frame(ByteView(bytes).subspan(open.frame.size));
  EXPECT_TRUE(stream_numbers(end.frame));
  const CutFrame confirm =
      cut_stream_frame(ByteView(bytes).subspan(open.frame.size + end.frame.size));
  EXPECT_EQ(stream_numbers(confirm.frame)->first, 9u);
  // One that is too short, and one that is too long.
  EXPECT_FALSE(stream_numbers({StreamKind::Open, ByteView(bytes).subspan(5, 8), 13}));
  EXPECT_FALSE(stream_numbers({StreamKind::InterestEnd, ByteView(bytes).subspan(5, 8), 13}));
}

TEST(stream_frames, a_frame_in_pieces_says_how_much_is_wanted) {
  Bytes bytes;
  append_stream_numbers(StreamKind::Open, {7, 8}, bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const CutFrame cut = cut_stream_frame(ByteView(bytes).first(size));
    EXPECT_EQ(cut.status, CutFrame::Status::NeedMore);
    EXPECT_EQ(cut.wanted, size < stream_head_size ? 0 : bytes.size());
  }
}

TEST(stream_frames, what_is_no_frame_is_an_error) {
  for (const Bytes& bytes : {Bytes{0, 0, 0, 0, 1}, Bytes{0xff, 0, 0, 0, 1}, Bytes{0, 0, 0, 1, 0},
                             Bytes{0, 0, 0, 1, 127}}) {
    EXPECT_EQ(cut_stream_frame(bytes).status, CutFrame::Status::Error);
    EXPECT_FALSE(cut_stream_frame(bytes).error.empty());
  }
}

TEST(stream_frames, of_a_later_version_are_left_out_whole_where_they_may_be) {
  Bytes bytes{0, 0, 0, 4, 128, 1, 2, 3};
  append_stream_numbers(StreamKind::Confirm, {9, 0}, bytes);
  EXPECT_EQ(cut_stream_frame(ByteView(bytes).first(7)).status, CutFrame::Status::NeedMore);
  const CutFrame later = cut_stream_frame(bytes);
  ASSERT_EQ(later.status, CutFrame::Status::Whole);
  EXPECT_TRUE(later.frame.is_left_out());
  const CutFrame next = cut_stream_frame(ByteView(bytes).subspan(later.frame.size));
  ASSERT_EQ(next.status, CutFrame::Status::Whole);
  EXPECT_FALSE(next.frame.is_left_out());
  EXPECT_EQ(next.frame.kind, StreamKind::Confirm);
}

TEST(stream_frames, a_body_that_is_damaged_is_refused_or_sound) {
  StreamBody body = sample();
  body.group = "g";
  body.filter = "a/+";
  Bytes sound;
  append_stream_body(body, sound);
  for (std::size_t size = 0; size < sound.size(); ++size) {
    EXPECT_FALSE(parse_stream_body(ByteView(sound).first(size))) << size;
  }
  Rng rng(1);
  for (int i = 0; i < 20000; ++i) {
    Bytes bytes = sound;
    for (int n = 0; n < 3; ++n) {
      bytes[rng.below(bytes.size())] = static_cast<std::uint8_t>(rng.below(256));
    }
    const auto parsed = parse_stream_body(bytes);
    if (!parsed) continue;
    Bytes again;
    append_stream_body(*parsed, again);
    EXPECT_TRUE(parse_stream_body(again));
  }
}

TEST(stream_frames, interest_in_what_is_no_filter_is_refused) {
  for (const InterestFrame& frame :
       {InterestFrame{InterestLevel::Qos0, 0, "", "a/#/b", ""},
        InterestFrame{InterestLevel::Qos0, 0, "", "$share/g/a", ""},
        InterestFrame{InterestLevel::Qos0, 0, "", "", ""},
        InterestFrame{InterestLevel::Qos0, 0, "", "a", "g/h"},
        InterestFrame{static_cast<InterestLevel>(4), 0, "", "a", ""}}) {
    Bytes bytes;
    append_interest(frame, bytes);
    EXPECT_FALSE(parse_interest(cut_stream_frame(bytes).frame.fields));
  }
}

TEST(stream_records, come_back_as_they_were) {
  const auto in = parse_in_stream(in_stream_key(300, 5), in_stream_record(7, 8));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->member, 300);
  EXPECT_EQ(in->shard, 5);
  EXPECT_EQ(in->run, 7u);
  EXPECT_EQ(in->applied, 8u);
  const auto out = parse_out_stream(out_stream_key(1, 0), out_stream_record(3));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->member, 1);
  EXPECT_EQ(out->first, 3u);
  const auto interest = parse_interest_key(interest_key(2, 1, {"mp", "a/+", "g"}));
  ASSERT_TRUE(interest);
  EXPECT_EQ(interest->filter.mountpoint, "mp");
  EXPECT_EQ(interest->filter.group, "g");
  EXPECT_EQ(interest->filter.filter, "a/+");
  const auto link = parse_stream_client_id(stream_client_id(65534, 62));
  ASSERT_TRUE(link);
  EXPECT_EQ(link->member, 65534);
  EXPECT_EQ(link->shard, 62);
}

TEST(stream_records, damaged_ones_are_told_from_sound_ones) {
  EXPECT_FALSE(parse_in_stream(in_stream_key(0, 5), in_stream_record(7, 8)));
  EXPECT_FALSE(parse_in_stream(in_stream_key(1, 64), in_stream_record(7, 8)));
  EXPECT_FALSE(parse_in_stream(in_stream_key(1, 1), in_stream_record(7, ~std::uint64_t{0})));
  EXPECT_FALSE(parse_in_stream(in_stream_key(1, 1) + "x", in_stream_record(7, 8)));
  EXPECT_FALSE(parse_out_stream(out_stream_key(1, 0), out_stream_record(0)));
  EXPECT_FALSE(parse_out_stream("stream/out/", out_stream_record(1)));
  EXPECT_FALSE(parse_interest_key("interest/\x00\x01\x00no separators"));
  for (const char* text : {"", "1", "1/", "/1", "0/1", "65536/1", "1/64", "1/1x", "a/b", "1/1/1"}) {
    EXPECT_FALSE(parse_stream_client_id(text)) << text;
  }
}

}  // namespace
}  // namespace vmq::core
