// One struct a packet, the same for both directions: what the decoder gives and what the encoder
// takes. All strings and byte ranges are views of memory that somebody else owns; whoever keeps one
// copies it.
//
// What older versions do not have stands at its default after decoding and is not written for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "mqtt/properties.h"
#include "mqtt/types.h"

namespace vmq::mqtt {

struct WillView {
  std::string_view topic;
  ByteView payload;
  Qos qos = Qos::AtMostOnce;
  bool retain = false;
  std::uint32_t delay_interval = 0;
  std::optional<std::uint32_t> message_expiry_interval;
  // For reading only; the encoder takes `forwardable`.
  MessageProperties properties;
  // The section that the published will carries: everything but delay and expiry.
  ByteView forwardable;
};

struct ConnectView {
  Version version = Version::V5;
  bool bridge = false;       // level 131 or 132: treat as V31 or V311, from a broker
  bool clean_start = false;  // "clean session" before MQTT 5
  std::uint16_t keep_alive = 0;
  std::string_view client_id;
  std::optional<WillView> will;
  std::optional<std::string_view> user_name;
  std::optional<ByteView> password;

  // MQTT 5, with the defaults of the standard for what is absent.
  std::uint32_t session_expiry_interval = 0;
  std::uint16_t receive_maximum = receive_maximum_default;
  std::uint32_t maximum_packet_size = 0;  // 0: no limit
  std::uint16_t topic_alias_maximum = 0;
  bool request_response_information = false;
  bool request_problem_information = true;
  std::optional<std::string_view> authentication_method;
  std::optional<ByteView> authentication_data;
  UserProperties user_properties;
};

struct ConnackFields {
  bool session_present = false;             // never written for V31, which reserves the byte
  ReasonCode reason = ReasonCode::Success;  // before MQTT 5 as return_code_of(reason)

  std::optional<std::uint32_t> session_expiry_interval;  // none: what the client asked for
  std::uint16_t receive_maximum = receive_maximum_default;
  Qos maximum_qos = Qos::ExactlyOnce;
  bool retain_available = true;
  std::uint32_t maximum_packet_size = 0;  // 0: no limit
  std::optional<std::string_view> assigned_client_identifier;
  std::uint16_t topic_alias_maximum = 0;
  std::optional<std::string_view> reason_string;
  bool wildcard_subscription_available = true;
  bool subscription_identifiers_available = true;
  bool shared_subscription_available = true;
  std::optional<std::uint16_t> server_keep_alive;
  std::optional<std::string_view> response_information;
  std::optional<std::string_view> server_reference;
  std::optional<std::string_view> authentication_method;
  std::optional<ByteView> authentication_data;
  UserProperties user_properties;
};

struct PublishView {
  // Spelt out because an aggregate would be zeroed as a whole first, a third of the cost of
  // decoding one.
  PublishView() {}

  bool dup = false;
  bool retain = false;
  Qos qos = Qos::AtMostOnce;
  std::uint16_t packet_id = 0;    // 0 at QoS 0
  std::uint16_t topic_alias = 0;  // 0: none
  std::string_view topic;         // empty only when topic_alias says which
  ByteView payload;
  std::optional<std::uint32_t> message_expiry_interval;
  // The section to be passed on unchanged: without topic alias, message expiry and subscription
  // identifiers. A slice of the packet, or of the scratch given to the decoder where something had
  // to be taken out.
  ByteView forwardable;
  MessageProperties properties;                      // `forwardable`, taken apart
  SubscriptionIdentifiers subscription_identifiers;  // only from a server
};

// PUBACK, PUBREC, PUBREL, PUBCOMP.
struct AckFields {
  std::uint16_t packet_id = 0;
  ReasonCode reason = ReasonCode::Success;
  std::optional<std::string_view> reason_string;
  UserProperties user_properties;
};

struct SubscribeOptions {
  Qos qos = Qos::AtMostOnce;
  bool no_local = false;
  bool retain_as_published = false;
  RetainHandling retain_handling = RetainHandling::SendAlways;
  friend bool operator==(const SubscribeOptions&, const SubscribeOptions&) = default;
};

struct SubscriptionView {
  std::string_view
      filter;  // well-formed UTF-8, not empty; its grammar is the topic room's business
  SubscribeOptions options;
};

// The payload of a decoded SUBSCRIBE: for (SubscriptionView subscription : view.subscriptions) …
class SubscriptionList {
 public:
  class Iterator {
   public:
    explicit Iterator(ByteView payload) : rest_(payload) { ++*this; }
    SubscriptionView operator*() const { return current_; }
    Iterator& operator++();
    bool operator==(std::default_sentinel_t) const { return at_end_; }

   private:
    ByteView rest_;
    SubscriptionView current_;
    bool at_end_ = false;
  };

  SubscriptionList() = default;
  // REQUIRES: `payload` was checked by decode_subscribe.
  SubscriptionList(ByteView payload, std::size_t count) : payload_(payload), count_(count) {}
  Iterator begin() const { return Iterator(payload_); }
  std::default_sentinel_t end() const { return std::default_sentinel; }
  std::size_t size() const { return count_; }

 private:
  ByteView payload_;
  std::size_t count_ = 0;
};

struct SubscribeView {
  std::uint16_t packet_id = 0;
  std::uint32_t subscription_identifier = 0;  // 0: none
  UserProperties user_properties;
  SubscriptionList subscriptions;  // at least one
};

// The payload of a decoded UNSUBSCRIBE: for (std::string_view filter : view.filters) …
class FilterList {
 public:
  class Iterator {
   public:
    explicit Iterator(ByteView payload) : rest_(payload) { ++*this; }
    std::string_view operator*() const { return current_; }
    Iterator& operator++();
    bool operator==(std::default_sentinel_t) const { return at_end_; }

   private:
    ByteView rest_;
    std::string_view current_;
    bool at_end_ = false;
  };

  FilterList() = default;
  // REQUIRES: `payload` was checked by decode_unsubscribe.
  FilterList(ByteView payload, std::size_t count) : payload_(payload), count_(count) {}
  Iterator begin() const { return Iterator(payload_); }
  std::default_sentinel_t end() const { return std::default_sentinel; }
  std::size_t size() const { return count_; }

 private:
  ByteView payload_;
  std::size_t count_ = 0;
};

struct UnsubscribeView {
  std::uint16_t packet_id = 0;
  UserProperties user_properties;
  FilterList filters;  // at least one
};

// SUBACK and UNSUBACK. `codes` are reason codes of MQTT 5, one a filter; for older versions every
// error in a SUBACK is written as 0x80, and UNSUBACK has none.
struct SubackFields {
  std::uint16_t packet_id = 0;
  std::span<const std::uint8_t> codes;
  std::optional<std::string_view> reason_string;
  UserProperties user_properties;
};

struct DisconnectView {
  ReasonCode reason = ReasonCode::NormalDisconnection;
  std::optional<std::uint32_t> session_expiry_interval;  // only from a client
  std::optional<std::string_view> reason_string;
  std::optional<std::string_view> server_reference;  // only from a server
  UserProperties user_properties;
};

struct AuthView {
  ReasonCode reason = ReasonCode::Success;
  std::optional<std::string_view> method;
  std::optional<ByteView> data;
  std::optional<std::string_view> reason_string;
  UserProperties user_properties;
};

}  // namespace vmq::mqtt
