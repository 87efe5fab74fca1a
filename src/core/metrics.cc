#include "core/metrics.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/expect.h"
#include "core/counters.h"
#include "core/node_shared.h"

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

// Where a block of counters has the row's; null of a row that is not counted there. Counter is
// const where the block is.
template <typename Block>
auto counter_in(const MetricRow& row, Block& block) -> decltype(&block.plain[0]) {
  switch (row.source) {
    case Source::Plain:
      return &block.plain[row.index];
    case Source::Version3:
      return &block.version[row.index][0];
    case Source::Version5:
      return &block.version[row.index][1];
    case Source::Reason:
      return &block.reasons[row.index];
    case Source::Gauge:
      return &block.gauges[row.index];
    default:
      return nullptr;
  }
}

// Null of a row that no reset sets back.
template <typename Base>
auto base_of(const MetricRow& row, Base& base) -> decltype(&base.values.values[0]) {
  if (row.kind != MetricKind::Counter || row.name.starts_with("system_")) return nullptr;
  if (row.source == Source::Node) return &base.values.values[row.index];
  return counter_in(row, base.counters);
}

// Since the start of the process.
std::uint64_t total_of(const MetricRow& row, const NodeShared& node) {
  switch (row.source) {
    case Source::Node:
      return node.values == nullptr ? 0 : node.values->values[row.index].value();
    case Source::Index:
      return value_of_index(static_cast<OfIndex>(row.index), node);
    case Source::Timing:
    case Source::Zero:
      return 0;
    default:
      break;
  }
  std::uint64_t total = 0;
  for (const Counters& block : node.counters) total += counter_in(row, block)->value();
  return total;
}

HistogramSum total_histogram_of(const MetricRow& row, const NodeShared& node) {
  HistogramSum sum;
  for (const Counters& block : node.counters) sum.add(block.timings[row.index]);
  return sum;
}

}  // namespace

std::span<const MetricRow> metric_rows() {
  static const std::vector<MetricRow> rows = make_rows();
  return rows;
}

std::uint64_t value_of(const MetricRow& row, const NodeShared& node) {
  if (row.source == Source::Timing) return histogram_of(row, node).count();
  const Counter* base = base_of(row, *node.base);
  const std::uint64_t before = base == nullptr ? 0 : base->value();
  const std::uint64_t total = total_of(row, node);
  return total - std::min(total, before);
}

HistogramSum histogram_of(const MetricRow& row, const NodeShared& node) {
  VMQ_EXPECT(row.source == Source::Timing);
  HistogramSum before;
  before.add(node.base->counters.timings[row.index]);
  return total_histogram_of(row, node).since(before);
}

void reset_counters(NodeShared& node) {
  for (const MetricRow& row : metric_rows()) {
    if (row.source == Source::Timing) {
      node.base->counters.timings[row.index].set(total_histogram_of(row, node));
    } else if (Counter* base = base_of(row, *node.base); base != nullptr) {
      base->set(total_of(row, node));
    }
  }
}

std::string_view reason_label(std::uint8_t code, bool is_disconnect) {
  if (code == 0 && is_disconnect) return "normal_disconnect";
  for (const auto& [reason, label] : reason_labels) {
    if (reason == static_cast<mqtt::ReasonCode>(code)) return label;
  }
  return "other";
}

}  // namespace vmq::core
