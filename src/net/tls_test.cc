#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "net/certificates.h"
#include "net/test_pki.h"
#include "net/tls_context.h"
#include "net/tls_source.h"
#include "net/tls_stream.h"

namespace vmq::net {
namespace {

// Judges the certificates that are made below; nothing else here depends on it.
const std::int64_t now_s = static_cast<std::int64_t>(std::time(nullptr)) + 3600;
constexpr std::int64_t day_s = 86'400;

TestPki& pki() {
  static TestPki* const made = [] {
    auto* fresh = new TestPki;  // removed by the environment below
    fresh->make_authority("ca");
    fresh->make_authority("other-ca");
    fresh->make_certificate("server", "ca");
    fresh->make_certificate("device", "ca");
    fresh->make_certificate("lost", "ca");
    fresh->make_certificate("stranger", "other-ca");
    return fresh;
  }();
  return *made;
}
class PkiEnvironment : public ::testing::Environment {
  void TearDown() override { delete &pki(); }
};
[[maybe_unused]] const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new PkiEnvironment);

config::TlsConfig server_config() {
  config::TlsConfig config;
  config.certfile = pki().path("server.pem");
  config.keyfile = pki().path("server.key");
  config.versions = {"tlsv1.2", "tlsv1.3"};
  return config;
}

// The other end of a TlsStream.
class Client {
 public:
  using Setup = std::function<void(SSL_CTX*)>;
  explicit Client(const Setup& setup = {}, SSL_SESSION* session = nullptr)
      : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_set_options(context_, SSL_OP_LEGACY_SERVER_CONNECT);
    if (setup) setup(context_);
    ssl_ = SSL_new(context_);
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_);
    if (session != nullptr) SSL_set_session(ssl_, session);
  }
  ~Client() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  static Setup with_certificate(const std::string& name) {
    return [name](SSL_CTX* context) {
      const std::string certificate = pki().path(name + ".pem");
      const std::string key = pki().path(name + ".key");
      EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context, certificate.c_str()), 1);
      EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM), 1);
    };
  }

  void give(const std::vector<std::uint8_t>& wire) {
    if (!wire.empty()) BIO_write(SSL_get_rbio(ssl_), wire.data(), static_cast<int>(wire.size()));
  }
  std::vector<std::uint8_t> take() {
    std::vector<std::uint8_t> wire(BIO_ctrl_pending(SSL_get_wbio(ssl_)));
    if (!wire.empty()) BIO_read(SSL_get_wbio(ssl_), wire.data(), static_cast<int>(wire.size()));
    return wire;
  }
  bool shake_hands() { return SSL_do_handshake(ssl_) == 1; }
  void send(std::string_view text) { SSL_write(ssl_, text.data(), static_cast<int>(text.size())); }
  std::string receive() {
    std::string text(100'000, '\0');
    std::size_t size = 0;
    std::size_t count = 0;
    while (SSL_read_ex(ssl_, text.data() + size, text.size() - size, &count) == 1) size += count;
    text.resize(size);
    return text;
  }
  SSL* ssl() { return ssl_; }

 private:
  SSL_CTX* context_;
  SSL* ssl_;
};

// Both ends, and the wire between them cut into steps.
struct Pair {
  explicit Pair(std::shared_ptr<const TlsContext> context, const Client::Setup& setup = {},
                SSL_SESSION* session = nullptr)
      : server(std::move(context)), client(setup, session) {}

  // Runs until both are quiet. Returns what the server read.
  std::string run(std::size_t step = 100'000) {
    std::string text;
    for (int round = 0; round < 20; ++round) {
      client.shake_hands();
      const std::vector<std::uint8_t> wire = client.take();
      if (wire.empty() && round > 0) break;
      for (std::size_t at = 0; at < wire.size(); at += step) {
        const std::size_t size = std::min(step, wire.size() - at);
        std::vector<std::uint8_t> room(size + TlsStream::held_max);
        std::vector<std::uint8_t> answer;
        const std::size_t count = server.receive({wire.data() + at, size}, room, answer);
        text.append(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(count));
        client.give(answer);
      }
    }
    return text;
  }
  std::string send(std::string_view text) {
    std::vector<std::uint8_t> wire;
    server.send(as_bytes(text), wire);
    client.give(wire);
    return client.receive();
  }

