#include "core/trace_text.h"

#include <array>
#include <vector>

namespace vmq::core {

namespace {

using mqtt::PacketType;

constexpr std::string_view kIndent = "\n    ";

// What is not printable ASCII as \x and two hex digits, so that no payload moves the cursor.
void append_printable(std::string_view text, std::string& to) {
  constexpr char digits[] = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      to += c;
    } else {
      to += "\\x";
      to += digits[byte >> 4];
      to += digits[byte & 15];
    }
  }
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_printable(text, out);
  return out + '"';
}

void append_payload(ByteView payload, std::size_t payload_max, std::string& to) {
  to += " with payload:";
  to += kIndent;
  append_printable(as_text(payload).substr(0, payload_max), to);
  if (payload.size() > payload_max) to += "... (" + std::to_string(payload.size()) + " bytes)";
}

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string reason_text(mqtt::ReasonCode reason) {
  return "rc:" + number(static_cast<unsigned>(reason));
}

std::string connect_text(const mqtt::ConnectView& view, std::size_t payload_max) {
  std::string text = "CONNECT(c: ";
  append_printable(view.client_id, text);
  text += ", v: " + number(static_cast<unsigned>(view.version));
  if (view.user_name) {
    text += ", u: ";
    append_printable(*view.user_name, text);
  }
  if (view.password) text += ", p: pw_no_print";
  text += std::string(", cs: ") + (view.clean_start ? "1" : "0");
  text += ", ka: " + number(view.keep_alive) + ")";
  if (!view.will) return text;
  text += " with LWT(wr: " + number(view.will->retain ? 1 : 0) +
          ", wq: " + number(static_cast<unsigned>(view.will->qos)) + ", wt: ";
  append_printable(view.will->topic, text);
  text += ")";
  append_payload(view.will->payload, payload_max, text);
  return text;
}

std::string connack_text(mqtt::Version version, const mqtt::ConnackFields& fields) {
  std::string text = "CONNACK(sp: " + number(fields.session_present ? 1 : 0) + ", rc: ";
  if (version == mqtt::Version::V5) {
    text += fields.reason == mqtt::ReasonCode::Success
                ? std::string("success(0)")
                : number(static_cast<unsigned>(fields.reason));
  } else {
    text += number(static_cast<unsigned>(
        mqtt::return_code_of(fields.reason).value_or(mqtt::ConnackReturnCode::ServerUnavailable)));
  }
  return text + ")";
}

std::string publish_text(const mqtt::PublishView& view, ByteView payload, std::size_t payload_max) {
  std::string text = "PUBLISH(d" + number(view.dup ? 1 : 0) + ", q" +
                     number(static_cast<unsigned>(view.qos)) + ", r" + number(view.retain ? 1 : 0) +
                     ", m" + number(view.packet_id) + ", " + quoted(view.topic) + ")";
  append_payload(payload, payload_max, text);
  return text;
}

std::string subscribe_text(mqtt::Version version, const mqtt::SubscribeView& view) {
  constexpr std::array<std::string_view, 3> handling = {"send_retain", "send_if_new_sub",
                                                        "dont_send"};
  std::string text = "SUBSCRIBE(m" + number(view.packet_id) + ") with topics:";
  for (const mqtt::SubscriptionView subscription : view.subscriptions) {
    const mqtt::SubscribeOptions& options = subscription.options;
    text += kIndent;
    text += "q:" + number(static_cast<unsigned>(options.qos));
    if (version == mqtt::Version::V5) {
      text += std::string(", no_local:") + (options.no_local ? "true" : "false");
      text += std::string(", rap:") + (options.retain_as_published ? "true" : "false");
      text += ", rh:";
      text += handling[static_cast<std::size_t>(options.retain_handling)];
      text += kIndent;
    } else {
      text += ", ";
    }
    text += "t: " + quoted(subscription.filter);
  }
  return text;
}

std::string unsubscribe_text(const mqtt::UnsubscribeView& view) {
  std::string text = "UNSUBSCRIBE(m" + number(view.packet_id) + ") with topics:";
  for (const std::string_view filter : view.filters) {
    text += kIndent;
    text += quoted(filter);
  }
  return text;
}

std::string codes_text(std::string_view name, std::string_view label,
                       const mqtt::SubackFields& fields) {
  std::string text =
      std::string(name) + "(m" + number(fields.packet_id) + ", " + std::string(label) + "[";
  for (std::size_t i = 0; i < fields.codes.size(); ++i) {
    text += (i == 0 ? "" : ",") + number(fields.codes[i]);
  }
  return text + "])";
}

