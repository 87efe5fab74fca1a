// Connections between nodes over real sockets. One reactor is both ends: it dials its own listener.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <vector>

#include "net/reactor_fixture.h"
#include "net/test_pki.h"

namespace vmq::net {
namespace {

cluster::Handshake::Setup setup_of(std::string name, cluster::MemberNumber member,
                                   std::string cookie = "secret") {
  cluster::Handshake::Setup setup;
  setup.self.name = std::move(name);
  setup.self.member = member;
  setup.self.nonce.fill(static_cast<std::uint8_t>(member));
  setup.cookie = std::move(cookie);
  return setup;
}

class LinkTest : public ReactorFixture {
 protected:
  void open(ReactorLimits limits = {}) {
    link_events_.on_agreed = [this](Link link) { agreed_.push_back(std::move(link)); };
    link_events_.on_failed = [this](std::uint64_t dial, const std::string& reason) {
      failed_.push_back(std::to_string(dial) + ": " + reason);
    };
    link_events_.on_closed = [this](core::ConnId conn) { closed_.push_back(conn); };
    auto transport = make_transport(config_, {}, static_cast<std::int64_t>(std::time(nullptr)),
                                    [this] { return accepter_; });
    ASSERT_TRUE(transport) << transport.error();
    listen({}, std::move(*transport), limits);
  }
  void with_tls(const char* authority, const char* certificate) {
    config_.kind = config::ListenerKind::Vmqs;
    config_.tls.versions = {tls_version_};
    config_.tls.certfile = pki_.path(std::string(certificate) + ".pem");
    config_.tls.keyfile = pki_.path(std::string(certificate) + ".key");
    config_.tls.cafile = pki_.path(std::string(authority) + ".pem");
    config_.tls.require_certificate = true;
  }
  void dial(cluster::Handshake::Setup setup, std::uint64_t id = 1) {
    auto transport = std::make_shared<Transport>();
    if (config_.kind == config::ListenerKind::Vmqs) {
      config::TlsConfig tls = config_.tls;
      if (!dialler_certificate_.empty()) {
        tls.certfile = pki_.path(dialler_certificate_ + ".pem");
        tls.keyfile = pki_.path(dialler_certificate_ + ".key");
      }
      auto source =
          TlsSource::make(tls, {}, static_cast<std::int64_t>(std::time(nullptr)), TlsRole::Client);
      ASSERT_TRUE(source) << source.error();
      transport->tls = std::move(*source);
    }
    in_turn([&] { reactor_->dial({id, listener_.address, transport, std::move(setup)}, now_); });
  }
  void in_turn(const std::function<void()>& what) {
    core_.begin_turn({now_, {}});
    what();
    core::Effects effects;
    core_.end_turn(effects);
    reactor_->write(effects.touched);
    core_.release_turn_memory();
  }
  // Both ends of what has agreed go to the core. Returns the dialled one.
  core::ConnId adopt_all() {
    core::ConnId dialled;
    in_turn([&] {
      for (Link& link : agreed_) {
        link.socket.info.link = {link.peer.member, 0, link.dial != 0};
        const core::ConnId conn = reactor_->adopt(std::move(link.socket));
        if (link.dial != 0) dialled = conn;
      }
    });
    agreed_.clear();
    return dialled;
  }
  Fd stranger() {
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd.get(), listener_.address.get(), listener_.address.size), 0);
    return fd;
  }
  void expect_a_link() {
    dial(setup_of("a", 1));
    ASSERT_TRUE(until([&] { return agreed_.size() == 2; }))
        << (failed_.empty() ? "" : failed_[0]) << (troubles_.empty() ? "" : troubles_[0]);
    const core::ConnId dialled = adopt_all();
    in_turn([&] { fake().send(dialled, frame('f', "bytes of a stream")); });
    EXPECT_TRUE(until([&] { return !fake().frames.empty(); }));
    EXPECT_EQ(fake().frames, std::vector<std::string>{"fbytes of a stream"});
  }

