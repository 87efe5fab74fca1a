#include "http/connection.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <string>
#include <thread>
#include <vector>

#include "http/event_stream.h"
#include "http/test_facts.h"
#include "net/fd.h"

namespace vmq::http {
namespace {

// One connection over loopback, served by a thread. Requests for commands are kept unanswered.
class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() {
    door_.router = &router_;
    door_.mailbox = mailbox_;
    door_.site = site_of({}, {}).site;
    door_.site[Module::Management].needs_key = false;
  }
  ~ConnectionTest() override {
    mailbox_->close();
    if (thread_.joinable()) thread_.join();
  }

  void connect() {
    const net::Fd listening(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(listening.get(), 1), 0);
    ::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &size);
    ASSERT_EQ(::connect(client_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    serve_connection(io_, ::accept(listening.get(), nullptr, nullptr), Family::V4, door_);
    thread_ = std::thread([this] { io_.run(); });
  }
  void ask(const std::string& request) {
    ASSERT_EQ(::send(client_.get(), request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
  }
  // Until the server closes.
  std::string rest() {
    std::string got;
    char bytes[4096];
    for (ssize_t count = 0; (count = ::recv(client_.get(), bytes, sizeof bytes, 0)) > 0;) {
      got.append(bytes, static_cast<std::size_t>(count));
    }
    ::shutdown(client_.get(), SHUT_WR);
    return got;
  }

  TestFacts node_;
  History history_{node_.facts};
  std::vector<Reply> asked_;  // by the server's thread, read when it is over
  Router router_{node_.facts,
                 history_,
                 [](std::string_view, std::string_view) { return true; },
                 {[this](const Request&, std::string_view, std::string_view, const Reply& reply) {
                    asked_.push_back(reply);
                  },
                  {},
                  {}}};
  boost::asio::io_context io_{1};
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>(io_);
  Door door_;
  net::Fd client_{::socket(AF_INET, SOCK_STREAM, 0)};
  std::thread thread_;
};

constexpr const char* command = "GET /api/v1/cluster/show HTTP/1.1\r\nhost: x\r\n\r\n";

TEST_F(ConnectionTest, a_command_that_takes_too_long_is_504_and_frees_the_connection) {
  door_.answer_time = milliseconds(20);
  connect();
  ask(command);
  EXPECT_EQ(rest().substr(0, 12), "HTTP/1.1 504");
  thread_.join();
  EXPECT_EQ(door_.connections, 0u);
  EXPECT_TRUE(door_.waiting.empty());
  ASSERT_EQ(asked_.size(), 1u);
}

TEST_F(ConnectionTest, an_answer_that_comes_too_late_is_thrown_away) {
  door_.answer_time = milliseconds(20);
  connect();
  ask(command);
  EXPECT_EQ(rest().substr(0, 12), "HTTP/1.1 504");
  thread_.join();
  ASSERT_EQ(asked_.size(), 1u);
  Response late;
  late.events = std::make_shared<EventStream>();
  asked_[0](late);
  io_.restart();
  io_.run();
  EXPECT_TRUE(late.events->is_over());
}

TEST_F(ConnectionTest, an_answer_in_time_is_given_and_the_connection_goes_on) {
  connect();
  ask("GET /health HTTP/1.1\r\nhost: x\r\n\r\n"
      "GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  const std::string got = rest();
  EXPECT_EQ(got.substr(0, 12), "HTTP/1.1 200");
  EXPECT_NE(got.find("HTTP/1.1 404"), std::string::npos);
  thread_.join();
  EXPECT_EQ(door_.connections, 0u);
}

TEST_F(ConnectionTest, where_too_much_is_worked_on_commands_are_503_and_others_are_served) {
  door_.work_max = 0;
  connect();
  ask(std::string(command) + "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  const std::string got = rest();
  EXPECT_EQ(got.substr(0, 12), "HTTP/1.1 503");
  EXPECT_NE(got.find("retry-after: 1"), std::string::npos);
  EXPECT_NE(got.find("HTTP/1.1 200"), std::string::npos);
  thread_.join();
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(door_.work, 0u);
}

TEST_F(ConnectionTest, a_command_counts_until_it_is_answered_or_given_up) {
  door_.answer_time = milliseconds(20);
  connect();
  ask(command);
  EXPECT_EQ(rest().substr(0, 12), "HTTP/1.1 504");
  thread_.join();
  EXPECT_EQ(door_.work, 0u);
}

TEST_F(ConnectionTest, a_body_for_which_there_is_no_room_is_503_before_it_is_read) {
  door_.site[Module::Publish] = {true, false};
  door_.bodies_max = 10;
  connect();
  ask("POST /restapi/v1/publish HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\n");
  EXPECT_EQ(rest().substr(0, 12), "HTTP/1.1 503");
  thread_.join();
  EXPECT_EQ(door_.bodies, 0u);
}

}  // namespace
}  // namespace vmq::http
