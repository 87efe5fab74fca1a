#include "config/value.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

namespace vmq::config {

namespace {

constexpr std::int64_t kClientDelay = 1LL << 32;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<std::int64_t> to_int(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const std::from_chars_result parsed = std::from_chars(text.data(), end, number);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return number;
}

// A decimal number at the start of `text`, times `scale`, rounded up. Takes the number off `text`
// first, so that the caller can see which unit follows and so what the scale is.
struct Decimal {
  std::int64_t whole = 0;
  std::int64_t fraction = 0;  // of fraction_of
  std::int64_t fraction_of = 1;

  std::optional<std::int64_t> times(std::int64_t scale) const {
    std::int64_t product = 0;
    if (__builtin_mul_overflow(whole, scale, &product)) return std::nullopt;
    const auto exact = static_cast<__int128>(fraction) * scale;
    const auto rounded = static_cast<std::int64_t>((exact + fraction_of - 1) / fraction_of);
    if (__builtin_add_overflow(product, rounded, &product)) return std::nullopt;
    return product;
  }
};

std::optional<Decimal> take_decimal(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && is_digit(text[end])) ++end;
  const std::optional<std::int64_t> whole = to_int(text.substr(0, end));
  if (!whole) return std::nullopt;
  Decimal decimal{*whole, 0, 1};
  text.remove_prefix(end);
  if (text.empty() || text.front() != '.') return decimal;
  end = 1;
  while (end < text.size() && is_digit(text[end])) ++end;
  if (end == 1 || end > 10) return std::nullopt;  // nine decimals are enough
  for (std::size_t i = 1; i < end; ++i) {
    decimal.fraction = decimal.fraction * 10 + (text[i] - '0');
    decimal.fraction_of *= 10;
  }
  text.remove_prefix(end);
  return decimal;
}

Result<std::int64_t, std::string> to_bytes(std::string_view text) {
  std::string_view rest = text;
  const std::string reason =
      fmt::format("\"{}\" is not a size: a number, alone or with KB, MB or GB", text);
  const std::optional<Decimal> decimal = take_decimal(rest);
  if (!decimal) return failure(reason);
  std::int64_t scale = 1;
  if (rest == "KB" || rest == "kb") {
    scale = 1LL << 10;
  } else if (rest == "MB" || rest == "mb") {
    scale = 1LL << 20;
  } else if (rest == "GB" || rest == "gb") {
    scale = 1LL << 30;
  } else if (!rest.empty() || decimal->fraction_of != 1) {
    return failure(reason);
  }
  const std::optional<std::int64_t> bytes = decimal->times(scale);
  if (!bytes) return failure(fmt::format("\"{}\" is too large", text));
  return *bytes;
}

constexpr std::int64_t kMicrosecondsPerMs = 1000;

struct DurationUnit {
  std::string_view word;
  std::int64_t ms;
};
// "ms" stands before "m", which is its beginning.
constexpr std::array<DurationUnit, 7> kDurationUnits = {{
    {"ms", 1},
    {"f", 14LL * 24 * 3600 * 1000},
    {"w", 7LL * 24 * 3600 * 1000},
    {"d", 24LL * 3600 * 1000},
    {"h", 3600LL * 1000},
    {"m", 60LL * 1000},
    {"s", 1000},
}};

std::int64_t unit_in_ms(Unit unit) {
  switch (unit) {
    case Unit::Seconds:
      return 1000;
    case Unit::Minutes:
      return 60LL * 1000;
    case Unit::Days:
      return 24LL * 3600 * 1000;
    default:
      return 1;
  }
}

std::optional<std::int64_t> take_duration_part(std::string_view& rest) {
  const std::optional<Decimal> decimal = take_decimal(rest);
  if (!decimal) return std::nullopt;
  for (const DurationUnit& unit : kDurationUnits) {
    if (!rest.starts_with(unit.word)) continue;
    rest.remove_prefix(unit.word.size());
    return decimal->times(unit.ms * kMicrosecondsPerMs);
  }
  return std::nullopt;
}

Result<std::int64_t, std::string> to_duration(std::string_view text, Unit unit) {
  std::string_view rest = text;
  std::int64_t microseconds = 0;
  do {
    const std::optional<std::int64_t> part = take_duration_part(rest);
    if (!part || __builtin_add_overflow(microseconds, *part, &microseconds)) {
      return failure(fmt::format(
          "\"{}\" is not a duration: numbers with f, w, d, h, m, s or ms, as in 1h30m", text));
    }
  } while (!rest.empty());
  const std::int64_t scale = unit_in_ms(unit) * kMicrosecondsPerMs;
  return microseconds / scale + (microseconds % scale != 0 ? 1 : 0);
}

Result<std::int64_t, std::string> to_time_word(const Setting& setting, std::string_view text) {
  if (text == "never" || text == "0") return 0;
  if (text == "client" && has_word(setting.words, text)) return kClientDelay;
  constexpr std::int64_t kDay = 24LL * 3600;
  std::int64_t scale = 0;
  switch (text.empty() ? '\0' : text.back()) {
    case 's':
      scale = 1;
      break;
    case 'h':
      scale = 3600;
      break;
    case 'd':
      scale = kDay;
      break;
    case 'w':
      scale = 7 * kDay;
      break;
    case 'm':
      scale = 28 * kDay;
      break;
    case 'y':
      scale = 12 * 28 * kDay;
      break;
    default:
      break;
  }
  const std::optional<std::int64_t> number =
      scale == 0 ? std::nullopt : to_int(text.substr(0, text.size() - 1));
  std::int64_t total = 0;
  // What an MQTT 5 client can say is 32 bits of seconds; longer times would not fit beside it.
  if (!number || *number < 0 || __builtin_mul_overflow(*number, scale, &total) ||
      total >= kClientDelay) {
    return failure(fmt::format(
        "\"{}\" is not a time: a whole number with s, h, d, w, m or y, or {}, up to 2^32 seconds",
        text,
        setting.words.find("client") != std::string_view::npos ? "never or client" : "never"));
  }
  return total;
}

Result<std::int64_t, std::string> in_bounds(const Setting& setting, std::int64_t number) {
  if (number < setting.min) return failure(fmt::format("{} is below {}", number, setting.min));
  if (number > setting.max) return failure(fmt::format("{} is above {}", number, setting.max));
  return number;
}

Result<std::int64_t, std::string> to_number(const Setting& setting, std::string_view text) {
  const std::optional<std::int64_t> number = to_int(text);
  if (!number) {
    return failure(fmt::format(
        "\"{}\" is not a whole number without unit{}", text,
        setting.words.empty() ? std::string() : fmt::format(", nor {}", setting.words)));
  }
  return in_bounds(setting, *number);
}

Result<std::int64_t, std::string> to_percent(std::string_view text) {
  const bool has_sign = !text.empty() && text.back() == '%';
  const std::optional<std::int64_t> number =
      has_sign ? to_int(text.substr(0, text.size() - 1)) : std::nullopt;
  if (!number || *number < 0 || *number > 100) {
    return failure(fmt::format("\"{}\" is not a percentage from 0% to 100%", text));
  }
  return *number;
}

Result<std::int64_t, std::string> no_number() { return 0; }

Result<std::int64_t, std::string> check_sizes(std::string_view text) {
  const std::vector<std::string> items = split_list(text);
  bool is_good = items.size() == 3;
  for (const std::string& item : items) {
    const std::optional<std::int64_t> number = to_int(item);
    is_good = is_good && number && *number >= 0 && *number <= INT32_MAX;
  }
  if (!is_good) return failure(fmt::format("\"{}\" is not three sizes with commas", text));
  return no_number();
}

// Every item must be one of `words`, and there must be one.
Result<std::int64_t, std::string> check_items(std::string_view text, std::string_view words) {
  const std::vector<std::string> items = split_list(text);
  if (items.empty()) return failure(fmt::format("the list is empty; it takes {}", words));
  for (const std::string& item : items) {
    if (!has_word(words, item)) {
      return failure(fmt::format("\"{}\" is not one of {}", item, words));
    }
  }
  return no_number();
}

Result<std::int64_t, std::string> check_address(std::string_view text, Sockets sockets) {
  VMQ_TRY(endpoint, parse_endpoint(text, sockets));
  return static_cast<std::int64_t>(endpoint.port);
}

Result<std::int64_t, std::string> check_atom(std::string_view text) {
  if (text.empty() || text.find_first_of(" \t\n,") != std::string_view::npos) {
    return failure(fmt::format("\"{}\" is not one word", text));
  }
  return no_number();
}

Result<std::int64_t, std::string> check_flag(std::string_view text) {
  if (text != "on" && text != "off") {
    return failure(fmt::format("\"{}\" is neither on nor off", text));
  }
  return text == "on" ? 1 : 0;
}

Result<std::int64_t, std::string> number_of(const Setting& setting, std::string_view text) {
  switch (setting.type) {
    case Type::Flag:
      return check_flag(text);
    case Type::Int:
      return to_number(setting, text);
    case Type::Bytes:
      return to_bytes(text).and_then([&](std::int64_t n) { return in_bounds(setting, n); });
    case Type::DurationText:
      return to_duration(text, setting.unit).and_then([&](std::int64_t n) {
        return in_bounds(setting, n);
      });
    case Type::Percent:
      return to_percent(text);
    case Type::Enum:
      return failure(fmt::format("\"{}\" is not one of {}", text, setting.words));
    case Type::Address:
      return check_address(text, Sockets::Refused);
    case Type::AddressOrSocket:
      return check_address(text, Sockets::Allowed);
    case Type::IntTriple:
      return check_sizes(text);
    case Type::ProtocolLevels:
      return check_items(text, "3|4|5|131|132");
    case Type::TlsVersions:
      return check_items(text, "tlsv1|tlsv1.1|tlsv1.2|tlsv1.3");
    case Type::Atom:
      return check_atom(text);
    case Type::TimeWord:
      return to_time_word(setting, text);
    case Type::File:
    case Type::Directory:
    case Type::Text:
    case Type::List:
    case Type::Mountpoint:
      return no_number();
  }
  return no_number();
}

bool is_ipv4(std::string_view text) {
  int parts = 0;
  while (true) {
    const std::size_t end = text.find('.');
    const std::string_view part = text.substr(0, end);
    if (part.empty() || part.size() > 3 || !is_digit(part.front())) return false;
    const std::optional<std::int64_t> number = to_int(part);
    if (!number || *number > 255) return false;
    ++parts;
    if (end == std::string_view::npos) return parts == 4;
    text.remove_prefix(end + 1);
  }
}

bool is_hex_group(std::string_view group) {
  return !group.empty() && group.size() <= 4 &&
         group.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

// How many 16-bit groups `text` (without "::") holds; an IPv4 address may end it and counts as two.
// None if malformed.
std::optional<int> count_groups(std::string_view text) {
  int groups = 0;
  while (!text.empty()) {
    const std::size_t end = text.find(':');
    const std::string_view group = text.substr(0, end);
    if (end == std::string_view::npos && is_ipv4(group)) return groups + 2;
    if (!is_hex_group(group)) return std::nullopt;
    ++groups;
    if (end == std::string_view::npos) return groups;
    text.remove_prefix(end + 1);
    if (text.empty()) return std::nullopt;  // a single colon at the end
  }
  return groups;
}

bool is_ipv6(std::string_view text) {
  const std::size_t zone = text.find('%');
  if (zone != std::string_view::npos) {
    if (zone + 1 == text.size()) return false;
    text = text.substr(0, zone);
  }
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) return count_groups(text) == 8;
  const std::string_view head = text.substr(0, gap);
  const std::optional<int> before = count_groups(head);
  const std::optional<int> after = count_groups(text.substr(gap + 2));
  const bool has_ipv4_head = head.find('.') != std::string_view::npos;
  return before && after && !has_ipv4_head && *before + *after <= 7;
}

}  // namespace

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool has_word(std::string_view words, std::string_view text) {
  while (!words.empty()) {
    const std::size_t end = words.find('|');
    if (words.substr(0, end) == text) return true;
    words = end == std::string_view::npos ? std::string_view{} : words.substr(end + 1);
  }
  return false;
}

