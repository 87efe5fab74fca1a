#include "net/upgrade.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::net {
namespace {

using Status = Upgrade::Status;

const std::string headers =
    "Host: broker\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
const std::string protocol = "Sec-WebSocket-Protocol: mqtt\r\n";

Upgrade read(const std::string& request, const ForwardedPolicy& policy = {},
             const UpgradeLimits& limits = {}) {
  return read_upgrade(as_bytes(request), limits, policy, "10.0.0.9:4000");
}
std::string request_of(const std::string& line, const std::string& more = protocol) {
  return line + "\r\n" + headers + more + "\r\n";
}
std::string status_of(const Upgrade& upgrade) { return upgrade.response.substr(9, 3); }

TEST(Upgrade, the_sample_of_the_standard_gets_its_answer) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  const std::string request = request_of("GET /mqtt HTTP/1.1");
  const Upgrade upgrade = read(request + "\x82");
  ASSERT_EQ(upgrade.status, Status::Accepted) << upgrade.error;
  EXPECT_EQ(upgrade.size, request.size());
  EXPECT_EQ(upgrade.response,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
  for (std::size_t size = 0; size < request.size(); ++size) {
    EXPECT_EQ(read(request.substr(0, size)).status, Status::NeedMore) << size;
  }
}

TEST(Upgrade, the_first_protocol_that_is_known_is_chosen) {
  const auto with = [](const std::string& offered) {
    return read(request_of("GET /mqtt?x=1 HTTP/1.1", "sec-websocket-protocol:" + offered + "\r\n"));
  };
  EXPECT_NE(with("chat , mqttv3.1, mqtt").response.find("Protocol: mqttv3.1\r\n"),
            std::string::npos);
  EXPECT_EQ(status_of(with("chat")), "400");
  EXPECT_EQ(status_of(read(request_of("GET /mqtt HTTP/1.1", ""))), "400");
}

TEST(Upgrade, what_is_no_upgrade_is_refused_with_the_fitting_status) {
  EXPECT_EQ(status_of(read(request_of("GET / HTTP/1.1"))), "404");
  EXPECT_EQ(status_of(read(request_of("GET /mqtt2 HTTP/1.1"))), "404");
  EXPECT_EQ(status_of(read(request_of("POST /mqtt HTTP/1.1"))), "405");
  EXPECT_EQ(status_of(read(request_of("GET /mqtt HTTP/1.0"))), "505");
  EXPECT_EQ(status_of(read(request_of("GET /mqtt"))), "400");
  EXPECT_EQ(status_of(read("GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n")), "426");
  EXPECT_EQ(status_of(read("GET /mqtt HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                           "Sec-WebSocket-Version: 8\r\n\r\n")),
            "426");
  EXPECT_EQ(status_of(read("GET /mqtt HTTP/1.1\r\n\r\n")), "426");
  EXPECT_EQ(status_of(read("GET /mqtt HTTP/1.1\r\nno colon\r\n\r\n")), "400");
  EXPECT_EQ(status_of(read("GET /mqtt HTTP/1.1\r\n folded: x\r\n\r\n")), "400");
  EXPECT_EQ(status_of(read("\x10\x0c")), "400");
}

TEST(Upgrade, requests_are_bounded) {
  EXPECT_EQ(status_of(read("GET /mqtt?" + std::string(8000, 'x'))), "414");
  EXPECT_EQ(
      status_of(read(request_of("GET /mqtt HTTP/1.1", "X: " + std::string(4097, 'x') + "\r\n"))),
      "431");
  EXPECT_EQ(
      read(request_of("GET /mqtt HTTP/1.1", "X: " + std::string(4096, 'x') + "\r\n" + protocol))
          .status,
      Status::Accepted);
  std::string many;
  for (int i = 0; i < 100; ++i) many += "X: y\r\n";
  EXPECT_EQ(status_of(read(request_of("GET /mqtt HTTP/1.1", many))), "431");
  EXPECT_EQ(status_of(read("GET /mqtt HTTP/1.1\r\nX: " + std::string(65536, 'x'))), "431");
}

TEST(Upgrade, the_client_is_the_last_address_that_no_trusted_proxy_has) {
  ForwardedPolicy policy;
  policy.takes_address = true;
  policy.trusted = {"10.0.0.9", "10.0.0.8"};
  const auto forwarded = [&](const std::string& list) {
    return read(request_of("GET /mqtt HTTP/1.1", protocol + "X-Forwarded-For: " + list + "\r\n"),
                policy);
  };
  EXPECT_EQ(forwarded("203.0.113.7").forwarded, "203.0.113.7");
  EXPECT_EQ(forwarded("203.0.113.7, 10.0.0.8,10.0.0.9").forwarded, "203.0.113.7");
  EXPECT_EQ(forwarded("1.1.1.1, 203.0.113.7").forwarded, "203.0.113.7");  // 1.1.1.1 is only a claim
  EXPECT_EQ(forwarded("10.0.0.8").forwarded, "10.0.0.8");
  EXPECT_EQ(status_of(forwarded("nonsense")), "400");
  EXPECT_EQ(read(request_of("GET /mqtt HTTP/1.1"), policy).forwarded, "");
}

TEST(Upgrade, nobody_but_a_trusted_proxy_may_name_another_client) {
  ForwardedPolicy policy;
  policy.takes_common_name = true;
  policy.common_name_header = "X-Device";
  const std::string request = request_of("GET /mqtt HTTP/1.1", protocol + "x-device: d1\r\n");
  EXPECT_EQ(status_of(read(request, policy)), "403");
  policy.trusted = {"10.0.0.9"};
  EXPECT_EQ(read(request, policy).common_name, "d1");
  EXPECT_EQ(read(request).common_name, "");  // not asked for
}

}  // namespace
}  // namespace vmq::net
