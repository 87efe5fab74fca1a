#include "node/syslog.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

namespace vmq::node {
namespace {

using config::LogLevel;

// A daemon's end of a datagram socket. Reading is bounded, so a test without a line fails.
class Daemon {
 public:
  explicit Daemon(int family) : fd_(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{20, 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  void bind_to(const std::string& path) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path.copy(at.sun_path, sizeof at.sun_path - 1);
    ASSERT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  }
  std::uint16_t bind_to_loopback() {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&at), size), 0);
    EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    return ntohs(at.sin_port);
  }
  std::string receive() {
    std::array<char, 16384> bytes{};
    const ssize_t count = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
    return count < 0 ? std::string() : std::string(bytes.data(), static_cast<std::size_t>(count));
  }

 private:
  net::Fd fd_;
};

class SyslogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/vmq-syslog-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    ::unlink(path().c_str());
    ::rmdir(folder_.c_str());
  }
  std::string path() const { return folder_ + "/log"; }
  std::string folder_;
  config::SyslogConfig config_;
};

TEST(SyslogLine, has_priority_time_program_and_text) {
  config::SyslogConfig config;
  config.facility = 16;
  config.app_name = "mq";
  const auto at =
      std::chrono::system_clock::from_time_t(1'700'000'000) + std::chrono::milliseconds(7);
  const std::string pid = std::to_string(getpid());
  config.is_rfc5424 = true;
  EXPECT_EQ(syslog_line(config, LogLevel::Warning, at, "host", "text", true),
            "<132>1 2023-11-14T22:13:20.007Z host mq " + pid + " - - text");
  config.is_rfc5424 = false;
  const std::string local = syslog_line(config, LogLevel::Debug, at, "host", "text", false);
  EXPECT_EQ(local.substr(0, 8), "<135>Nov");
  EXPECT_EQ(local.substr(local.find("mq[")), "mq[" + pid + "]: text");
  EXPECT_EQ(local.find("host"), local.npos);
  EXPECT_NE(syslog_line(config, LogLevel::Debug, at, "host", "text", true).find(" host mq["),
            local.npos);
}

TEST(SyslogLine, is_cut_to_a_datagram) {
  const std::string text(100'000, 'x');
  EXPECT_EQ(syslog_line({}, LogLevel::Info, {}, "host", text, true).size(), 8192u);
}

TEST_F(SyslogTest, lines_reach_the_daemon_of_this_machine) {
  Daemon daemon(AF_UNIX);
  daemon.bind_to(path());
  config_.level = LogLevel::Warning;
  Syslog syslog(config_, path());
  EXPECT_EQ(syslog.problem(), "");
  syslog.write(LogLevel::Info, "too low");
  syslog.write(LogLevel::Error, "heard");
  const std::string line = daemon.receive();
  EXPECT_EQ(line.substr(0, 4), "<27>");
  EXPECT_NE(line.find("]: heard"), line.npos);
}

TEST_F(SyslogTest, a_daemon_that_was_started_anew_is_found_again) {
  auto first = std::make_unique<Daemon>(AF_UNIX);
  first->bind_to(path());
  Syslog syslog(config_, path());
  first.reset();
  ::unlink(path().c_str());
  syslog.write(LogLevel::Info, "lost");
  Daemon second(AF_UNIX);
  second.bind_to(path());
  syslog.write(LogLevel::Info, "heard");
  EXPECT_NE(second.receive().find("heard"), std::string::npos);
}

TEST_F(SyslogTest, lines_go_over_udp) {
  Daemon daemon(AF_INET);
  config_.remote_host = "127.0.0.1";
  config_.remote_port = daemon.bind_to_loopback();
  Syslog syslog(config_);
  EXPECT_EQ(syslog.problem(), "");
  syslog.write(LogLevel::Info, "far away");
  EXPECT_NE(daemon.receive().find("far away"), std::string::npos);
}

TEST_F(SyslogTest, what_cannot_be_reached_or_is_not_built_is_named) {
  EXPECT_NE(Syslog(config_, path()).problem().find(path()), std::string::npos);
  config_.remote_host = "127.0.0.1";
  config_.protocol = "tls";
  EXPECT_NE(Syslog(config_).problem().find("tls"), std::string::npos);
}

}  // namespace
}  // namespace vmq::node