std::vector<std::string> split_list(std::string_view text, char separator) {
  text = trim(text);
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
  }
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    const std::string_view item = trim(text.substr(0, end));
    if (!item.empty()) items.emplace_back(item);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return items;
}

bool is_ip_address(std::string_view text) { return is_ipv4(text) || is_ipv6(text); }

Result<Endpoint, std::string> parse_endpoint(std::string_view text, Sockets sockets) {
  const std::size_t colon = text.rfind(':');
  const std::optional<std::int64_t> port =
      colon == std::string_view::npos ? std::nullopt : to_int(text.substr(colon + 1));
  if (!port || *port < 0) {
    return failure(fmt::format("\"{}\" is not an address: IP:PORT", text));
  }
  if (*port > 65535) return failure(fmt::format("port {} is above 65535", *port));
  const std::string_view host = text.substr(0, colon);
  const bool is_socket = host.starts_with("local:/") || host.starts_with("unix:/");
  if (is_socket && sockets == Sockets::Allowed) {
    return Endpoint{std::string(host.substr(host.find('/'))), 0, true};
  }
  if (!is_ip_address(host)) {
    return failure(
        fmt::format("\"{}\" is not an IP address (host names and brackets are not "
                    "taken; IPv6 stands as in ::1:1883)",
                    host));
  }
  return Endpoint{std::string(host), static_cast<std::uint16_t>(*port), false};
}

Result<Value, std::string> parse_value(const Setting& setting, std::string_view text) {
  if (text.size() > kValueBytesMax) return failure(std::string("the value is too long"));
  const bool is_time = setting.type == Type::TimeWord;  // gives its words a number itself
  if (!is_time && !setting.words.empty() && has_word(setting.words, text)) {
    return Value{std::string(text), 0, true};
  }
  VMQ_TRY(number, number_of(setting, text));
  return Value{std::string(text), number, false};
}

}  // namespace vmq::config
