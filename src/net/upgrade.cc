#include "net/upgrade.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <optional>

#include "net/address.h"

namespace vmq::net {
namespace {

constexpr std::size_t headers_max = 100;
constexpr std::string_view path_wanted = "/mqtt";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The next element of a comma separated list.
std::string_view take_element(std::string_view& list) {
  const std::size_t comma = list.find(',');
  const std::string_view element = trimmed(list.substr(0, comma));
  list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
  return element;
}

bool has_element(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    if (equals_ignoring_case(take_element(list), wanted)) return true;
  }
  return false;
}

bool is_token(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           others.find(c) != others.npos;
  });
}

bool is_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

Upgrade refuse(std::string_view status, std::string_view error, std::string_view more = {}) {
  Upgrade upgrade;
  upgrade.status = Upgrade::Status::Refused;
  upgrade.error = error;
  upgrade.response.append("HTTP/1.1 ").append(status).append("\r\n").append(more);
  upgrade.response.append("Content-Length: 0\r\nConnection: close\r\n\r\n");
  return upgrade;
}

// The headers that decide. A list header that stands there twice is one list.
struct Request {
  std::string_view upgrade;
  std::string connection;
  std::string_view key;
  std::string_view version;
  std::string protocols;
  std::string forwarded_for;
  std::optional<std::string_view> common_name;
};

void append_element(std::string& list, std::string_view value) {
  if (!list.empty()) list += ',';
  list += value;
}

void note_header(Request& request, std::string_view name, std::string_view value,
                 const ForwardedPolicy& policy) {
  if (equals_ignoring_case(name, "upgrade")) request.upgrade = value;
  if (equals_ignoring_case(name, "connection")) append_element(request.connection, value);
  if (equals_ignoring_case(name, "sec-websocket-key")) request.key = value;
  if (equals_ignoring_case(name, "sec-websocket-version")) request.version = value;
  if (equals_ignoring_case(name, "sec-websocket-protocol"))
    append_element(request.protocols, value);
  if (equals_ignoring_case(name, "x-forwarded-for")) append_element(request.forwarded_for, value);
  if (equals_ignoring_case(name, policy.common_name_header)) request.common_name = value;
}

// Checks "GET /mqtt HTTP/1.1". Nothing when it is fine.
std::optional<Upgrade> check_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == line.npos || first == last) return refuse("400 Bad Request", "no request line");
  const std::string_view method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method) || !is_value(line) || target.find(' ') != target.npos) {
    return refuse("400 Bad Request", "no request line");
  }
  if (version != "HTTP/1.1") return refuse("505 HTTP Version Not Supported", "not HTTP/1.1");
  if (target.substr(0, target.find('?')) != path_wanted) {
    return refuse("404 Not Found", "another path than /mqtt");
  }
  if (method != "GET") return refuse("405 Method Not Allowed", "not GET", "Allow: GET\r\n");
  return std::nullopt;
}

std::optional<Upgrade> read_headers(std::string_view head, const UpgradeLimits& limits,
                                    const ForwardedPolicy& policy, Request& request) {
  for (std::size_t count = 0; !head.empty(); ++count) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == head.npos ? head.size() : end + 2);
    const std::size_t colon = line.find(':');
    if (colon == line.npos || !is_token(line.substr(0, colon))) {
      return refuse("400 Bad Request", "a malformed header");
    }
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (value.size() > limits.header_value_max) {
      return refuse("431 Request Header Fields Too Large",
                    "a header above max_header_value_length");
    }
    if (count == headers_max) {
      return refuse("431 Request Header Fields Too Large", "more than 100 headers");
    }
    if (!is_value(value)) return refuse("400 Bad Request", "a malformed header");
    note_header(request, line.substr(0, colon), value, policy);
  }
  return std::nullopt;
}

// The address of "address:port" and "[address]:port".
std::string_view without_port(std::string_view peer) {
  const std::size_t colon = peer.rfind(':');
  std::string_view address = peer.substr(0, colon);
  if (address.size() >= 2 && address.front() == '[')
    address = address.substr(1, address.size() - 2);
  return address;
}

bool is_trusted(std::string_view address, const ForwardedPolicy& policy) {
  return std::find(policy.trusted.begin(), policy.trusted.end(), address) != policy.trusted.end();
}

