#include "topic/validate.h"

#include <cstddef>

namespace vmq::topic {

namespace {

constexpr std::size_t text_bytes_max = 65535;
constexpr std::string_view share_prefix = "$share/";

// What a topic name and a filter have in common.
Result<void, TopicError> check_text(std::string_view text) {
  if (text.empty()) return failure(TopicError::Empty);
  if (text.size() > text_bytes_max) return failure(TopicError::TooLong);
  if (text.find('\0') != std::string_view::npos) return failure(TopicError::NulCharacter);
  return {};
}

// Calls `on_level(level, is_last)` for each level until it fails or there are more than depth_max.
template <typename OnLevel>
Result<std::uint32_t, TopicError> check_levels(std::string_view text, std::uint32_t depth_max,
                                               OnLevel on_level) {
  std::uint32_t depth = 0;
  for (std::size_t start = 0;;) {
    const std::size_t slash = text.find('/', start);
    const bool is_last = slash == std::string_view::npos;
    const std::string_view level = text.substr(start, is_last ? slash : slash - start);
    if (++depth > depth_max) return failure(TopicError::TooDeep);
    if (const Result<void, TopicError> checked = on_level(level, is_last); !checked) {
      return failure(checked.error());
    }
    if (is_last) return depth;
    start = slash + 1;
  }
}

Result<void, TopicError> split_share(std::string_view text, ParsedFilter& parsed) {
  parsed.filter = text;
  if (!text.starts_with(share_prefix)) return {};
  const std::string_view rest = text.substr(share_prefix.size());
  const std::size_t slash = rest.find('/');
  parsed.share_group = rest.substr(0, slash);
  if (parsed.share_group.empty()) return failure(TopicError::ShareGroupEmpty);
  if (parsed.share_group.find_first_of("+#") != std::string_view::npos) {
    return failure(TopicError::ShareGroupWild);
  }
  if (slash == std::string_view::npos) return failure(TopicError::ShareFilterEmpty);
  parsed.filter = rest.substr(slash + 1);
  if (parsed.filter.empty()) return failure(TopicError::ShareFilterEmpty);
  return {};
}

}  // namespace

std::string_view text_of(TopicError error) {
  switch (error) {
    case TopicError::Empty:
      return "topic is empty";
    case TopicError::TooLong:
      return "topic is longer than 65535 bytes";
    case TopicError::NulCharacter:
      return "topic contains the null character";
    case TopicError::WildcardInName:
      return "topic name contains a wildcard";
    case TopicError::MisplacedHash:
      return "# must be the whole last level";
    case TopicError::MisplacedPlus:
      return "+ must be a whole level";
    case TopicError::TooDeep:
      return "topic has too many levels";
    case TopicError::ShareGroupEmpty:
      return "share name is empty";
    case TopicError::ShareGroupWild:
      return "share name contains a wildcard";
    case TopicError::ShareFilterEmpty:
      return "shared subscription without a filter";
  }
  return "topic is invalid";
}

Result<void, TopicError> check_name(std::string_view name, std::uint32_t depth_max) {
  if (auto checked = check_text(name); !checked) return checked;
  const auto depth =
      check_levels(name, depth_max, [](std::string_view level, bool) -> Result<void, TopicError> {
        if (level.find_first_of("+#") != std::string_view::npos) {
          return failure(TopicError::WildcardInName);
        }
        return {};
      });
  if (!depth) return failure(depth.error());
  return {};
}

Result<ParsedFilter, TopicError> parse_filter(std::string_view text, std::uint32_t depth_max) {
  if (auto checked = check_text(text); !checked) return failure(checked.error());
  ParsedFilter parsed;
  if (auto split = split_share(text, parsed); !split) return failure(split.error());
  const auto depth = check_levels(
      parsed.filter, depth_max,
      [&parsed](std::string_view level, bool is_last) -> Result<void, TopicError> {
        const std::size_t wild = level.find_first_of("+#");
        if (wild == std::string_view::npos) return {};
        parsed.has_wildcard = true;
        if (level == "+" || (level == "#" && is_last)) return {};
        return failure(level[wild] == '+' ? TopicError::MisplacedPlus : TopicError::MisplacedHash);
      });
  if (!depth) return failure(depth.error());
  parsed.depth = *depth;
  return parsed;
}

}  // namespace vmq::topic
