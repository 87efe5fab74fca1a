#include "core/metrics.h"

#include <utility>
#include <vector>

#include "base/expect.h"
#include "core/counters.h"
#include "core/shard.h"

namespace vmq::core {

namespace {

using Source = MetricRow::Source;
using Labels = std::array<MetricLabel, 2>;

// What the shared indexes know themselves.
enum class OfIndex : std::uint8_t { RetainMessages, RetainMemory, Subscriptions, RouterMemory };

constexpr MetricLabel old_version{"mqtt_version", "4"};  // stands for 3.1 and 3.1.1
constexpr MetricLabel version_5{"mqtt_version", "5"};

constexpr std::string_view return_code_labels[] = {"success",
                                                   "unsupported_protocol_version",
                                                   "client_identifier_not_valid",
                                                   "server_unavailable",
                                                   "bad_username_or_password",
                                                   "not_authorized"};

constexpr std::pair<mqtt::ReasonCode, std::string_view> reason_labels[] = {
    {mqtt::ReasonCode::Success, "success"},
    {mqtt::ReasonCode::DisconnectWithWillMessage, "disconnect_with_will_msg"},
    {mqtt::ReasonCode::NoMatchingSubscribers, "no_matching_subscribers"},
    {mqtt::ReasonCode::ContinueAuthentication, "continue_authentication"},
    {mqtt::ReasonCode::ReAuthenticate, "reauthenticate"},
    {mqtt::ReasonCode::UnspecifiedError, "unspecified_error"},
    {mqtt::ReasonCode::MalformedPacket, "malformed_packet"},
    {mqtt::ReasonCode::ProtocolError, "protocol_error"},
    {mqtt::ReasonCode::ImplementationSpecificError, "impl_specific_error"},
    {mqtt::ReasonCode::UnsupportedProtocolVersion, "unsupported_protocol_version"},
    {mqtt::ReasonCode::ClientIdentifierNotValid, "client_identifier_not_valid"},
    {mqtt::ReasonCode::BadUserNameOrPassword, "bad_username_or_password"},
    {mqtt::ReasonCode::NotAuthorized, "not_authorized"},
    {mqtt::ReasonCode::ServerUnavailable, "server_unavailable"},
    {mqtt::ReasonCode::ServerBusy, "server_busy"},
    {mqtt::ReasonCode::Banned, "banned"},
    {mqtt::ReasonCode::ServerShuttingDown, "server_shutting_down"},
    {mqtt::ReasonCode::BadAuthenticationMethod, "bad_authentication_method"},
    {mqtt::ReasonCode::KeepAliveTimeout, "keep_alive_timeout"},
    {mqtt::ReasonCode::SessionTakenOver, "session_taken_over"},
    {mqtt::ReasonCode::TopicFilterInvalid, "topic_filter_invalid"},
    {mqtt::ReasonCode::TopicNameInvalid, "topic_name_invalid"},
    {mqtt::ReasonCode::PacketIdentifierInUse, "packet_id_in_use"},
    {mqtt::ReasonCode::PacketIdentifierNotFound, "packet_id_not_found"},
    {mqtt::ReasonCode::ReceiveMaximumExceeded, "receive_max_exceeded"},
    {mqtt::ReasonCode::TopicAliasInvalid, "topic_alias_invalid"},
    {mqtt::ReasonCode::PacketTooLarge, "packet_too_large"},
    {mqtt::ReasonCode::MessageRateTooHigh, "message_rate_too_high"},
    {mqtt::ReasonCode::QuotaExceeded, "quota_exceeded"},
    {mqtt::ReasonCode::AdministrativeAction, "administrative_action"},
    {mqtt::ReasonCode::PayloadFormatInvalid, "payload_format_invalid"},
    {mqtt::ReasonCode::RetainNotSupported, "retain_not_supported"},
    {mqtt::ReasonCode::QosNotSupported, "qos_not_supported"},
    {mqtt::ReasonCode::UseAnotherServer, "use_another_server"},
    {mqtt::ReasonCode::ServerMoved, "server_moved"},
    {mqtt::ReasonCode::SharedSubscriptionsNotSupported, "shared_subs_not_supported"},
    {mqtt::ReasonCode::ConnectionRateExceeded, "connection_rate_exceeded"},
    {mqtt::ReasonCode::MaximumConnectTime, "max_connect_time"},
    {mqtt::ReasonCode::SubscriptionIdentifiersNotSupported, "subscription_ids_not_supported"},
    {mqtt::ReasonCode::WildcardSubscriptionsNotSupported, "wildcard_subs_not_supported"},
};

class Rows {
 public:
  std::vector<MetricRow> take() { return std::move(rows_); }

  void add(std::string_view name, std::string_view help, MetricKind kind, Source source,
           std::size_t index, Labels labels = {}) {
    rows_.push_back({name, help, kind, labels, source, static_cast<std::uint16_t>(index)});
  }

  void add_versions(std::string_view name, std::string_view help, PerVersion which) {
    const auto index = static_cast<std::size_t>(which);
    add(name, help, MetricKind::Counter, Source::Version3, index, {old_version});
    add(name, help, MetricKind::Counter, Source::Version5, index, {version_5});
  }

