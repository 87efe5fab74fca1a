// What a shard counts. Each shard has its own block, written by its thread only; whoever shows a
// metric adds the blocks up. Names, labels and meanings are VerneMQ's. metrics.h makes one table of
// all of them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/counter.h"
#include "core/histogram.h"
#include "mqtt/types.h"

namespace vmq::core {

// X(identifier, metric name, help): counters without a label.
#define VMQ_PLAIN_COUNTERS(X)                                                                 \
  X(SocketOpen, "socket_open", "connections accepted")                                        \
  X(SocketClose, "socket_close", "connections closed")                                        \
  X(SocketCloseTimeout, "socket_close_timeout", "connections closed for want of a CONNECT")   \
  X(ConnectRateExceeded, "socket_connect_rate_exceeded", "connections above a rate limit")    \
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
  X(ClientEvacuated, "client_evacuated", "clients told to connect to another node")           \
  X(RouterMatchesLocal, "router_matches_local", "deliveries found by routing on this node")   \
  X(RouterMatchesRemote, "router_matches_remote", "deliveries handed to other nodes")         \
  X(ClusterBytesReceived, "cluster_bytes_received", "bytes received from other nodes")        \
  X(ClusterBytesSent, "cluster_bytes_sent", "bytes sent to other nodes")                      \
  X(ClusterBytesDropped, "cluster_bytes_dropped", "bytes for other nodes that were dropped")

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
  X(KeepaliveExpired, "client_keepalive_expired", "clients that kept silent for too long")

// Counters with a series for each reason code that the packet may carry in MQTT 5, and one for all
// of MQTT 3; CONNACK has one a return code there.
#define VMQ_REASON_COUNTERS(X)                                                     \
  X(ConnackSent, "mqtt_connack_sent", "CONNACK packets sent")                      \
  X(DisconnectReceived, "mqtt_disconnect_received", "DISCONNECT packets received") \
  X(DisconnectSent, "mqtt_disconnect_sent", "DISCONNECT packets sent")             \
  X(PubackSent, "mqtt_puback_sent", "PUBACK packets sent")                         \
  X(PubackReceived, "mqtt_puback_received", "PUBACK packets received")             \
  X(PubrecSent, "mqtt_pubrec_sent", "PUBREC packets sent")                         \
  X(PubrecReceived, "mqtt_pubrec_received", "PUBREC packets received")             \
  X(PubrelSent, "mqtt_pubrel_sent", "PUBREL packets sent")                         \
  X(PubrelReceived, "mqtt_pubrel_received", "PUBREL packets received")             \
  X(PubcompSent, "mqtt_pubcomp_sent", "PUBCOMP packets sent")                      \
  X(PubcompReceived, "mqtt_pubcomp_received", "PUBCOMP packets received")          \
  X(AuthSent, "mqtt_auth_sent", "AUTH packets sent")                               \
  X(AuthReceived, "mqtt_auth_received", "AUTH packets received")

// Values that go up and down.
#define VMQ_GAUGES(X)                                                                             \
  X(TotalActiveConnections, "total_active_connections", "connections now")                        \
  X(ActiveMqttConnections, "active_mqtt_connections", "MQTT connections over TCP now")            \
  X(ActiveMqttwsConnections, "active_mqttws_connections", "MQTT connections over WebSocket now")  \
  X(QueueProcesses, "queue_processes", "sessions now, connected or not")                          \
  X(QueueMessages, "queue_messages", "messages owed to clients now, with those not acknowledged") \
  X(StoreCorruptedRecords, "store_corrupted_records", "records that failed their checksum")

// What the shell knows of the node as a whole, told once a second: X(identifier, name, kind, help).
#define VMQ_NODE_VALUES(X)                                                                        \
  X(StoreWritable, "store_writable", Gauge, "1 while the message store takes writes")             \
  X(StoreCongested, "store_congested", Gauge, "1 while publishers wait for the message store")    \
  X(StoreBytesOnDisk, "store_bytes_on_disk", Gauge, "bytes of the message store's files")         \
  X(StoreBytesPending, "store_bytes_pending", Gauge, "bytes that wait to be written")             \
  X(StoreBatches, "store_batches", Counter, "batches of shards written")                          \
  X(StoreWrites, "store_writes", Counter, "writes that the batches were gathered into")           \
  X(StoreSyncs, "store_syncs", Counter, "times the disk was told to keep what was written")       \
  X(StoreWriteErrors, "store_write_errors", Counter, "writes that the disk refused")              \
  X(StoreReadErrors, "store_read_errors", Counter, "reads that the disk refused")                 \
  X(AcceptRefused, "socket_accept_refused", Counter, "connections above max_connections")         \
  X(AcceptPaused, "socket_accept_paused", Counter, "times a listener rested for want of files")   \
  X(LingerCut, "socket_linger_cut", Counter, "closes that did not wait for the client")           \
  X(ReadsStalled, "socket_reads_stalled", Counter, "times a shard waited for another to read on") \
  X(HandedOver, "socket_handed_over", Counter, "connections moved to their client's shard")       \
  X(OverloadedShards, "overloaded_shards", Gauge, "shards that take no new clients")              \
  X(HandshakesDone, "tls_handshakes", Counter, "TLS handshakes that succeeded")                   \
  X(HandshakesResumed, "tls_handshakes_resumed", Counter, "of them, those of a known session")    \
  X(OpeningsFailed, "socket_openings_failed", Counter, "connections that failed before MQTT")     \
  X(OpeningsCut, "socket_openings_cut", Counter, "connections too slow to get to MQTT")           \
  X(PasswordHashes, "password_hashes", Counter, "passwords verified by computing their hash")     \
  X(PasswordsDropped, "password_questions_dropped", Counter, "log-ins not verified in time")      \
  X(SystemContextSwitches, "system_context_switches", Counter, "context switches of the process") \
  X(SystemRuntime, "system_runtime", Counter, "milliseconds of CPU time")                         \
  X(SystemWallclock, "system_wallclock", Counter, "milliseconds since the start")                 \
  X(SystemUtilization, "system_utilization", Gauge, "percent of all cores used in this second")   \
  X(Evacuating, "node_evacuating", Gauge, "1 while clients are moved off this node")              \
  X(NetsplitDetected, "netsplit_detected", Counter, "times that a member was missed")             \
  X(NetsplitResolved, "netsplit_resolved", Counter, "times that all were there again")            \
  X(VmMemoryTotal, "vm_memory_total", Gauge, "bytes of memory of the process's own")

// How long things take, measured by the shell on the shard's thread.
#define VMQ_TIMINGS(X)                                                                           \
  X(StorageWrite, "storage_write_microseconds", "from a batch's submission until it is durable") \
  X(StorageRead, "storage_read_microseconds", "from asking for stored messages to having them")  \
  X(Turn, "turn_microseconds", "turns of a shard: how long input may wait while others are served")

// VerneMQ's names that count what a node of this kind has none of: always 0.
#define VMQ_ZERO_COUNTERS(X)                                                        \
  X("mqtt_connack_accepted_sent", "deprecated, see mqtt_connack_sent")              \
  X("mqtt_connack_unacceptable_protocol_sent", "deprecated, see mqtt_connack_sent") \
  X("mqtt_connack_identifier_rejected_sent", "deprecated, see mqtt_connack_sent")   \
  X("mqtt_connack_server_unavailable_sent", "deprecated, see mqtt_connack_sent")    \
  X("mqtt_connack_bad_credentials_sent", "deprecated, see mqtt_connack_sent")       \
  X("mqtt_connack_not_authorized_sent", "deprecated, see mqtt_connack_sent")

#define VMQ_ENUMERATOR(identifier, name, help) identifier,
#define VMQ_NODE_ENUMERATOR(identifier, name, kind, help) identifier,
enum class Plain : std::uint8_t { VMQ_PLAIN_COUNTERS(VMQ_ENUMERATOR) End };
enum class PerVersion : std::uint8_t { VMQ_VERSION_COUNTERS(VMQ_ENUMERATOR) End };
enum class PerReason : std::uint8_t { VMQ_REASON_COUNTERS(VMQ_ENUMERATOR) End };
enum class Gauge : std::uint8_t { VMQ_GAUGES(VMQ_ENUMERATOR) End };
enum class NodeValue : std::uint8_t { VMQ_NODE_VALUES(VMQ_NODE_ENUMERATOR) End };
enum class Timing : std::uint8_t { VMQ_TIMINGS(VMQ_ENUMERATOR) End };
#undef VMQ_ENUMERATOR
#undef VMQ_NODE_ENUMERATOR

template <typename Which>
inline constexpr std::size_t metric_count = static_cast<std::size_t>(Which::End);

// The reason codes of a packet in MQTT 5, in the order of their series.
std::span<const mqtt::ReasonCode> reasons_of(PerReason which);
// How many series it has for MQTT 3.
std::size_t old_series_of(PerReason which);

// All series of PerReason stand in one array, MQTT 3's before MQTT 5's of each.
inline constexpr std::size_t reason_series = 130;
struct ReasonSlots {
  std::array<std::uint8_t, metric_count<PerReason>> first{};
  std::array<std::array<std::uint8_t, 256>, metric_count<PerReason>> of_v5{};  // by reason code
};
extern const ReasonSlots reason_slots;

inline std::size_t reason_slot(PerReason which, bool is_v5, mqtt::ReasonCode reason) {
  const auto metric = static_cast<std::size_t>(which);
  if (is_v5) return reason_slots.of_v5[metric][static_cast<std::uint8_t>(reason)];
  if (which != PerReason::ConnackSent) return reason_slots.first[metric];
  const auto code = mqtt::return_code_of(reason).value_or(mqtt::ConnackReturnCode::Accepted);
  return reason_slots.first[metric] + static_cast<std::size_t>(code);
}

struct alignas(64) Counters {
  std::array<Counter, metric_count<Plain>> plain;
  std::array<std::array<Counter, 2>, metric_count<PerVersion>> version;  // [metric][is MQTT 5]
  std::array<Counter, reason_series> reasons;
  std::array<Counter, metric_count<Gauge>> gauges;
  std::array<Histogram, metric_count<Timing>> timings;

