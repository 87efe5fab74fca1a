// Connections with stages, over real sockets: what comes in plain goes out plain on the other side.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "net/reactor_fixture.h"
#include "net/test_pki.h"

namespace vmq::net {
namespace {

// A WebSocket frame of a client whose mask changes nothing.
std::string masked(std::uint8_t first, std::string_view payload) {
  std::string text(1, static_cast<char>(first));
  if (payload.size() < 126) {
    text += static_cast<char>(0x80 | payload.size());
  } else {
    text += "\xff";
    for (int shift = 56; shift >= 0; shift -= 8) {
      text += static_cast<char>((payload.size() >> shift) & 0xff);
    }
  }
  return text.append(4, '\0').append(payload);
}

const std::string upgrade_request =
    "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: mqtt\r\n\r\n";

class Client {
 public:
  explicit Client(const SocketAddress& address, int receive_buffer = 0)
      : fd_(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    if (receive_buffer > 0) {
      setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    const int result = ::connect(fd_.get(), address.get(), address.size);
    EXPECT_TRUE(result == 0 || errno == EINPROGRESS);
  }
  ~Client() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  void begin_tls() {
    context_ = SSL_CTX_new(TLS_client_method());
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_.get());
    SSL_set_connect_state(ssl_);
  }
  void send(std::string_view bytes) { unsent_ += bytes; }
  void receive() {
    ::signal(SIGPIPE, SIG_IGN);
    if (ssl_ != nullptr && !SSL_is_init_finished(ssl_)) SSL_do_handshake(ssl_);
    if (ssl_ != nullptr && !SSL_is_init_finished(ssl_)) return;
    if (!unsent_.empty()) {
      const auto count =
          ssl_ == nullptr
              ? ::send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL)
              : SSL_write(ssl_, unsent_.data(),
                          static_cast<int>(std::min<std::size_t>(unsent_.size(), 16000)));
      if (count > 0) unsent_.erase(0, static_cast<std::size_t>(count));
    }
    char buffer[65536];
    while (true) {
      const ssize_t count = ssl_ == nullptr ? ::recv(fd_.get(), buffer, sizeof buffer, 0)
                                            : SSL_read(ssl_, buffer, sizeof buffer);
      if (count > 0) {
        received.append(buffer, static_cast<std::size_t>(count));
        continue;
      }
      if (ssl_ == nullptr) {
        is_ended = is_ended || count == 0;
        is_reset = is_reset || (count < 0 && errno != EAGAIN);
      } else if (SSL_get_error(ssl_, static_cast<int>(count)) == SSL_ERROR_ZERO_RETURN) {
        is_ended = true;
      }
      return;
    }
  }
  void close() { fd_.close(); }

  std::string received;
  bool is_ended = false;  // in good order, on every layer
  bool is_reset = false;

 private:
  Fd fd_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string unsent_;
};

class StagedTest : public ReactorFixture {
 protected:
  void open(const config::ListenerConfig& config, ReactorLimits limits = {}) {
    auto transport = make_transport(config, {}, static_cast<std::int64_t>(std::time(nullptr)));
    ASSERT_TRUE(transport) << transport.error();
    listen({}, std::move(*transport), limits);
  }
  config::ListenerConfig with_proxy() const {
    config::ListenerConfig config;
    config.proxy_protocol = true;
    return config;
  }
  config::ListenerConfig of_kind(config::ListenerKind kind) {
    config::ListenerConfig config;
    config.kind = kind;
    if (kind == config::ListenerKind::Ws) return config;
    if (!pki_) {
      pki_ = std::make_unique<TestPki>();
      pki_->make_authority("server");
    }
    config.tls.certfile = pki_->path("server.pem");
    config.tls.keyfile = pki_->path("server.key");
    config.tls.versions = {"tlsv1.2", "tlsv1.3"};
    return config;
  }

  bool echoes(Client& client, const std::string& text) {
    return until([&] { return client.receive(), client.received == text; });
  }

