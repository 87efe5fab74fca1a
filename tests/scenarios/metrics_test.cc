// The table of metrics, and that what clients do is counted in the series it belongs to.
#include "core/metrics.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "tests/scenarios/stage.h"

namespace vmq::sim {
namespace {

using core::MetricRow;
using mqtt::ReasonCode;

std::string text_of(const MetricRow& row) {
  std::string text(row.name);
  for (const core::MetricLabel& label : row.labels) {
    if (!label.name.empty()) text.append(" ").append(label.name).append("=").append(label.value);
  }
  return text;
}

class Metrics : public ShardedStage {
 protected:
  using Values = std::map<std::string, std::uint64_t>;
  Values values() {
    Values all;
    for (const MetricRow& row : core::metric_rows()) all[text_of(row)] = node->value_of(row);
    return all;
  }
  // Runs and gives what has changed, but for what every packet changes.
  template <typename What>
  Values changed_by(What what) {
    Values before = values();
    what();
    run();
    Values changes;
    for (const auto& [name, value] : values()) {
      if (name.starts_with("mqtt_") && value != before[name]) changes[name] = value - before[name];
    }
    return changes;
  }
};
INSTANTIATE_TEST_SUITE_P(Shards, Metrics, testing::Values(1, 4));

TEST(MetricTable, names_no_series_twice_and_keeps_those_of_a_name_together) {
  std::set<std::string> series;
  std::set<std::string_view> finished;
  std::string_view last;
  for (const MetricRow& row : core::metric_rows()) {
    EXPECT_TRUE(series.insert(text_of(row)).second) << text_of(row);
    EXPECT_FALSE(row.help.empty()) << row.name;
    if (row.name != last) {
      EXPECT_TRUE(finished.insert(row.name).second) << row.name;
    }
    last = row.name;
  }
}

TEST(MetricTable, has_the_series_of_the_contract) {
  std::set<std::string> series;
  std::map<std::string_view, int> count;
  for (const MetricRow& row : core::metric_rows()) {
    series.insert(text_of(row));
    ++count[row.name];
  }
  for (const char* name :
       {"socket_open", "client_expired", "cluster_bytes_dropped", "netsplit_detected",
        "mqtt_publish_error mqtt_version=4", "mqtt_publish_error mqtt_version=5",
        "mqtt_connack_accepted_sent mqtt_version=4",
        "mqtt_connack_sent mqtt_version=4 return_code=server_unavailable",
        "mqtt_connack_sent mqtt_version=5 reason_code=connection_rate_exceeded",
        "mqtt_disconnect_received mqtt_version=4",
        "mqtt_disconnect_received mqtt_version=5 reason_code=disconnect_with_will_msg",
        "mqtt_disconnect_sent mqtt_version=5 reason_code=normal_disconnect",
        "mqtt_puback_sent mqtt_version=5 reason_code=no_matching_subscribers",
        "mqtt_pubcomp_received mqtt_version=5 reason_code=packet_id_not_found",
        "mqtt_auth_sent mqtt_version=5 reason_code=reauthenticate"}) {
    EXPECT_TRUE(series.contains(name)) << name;
  }
  EXPECT_EQ(count["mqtt_connack_sent"], 6 + 22);
  EXPECT_EQ(count["mqtt_disconnect_received"], 1 + 14);
  EXPECT_EQ(count["mqtt_disconnect_sent"], 28 + 1);  // and bad_authentication_method
  EXPECT_EQ(count["mqtt_pubrec_received"], 1 + 9);
  EXPECT_EQ(count["mqtt_pubrel_sent"], 1 + 2);
  EXPECT_EQ(count["mqtt_auth_received"], 3);
}

TEST(MetricTable, gives_a_series_to_every_reason_that_a_packet_may_carry) {
  using mqtt::PacketType;
  using mqtt::Sender;
  const auto all = [](core::PerReason which, PacketType packet, Sender sender) {
    const auto reasons = core::reasons_of(which);
    for (int code = 0; code < 256; ++code) {
      const auto reason = static_cast<ReasonCode>(code);
      const bool is_there = std::find(reasons.begin(), reasons.end(), reason) != reasons.end();
      EXPECT_TRUE(is_there || !mqtt::is_allowed(reason, packet, sender)) << code;
    }
  };
  all(core::PerReason::ConnackSent, PacketType::Connack, Sender::Server);
  all(core::PerReason::DisconnectReceived, PacketType::Disconnect, Sender::Client);
  all(core::PerReason::DisconnectSent, PacketType::Disconnect, Sender::Server);
  all(core::PerReason::PubackReceived, PacketType::Puback, Sender::Client);
  all(core::PerReason::PubrecSent, PacketType::Pubrec, Sender::Server);
  all(core::PerReason::PubrelReceived, PacketType::Pubrel, Sender::Client);
  all(core::PerReason::PubcompSent, PacketType::Pubcomp, Sender::Server);
  all(core::PerReason::AuthReceived, PacketType::Auth, Sender::Client);
}

TEST_P(Metrics, connacks_are_counted_by_version_and_reason) {
  EXPECT_EQ(changed_by([&] { online("five"); }),
            (Values{{"mqtt_connack_sent mqtt_version=5 reason_code=success", 1},
                    {"mqtt_connect_received mqtt_version=5", 1}}));
  EXPECT_EQ(changed_by([&] { online("three", mqtt::Version::V31); }),
            (Values{{"mqtt_connack_sent mqtt_version=4 return_code=success", 1},
                    {"mqtt_connect_received mqtt_version=4", 1}}));
  const std::string long_id(200, 'x');
  EXPECT_EQ(changed_by([&] {
              for (const mqtt::Version version : {mqtt::Version::V311, mqtt::Version::V5}) {
                Client& late = client(long_id, version);
                late.connect(*node, late.connect_fields());
                run();
              }
            }),
            (Values{{"mqtt_connack_sent mqtt_version=4 return_code=client_identifier_not_valid", 1},
                    {"mqtt_connack_sent mqtt_version=5 reason_code=client_identifier_not_valid", 1},
                    {"mqtt_connect_received mqtt_version=4", 1},
                    {"mqtt_connect_received mqtt_version=5", 1}}));
}

TEST_P(Metrics, acknowledgements_are_counted_by_reason) {
  Client& publisher = online("publisher");
  EXPECT_EQ(changed_by([&] { publisher.publish("t", "x", 1); }),
            (Values{{"mqtt_publish_received mqtt_version=5", 1},
                    {"mqtt_puback_sent mqtt_version=5 reason_code=no_matching_subscribers", 1}}));
  Client& reader = online("reader", mqtt::Version::V311);
  reader.subscribe("t", 2);
  run();
  EXPECT_EQ(changed_by([&] { publisher.publish("t", "x", 2); }),
            (Values{{"mqtt_publish_received mqtt_version=5", 1},
                    {"mqtt_pubrec_sent mqtt_version=5 reason_code=success", 1},
                    {"mqtt_pubrel_received mqtt_version=5 reason_code=success", 1},
                    {"mqtt_pubcomp_sent mqtt_version=5 reason_code=success", 1},
                    {"mqtt_publish_sent mqtt_version=4", 1},
                    {"mqtt_pubrec_received mqtt_version=4", 1},
                    {"mqtt_pubrel_sent mqtt_version=4", 1},
                    {"mqtt_pubcomp_received mqtt_version=4", 1}}));
}

TEST_P(Metrics, disconnects_are_counted_by_reason) {
  Client& polite = online("polite");
  EXPECT_EQ(changed_by([&] { polite.disconnect(ReasonCode::DisconnectWithWillMessage); }),
            (Values{{"mqtt_disconnect_received mqtt_version=5 reason_code=disconnect_with_will_msg",
                     1}}));
  Client& wrong = online("wrong");
  EXPECT_EQ(changed_by([&] { wrong.publish("a/#", "x", 0); }),
            (Values{{"mqtt_disconnect_sent mqtt_version=5 reason_code=topic_name_invalid", 1}}));
}

TEST_P(Metrics, sys_adds_the_labels_of_a_metric_up) {
  options.config.systree.enabled = true;
  options.config.node.name = "n";
  crash();
  Client& watcher = online("watcher");
  online("old", mqtt::Version::V311);
  watcher.subscribe("$SYS/#", 0);
  run();
  pass(options.config.systree.interval);
  std::map<std::string, std::string> seen;
  for (const Received& message : watcher.received) {
    EXPECT_TRUE(seen.emplace(message.topic, message.payload).second) << message.topic;
  }
  EXPECT_EQ(seen["$SYS/n/mqtt/connack/sent"], "2");
  EXPECT_EQ(seen["$SYS/n/mqtt/connect/received"], "2");
  EXPECT_EQ(seen["$SYS/n/router/subscriptions"], "1");
  EXPECT_TRUE(seen.contains("$SYS/n/store/writable"));
  std::set<std::string_view> names;
  std::size_t topics = 0;
  for (const MetricRow& row : core::metric_rows()) {
    if (!names.insert(row.name).second) continue;
    topics += row.kind == core::MetricKind::Histogram ? 9 : 1;  // seven buckets, count and sum
  }
  EXPECT_EQ(seen.size(), topics);
  EXPECT_EQ(seen["$SYS/n/turn/microseconds/bucket/10"], "0");
  EXPECT_EQ(seen["$SYS/n/turn/microseconds/bucket/1000000"], "0");
  EXPECT_EQ(seen["$SYS/n/turn/microseconds/bucket/inf"], "0");
}

TEST_P(Metrics, a_reset_lets_counters_start_at_0_and_leaves_gauges) {
  options.config.systree.enabled = true;
  options.config.node.name = "n";
  crash();
  Client& watcher = online("watcher");
  online("old", mqtt::Version::V311);
  node->reset_counters();
  for (const MetricRow& row : core::metric_rows()) {
    if (row.kind != core::MetricKind::Counter) continue;
    EXPECT_EQ(node->value_of(row), 0u) << text_of(row);
  }
  EXPECT_EQ(values()["total_active_connections"], 2u);
  EXPECT_EQ(values()["queue_processes"], 2u);

  watcher.subscribe("$SYS/#", 0);
  run();
  EXPECT_EQ(values()["mqtt_subscribe_received mqtt_version=5"], 1u);
  pass(options.config.systree.interval);
  std::map<std::string, std::string> seen;
  for (const Received& message : watcher.received) seen[message.topic] = message.payload;
  EXPECT_EQ(seen["$SYS/n/mqtt/connack/sent"], "0");
  EXPECT_EQ(seen["$SYS/n/mqtt/subscribe/received"], "1");
  EXPECT_EQ(seen["$SYS/n/total/active/connections"], "2");

  node->reset_counters();
  EXPECT_EQ(values()["mqtt_subscribe_received mqtt_version=5"], 0u);
}

}  // namespace
}  // namespace vmq::sim