  TlsStream server;
  Client client;
};

std::shared_ptr<const TlsContext> context_of(const config::TlsConfig& config) {
  auto context = TlsContext::make(config, now_s);
  EXPECT_TRUE(context) << context.error();
  return context ? *context : nullptr;
}
std::string error_of(const config::TlsConfig& config, std::int64_t at_s = now_s) {
  auto context = TlsContext::make(config, at_s);
  return context ? "" : context.error();
}
Client::Setup with_version(int version) {
  return [version](SSL_CTX* context) {
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
  };
}

TEST(Tls, bytes_go_both_ways_however_the_wire_is_cut) {
  const auto context = context_of(server_config());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::size_t step : {1u, 100u, 100'000u}) {
      Pair pair(context, with_version(version));
      pair.run(step);
      ASSERT_EQ(pair.server.state(), TlsStream::State::Open) << pair.server.error();
      const std::string big(40'000, 'x');
      pair.client.send("first");
      pair.client.send(big);
      EXPECT_TRUE(pair.run(step) == "first" + big);
      EXPECT_TRUE(pair.send("answer" + big) == "answer" + big);
      EXPECT_EQ(pair.server.identity(), "");
    }
  }
}

TEST(Tls, an_orderly_end_is_seen_by_the_other_side) {
  Pair pair(context_of(server_config()));
  pair.run();
  SSL_shutdown(pair.client.ssl());
  pair.run();
  EXPECT_EQ(pair.server.state(), TlsStream::State::Ended);
  Pair other(context_of(server_config()));
  other.run();
  std::vector<std::uint8_t> wire;
  other.server.send(as_bytes("last words"), wire);
  other.server.close(wire);
  other.client.give(wire);
  EXPECT_EQ(other.client.receive(), "last words");
  EXPECT_NE(SSL_get_shutdown(other.client.ssl()) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST(Tls, what_is_no_tls_fails_with_a_reason_and_an_alert) {
  const auto context = context_of(server_config());
  for (const std::string_view text : {"\x10\x0c\x00\x04MQTT\x04\x02", "GET / HTTP/1.1\r\n\r\n"}) {
    TlsStream stream(context);
    std::vector<std::uint8_t> room(TlsStream::held_max + 100);
    std::vector<std::uint8_t> answer;
    stream.receive(as_bytes(text), room, answer);
    stream.receive(as_bytes("0123456789"), room, answer);
    EXPECT_EQ(stream.state(), TlsStream::State::Failed);
    EXPECT_NE(stream.error(), "");
  }
}

TEST(Tls, a_client_may_not_renegotiate) {
  Pair pair(context_of(server_config()), with_version(TLS1_2_VERSION));
  pair.run();
  ASSERT_EQ(pair.server.state(), TlsStream::State::Open);
  SSL_renegotiate(pair.client.ssl());
  pair.run();
  EXPECT_FALSE(pair.client.shake_hands());
}

TEST(Tls, versions_that_are_not_listed_are_refused) {
  config::TlsConfig config = server_config();
  config.versions = {"tlsv1.2"};
  Pair modern(context_of(config), with_version(TLS1_3_VERSION));
  modern.run();
  EXPECT_EQ(modern.server.state(), TlsStream::State::Failed);
  config.versions = {"tlsv1.3"};
  Pair old(context_of(config), with_version(TLS1_2_VERSION));
  old.run();
  EXPECT_EQ(old.server.state(), TlsStream::State::Failed);
  config.versions = {"tlsv1.1"};
  Pair ancient(context_of(config), [](SSL_CTX* context) {
    with_version(TLS1_1_VERSION)(context);
    SSL_CTX_set_security_level(context, 0);
  });
  ancient.run();
  EXPECT_EQ(ancient.server.state(), TlsStream::State::Open) << ancient.server.error();
}

TEST(Tls, a_broken_listener_says_which_file_and_why) {
  config::TlsConfig config = server_config();
  config.certfile.clear();
  EXPECT_NE(error_of(config).find("certfile is not set"), std::string::npos);
  config = server_config();
  config.certfile = pki().path("none.pem");
  EXPECT_EQ(error_of(config), "certfile " + config.certfile + ": No such file or directory");
  const std::string whole = pki().read("server.pem");
  pki().write("half.pem", whole.substr(0, whole.size() / 2));
  config.certfile = pki().path("half.pem");
  EXPECT_EQ(error_of(config),
            "certfile " + config.certfile + ": a certificate in it is cut or damaged");
  config.certfile = pki().path("server.key");
  EXPECT_EQ(error_of(config),
            "certfile " + config.certfile + ": it holds no certificate in PEM form");
  config = server_config();
  config.keyfile = pki().path("device.key");
  EXPECT_EQ(error_of(config), "keyfile " + config.keyfile +
                                  ": the key does not belong to certfile " + config.certfile);
  config.keyfile = pki().path("server.pem");
  EXPECT_NE(error_of(config).find("holds no private key"), std::string::npos);
  config.keyfile.clear();
  EXPECT_NE(error_of(config).find("keyfile is not set"), std::string::npos);
  const std::string expired = error_of(server_config(), now_s + 40 * day_s);
  EXPECT_NE(expired.find("server.pem: the certificate expired at 20"), std::string::npos);
  config = server_config();
  config.require_certificate = true;
  EXPECT_NE(error_of(config).find("cafile is not set"), std::string::npos);
}

TEST(Tls, a_key_behind_a_password_opens_with_it_only) {
  pki().openssl("ec -in server.key -aes256 -passout pass:secret -out locked.key");
  config::TlsConfig config = server_config();
  config.keyfile = pki().path("locked.key");
  EXPECT_NE(error_of(config).find("keypasswd"), std::string::npos);
  config.key_password = "secret";
  EXPECT_EQ(error_of(config), "");
}

TEST(Tls, ciphers_and_curves_that_nobody_knows_are_left_out_and_noted) {
  config::TlsConfig config = server_config();
  config.ciphers = {"ECDHE-ECDSA-DES-CBC3-SHA", "ECDHE-ECDSA-AES128-GCM-SHA256"};
  config.curves = {"nonsense", "secp384r1"};
  const auto context = context_of(config);
  EXPECT_EQ(context->notes().size(), 2u);
  Pair pair(context, with_version(TLS1_2_VERSION));
  pair.run();
  ASSERT_EQ(pair.server.state(), TlsStream::State::Open) << pair.server.error();
  EXPECT_STREQ(SSL_get_cipher_name(pair.client.ssl()), "ECDHE-ECDSA-AES128-GCM-SHA256");
  config.ciphers = {"nonsense"};
  EXPECT_NE(error_of(config).find("none of them is known"), std::string::npos);
}

TEST(Tls, a_required_certificate_must_come_from_an_authority_of_ours) {
  config::TlsConfig config = server_config();
  config.cafile = pki().path("ca.pem");
  config.require_certificate = true;
  const auto context = context_of(config);
  Pair known(context, Client::with_certificate("device"));
  known.run();
  EXPECT_EQ(known.server.state(), TlsStream::State::Open) << known.server.error();
  EXPECT_EQ(known.server.identity(), "device");
  Pair stranger(context, Client::with_certificate("stranger"));
  stranger.run();
  EXPECT_EQ(stranger.server.state(), TlsStream::State::Failed);
  Pair nobody(context);
  nobody.run();
  EXPECT_EQ(nobody.server.state(), TlsStream::State::Failed);
  config.require_certificate = false;
  config.use_identity_as_username = true;
  Pair guest(context_of(config));
  guest.run();
  EXPECT_EQ(guest.server.state(), TlsStream::State::Open) << guest.server.error();
  EXPECT_EQ(guest.server.identity(), "");
}

TEST(Tls, a_revoked_certificate_is_refused_once_the_list_says_so) {
  pki().make_crl("clean", "ca");
  pki().revoke("lost", "ca");
  pki().make_crl("after", "ca");
  config::TlsConfig config = server_config();
  config.cafile = pki().path("ca.pem");
  config.require_certificate = true;
  config.crlfile = pki().path("list.crl");
  pki().write("list.crl", pki().read("clean.crl"));
  auto source = TlsSource::make(config, seconds(60), now_s);
  ASSERT_TRUE(source) << source.error();
  const auto is_let_in = [&](const std::string& name) {
    Pair pair((*source)->current(), Client::with_certificate(name));
    pair.run();
    return pair.server.state() == TlsStream::State::Open;
  };
  EXPECT_TRUE(is_let_in("lost"));
  EXPECT_TRUE(is_let_in("device"));
  using When = TlsSource::When;
  EXPECT_EQ((*source)->refresh(When::Due, {1}, now_s).outcome, TlsSource::Outcome::Unchanged);
  pki().write("list.crl", pki().read("after.crl"));
  EXPECT_EQ((*source)->refresh(When::Due, {59'000}, now_s).outcome, TlsSource::Outcome::Unchanged);
  EXPECT_EQ((*source)->refresh(When::Due, {60'001}, now_s).outcome, TlsSource::Outcome::Loaded);
  EXPECT_FALSE(is_let_in("lost"));
  EXPECT_TRUE(is_let_in("device"));
  pki().write("broken.crl", pki().read("after.crl").substr(0, 200));
  config.crlfile = pki().path("broken.crl");
  EXPECT_NE(error_of(config).find("cut or damaged"), std::string::npos);
}

TEST(Tls, a_bad_new_file_leaves_the_old_certificate_in_place) {
  pki().write("live.pem", pki().read("server.pem"));
  pki().write("live.key", pki().read("server.key"));
  config::TlsConfig config = server_config();
  config.certfile = pki().path("live.pem");
  config.keyfile = pki().path("live.key");
  auto source = TlsSource::make(config, seconds(60), now_s);
  ASSERT_TRUE(source) << source.error();
  const auto before = (*source)->current();
  using When = TlsSource::When;
  pki().write("live.pem", pki().read("device.pem") + "\n");
  const auto half = (*source)->refresh(When::Due, {20'000}, now_s);
  EXPECT_EQ(half.outcome, TlsSource::Outcome::Failed);
  EXPECT_NE(half.error.find("does not belong"), std::string::npos);
  EXPECT_EQ((*source)->current(), before);
  EXPECT_EQ((*source)->refresh(When::Due, {40'000}, now_s).outcome, TlsSource::Outcome::Unchanged);
  pki().write("live.key", pki().read("device.key") + "\n");
  EXPECT_EQ((*source)->refresh(When::Due, {60'000}, now_s).outcome, TlsSource::Outcome::Loaded);
  EXPECT_NE((*source)->current(), before);
}

TEST(Tls, clients_with_a_shared_secret_need_no_certificate) {
  pki().write("keys.psk", "# who: what\nmeter-1:s3cret\n\nmeter-2:other\n");
  config::TlsConfig config;
  config.psk_support = true;
  config.pskfile = pki().path("keys.psk");
  config.versions = {"tlsv1.2", "tlsv1.3"};
  static std::string secret;
  const auto with_secret = [](int version, std::string_view text) {
    return [version, text](SSL_CTX* context) {
      with_version(version)(context);
      SSL_CTX_set_cipher_list(context, "PSK");
      secret = text;
      SSL_CTX_set_psk_client_callback(context,
                                      [](SSL*, const char*, char* identity, unsigned int,
                                         unsigned char* to, unsigned int) -> unsigned int {
                                        std::strcpy(identity, "meter-1");
                                        std::memcpy(to, secret.data(), secret.size());
                                        return static_cast<unsigned int>(secret.size());
                                      });
    };
  };
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Pair right(context_of(config), with_secret(version, "s3cret"));
    right.run();
    EXPECT_EQ(right.server.state(), TlsStream::State::Open) << right.server.error();
    EXPECT_EQ(right.server.identity(), "meter-1") << version;
    Pair wrong(context_of(config), with_secret(version, "guess"));
    wrong.run();
    EXPECT_EQ(wrong.server.state(), TlsStream::State::Failed);
  }
  pki().write("keys.psk", "meter-1:s3cret\nbroken line\n");
  EXPECT_NE(error_of(config).find("line 2"), std::string::npos);
}

// Sessions come after the handshake in TLS 1.3, so something is read first.
SSL_SESSION* session_after(Pair& pair) {
  pair.run();
  pair.send("x");
  return SSL_get1_session(pair.client.ssl());
}

TEST(Tls, a_session_is_resumed_also_across_a_reload_and_keeps_its_identity) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto context = context_of(server_config());
    Pair first(context, with_version(version));
    SSL_SESSION* session = session_after(first);
    auto reloaded = TlsContext::make(server_config(), now_s, context.get());
    ASSERT_TRUE(reloaded);
    Pair second(*reloaded, with_version(version), session);
    second.run();
    EXPECT_TRUE(second.server.is_resumed()) << version;
    SSL_SESSION_free(session);
  }
}

TEST(Tls, a_reload_ends_sessions_whose_certificate_was_checked_by_the_old_rules) {
  config::TlsConfig config = server_config();
  config.cafile = pki().path("ca.pem");
  config.require_certificate = true;
  const auto context = context_of(config);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto setup = [version](SSL_CTX* to) {
      Client::with_certificate("device")(to);
      with_version(version)(to);
    };
    Pair first(context, setup);
    SSL_SESSION* session = session_after(first);
    Pair resumed(context, setup, session);
    resumed.run();
    EXPECT_TRUE(resumed.server.is_resumed()) << version;
    EXPECT_EQ(resumed.server.identity(), "device");
    auto reloaded = TlsContext::make(config, now_s, context.get());
    ASSERT_TRUE(reloaded);
    Pair fresh(*reloaded, setup, session);
    fresh.run();
    EXPECT_EQ(fresh.server.state(), TlsStream::State::Open) << fresh.server.error();
    EXPECT_FALSE(fresh.server.is_resumed()) << version;
    SSL_SESSION_free(session);
  }
}

TEST(Certificates, a_file_is_shown_with_its_names_and_times) {
  pki().write("san.ext", "subjectAltName=DNS:broker.example,IP:10.0.0.1");
  pki().make_certificate("named", "ca", "-extfile san.ext");
  pki().write("chain.pem", pki().read("named.pem") + pki().read("ca.pem"));
  const auto shown = read_certificates(pki().path("chain.pem"));
  ASSERT_TRUE(shown) << shown.error();
  ASSERT_EQ(shown->size(), 2u);
  const CertificateInfo& own = shown->front();
  EXPECT_EQ(own.common_name, "named");
  EXPECT_EQ(own.issuer, "CN=ca");
  EXPECT_EQ(own.alternative_names, "DNS:broker.example, IP Address:10.0.0.1");
  EXPECT_EQ(own.not_after_s - own.not_before_s, 20 * day_s);
  EXPECT_EQ(time_text(0), "1970-01-01 00:00:00 UTC");
  EXPECT_FALSE(read_certificates(pki().path("none.pem")));
}

}  // namespace
}  // namespace vmq::net
