// What MQTT calls a UTF-8 encoded string, checked 8 bytes a step as long as the text is ASCII.
#pragma once

#include <cstdint>
#include <string_view>

namespace vmq::mqtt {

enum class TextKind : std::uint8_t {
  Invalid,      // ill-formed, a surrogate, or U+0000: [MQTT-1.5.4-1], [MQTT-1.5.4-2]
  Plain,        // well-formed, without wildcard characters
  HasWildcard,  // well-formed, with '+' or '#' somewhere
};

// One pass over `text`: whether it may be a string of MQTT, and whether it may be a topic name.
TextKind inspect_text(std::string_view text);

// May `text` stand where the standard asks for a UTF-8 encoded string?
inline bool is_mqtt_text(std::string_view text) { return inspect_text(text) != TextKind::Invalid; }

// Well-formed UTF-8 in the sense of Unicode, U+0000 included: what a payload must be that its
// Payload Format Indicator calls text.
bool is_utf8_payload(std::string_view payload);

}  // namespace vmq::mqtt
