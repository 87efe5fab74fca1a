// One value of one type: text in, checked value or the reason out. The reasons end up behind file
// and line, so they say what is wrong and what would be right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/settings.h"

namespace vmq::config {

inline constexpr std::size_t kValueBytesMax = 65536;

struct Value {
  std::string text;
  // Flag: 0 or 1. Int, Percent: the number. Bytes: bytes. DurationText: in the setting's unit.
  // TimeWord: seconds, never is 0 and client 2^32. Otherwise, and for words beside the type, 0.
  std::int64_t number = 0;
  bool is_word = false;  // one of the setting's words, as infinity beside a number
};

[[nodiscard]] Result<Value, std::string> parse_value(const Setting& setting, std::string_view text);

struct Endpoint {
  std::string address;  // or the path of a domain socket
  std::uint16_t port = 0;
  bool is_domain_socket = false;
};
enum class Sockets : std::uint8_t { Refused, Allowed };
[[nodiscard]] Result<Endpoint, std::string> parse_endpoint(std::string_view text, Sockets sockets);

bool is_ip_address(std::string_view text);

// The items of a comma list, blanks around them cut, brackets around the whole dropped. Empty items
// are left out.
std::vector<std::string> split_list(std::string_view text, char separator = ',');

std::string_view trim(std::string_view text);

// Whether one of the words separated by | is `text`.
bool has_word(std::string_view words, std::string_view text);

}  // namespace vmq::config
