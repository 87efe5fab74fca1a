#include "net/proxy_protocol.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "net/address.h"

namespace vmq::net {
namespace {

using Status = ProxyHeader::Status;

constexpr std::array<std::uint8_t, 12> signature_v2 = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                       0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr std::string_view prefix_v1 = "PROXY ";
constexpr std::size_t line_max_v1 = 107;
constexpr std::size_t fixed_size_v2 = 16;

constexpr std::uint8_t tlv_ssl = 0x20;
constexpr std::uint8_t tlv_ssl_common_name = 0x22;
constexpr std::uint8_t client_has_certificate = 0x02 | 0x04;  // on this connection or its session
constexpr std::size_t common_name_max = 256;

ProxyHeader error(std::string_view text) {
  ProxyHeader header;
  header.status = Status::Error;
  header.error = text;
  return header;
}

// Whether `bytes` and `expected` agree as far as both go.
bool begins_alike(ByteView bytes, ByteView expected) {
  const std::size_t size = std::min(bytes.size(), expected.size());
  return std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size),
                    expected.begin());
}

// The next word of a line whose words stand one blank apart.
std::string_view take_word(std::string_view& line) {
  const std::size_t blank = line.find(' ');
  const std::string_view word = line.substr(0, blank);
  line.remove_prefix(blank == line.npos ? line.size() : blank + 1);
  return word;
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool is_whole = problem == std::errc() && end == text.data() + text.size();
  return is_whole && !text.empty() ? std::optional(port) : std::nullopt;
}

ProxyHeader read_v1(ByteView bytes) {
  const std::string_view text = as_text(bytes.first(std::min(bytes.size(), line_max_v1)));
  const std::size_t end = text.find("\r\n");
  if (end == text.npos) {
    if (bytes.size() >= line_max_v1) return error("its line has no end");
    return {};
  }
  ProxyHeader header;
  header.status = Status::Done;
  header.size = end + 2;
  std::string_view line = text.substr(prefix_v1.size(), end - prefix_v1.size());
  const std::string_view family = take_word(line);
  if (family == "UNKNOWN") return header;
  if (family != "TCP4" && family != "TCP6") return error("its address family is none");
  const std::string_view source = take_word(line);
  const std::string_view destination = take_word(line);
  const std::optional<std::uint16_t> source_port = port_of(take_word(line));
  const std::optional<std::uint16_t> destination_port = port_of(line);
  if (!source_port || !destination_port) return error("its ports are no numbers");
  const auto from = ip_address(source, *source_port);
  const auto to = ip_address(destination, *destination_port);
  const int wanted = family == "TCP4" ? AF_INET : AF_INET6;
  if (!from || !to || from->family() != wanted || to->family() != wanted) {
    return error("its addresses are none of their family");
  }
  header.source = address_text(*from);
  return header;
}

// The next type, length, value of `rest`, or nothing when it is cut.
struct Tlv {
  std::uint8_t type = 0;
  ByteView value;
};
std::optional<Tlv> take_tlv(ByteView& rest) {
  if (rest.size() < 3) return std::nullopt;
  const std::size_t size = load_be16(rest.data() + 1);
  if (rest.size() < 3 + size) return std::nullopt;
  const Tlv tlv{rest[0], rest.subspan(3, size)};
  rest = rest.subspan(3 + size);
  return tlv;
}

// | client u8 | verify u32, 0: verified | TLVs |
bool read_ssl(ByteView value, ProxyHeader& header) {
  constexpr std::size_t head = 5;
  if (value.size() < head) return false;
  const bool is_verified =
      (value[0] & client_has_certificate) != 0 && load_be32(value.data() + 1) == 0;
  ByteView rest = value.subspan(head);
  while (!rest.empty()) {
    const std::optional<Tlv> tlv = take_tlv(rest);
    if (!tlv) return false;
    if (tlv->type != tlv_ssl_common_name || !is_verified) continue;
    if (tlv->value.empty() || tlv->value.size() > common_name_max) return false;
    header.common_name = std::string(as_text(tlv->value));
  }
  return true;
}

// "address:port" of a family's source: the addresses come first, then both ports.
std::string source_text(ByteView address, std::uint16_t port) {
  SocketAddress socket;
  if (address.size() == 4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.data(), address.size());
    std::memcpy(&socket.storage, &v4, sizeof v4);
    socket.size = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.data(), address.size());
    std::memcpy(&socket.storage, &v6, sizeof v6);
    socket.size = sizeof v6;
  }
  return address_text(socket);
}

ProxyHeader read_v2(ByteView bytes) {
  if (bytes.size() < fixed_size_v2) return {};
  const std::uint8_t command = bytes[12];
  const std::size_t size = fixed_size_v2 + load_be16(bytes.data() + 14);
  if (command >> 4 != 2) return error("its version is not 2");
  if ((command & 0x0f) > 1) return error("its command is neither LOCAL nor PROXY");
  if (size > proxy_header_max) return error("it is longer than 4096 bytes");
  if (bytes.size() < size) return {};
  ProxyHeader header;
  header.status = Status::Done;
  header.size = size;
  if ((command & 0x0f) == 0) return header;

  ByteView rest = bytes.subspan(fixed_size_v2, size - fixed_size_v2);
  const std::uint8_t family = bytes[13] >> 4;
  const std::size_t address_size = family == 1 ? 4 : 16;
  std::size_t addresses_size = 0;
  if (family == 1 || family == 2) addresses_size = 2 * address_size + 4;
  if (family == 3) addresses_size = 216;  // two paths of domain sockets
  if (family > 3) return error("its address family is none");
  if (rest.size() < addresses_size) return error("its addresses are cut");
  if (family == 1 || family == 2) {
    header.source = source_text(rest.first(address_size), load_be16(&rest[2 * address_size]));
  }
  rest = rest.subspan(addresses_size);
  while (!rest.empty()) {
    const std::optional<Tlv> tlv = take_tlv(rest);
    if (!tlv) return error("its extensions are cut");
    if (tlv->type == tlv_ssl && !read_ssl(tlv->value, header)) {
      return error("its description of the client's TLS is malformed");
    }
  }
  return header;
}

}  // namespace

ProxyHeader read_proxy_header(ByteView bytes) {
  if (begins_alike(bytes, signature_v2)) {
    return bytes.size() < signature_v2.size() ? ProxyHeader{} : read_v2(bytes);
  }
  if (begins_alike(bytes, as_bytes(prefix_v1))) {
    return bytes.size() < prefix_v1.size() ? ProxyHeader{} : read_v1(bytes);
  }
  return error("the connection does not begin with one");
}

}  // namespace vmq::net