  void add_reasons(std::string_view name, std::string_view help, PerReason which) {
    const auto kind = MetricKind::Counter;
    const std::size_t first = reason_slots.first[static_cast<std::size_t>(which)];
    const std::size_t old = old_series_of(which);
    for (std::size_t i = 0; i < old; ++i) {
      MetricLabel code{};
      if (old > 1) code = {"return_code", return_code_labels[i]};
      add(name, help, kind, Source::Reason, first + i, {old_version, code});
    }
    const bool is_disconnect =
        which == PerReason::DisconnectReceived || which == PerReason::DisconnectSent;
    for (const mqtt::ReasonCode reason : reasons_of(which)) {
      const MetricLabel code{"reason_code",
                             reason_label(static_cast<std::uint8_t>(reason), is_disconnect)};
      add(name, help, kind, Source::Reason, reason_slot(which, true, reason), {version_5, code});
    }
  }

 private:
  std::vector<MetricRow> rows_;
};

std::vector<MetricRow> make_rows() {
  Rows rows;
  constexpr auto counter = MetricKind::Counter;
  constexpr auto gauge = MetricKind::Gauge;
#define VMQ_ROW(identifier, name, help) \
  rows.add(name, help, counter, Source::Plain, static_cast<std::size_t>(Plain::identifier));
  VMQ_PLAIN_COUNTERS(VMQ_ROW)
#undef VMQ_ROW
#define VMQ_ROW(identifier, name, help) rows.add_versions(name, help, PerVersion::identifier);
  VMQ_VERSION_COUNTERS(VMQ_ROW)
#undef VMQ_ROW
#define VMQ_ROW(identifier, name, help) rows.add_reasons(name, help, PerReason::identifier);
  VMQ_REASON_COUNTERS(VMQ_ROW)
#undef VMQ_ROW
#define VMQ_ROW(identifier, name, help) \
  rows.add(name, help, gauge, Source::Gauge, static_cast<std::size_t>(Gauge::identifier));
  VMQ_GAUGES(VMQ_ROW)
#undef VMQ_ROW
#define VMQ_ROW(identifier, name, kind, help)          \
  rows.add(name, help, MetricKind::kind, Source::Node, \
           static_cast<std::size_t>(NodeValue::identifier));
  VMQ_NODE_VALUES(VMQ_ROW)
#undef VMQ_ROW
  const auto of_index = [&](std::string_view name, std::string_view help, OfIndex which) {
    rows.add(name, help, gauge, Source::Index, static_cast<std::size_t>(which));
  };
  of_index("retain_messages", "retained messages", OfIndex::RetainMessages);
  of_index("retain_memory", "bytes of the retained messages and their index",
           OfIndex::RetainMemory);
  of_index("router_subscriptions", "subscriptions", OfIndex::Subscriptions);
  of_index("router_memory", "bytes of the subscription index", OfIndex::RouterMemory);
#define VMQ_ROW(identifier, name, help)                       \
  rows.add(name, help, MetricKind::Histogram, Source::Timing, \
           static_cast<std::size_t>(Timing::identifier));
  VMQ_TIMINGS(VMQ_ROW)
#undef VMQ_ROW
#define VMQ_ROW(name, help)                      \
  rows.add(name, help, counter, Source::Zero, 0, \
           std::string_view(name).starts_with("mqtt_") ? Labels{old_version} : Labels{});
  VMQ_ZERO_COUNTERS(VMQ_ROW)
#undef VMQ_ROW
  return rows.take();
}

std::uint64_t value_of_index(OfIndex which, const NodeShared& node) {
  switch (which) {
    case OfIndex::RetainMessages:
      return node.retained.count();
    case OfIndex::RetainMemory:
      return node.retained.bytes();
    case OfIndex::Subscriptions:
      return node.subscriptions.subscription_count();
    case OfIndex::RouterMemory:
      return node.subscriptions.bytes();
  }
  VMQ_EXPECT(false);
}

template <typename Pick>
std::uint64_t sum(const NodeShared& node, Pick pick) {
  std::uint64_t total = 0;
  for (const Counters& counters : node.counters) total += pick(counters).value();
  return total;
}

}  // namespace

std::span<const MetricRow> metric_rows() {
  static const std::vector<MetricRow> rows = make_rows();
  return rows;
}

std::uint64_t value_of(const MetricRow& row, const NodeShared& node) {
  const std::size_t at = row.index;
  switch (row.source) {
    case Source::Plain:
      return sum(node, [at](const Counters& c) -> const Counter& { return c.plain[at]; });
    case Source::Version3:
      return sum(node, [at](const Counters& c) -> const Counter& { return c.version[at][0]; });
    case Source::Version5:
      return sum(node, [at](const Counters& c) -> const Counter& { return c.version[at][1]; });
    case Source::Reason:
      return sum(node, [at](const Counters& c) -> const Counter& { return c.reasons[at]; });
    case Source::Gauge:
      return sum(node, [at](const Counters& c) -> const Counter& { return c.gauges[at]; });
    case Source::Node:
      return node.values == nullptr ? 0 : node.values->values[at].value();
    case Source::Index:
      return value_of_index(static_cast<OfIndex>(at), node);
    case Source::Timing:
      return histogram_of(row, node).count();
    case Source::Zero:
      break;
  }
  return 0;
}

HistogramSum histogram_of(const MetricRow& row, const NodeShared& node) {
  VMQ_EXPECT(row.source == Source::Timing);
  HistogramSum sum;
  for (const Counters& counters : node.counters) sum.add(counters.timings[row.index]);
  return sum;
}

std::string_view reason_label(std::uint8_t code, bool is_disconnect) {
  if (code == 0 && is_disconnect) return "normal_disconnect";
  for (const auto& [reason, label] : reason_labels) {
    if (reason == static_cast<mqtt::ReasonCode>(code)) return label;
  }
  return "other";
}

}  // namespace vmq::core
