#include "cluster/owner_value.h"

#include "base/bytes.h"

namespace vmq::cluster {
namespace {

constexpr std::uint8_t format = 1;
constexpr std::size_t head_size = 20;
constexpr std::size_t step_size = 10;

}  // namespace

std::string to_text(const OwnerKey& key) {
  std::string text(owners_prefix);
  text += key.mountpoint;
  text += '\0';
  return text.append(key.client_id);
}

std::optional<OwnerKey> parse_owner_key(std::string_view text) {
  if (!text.starts_with(owners_prefix)) return std::nullopt;
  text.remove_prefix(owners_prefix.size());
  const std::size_t end = text.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return OwnerKey{text.substr(0, end), text.substr(end + 1)};
}

OwnerValue claimed_by(MemberNumber by, OwnerValue value, Revision revision) {
  if (value.earlier.size() == owner_steps_max) value.earlier.erase(value.earlier.begin());
  value.earlier.push_back({value.owner, value.epoch});
  value.owner = by;
  value.epoch = static_cast<std::uint64_t>(revision);
  return value;
}

std::string to_text(const OwnerValue& value) {
  std::string text(head_size + value.earlier.size() * step_size, '\0');
  auto* to = reinterpret_cast<std::uint8_t*>(text.data());
  to[0] = format;
  store_be16(to + 1, value.owner);
  store_be64(to + 3, value.birth);
  store_be64(to + 11, value.epoch);
  to[19] = static_cast<std::uint8_t>(value.earlier.size());
  to += head_size;
  for (const OwnerStep& step : value.earlier) {
    store_be16(to, step.member);
    store_be64(to + 2, step.epoch);
    to += step_size;
  }
  return text += value.record;
}

std::optional<OwnerValue> parse_owner_value(std::string_view text) {
  if (text.size() < head_size) return std::nullopt;
  const std::uint8_t* head = as_bytes(text).data();
  const std::size_t steps = head[19];
  if (head[0] != format || steps > owner_steps_max) return std::nullopt;
  if (text.size() < head_size + steps * step_size) return std::nullopt;
  OwnerValue value;
  value.owner = load_be16(head + 1);
  value.birth = load_be64(head + 3);
  value.epoch = load_be64(head + 11);
  for (std::size_t i = 0; i < steps; ++i) {
    const std::uint8_t* step = head + head_size + i * step_size;
    value.earlier.push_back({load_be16(step), load_be64(step + 2)});
    if (value.earlier.back().member == no_member) return std::nullopt;
  }
  // Who claims names whom it claims from, and nobody else does.
  if (value.owner == no_member || value.birth == 0 || (value.epoch == 0) != value.earlier.empty()) {
    return std::nullopt;
  }
  value.record = text.substr(head_size + steps * step_size);
  return value;
}

}  // namespace vmq::cluster