// Walks the list from its end: each trusted proxy vouches for the address before it, so the first
// one that is no proxy is the client. What stands before that one the client may have written.
std::optional<Upgrade> take_forwarded(const Request& request, const ForwardedPolicy& policy,
                                      std::string_view peer, Upgrade& upgrade) {
  if (!policy.is_used()) return std::nullopt;
  if (!is_trusted(without_port(peer), policy)) {
    return refuse("403 Forbidden", "not a proxy of proxy_xff_trusted_intermediate");
  }
  if (policy.takes_common_name) upgrade.common_name = request.common_name.value_or("");
  std::string_view list = policy.takes_address ? request.forwarded_for : std::string_view();
  while (!list.empty()) {
    const std::size_t comma = list.rfind(',');
    const std::string_view element = trimmed(list.substr(comma == list.npos ? 0 : comma + 1));
    if (!ip_address(element, 0)) return refuse("400 Bad Request", "X-Forwarded-For is no address");
    upgrade.forwarded = element;
    if (!is_trusted(element, policy)) break;
    list = comma == list.npos ? std::string_view() : list.substr(0, comma);
  }
  return std::nullopt;
}

}  // namespace

std::string websocket_accept(std::string_view key) {
  constexpr std::string_view salt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const std::string text = std::string(key).append(salt);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::array<unsigned char, 64> encoded{};
  const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
  return {encoded.begin(), encoded.begin() + length};
}

Upgrade read_upgrade(ByteView bytes, const UpgradeLimits& limits, const ForwardedPolicy& policy,
                     std::string_view peer) {
  const std::string_view text = as_text(bytes);
  const std::size_t line_end = text.find("\r\n");
  const std::size_t line_size = line_end == text.npos ? text.size() : line_end;
  if (line_size > limits.request_line_max) {
    return refuse("414 URI Too Long", "a request line above max_request_line_length");
  }
  const std::size_t head_end = text.find("\r\n\r\n");
  if (head_end == text.npos) {
    if (text.size() >= limits.head_max) {
      return refuse("431 Request Header Fields Too Large", "a request above 64 KiB");
    }
    // Whoever speaks another protocol is noticed with its first bytes.
    const bool may_be_request = std::all_of(
        text.begin(),
        text.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(text.size(), 3)),
        [](char c) { return c >= 'A' && c <= 'Z'; });
    return may_be_request ? Upgrade{} : refuse("400 Bad Request", "not an HTTP request");
  }
  if (auto refused = check_request_line(text.substr(0, line_end))) return *refused;
  Request request;
  const std::size_t headers_at = std::min(line_end + 2, head_end);
  const std::string_view headers = text.substr(headers_at, head_end - headers_at);
  if (auto refused = read_headers(headers, limits, policy, request)) return *refused;
  if (!has_element(request.upgrade, "websocket") || !has_element(request.connection, "upgrade")) {
    return refuse("426 Upgrade Required", "not a WebSocket request",
                  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
  }
  if (request.version != "13") {
    return refuse("426 Upgrade Required", "another version of WebSocket than 13",
                  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
  }
  if (request.key.size() != 24) return refuse("400 Bad Request", "a malformed Sec-WebSocket-Key");

  Upgrade upgrade;
  if (auto refused = take_forwarded(request, policy, peer, upgrade)) return *refused;
  // [MQTT-6.0.0-3] and [MQTT-6.0.0-4]: the client offers a protocol, the server names one of them.
  std::string_view chosen;
  for (std::string_view offered = request.protocols; !offered.empty() && chosen.empty();) {
    const std::string_view element = take_element(offered);
    if (element == "mqtt" || element == "mqttv3.1") chosen = element;
  }
  if (chosen.empty()) return refuse("400 Bad Request", "neither mqtt nor mqttv3.1 is offered");
  upgrade.status = Upgrade::Status::Accepted;
  upgrade.size = head_end + 4;
  upgrade.response.append("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n")
      .append("Connection: Upgrade\r\nSec-WebSocket-Accept: ")
      .append(websocket_accept(request.key))
      .append("\r\nSec-WebSocket-Protocol: ")
      .append(chosen)
      .append("\r\n\r\n");
  return upgrade;
}

}  // namespace vmq::net
