#include "node/links.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <cstring>
#include <thread>

namespace vmq::node {
namespace {

ShardMail mail_of(std::uint32_t number, std::size_t size = 4) {
  ShardMail mail;
  mail.frames.resize(size);
  std::memcpy(mail.frames.data(), &number, sizeof number);
  return mail;
}

std::uint32_t number_of(const ShardMail& mail) {
  std::uint32_t number = 0;
  std::memcpy(&number, mail.frames.data(), sizeof number);
  return number;
}

bool is_notified(net::Waker& waker) { return !waker.try_sleep(); }

class ShardLinkTest : public ::testing::Test {
 protected:
  net::Waker producer_;
  net::Waker consumer_;
  ShardLink link_{producer_, consumer_};
};

TEST_F(ShardLinkTest, mail_arrives_in_order_and_wakes_the_consumer) {
  link_.send(mail_of(1));
  link_.send(mail_of(2));
  EXPECT_TRUE(is_notified(consumer_));
  ShardMail mail;
  ASSERT_TRUE(link_.receive(mail));
  EXPECT_EQ(number_of(mail), 1u);
  ASSERT_TRUE(link_.receive(mail));
  EXPECT_EQ(number_of(mail), 2u);
  EXPECT_FALSE(link_.receive(mail));
}

TEST_F(ShardLinkTest, what_does_not_fit_by_count_waits_in_order) {
  const auto total = static_cast<std::uint32_t>(ShardLink::mails_max + 10);
  for (std::uint32_t i = 0; i < total; ++i) link_.send(mail_of(i));
  EXPECT_TRUE(link_.has_waiting());
  ShardMail mail;
  for (std::uint32_t i = 0; i < total; ++i) {
    ASSERT_TRUE(link_.receive(mail)) << i;
    EXPECT_EQ(number_of(mail), i);
    link_.flush();
  }
  EXPECT_FALSE(link_.has_waiting());
  EXPECT_FALSE(link_.receive(mail));
}

TEST_F(ShardLinkTest, what_does_not_fit_by_bytes_waits_and_one_mail_fits_always) {
  link_.send(mail_of(1, ShardLink::bytes_max + 1));
  EXPECT_FALSE(link_.has_waiting());
  link_.send(mail_of(2));
  EXPECT_TRUE(link_.has_waiting());
  ShardMail mail;
  ASSERT_TRUE(link_.receive(mail));
  EXPECT_FALSE(link_.receive(mail));
  link_.flush();
  EXPECT_FALSE(link_.has_waiting());
  ASSERT_TRUE(link_.receive(mail));
  EXPECT_EQ(number_of(mail), 2u);
}

TEST_F(ShardLinkTest, room_for_a_blocked_producer_wakes_it) {
  for (std::uint32_t i = 0; i <= ShardLink::mails_max; ++i) link_.send(mail_of(i));
  ASSERT_TRUE(link_.has_waiting());
  producer_.begin_turn();
  ShardMail mail;
  ASSERT_TRUE(link_.receive(mail));
  EXPECT_TRUE(is_notified(producer_));
}

TEST_F(ShardLinkTest, a_connection_that_never_arrives_is_closed_with_the_link) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const net::Fd mine(pair[1]);
  {
    ShardLink link(producer_, consumer_);
    ShardMail mail;
    mail.socket.fd = net::Fd(pair[0]);
    link.send(std::move(mail));
  }
  char byte = 0;
  EXPECT_EQ(::recv(mine.get(), &byte, 1, MSG_DONTWAIT), 0);
}

// The consumer sleeps for good whenever it may; a lost wake-up hangs the test.
TEST_F(ShardLinkTest, a_sleeping_consumer_gets_everything_from_another_thread) {
  constexpr std::uint32_t count = 50'000;
  std::thread producer([this] {
    for (std::uint32_t i = 0; i < count; ++i) {
      link_.send(mail_of(i));
      while (link_.has_waiting()) {
        std::this_thread::yield();
        link_.flush();
      }
    }
  });
  std::uint32_t expected = 0;
  ShardMail mail;
  while (expected < count) {
    consumer_.begin_turn();
    while (link_.receive(mail)) {
      ASSERT_EQ(number_of(mail), expected);
      ++expected;
    }
    if (expected == count || !consumer_.try_sleep()) continue;
    pollfd poll_fd{consumer_.fd(), POLLIN, 0};
    ::poll(&poll_fd, 1, -1);
    consumer_.drain();
  }
  producer.join();
}

}  // namespace
}  // namespace vmq::node
