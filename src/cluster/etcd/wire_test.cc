#include "cluster/etcd/wire.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>

#include "cluster/etcd/authority.h"

namespace vmq::cluster::etcd {

namespace {

std::ptrdiff_t threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

// Takes connections, and never says a word on them.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_, any, size), 0);
    EXPECT_EQ(::listen(socket_, 100), 0);
    EXPECT_EQ(::getsockname(socket_, any, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { ::close(socket_); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int socket_;
  int port_ = 0;
};

}  // namespace

TEST(WireTest, connections_given_up_amid_their_handshake_leave_no_thread_behind) {
  const SilentServer server;
  const auto authority = make_authority("test");
  ASSERT_TRUE(authority);
  std::thread([] {}).join();  // with the first one a sanitizer may start one of its own
  const std::ptrdiff_t before = threads();
  for (const TlsTexts& tls : {TlsTexts{}, TlsTexts{.authority = authority->certificate}}) {
    Caller caller;
    EXPECT_FALSE(caller.call(server.address(), tls, "/a/b", "", milliseconds(20)).status.is_ok());
    EXPECT_GT(threads(), before + 1);
  }
  EXPECT_TRUE(await_threads_end(seconds(60)));
  // The one that took the others down may be about to end.
  EXPECT_LE(threads(), before + 1);
}

}  // namespace vmq::cluster::etcd
