#include "cluster/members.h"

#include <algorithm>
#include <charconv>

namespace vmq::cluster {

const Member* Members::find(MemberNumber number) const {
  const auto found = std::find_if(
      all.begin(), all.end(), [number](const Member& member) { return member.number == number; });
  return found == all.end() ? nullptr : &*found;
}

const Member* Members::find(std::string_view name) const {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [name](const Member& member) { return member.name == name; });
  return found == all.end() ? nullptr : &*found;
}

bool Members::is_self_leaving() const {
  const Member* member = find(self);
  return member != nullptr && member->is_leaving;
}

bool Members::has_another_that_stays() const {
  return std::any_of(all.begin(), all.end(), [this](const Member& member) {
    return member.number != self && member.stays();
  });
}

bool has_lost_member(const Members& before, const Members& now) {
  return std::any_of(before.all.begin(), before.all.end(), [&now](const Member& member) {
    const Member* still = now.find(member.number);
    return member.stays() && (still == nullptr || !still->stays());
  });
}

std::optional<MemberAddress> parse_address(std::string_view text) {
  constexpr std::string_view tls = "tls://";
  constexpr std::size_t host_max = 253;
  MemberAddress address;
  address.is_tls = text.starts_with(tls);
  if (address.is_tls) text.remove_prefix(tls.size());
  address.port = address.is_tls ? default_tls_link_port : default_link_port;
  std::size_t end = text.find(':');
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    address.host = text.substr(1, end - 1);
    ++end;
  } else {
    address.host = text.substr(0, end);
  }
  if (address.host.empty() || address.host.size() > host_max) return std::nullopt;
  if (end >= text.size()) return address;
  const std::string_view digits = text.substr(end + 1);
  const char* last = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), last, address.port);
  if (text[end] != ':' || error != std::errc() || at != last || address.port == 0) {
    return std::nullopt;
  }
  return address;
}

std::string to_string(const MemberAddress& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return std::string(address.is_tls ? "tls://" : "") +
         (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::string_view host_of(std::string_view node_name) {
  const std::size_t at = node_name.find('@');
  return at == std::string_view::npos ? std::string_view() : node_name.substr(at + 1);
}

}  // namespace vmq::cluster
