#include "config/tcp_options.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::config {
namespace {

TEST(TcpOptions, the_default_of_the_key_is_the_default_of_the_struct) {
  const auto options = parse_tcp_options(
      "[{nodelay, true}, {linger, {true, 0}}, {send_timeout, 30000}, {send_timeout_close, true}]");
  ASSERT_TRUE(options) << options.error();
  const TcpOptions own;
  EXPECT_EQ(options->no_delay, own.no_delay);
  EXPECT_EQ(options->keep_alive, own.keep_alive);
  EXPECT_EQ(options->send_timeout, own.send_timeout);
  EXPECT_EQ(options->receive_buffer, own.receive_buffer);
  EXPECT_EQ(options->send_buffer, own.send_buffer);
}

TEST(TcpOptions, every_option_with_a_counterpart_is_read_and_others_are_left_out) {
  const auto options = parse_tcp_options(
      " [ binary,{keepalive,true} , {recbuf, 4096},{sndbuf,8192}, {ip, {127,0,0,1}},"
      "{raw, 6, 18, <<1>>}, {'packet', raw}] ");
  EXPECT_FALSE(options);  // binaries are no terms that an option here has
  const auto read = parse_tcp_options(
      "[binary,{keepalive,true},{recbuf, 4096},{sndbuf,8192},{ip, {127,0,0,1}},{'packet', raw},"
      "{send_timeout, infinity},{send_timeout_close,true}]");
  ASSERT_TRUE(read) << read.error();
  EXPECT_TRUE(read->keep_alive);
  EXPECT_FALSE(read->no_delay);
  EXPECT_EQ(read->receive_buffer, 4096u);
  EXPECT_EQ(read->send_buffer, 8192u);
  EXPECT_EQ(read->send_timeout, Duration{0});
}

TEST(TcpOptions, a_timeout_that_closes_nothing_is_none) {
  EXPECT_EQ(parse_tcp_options("[{send_timeout, 5000}]")->send_timeout, Duration{0});
  EXPECT_EQ(parse_tcp_options("[]")->send_timeout, Duration{0});
}

TEST(TcpOptions, what_is_no_list_of_options_is_an_error) {
  for (const std::string text : {"", "nodelay", "[", "[{nodelay, true}", "[{nodelay, true},]",
                                 "[{nodelay, 1}]", "[{recbuf, many}]", "[{a b}]", "[] x"}) {
    EXPECT_FALSE(parse_tcp_options(text)) << text;
  }
  EXPECT_FALSE(parse_tcp_options(std::string(100'000, '[')));
}

}  // namespace
}  // namespace vmq::config