  void count(Plain which, std::uint64_t n = 1) { plain[static_cast<std::size_t>(which)].add(n); }
  void count(PerVersion which, bool is_v5, std::uint64_t n = 1) {
    version[static_cast<std::size_t>(which)][is_v5 ? 1 : 0].add(n);
  }
  void count(PerReason which, bool is_v5, mqtt::ReasonCode reason) {
    reasons[reason_slot(which, is_v5, reason)].add(1);
  }
  void took(Timing which, std::uint64_t microseconds) {
    timings[static_cast<std::size_t>(which)].record(microseconds);
  }
  Counter& gauge(Gauge which) { return gauges[static_cast<std::size_t>(which)]; }
  void raise(Gauge which, std::uint64_t n = 1) { gauges[static_cast<std::size_t>(which)].add(n); }
  void lower(Gauge which, std::uint64_t n = 1) {
    gauges[static_cast<std::size_t>(which)].subtract(n);
  }
};

// Written by the control thread only, read by anybody.
struct NodeValues {
  std::array<Counter, metric_count<NodeValue>> values;
  void set(NodeValue which, std::uint64_t value) {
    values[static_cast<std::size_t>(which)].set(value);
  }
  std::uint64_t value(NodeValue which) const {
    return values[static_cast<std::size_t>(which)].value();
  }
};

// What had been counted at the last reset, of all shards together: whoever shows a counter takes it
// off, and shards count on without knowing. Written by the control thread only, read by anybody.
struct CounterBase {
  Counters counters;
  NodeValues values;
};

}  // namespace vmq::core
