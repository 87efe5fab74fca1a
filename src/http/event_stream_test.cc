#include "http/event_stream.h"

#include <gtest/gtest.h>

namespace vmq::http {
namespace {

TEST(EventStream, lines_become_events_and_bytes_of_clients_no_fields) {
  EXPECT_EQ(event_text("", "a\nb"), "data: a\ndata: b\n\n");
  EXPECT_EQ(event_text("end", "x\revent: y"), "event: end\ndata: x event: y\n\n");
}

TEST(EventStream, what_is_written_is_taken_once_and_in_order) {
  EventStream stream;
  int told = 0;
  stream.listen([&] { ++told; });
  EXPECT_TRUE(stream.write("a"));
  EXPECT_TRUE(stream.write("b"));
  EXPECT_EQ(told, 3);
  EXPECT_EQ(stream.take().bytes, "data: a\n\ndata: b\n\n");
  EXPECT_EQ(stream.take().bytes, "");
  stream.finish("end", "{}");
  const EventStream::Taken last = stream.take();
  EXPECT_EQ(last.bytes, "event: end\ndata: {}\n\n");
  EXPECT_TRUE(last.is_last);
  EXPECT_FALSE(stream.write("c"));
}

TEST(EventStream, a_slow_reader_loses_lines_and_is_told_how_many) {
  EventStream stream;
  const std::string line(1000, 'x');
  int written = 0;
  for (; written < 1000; ++written) EXPECT_TRUE(stream.write(line));
  const std::string taken = stream.take().bytes;
  EXPECT_LE(taken.size(), EventStream::waiting_max + 64);
  const std::size_t kept = EventStream::waiting_max / (line.size() + 8);
  EXPECT_NE(taken.find("event: left_out\ndata: " + std::to_string(1000 - kept)), std::string::npos);
}

TEST(EventStream, nobody_writes_for_who_has_gone) {
  EventStream stream;
  stream.close();
  EXPECT_TRUE(stream.is_over());
  EXPECT_FALSE(stream.write("a"));
}

}  // namespace
}  // namespace vmq::http
