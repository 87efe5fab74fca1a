// What is a valid topic name and a valid topic filter, for every protocol version alike.
// UTF-8 itself is the codec's business and was checked before.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace vmq::topic {

enum class TopicError : std::uint8_t {
  Empty,             // [MQTT-4.7.3-1]
  TooLong,           // [MQTT-4.7.3-3]
  NulCharacter,      // [MQTT-4.7.3-2]
  WildcardInName,    // [MQTT-3.3.2-2]
  MisplacedHash,     // [MQTT-4.7.1-1]: not last, or not alone in its level
  MisplacedPlus,     // [MQTT-4.7.1-2]: not alone in its level
  TooDeep,           // more levels than topic_max_depth
  ShareGroupEmpty,   // [MQTT-4.8.2-1]
  ShareGroupWild,    // [MQTT-4.8.2-2]: + or # in the group's name
  ShareFilterEmpty,  // [MQTT-4.8.2-2]: `$share/g` or `$share/g/`
};

// A few words for reason strings and logs.
std::string_view text_of(TopicError error);

struct ParsedFilter {
  std::string_view share_group;  // empty: not shared
  std::string_view filter;       // without `$share/group/`
  bool has_wildcard = false;
  std::uint32_t depth = 0;  // levels of `filter`
};

// A name as a PUBLISH, a will or an administrator gives it. Deeper than depth_max is an error.
[[nodiscard]] Result<void, TopicError> check_name(std::string_view name, std::uint32_t depth_max);

// A filter as SUBSCRIBE and UNSUBSCRIBE give it. The views point into `text`.
[[nodiscard]] Result<ParsedFilter, TopicError> parse_filter(std::string_view text,
                                                            std::uint32_t depth_max);

}  // namespace vmq::topic