  TestPki pki_;
  config::ListenerConfig config_ = [] {
    config::ListenerConfig config;
    config.kind = config::ListenerKind::Vmq;
    return config;
  }();
  const char* tls_version_ = "tlsv1.3";
  std::string dialler_certificate_;
  cluster::Handshake::Setup accepter_ = setup_of("b", 2);
  std::vector<Link> agreed_;
  std::vector<std::string> failed_;
  std::vector<core::ConnId> closed_;
};

TEST_F(LinkTest, both_ends_agree_and_bytes_pass) {
  open();
  expect_a_link();
  EXPECT_EQ(reactor_->opening_count(), 0u);
  EXPECT_EQ(counters_.plain[static_cast<std::size_t>(core::Plain::BytesReceived)].value(), 0u)
      << "is of clients";
}

TEST_F(LinkTest, each_end_knows_the_other) {
  open();
  dial(setup_of("a", 1), 77);
  ASSERT_TRUE(until([&] { return agreed_.size() == 2; }));
  std::sort(agreed_.begin(), agreed_.end(),
            [](const Link& a, const Link& b) { return a.dial < b.dial; });
  EXPECT_EQ(agreed_[0].dial, 0u);
  EXPECT_EQ(agreed_[0].peer.name, "a");
  EXPECT_EQ(agreed_[0].socket.listener, listener_.shared.get());
  EXPECT_EQ(agreed_[1].dial, 77u);
  EXPECT_EQ(agreed_[1].peer.name, "b");
  EXPECT_EQ(agreed_[1].peer.member, 2);
  EXPECT_EQ(listener_.shared->connections.load(), 1u);
}

TEST_F(LinkTest, what_follows_the_handshake_at_once_is_not_lost) {
  open();
  cluster::Handshake peer([] {
    auto setup = setup_of("a", 1);
    setup.role = cluster::Handshake::Role::Dialler;
    return setup;
  }());
  const Fd fd = stranger();
  std::vector<std::uint8_t> out;
  peer.begin({}, out);
  ASSERT_EQ(::send(fd.get(), out.data(), out.size(), 0), static_cast<ssize_t>(out.size()));
  std::uint8_t answer[512];
  ssize_t size = 0;
  ASSERT_TRUE(until([&] {
    size = ::recv(fd.get(), answer, sizeof answer, MSG_DONTWAIT);
    return size > 0;
  }));
  out.clear();
  peer.receive({answer, static_cast<std::size_t>(size)}, out);
  const std::string early = frame('f', "early");
  out.insert(out.end(), early.begin(), early.end());
  ASSERT_EQ(::send(fd.get(), out.data(), out.size(), 0), static_cast<ssize_t>(out.size()));
  ASSERT_TRUE(until([&] { return agreed_.size() == 1; }));
  adopt_all();
  EXPECT_TRUE(until([&] { return !fake().frames.empty(); }));
  EXPECT_EQ(fake().frames, std::vector<std::string>{"fearly"});
}

TEST_F(LinkTest, another_cookie_is_refused_and_both_ends_say_what_to_do) {
  open();
  dial(setup_of("a", 1, "another"));
  ASSERT_TRUE(until([&] { return !failed_.empty() && !troubles_.empty(); }));
  EXPECT_EQ(failed_[0],
            "1: b says: cookies differ; set the same distributed_cookie on all nodes of the "
            "cluster, and restart those that had another");
  EXPECT_EQ(troubles_[0],
            "link_refused: a: cookies differ; set the same distributed_cookie on all nodes of the "
            "cluster, and restart those that had another");
  EXPECT_TRUE(agreed_.empty());
  EXPECT_EQ(reactor_->opening_count(), 0u);
}

TEST_F(LinkTest, a_closed_link_is_told_once) {
  open();
  expect_a_link();
  in_turn([&] { reactor_->hang_up(fake().id(0)); });
  EXPECT_TRUE(until([&] { return closed_.size() == 2; })) << "both ends";
  turn(5);
  EXPECT_EQ(closed_.size(), 2u);
  EXPECT_EQ(listener_.shared->connections.load(), 0u);
}

