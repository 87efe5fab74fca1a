// What a shard counts. Each shard has its own block, written by its thread only; whoever shows a
// metric adds the blocks up. Names, labels and meanings are VerneMQ's (`$SYS/NODE/` + name with `_`
// as `/`).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/counter.h"

namespace vmq::core {

// X(identifier, metric name, help): counters without a label.
#define VMQ_PLAIN_COUNTERS(X)                                                                 \
  X(SocketOpen, "socket_open", "connections accepted")                                        \
  X(SocketClose, "socket_close", "connections closed")                                        \
  X(SocketCloseTimeout, "socket_close_timeout", "connections closed for want of a CONNECT")   \
  X(SocketError, "socket_error", "connections ended by a socket error")                       \
  X(BytesReceived, "bytes_received", "bytes read from clients")                               \
  X(BytesSent, "bytes_sent", "bytes written to clients")                                      \
  X(QueueSetup, "queue_setup", "sessions begun")                                              \
  X(QueueInitializedFromStorage, "queue_initialized_from_storage", "sessions read from disk") \
  X(QueueTeardown, "queue_teardown", "sessions ended")                                        \
  X(QueueMessageDrop, "queue_message_drop", "messages dropped because a queue was full")      \
  X(QueueMessageExpired, "queue_message_expired", "messages that expired before delivery")    \
  X(QueueMessageUnhandled, "queue_message_unhandled", "messages for a client that was away")  \
  X(QueueMessageIn, "queue_message_in", "messages put into queues")                           \
  X(QueueMessageOut, "queue_message_out", "messages taken out of queues")                     \
  X(ClientExpired, "client_expired", "deprecated, always 0")                                  \
  X(RouterMatchesLocal, "router_matches_local", "deliveries found by routing on this node")   \
  X(RouterMatchesRemote, "router_matches_remote", "deliveries handed to other nodes")

// Counters with a series for MQTT 3 (label 4) and one for MQTT 5.
#define VMQ_VERSION_COUNTERS(X)                                                                \
  X(ConnectReceived, "mqtt_connect_received", "CONNECT packets received")                      \
  X(PublishReceived, "mqtt_publish_received", "PUBLISH packets received")                      \
  X(PublishSent, "mqtt_publish_sent", "PUBLISH packets sent")                                  \
  X(SubscribeReceived, "mqtt_subscribe_received", "SUBSCRIBE packets received")                \
  X(SubackSent, "mqtt_suback_sent", "SUBACK packets sent")                                     \
  X(UnsubscribeReceived, "mqtt_unsubscribe_received", "UNSUBSCRIBE packets received")          \
  X(UnsubackSent, "mqtt_unsuback_sent", "UNSUBACK packets sent")                               \
  X(PingreqReceived, "mqtt_pingreq_received", "PINGREQ packets received")                      \
  X(PingrespSent, "mqtt_pingresp_sent", "PINGRESP packets sent")                               \
  X(PublishAuthError, "mqtt_publish_auth_error", "publishes refused by authorisation")         \
  X(SubscribeAuthError, "mqtt_subscribe_auth_error", "subscriptions refused by authorisation") \
  X(InvalidMsgSizeError, "mqtt_invalid_msg_size_error", "packets above the allowed size")      \
  X(PubackInvalidError, "mqtt_puback_invalid_error", "PUBACK for an unknown packet id")        \
  X(PubrecInvalidError, "mqtt_pubrec_invalid_error", "PUBREC for an unknown packet id")        \
  X(PubcompInvalidError, "mqtt_pubcomp_invalid_error", "PUBCOMP for an unknown packet id")     \
  X(PublishError, "mqtt_publish_error", "publishes that failed")                               \
  X(SubscribeError, "mqtt_subscribe_error", "subscribe requests that failed")                  \
  X(UnsubscribeError, "mqtt_unsubscribe_error", "unsubscribe requests that failed")            \
  X(KeepaliveExpired, "client_keepalive_expired", "clients that kept silent for too long")     \
  X(DisconnectReceivedAll, "mqtt_disconnect_received", "DISCONNECT packets received")          \
  X(DisconnectSentAll, "mqtt_disconnect_sent", "DISCONNECT packets sent")                      \
  X(ConnackSentAll, "mqtt_connack_sent", "CONNACK packets sent")                               \
  X(PubackSent, "mqtt_puback_sent", "PUBACK packets sent")                                     \
  X(PubackReceived, "mqtt_puback_received", "PUBACK packets received")                         \
  X(PubrecSent, "mqtt_pubrec_sent", "PUBREC packets sent")                                     \
  X(PubrecReceived, "mqtt_pubrec_received", "PUBREC packets received")                         \
  X(PubrelSent, "mqtt_pubrel_sent", "PUBREL packets sent")                                     \
  X(PubrelReceived, "mqtt_pubrel_received", "PUBREL packets received")                         \
  X(PubcompSent, "mqtt_pubcomp_sent", "PUBCOMP packets sent")                                  \
  X(PubcompReceived, "mqtt_pubcomp_received", "PUBCOMP packets received")                      \
  X(AuthSent, "mqtt_auth_sent", "AUTH packets sent")                                           \
  X(AuthReceived, "mqtt_auth_received", "AUTH packets received")

// Values that go up and down.
#define VMQ_GAUGES(X)                                                                  \
  X(TotalActiveConnections, "total_active_connections", "connections now")             \
  X(ActiveMqttConnections, "active_mqtt_connections", "MQTT connections over TCP now") \
  X(QueueProcesses, "queue_processes", "sessions now, connected or not")               \
  X(StoreCorruptedRecords, "store_corrupted_records", "records that failed their checksum")

#define VMQ_ENUMERATOR(identifier, name, help) identifier,
enum class Plain : std::uint8_t { VMQ_PLAIN_COUNTERS(VMQ_ENUMERATOR) End };
enum class PerVersion : std::uint8_t { VMQ_VERSION_COUNTERS(VMQ_ENUMERATOR) End };
enum class Gauge : std::uint8_t { VMQ_GAUGES(VMQ_ENUMERATOR) End };
#undef VMQ_ENUMERATOR

struct MetricRow {
  std::string_view name;
  std::string_view help;
};

template <typename Which>
inline constexpr std::size_t metric_count = static_cast<std::size_t>(Which::End);

extern const std::array<MetricRow, metric_count<Plain>> plain_metrics;
extern const std::array<MetricRow, metric_count<PerVersion>> version_metrics;
extern const std::array<MetricRow, metric_count<Gauge>> gauge_metrics;

struct alignas(64) Counters {
  std::array<Counter, metric_count<Plain>> plain;
  std::array<std::array<Counter, 2>, metric_count<PerVersion>> version;  // [metric][is MQTT 5]
  std::array<Counter, metric_count<Gauge>> gauges;

  void count(Plain which, std::uint64_t n = 1) { plain[static_cast<std::size_t>(which)].add(n); }
  void count(PerVersion which, bool is_v5, std::uint64_t n = 1) {
    version[static_cast<std::size_t>(which)][is_v5 ? 1 : 0].add(n);
  }
  void raise(Gauge which, std::uint64_t n = 1) { gauges[static_cast<std::size_t>(which)].add(n); }
  void lower(Gauge which, std::uint64_t n = 1) {
    gauges[static_cast<std::size_t>(which)].subtract(n);
  }
};

}  // namespace vmq::core
