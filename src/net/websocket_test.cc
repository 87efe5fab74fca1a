#include "net/websocket.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vmq::net {
namespace {

using namespace std::string_literals;

std::string frame(std::uint8_t first, std::string payload,
                  const std::string& mask = "\x12\x34\x56\x78"s) {
  std::string text(1, static_cast<char>(first));
  if (payload.size() < 126) {
    text += static_cast<char>(0x80 | payload.size());
  } else if (payload.size() < 65536) {
    text += '\xfe';
    text += static_cast<char>(payload.size() >> 8);
    text += static_cast<char>(payload.size() & 0xff);
  } else {
    text += '\xff';
    for (int shift = 56; shift >= 0; shift -= 8) {
      text += static_cast<char>((payload.size() >> shift) & 0xff);
    }
  }
  for (std::size_t i = 0; i < payload.size(); ++i) {
    payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
  }
  return text + mask + payload;
}

// What a peer gets to see of a stream that arrives in steps of `step` bytes.
struct Seen {
  std::string payload;
  std::string answer;
  bool is_ended = false;
  std::string error;
};
Seen see(const std::string& stream, std::size_t step = 1 << 20, std::uint64_t max = 1 << 20) {
  WebSocket socket(max);
  Seen seen;
  std::vector<std::uint8_t> answer;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    std::string part = stream.substr(at, step);
    auto* data = reinterpret_cast<std::uint8_t*>(part.data());
    const std::size_t size = socket.receive({data, part.size()}, answer);
    seen.payload += part.substr(0, size);
  }
  seen.answer.assign(answer.begin(), answer.end());
  seen.is_ended = socket.is_ended();
  seen.error = socket.error();
  return seen;
}
std::string close_frame(std::uint16_t code) {
  return {'\x88', '\x02', static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
}

TEST(WebSocket, payloads_of_all_sizes_arrive_whole_however_they_are_cut) {
  std::string stream;
  std::string expected;
  for (const std::size_t size : {0u, 1u, 7u, 8u, 125u, 126u, 1000u, 65535u, 65536u, 70001u}) {
    std::string payload;
    for (std::size_t i = 0; i < size; ++i) payload += static_cast<char>(i * 7 + size);
    stream += frame(0x82, payload);
    expected += payload;
  }
  for (const std::size_t step : {1u, 2u, 3u, 13u, 4096u, 1u << 20}) {
    const Seen seen = see(stream, step);
    EXPECT_TRUE(seen.payload == expected) << step;
    EXPECT_FALSE(seen.is_ended);
  }
}

TEST(WebSocket, fragments_are_one_stream_and_controls_may_stand_between_them) {
  const std::string stream = frame(0x02, "ab") + frame(0x89, "are you there") + frame(0x00, "") +
                             frame(0x8a, "unasked") + frame(0x80, "cd") + frame(0x82, "e");
  for (std::size_t step = 1; step < stream.size(); ++step) {
    const Seen seen = see(stream, step);
    EXPECT_EQ(seen.payload, "abcde");
    EXPECT_EQ(seen.answer,
              "\x8a\x0d"
              "are you there");
  }
}

TEST(WebSocket, a_close_is_answered_with_its_code_and_ends_everything) {
  const Seen with_code = see(frame(0x82, "x") + frame(0x88, "\x03\xe9going") + frame(0x82, "y"));
  EXPECT_EQ(with_code.payload, "x");
  EXPECT_EQ(with_code.answer, close_frame(1001));
  EXPECT_TRUE(with_code.is_ended);
  EXPECT_EQ(with_code.error, "");
  EXPECT_EQ(see(frame(0x88, "")).answer, "\x88\0"s);
  EXPECT_EQ(see(frame(0x88, "")).is_ended, true);
}

TEST(WebSocket, whoever_breaks_the_rules_is_told_how) {
  const auto code_of = [](const std::string& stream) { return see(stream).answer; };
  EXPECT_EQ(code_of(frame(0x81, "text")), close_frame(1003));
  EXPECT_EQ(code_of("\x82\x01x"), close_frame(1002));       // no mask
  EXPECT_EQ(code_of(frame(0xc2, "x")), close_frame(1002));  // a reserved bit
  EXPECT_EQ(code_of(frame(0x83, "x")), close_frame(1002));  // unknown data
  EXPECT_EQ(code_of(frame(0x8b, "x")), close_frame(1002));  // unknown control
  EXPECT_EQ(code_of(frame(0x80, "x")), close_frame(1002));  // nothing to continue
  EXPECT_EQ(code_of(frame(0x02, "x") + frame(0x82, "y")), close_frame(1002));
  EXPECT_EQ(code_of(frame(0x09, "x")), close_frame(1002));  // a ping in pieces
  EXPECT_EQ(code_of(frame(0x89, std::string(126, 'x'))), close_frame(1002));
  EXPECT_EQ(code_of(frame(0x88, "\x03")), close_frame(1002));
  EXPECT_EQ(code_of(frame(0x88, "\x03\xed")), close_frame(1002));  // 1005 is not for the wire
}

TEST(WebSocket, an_announced_size_above_the_maximum_is_refused_before_it_arrives) {
  const Seen huge = see("\x82\xff\0\0\0\0\x80\0\0\0\x01\x02\x03\x04"s);
  EXPECT_EQ(huge.answer, close_frame(1009));
  EXPECT_TRUE(huge.is_ended);
  EXPECT_EQ(see("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04"s).answer,
            close_frame(1009));
  const std::string half(600, 'x');
  EXPECT_EQ(see(frame(0x02, half) + frame(0x80, half), 1 << 20, 1000).answer, close_frame(1009));
  EXPECT_EQ(see(frame(0x82, half) + frame(0x82, half), 1 << 20, 1000).answer, "");
}

TEST(WebSocket, heads_of_what_is_sent_have_the_shortest_form) {
  std::uint8_t room[WebSocket::head_max];
  const auto head = [&](std::size_t size) {
    std::uint8_t* end = room + sizeof room;
    const std::size_t length = WebSocket::put_head(end, size);
    return std::string(reinterpret_cast<char*>(end - length), length);
  };
  EXPECT_EQ(head(125), "\x82\x7d");
  EXPECT_EQ(head(126), "\x82\x7e\0\x7e"s);
  EXPECT_EQ(head(65535), "\x82\x7e\xff\xff");
  EXPECT_EQ(head(65536), "\x82\x7f\0\0\0\0\0\x01\0\0"s);
}

TEST(WebSocket, closing_twice_says_it_once) {
  WebSocket socket(1000);
  std::vector<std::uint8_t> answer;
  socket.close(WebSocketClose::Normal, answer);
  socket.close(WebSocketClose::Normal, answer);
  EXPECT_EQ(answer.size(), 4u);
  std::string reply = frame(0x88, "\x03\xe8");
  socket.receive({reinterpret_cast<std::uint8_t*>(reply.data()), reply.size()}, answer);
  EXPECT_EQ(answer.size(), 4u);
  EXPECT_TRUE(socket.is_ended());
}

}  // namespace
}  // namespace vmq::net
