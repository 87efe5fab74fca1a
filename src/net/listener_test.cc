#include "net/listener.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "net/address.h"

namespace vmq::net {
namespace {

ListenerSpec on_loopback() {
  ListenerSpec spec;
  spec.index = 7;
  spec.address = "127.0.0.1";
  spec.connections_max = 5;
  return spec;
}

Fd connect_to(const SocketAddress& address) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), address.get(), address.size) != 0) fd.close();
  return fd;
}

TEST(Address, is_parsed_and_written) {
  EXPECT_EQ(address_text(*ip_address("127.0.0.1", 1883)), "127.0.0.1:1883");
  EXPECT_EQ(address_text(*ip_address("::1", 80)), "[::1]:80");
  EXPECT_EQ(address_text(*ip_address("[::1]", 80)), "[::1]:80");
  EXPECT_EQ(address_text(*ip_address("::ffff:10.0.0.1", 5)), "10.0.0.1:5");
  EXPECT_FALSE(ip_address("example.org", 1));
  EXPECT_FALSE(ip_address("", 1));
  EXPECT_EQ(address_text(*domain_address("/run/x.sock")), "/run/x.sock");
  EXPECT_FALSE(domain_address(""));
  EXPECT_FALSE(domain_address(std::string(108, 'x')));
}

TEST(Listener, every_shard_has_a_socket_of_its_own_on_the_same_port) {
  auto opened = open_listener(on_loopback(), 3);
  ASSERT_TRUE(opened) << opened.error();
  ASSERT_EQ(opened->sockets.size(), 3u);
  for (const ListenerSocket& socket : opened->sockets) {
    EXPECT_EQ(port_of(local_address(socket.fd.get())), port_of(opened->address));
    EXPECT_EQ(socket.shared, opened->shared.get());
  }
  EXPECT_NE(port_of(opened->address), 0);
  EXPECT_EQ(opened->shared->index, 7u);
  EXPECT_EQ(opened->shared->connections_max, 5u);
}

TEST(Listener, accepted_sockets_inherit_no_delay) {
  auto opened = open_listener(on_loopback(), 1);
  ASSERT_TRUE(opened) << opened.error();
  Fd client = connect_to(opened->address);
  ASSERT_TRUE(client.is_open());
  Fd server(::accept(opened->sockets[0].fd.get(), nullptr, nullptr));
  ASSERT_TRUE(server.is_open());
  int value = 0;
  socklen_t size = sizeof value;
  ASSERT_EQ(getsockopt(server.get(), IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(peer_text(server.get()), address_text(local_address(client.get())));
}

TEST(Listener, a_taken_port_is_refused_with_a_reason) {
  auto first = open_listener(on_loopback(), 2);
  ASSERT_TRUE(first) << first.error();
  ListenerSpec spec = on_loopback();
  spec.port = port_of(first->address);
  auto second = open_listener(spec, 2);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().find("another process listens there"), std::string::npos);
  EXPECT_NE(second.error().find(address_text(first->address)), std::string::npos);
}

TEST(Listener, an_address_that_is_none_is_refused_with_a_reason) {
  ListenerSpec spec = on_loopback();
  spec.address = "256.1.1.1";
  auto opened = open_listener(spec, 1);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().find("256.1.1.1"), std::string::npos);
}

class DomainListener : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/vmq-listener-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    spec_.is_domain_socket = true;
    spec_.address = folder_ + "/socket";
  }
  void TearDown() override {
    ::unlink(spec_.address.c_str());
    ::rmdir(folder_.c_str());
  }
  std::string folder_;
  ListenerSpec spec_;
};

TEST_F(DomainListener, its_one_socket_is_shared_by_the_shards) {
  auto opened = open_listener(spec_, 2);
  ASSERT_TRUE(opened) << opened.error();
  ASSERT_EQ(opened->sockets.size(), 2u);
  EXPECT_TRUE(opened->sockets[0].is_shared_fd);
  Fd client = connect_to(opened->address);
  ASSERT_TRUE(client.is_open());
  Fd server(::accept(opened->sockets[1].fd.get(), nullptr, nullptr));
  EXPECT_TRUE(server.is_open());
  EXPECT_EQ(peer_text(server.get()), "local");
}

TEST_F(DomainListener, a_file_left_behind_is_replaced_and_a_living_one_is_not) {
  {
    auto first = open_listener(spec_, 1);
    ASSERT_TRUE(first) << first.error();
    EXPECT_FALSE(open_listener(spec_, 1));
  }
  EXPECT_TRUE(open_listener(spec_, 1));
}

}  // namespace
}  // namespace vmq::net