  std::unique_ptr<TestPki> pki_;
};

TEST_F(StagedTest, a_proxy_names_the_client_and_is_out_of_the_way_then) {
  open(with_proxy());
  Client client(address());
  client.send("PROXY TCP4 198.51.100.7 10.0.0.1 4711 1883\r\n" + frame('e', "hello"));
  ASSERT_TRUE(echoes(client, "hello"));
  EXPECT_EQ(fake().peers, std::vector<std::string>{"198.51.100.7:4711"});
  EXPECT_EQ(reactor_->opening_count(), 0u);
}

TEST_F(StagedTest, the_core_hears_of_nobody_whose_opening_fails) {
  open(with_proxy());
  Client client(address());
  client.send(std::string("\x10\x0c\0\4MQTT", 8));
  ASSERT_TRUE(until([&] { return client.receive(), client.is_ended; }));
  EXPECT_TRUE(fake().peers.empty());
  EXPECT_EQ(socket_counters_.openings_failed.value(), 1u);
  ASSERT_EQ(troubles_.size(), 1u);
  EXPECT_EQ(troubles_[0].substr(0, 14), "proxy_refused:");
  client.close();
  ASSERT_TRUE(until([&] { return listener_.shared->connections.load() == 0; }));
}

TEST_F(StagedTest, who_is_too_slow_is_closed) {
  open(with_proxy());
  Client client(address());
  client.send("PROXY ");
  ASSERT_TRUE(until([&] { return client.receive(), reactor_->opening_count() == 1; }));
  now_ = now_ + seconds(11);
  ASSERT_TRUE(until([&] { return client.receive(), client.is_ended || client.is_reset; }));
  EXPECT_EQ(socket_counters_.openings_cut.value(), 1u);
  EXPECT_EQ(listener_.shared->connections.load(), 0u);
}

TEST_F(StagedTest, more_openings_than_the_maximum_wait_in_the_backlog) {
  ReactorLimits limits;
  limits.openings_max = 2;
  open(with_proxy(), limits);
  Client one(address());
  Client two(address());
  Client three(address());
  three.send("PROXY UNKNOWN\r\n" + frame('e', "in"));
  ASSERT_TRUE(until([&] { return three.receive(), reactor_->opening_count() == 2; }));
  for (int i = 0; i < 5; ++i) turn(1);
  EXPECT_EQ(three.received, "");
  one.close();
  ASSERT_TRUE(until([&] { return reactor_->opening_count() == 1; }));
  now_ = now_ + milliseconds(200);
  EXPECT_TRUE(echoes(three, "in"));
}

TEST_F(StagedTest, tls_carries_bytes_both_ways_and_says_goodbye) {
  open(of_kind(config::ListenerKind::Ssl));
  Client client(address());
  client.begin_tls();
  const std::string big(300'000, 'x');
  client.send(frame('e', "hello") + frame('e', big));
  ASSERT_TRUE(until([&] { return client.receive(), client.received.size() == 5 + big.size(); }));
  EXPECT_EQ(socket_counters_.handshakes.value(), 1u);
  EXPECT_EQ(counters_.plain[static_cast<std::size_t>(core::Plain::BytesSent)].value(),
            5 + big.size());
  client.received.clear();
  client.send(frame('k', "bye"));
  ASSERT_TRUE(until([&] { return client.receive(), client.is_ended; }));
  EXPECT_EQ(client.received, "bye");
}

TEST_F(StagedTest, a_slow_reader_over_tls_gets_everything_and_blocks_its_outbox_meanwhile) {
  open(of_kind(config::ListenerKind::Ssl));
  Client client(address(), 4096);
  client.begin_tls();
  ASSERT_TRUE(until([&] { return client.receive(), socket_counters_.handshakes.value() == 1; }));
  client.send(frame('r', std::string(60'000, 'y')));
  ASSERT_TRUE(until([&] { return client.receive(), client.received.size() == 64u * 60'000; }));
  EXPECT_GT(fake().drained, 0u);
}

TEST_F(StagedTest, tls_moves_to_another_shard_with_its_connection) {
  open(of_kind(config::ListenerKind::Ssl));
  Client client(address());
  client.begin_tls();
  client.send(frame('h', ""));
  ASSERT_TRUE(until([&] { return client.receive(), to_adopt_.size() == 1; }));
  to_adopt_[0].unread.clear();
  to_adopt_[0].unread.append(as_bytes(frame('e', "x")), 0);
  client.send(frame('e', "y"));
  ASSERT_TRUE(echoes(client, "xy"));
  EXPECT_EQ(fake().peers[0], fake().peers[1]);
}

TEST_F(StagedTest, mqtt_on_a_tls_port_is_refused_and_handshakes_take_turns) {
  ReactorLimits limits;
  limits.handshake_steps_max = 1;
  open(of_kind(config::ListenerKind::Ssl), limits);
  Client plain(address());
  plain.send(std::string("\x10\x0c\0\4MQTT\4\2\0\x3c\0\0", 14));
  Client good(address());
  good.begin_tls();
  good.send(frame('e', "fine"));
  ASSERT_TRUE(until([&] { return plain.receive(), plain.is_ended || plain.is_reset; }));
  EXPECT_TRUE(echoes(good, "fine"));
  ASSERT_FALSE(troubles_.empty());
  EXPECT_EQ(troubles_[0].substr(0, 12), "tls_refused:");
}

TEST_F(StagedTest, a_websocket_carries_bytes_in_frames) {
  open(of_kind(config::ListenerKind::Ws));
  Client client(address());
  client.send(upgrade_request + masked(0x82, frame('e', "hello")));
  ASSERT_TRUE(until([&] {
    return client.receive(), client.received.find("\r\n\r\n\x82\x05hello") != std::string::npos;
  }));
  client.received.clear();
  const std::string big = frame('e', std::string(200'000, 'z'));
  client.send(masked(0x02, big.substr(0, 70'000)) + masked(0x89, "ping") +
              masked(0x80, big.substr(70'000)));
  ASSERT_TRUE(until([&] { return client.receive(), client.received.size() > 200'000; }));
  EXPECT_NE(client.received.find("\x8a\x04ping"), std::string::npos);
  client.received.clear();
  client.send(masked(0x88, "\x03\xe8"));
  ASSERT_TRUE(until([&] { return client.receive(), client.is_ended; }));
  EXPECT_EQ(client.received.substr(client.received.size() - 4), "\x88\x02\x03\xe8");
  ASSERT_TRUE(until([&] { return fake().closed.size() == 1; }));
}

TEST_F(StagedTest, the_last_packet_of_a_websocket_comes_before_its_close) {
  open(of_kind(config::ListenerKind::Ws));
  Client client(address());
  client.send(upgrade_request + masked(0x82, frame('k', "reason")));
  ASSERT_TRUE(until([&] { return client.receive(), client.is_ended; }));
  const std::string tail = "\x82\x06reason\x88\x02\x03\xe8";
  ASSERT_GE(client.received.size(), tail.size());
  EXPECT_EQ(client.received.substr(client.received.size() - tail.size()), tail);
}

TEST_F(StagedTest, a_refused_upgrade_gets_its_status) {
  open(of_kind(config::ListenerKind::Ws));
  Client client(address());
  client.send("GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(until([&] { return client.receive(), client.is_ended; }));
  EXPECT_EQ(client.received.substr(0, 12), "HTTP/1.1 404");
  Client breaker(address());
  breaker.send(upgrade_request + masked(0x81, "text"));
  ASSERT_TRUE(until([&] { return breaker.receive(), breaker.is_ended; }));
  EXPECT_EQ(breaker.received.substr(breaker.received.size() - 4), "\x88\x02\x03\xeb");
}

TEST_F(StagedTest, a_websocket_over_tls_works_as_both) {
  open(of_kind(config::ListenerKind::Wss));
  Client client(address());
  client.begin_tls();
  client.send(upgrade_request + masked(0x82, frame('e', "both")) + masked(0x82, frame('k', "end")));
  ASSERT_TRUE(until([&] { return client.receive(), client.is_ended; }));
  EXPECT_NE(client.received.find("both"), std::string::npos);
  EXPECT_EQ(client.received.substr(client.received.size() - 4), "\x88\x02\x03\xe8");
}

}  // namespace
}  // namespace vmq::net