std::string ack_text(std::string_view name, mqtt::Version version, const mqtt::AckFields& ack) {
  std::string text = std::string(name) + "(m" + number(ack.packet_id);
  if (version == mqtt::Version::V5) text += ", " + reason_text(ack.reason);
  return text + ")";
}

template <typename Decoded, typename Text>
std::string text_or_broken(const Decoded& decoded, std::string_view name, Text text) {
  if (decoded) return text(*decoded);
  return std::string(name) + " that is broken: " + std::string(mqtt::to_string(decoded.error()));
}

}  // namespace

std::string packet_text(mqtt::Version version, mqtt::Sender sender, const mqtt::FrameHead& head,
                        ByteView body, std::optional<ByteView> payload, std::size_t payload_max) {
  std::vector<std::uint8_t> scratch;
  const auto ack = [&](std::string_view name) {
    return text_or_broken(mqtt::decode_ack(version, head.type, head.flags, body), name,
                          [&](const auto& view) { return ack_text(name, version, view); });
  };
  switch (head.type) {
    case PacketType::Connect:
      return text_or_broken(mqtt::decode_connect(head.flags, body, scratch), "CONNECT",
                            [&](const auto& view) { return connect_text(view, payload_max); });
    case PacketType::Connack:
      return text_or_broken(mqtt::decode_connack(version, head.flags, body), "CONNACK",
                            [&](const auto& view) { return connack_text(version, view); });
    case PacketType::Publish:
      return text_or_broken(mqtt::decode_publish(version, head.flags, body, scratch, sender),
                            "PUBLISH", [&](const auto& view) {
                              return publish_text(view, payload.value_or(view.payload),
                                                  payload_max);
                            });
    case PacketType::Puback:
      return ack("PUBACK");
    case PacketType::Pubrec:
      return ack("PUBREC");
    case PacketType::Pubrel:
      return ack("PUBREL");
    case PacketType::Pubcomp:
      return ack("PUBCOMP");
    case PacketType::Subscribe:
      return text_or_broken(mqtt::decode_subscribe(version, head.flags, body), "SUBSCRIBE",
                            [&](const auto& view) { return subscribe_text(version, view); });
    case PacketType::Suback:
      return text_or_broken(mqtt::decode_suback(version, head.flags, body), "SUBACK",
                            [&](const auto& view) { return codes_text("SUBACK", "qt", view); });
    case PacketType::Unsubscribe:
      return text_or_broken(mqtt::decode_unsubscribe(version, head.flags, body), "UNSUBSCRIBE",
                            [&](const auto& view) { return unsubscribe_text(view); });
    case PacketType::Unsuback:
      return text_or_broken(mqtt::decode_unsuback(version, head.flags, body), "UNSUBACK",
                            [&](const auto& view) { return codes_text("UNSUBACK", "rc", view); });
    case PacketType::Pingreq:
      return "PINGREQ()";
    case PacketType::Pingresp:
      return "PINGRESP()";
    case PacketType::Disconnect:
      return text_or_broken(mqtt::decode_disconnect(version, head.flags, body, sender),
                            "DISCONNECT", [&](const auto& view) {
                              return version == mqtt::Version::V5
                                         ? "DISCONNECT(" + reason_text(view.reason) + ")"
                                         : std::string("DISCONNECT()");
                            });
    case PacketType::Auth:
      return text_or_broken(
          mqtt::decode_auth(version, head.flags, body, sender), "AUTH",
          [](const auto& view) { return "AUTH(" + reason_text(view.reason) + ")"; });
  }
  return "a packet of no known type";
}

// The days since 1970 as a date of the Gregorian calendar, counted in eras of 400 years that begin
// in March.
std::string iso_seconds(WallTime time) {
  const std::int64_t seconds = time.ms / 1000;
  const std::int64_t days = seconds / 86400 + 719468;
  const std::int64_t era = days / 146097;
  const std::int64_t day_of_era = days - era * 146097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const std::int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const std::int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  const std::int64_t of_day = seconds % 86400;
  std::string text = std::to_string(year);
  const auto append = [&text](char before, std::int64_t two_digits) {
    text += before;
    if (two_digits < 10) text += '0';
    text += std::to_string(two_digits);
  };
  append('-', month);
  append('-', day);
  append('T', of_day / 3600);
  append(':', of_day / 60 % 60);
  append(':', of_day % 60);
  text += 'Z';
  return text;
}

}  // namespace vmq::core
