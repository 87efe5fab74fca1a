#include "admin/wire.h"

#include <gtest/gtest.h>

namespace vmq::admin {
namespace {

std::optional<Frame> frame_of(std::string_view bytes) {
  FrameReader reader(request_bytes_max);
  reader.feed(bytes);
  return reader.next();
}

TEST(Wire, a_request_arrives_as_it_was_sent) {
  const Request request{{"session", "", "a=\xff b\n"}, true};
  const auto frame = frame_of(encode(request));
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, FrameType::Request);
  const auto back = decode_request(frame->body);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->line, request.line);
  EXPECT_TRUE(back->wants_plain_headers);
}

TEST(Wire, a_request_has_these_bytes) {
  EXPECT_EQ(encode({{"ab", "c"}, false}), std::string("\0\0\0\x10\x01"
                                                      "\x01\x00\x00\x02"
                                                      "\0\0\0\x02"
                                                      "ab"
                                                      "\0\0\0\x01"
                                                      "c",
                                                      20));
}

TEST(Wire, frames_arrive_in_any_pieces) {
  const std::string bytes =
      encode_output(FrameType::Out, "hello") + encode_output(FrameType::Err, "oh") + encode_end(3);
  FrameReader reader(request_bytes_max);
  std::string seen;
  for (const char c : bytes) {
    reader.feed(std::string_view(&c, 1));
    EXPECT_FALSE(reader.is_broken());
    while (const auto frame = reader.next()) {
      seen += std::to_string(static_cast<int>(frame->type)) + frame->body;
    }
  }
  EXPECT_EQ(seen, "2hello3oh4\x03");
}

TEST(Wire, long_output_comes_in_pieces) {
  FrameReader reader(piece_bytes_max + 1);
  const std::string text(3 * piece_bytes_max + 7, 'x');
  reader.feed(encode_output(FrameType::Out, text));
  std::string seen;
  int pieces = 0;
  while (const auto frame = reader.next()) {
    seen += frame->body;
    ++pieces;
  }
  EXPECT_EQ(seen, text);
  EXPECT_EQ(pieces, 4);
  EXPECT_EQ(encode_output(FrameType::Out, ""), "");
}

TEST(Wire, what_is_no_frame_is_seen_at_once) {
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1"), std::string("\0\0\0\0\x01", 5),
        std::string("\0\0\0\x05\x09", 5), std::string("\x7f\xff\xff\xff\x01", 5)}) {
    FrameReader reader(request_bytes_max);
    reader.feed(bytes);
    EXPECT_TRUE(reader.is_broken());
    EXPECT_FALSE(reader.next());
  }
}

TEST(Wire, broken_requests_are_refused_with_a_sentence) {
  const std::string whole = frame_of(encode({{"ab", "c"}, false}))->body;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_request(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_request(whole + "x"));
  EXPECT_FALSE(decode_request(std::string("\x01\x00\xff\xff", 4)));
  EXPECT_FALSE(decode_request(std::string("\x01\x00\x00\x01\xff\xff\xff\xff", 8)));
  const auto other = decode_request(std::string("\x02\x00\x00\x00", 4));
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().find("version 1"), std::string::npos);
}

TEST(Wire, a_request_has_a_largest_size) {
  EXPECT_TRUE(is_small_enough({{std::string(200'000, 'x')}, false}));
  EXPECT_FALSE(is_small_enough({{std::string(300'000, 'x')}, false}));
  EXPECT_FALSE(is_small_enough({std::vector<std::string>(5000, "x"), false}));
}

}  // namespace
}  // namespace vmq::admin