TEST_F(LinkTest, nobody_there_is_told_with_the_reason) {
  open();
  reactor_->stop_accepting();
  dial(setup_of("a", 1));
  ASSERT_TRUE(until([&] { return !failed_.empty(); }));
  EXPECT_EQ(failed_[0], "1: Connection refused");
  EXPECT_EQ(reactor_->opening_count(), 0u);
}

TEST_F(LinkTest, whoever_says_nothing_is_cut_after_its_time) {
  open();
  const Fd silent = stranger();
  ASSERT_TRUE(until([&] { return reactor_->opening_count() == 1; }));
  now_ = now_ + seconds(4);
  turn();
  EXPECT_EQ(reactor_->opening_count(), 1u);
  now_ = now_ + seconds(2);
  turn();
  EXPECT_EQ(reactor_->opening_count(), 0u);
  char byte = 0;
  EXPECT_LE(::recv(silent.get(), &byte, 1, 0), 0);
}

TEST_F(LinkTest, a_node_that_never_answers_fails_the_dial) {
  open();
  dial(setup_of("a", 1));
  // Its kernel takes the connection, and nobody reads it.
  reactor_->stop_listening(*listener_.shared);
  now_ = now_ + seconds(6);
  ASSERT_TRUE(until([&] { return !failed_.empty(); }));
}

// Byte by byte and never done: the places of others are not held.
TEST_F(LinkTest, slow_strangers_do_not_keep_a_node_out) {
  ReactorLimits limits;
  limits.unproved_max = 8;
  open(limits);
  std::vector<Fd> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(stranger());
    ASSERT_EQ(::send(slow.back().get(), "\0", 1, 0), 1);
  }
  ASSERT_TRUE(until([&] { return socket_counters_.openings_cut.value() == 42; }));
  EXPECT_EQ(reactor_->opening_count(), 8u);
  expect_a_link();
}

TEST_F(LinkTest, noise_is_closed_and_costs_nobody_else_anything) {
  open();
  for (int i = 0; i < 1000; ++i) {
    const Fd fd = stranger();
    std::string noise = "GET / HTTP/1.1\r\n\r\n";
    if (i % 3 == 1) noise = std::string("\x10\x0c\0\4MQTT\4\2\0\x3c\0\0", 14);
    if (i % 3 == 2) noise = std::string(300, static_cast<char>(i));
    ASSERT_EQ(::send(fd.get(), noise.data(), noise.size(), 0), static_cast<ssize_t>(noise.size()));
    turn();
  }
  EXPECT_TRUE(until([&] { return listener_.shared->connections.load() == 0; }));
  EXPECT_EQ(reactor_->opening_count(), 0u);
  EXPECT_EQ(troubles_.size(), 1u) << "one report a second";
  expect_a_link();
}

TEST_F(LinkTest, tls_with_certificates_of_both_ends) {
  pki_.make_authority("ca");
  pki_.make_certificate("node", "ca");
  for (const char* version : {"tlsv1.2", "tlsv1.3"}) {
    tls_version_ = version;
    with_tls("ca", "node");
    open();
    expect_a_link();
    fake().frames.clear();
    reactor_.reset();
    agreed_.clear();
  }
}

TEST_F(LinkTest, a_certificate_of_another_authority_is_refused) {
  pki_.make_authority("ca");
  pki_.make_certificate("node", "ca");
  pki_.make_authority("other-ca");
  pki_.make_certificate("stranger", "other-ca");
  with_tls("ca", "node");
  open();
  dialler_certificate_ = "stranger";
  dial(setup_of("a", 1));
  ASSERT_TRUE(until([&] { return !failed_.empty(); }));
  EXPECT_TRUE(agreed_.empty());
  EXPECT_NE(troubles_.at(0).find("certificate"), std::string::npos) << troubles_.at(0);
}

}  // namespace
}  // namespace vmq::net
