#include "net/proxy_protocol.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::net {
namespace {

using Status = ProxyHeader::Status;
using namespace std::string_literals;

ProxyHeader read(const std::string& text) { return read_proxy_header(as_bytes(text)); }

std::string be16(std::size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}
std::string v2(char command, char family, const std::string& rest) {
  return "\r\n\r\n\0\r\nQUIT\n"s + command + family + be16(rest.size()) + rest;
}
std::string tlv(char type, const std::string& value) { return type + be16(value.size()) + value; }
const std::string ipv4 = "\x0a\x00\x00\x01\x0a\x00\x00\x02\x04\xd2\x07\x5b"s;

TEST(ProxyProtocol, version_1_names_the_client) {
  const ProxyHeader v4 = read("PROXY TCP4 10.1.2.3 10.9.9.9 4711 1883\r\n\x10");
  ASSERT_EQ(v4.status, Status::Done) << v4.error;
  EXPECT_EQ(v4.size, 40u);
  EXPECT_EQ(v4.source, "10.1.2.3:4711");
  EXPECT_EQ(read("PROXY TCP6 2001:db8::1 ::1 1 2\r\n").source, "[2001:db8::1]:1");
}

TEST(ProxyProtocol, an_unknown_client_and_a_health_check_leave_the_sockets_peer) {
  const ProxyHeader unknown = read("PROXY UNKNOWN whatever 1 2\r\n");
  EXPECT_EQ(unknown.status, Status::Done);
  EXPECT_FALSE(unknown.source);
  const ProxyHeader local = read(v2('\x20', '\x00', ""));
  EXPECT_EQ(local.status, Status::Done);
  EXPECT_EQ(local.size, 16u);
  EXPECT_FALSE(local.source);
}

TEST(ProxyProtocol, version_2_names_the_client_of_either_family) {
  const std::string text = v2('\x21', '\x11', ipv4) + "rest";
  const ProxyHeader header = read(text);
  ASSERT_EQ(header.status, Status::Done) << header.error;
  EXPECT_EQ(header.size, text.size() - 4);
  EXPECT_EQ(header.source, "10.0.0.1:1234");
  const std::string v6 =
      std::string(15, '\0') + "\x01" + std::string(16, '\0') + "\x00\x07\x00\x08"s;
  EXPECT_EQ(read(v2('\x21', '\x21', v6)).source, "[::1]:7");
  EXPECT_FALSE(read(v2('\x21', '\x31', std::string(216, 'x'))).source);
}

TEST(ProxyProtocol, the_common_name_counts_only_when_the_proxy_has_verified_it) {
  const std::string name = tlv('\x22', "device-7");
  const auto with = [&](const std::string& head) {
    return read(v2('\x21', '\x11', ipv4 + tlv('\x01', "h2") + tlv('\x20', head + name)));
  };
  EXPECT_EQ(with("\x07\0\0\0\0"s).common_name, "device-7");
  EXPECT_FALSE(with("\x07\0\0\0\x01"s).common_name);
  EXPECT_FALSE(with("\x01\0\0\0\0"s).common_name);
}

TEST(ProxyProtocol, every_cut_header_waits_for_more_and_never_for_more_than_its_bound) {
  const std::string headers[] = {"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", v2('\x21', '\x11', ipv4)};
  for (const std::string& header : headers) {
    for (std::size_t size = 0; size < header.size(); ++size) {
      EXPECT_EQ(read(header.substr(0, size)).status, Status::NeedMore) << size;
    }
  }
  EXPECT_EQ(read("PROXY TCP4 " + std::string(100, '1')).status, Status::Error);
  EXPECT_EQ(read(v2('\x21', '\x11', std::string(5000, 'x')).substr(0, 16)).status, Status::Error);
}

TEST(ProxyProtocol, what_is_no_header_is_refused_with_its_first_wrong_byte) {
  EXPECT_EQ(read("\x10").status, Status::Error);
  EXPECT_EQ(read("GET ").status, Status::Error);
  EXPECT_EQ(read("PROXI").status, Status::Error);
  EXPECT_EQ(read("\r\n\r\n\0\r\nQUIT\r"s).status, Status::Error);
}

TEST(ProxyProtocol, malformed_headers_are_errors) {
  for (const std::string line :
       {"TCP5 1.2.3.4 1.2.3.4 1 2", "TCP4 1.2.3 1.2.3.4 1 2", "TCP4 ::1 ::1 1 2",
        "TCP4 1.2.3.4 1.2.3.4 x 2", "TCP4 1.2.3.4 1.2.3.4 1 65536", "TCP4 1.2.3.4 1.2.3.4 1", ""}) {
    EXPECT_EQ(read("PROXY " + line + "\r\n").status, Status::Error) << line;
  }
  EXPECT_EQ(read(v2('\x31', '\x11', ipv4)).status, Status::Error);
  EXPECT_EQ(read(v2('\x22', '\x11', ipv4)).status, Status::Error);
  EXPECT_EQ(read(v2('\x21', '\x41', ipv4)).status, Status::Error);
  EXPECT_EQ(read(v2('\x21', '\x11', ipv4.substr(1))).status, Status::Error);
  EXPECT_EQ(read(v2('\x21', '\x11', ipv4 + "\x20\x01")).status, Status::Error);
  EXPECT_EQ(read(v2('\x21', '\x11', ipv4 + tlv('\x20', "x"))).status, Status::Error);
}

}  // namespace
}  // namespace vmq::net
