#include "config/settings.h"

namespace vmq::config {

namespace {

constexpr Setting kMqttSettings[] = {
    {"allow_anonymous", Type::Flag, "off", kLive, Built::Works,
     "Admits every client without asking any authentication plugin, even one that sends "
     "credentials. A listener can do so for itself with allow_anonymous_override."},
    {"queue_type", Type::Enum, "fifo", kHidden | kLive, Built::Works,
     "Which message of a full or waiting queue goes first: fifo the oldest, lifo the newest.",
     "fifo|lifo"},
    {"retry_interval", Type::Int, "20", kCommented | kLive, Built::Works,
     "After how long an unacknowledged QoS 1 or 2 message is sent again to a client of MQTT 3.1 or "
     "3.1.1. MQTT 5 resends on reconnect only.",
     "", Unit::Seconds, 1},
    {"max_client_id_size", Type::Int, "100", kCommented | kLive, Built::Works,
     "Longest client id. A longer one is refused with CONNACK 2, in MQTT 5 with 0x85.", "",
     Unit::Bytes, 1, 65535},
    {"max_subscriptions_per_client", Type::Int, "0", kCommented | kLive, Built::Works,
     "How many subscriptions one client may hold; 0 sets no limit.", "", Unit::None, 0},
    {"persistent_client_expiration", Type::TimeWord, "never", kCommented | kLive, Built::Works,
     "Forgets a persistent session that has been offline for so long: a number with s, h, d, w, m "
     "(4 weeks) or y (12 such months), or never. MQTT 5 clients may ask for less.",
     "never"},
    {"max_last_will_delay", Type::TimeWord, "client", kCommented | kLive, Built::Works,
     "Longest will delay of an MQTT 5 client: client takes what the client asks for, never sends "
     "every will at once, or a number with s, h, d, w, m or y.",
     "never|client"},
    {"max_inflight_messages", Type::Int, "20", kLive, Built::Works,
     "How many QoS 1 and 2 messages may be unacknowledged towards one client; 0 allows as many as "
     "there are packet ids. An MQTT 5 client may ask for less.",
     "", Unit::Messages, 0, 65535},
    {"max_online_messages", Type::Int, "1000", kLive, Built::Works,
     "How many messages wait for one connected client; -1 sets no count. Whatever the count, "
     "node.queue_bytes_max holds. At the bound a fifo queue drops the new message, a lifo queue "
     "the oldest.",
     "", Unit::Messages, -1},
    {"max_offline_messages", Type::Int, "1000", kLive, Built::Works,
     "How many messages wait for one persistent session without connection; -1 sets no count, 0 "
     "stores nothing. Whatever the count, node.queue_bytes_max holds.",
     "", Unit::Messages, -1},
    {"override_max_online_messages", Type::Flag, "off", kLive, Built::Works,
     "Whether a client that reconnects gets its whole offline queue even if that is longer than "
     "max_online_messages."},
    {"max_message_rate", Type::Int, "0", kHidden | kLive, Built::Works,
     "How many PUBLISH packets a second are read from one client; 0 sets no limit. Above it the "
     "connection is not read until the second is over; nothing is lost.",
     "", Unit::None, 0},
    {"max_message_size", Type::Int, "0", kLive, Built::Works,
     "Largest payload that a client may publish; 0 allows what MQTT allows. Above it an MQTT 5 "
     "client gets DISCONNECT 0x95, others are closed.",
     "", Unit::Bytes, 0, 268435455},
    {"upgrade_outgoing_qos", Type::Flag, "off", kLive, Built::Works,
     "Delivers with the QoS of the subscription even if the message was published with a lower "
     "one."},
    {"mqtt_connect_timeout", Type::Int, "5000", kHidden | kLive, Built::Works,
     "How long a new connection may take until its CONNECT is complete.", "", Unit::Milliseconds,
     1},
    {"shared_subscription_policy", Type::Enum, "prefer_local", kLive, Built::Works,
     "Which member of a shared subscription gets a message: prefer_local one on this node if there "
     "is any, local_only one on this node or none, random any member, prefer_online_before_local a "
     "connected one wherever it is.",
     "prefer_local|local_only|random|prefer_online_before_local"},
    {"suppress_lwt_on_session_takeover", Type::Flag, "off", kHidden | kLive, Built::Works,
     "Sends no will when the same client id takes the session over."},
    {"topic_alias_max_client", Type::Int, "0", kHidden | kLive, Built::Works,
     "How many topic aliases an MQTT 5 client may use towards the broker, as announced in CONNACK.",
     "", Unit::None, 0, 65535},
    {"topic_alias_max_broker", Type::Int, "0", kHidden | kLive, Built::Works,
     "How many topic aliases the broker uses towards an MQTT 5 client, and never more than the "
     "client announced.",
     "", Unit::None, 0, 65535},
    {"topic_max_depth", Type::Int, "10", kPlain, Built::Works,
     "How many levels a topic or filter may have. A deeper one closes the connection.", "",
     Unit::None, 1, 65535},
    {"receive_max_client", Type::Int, "65535", kHidden | kLive, Built::Works,
     "Upper bound of the Receive Maximum that an MQTT 5 client may ask for.", "", Unit::None, 1,
     65535},
    {"receive_max_broker", Type::Int, "65535", kHidden | kLive, Built::Works,
     "Receive Maximum of the broker: more unacknowledged QoS 1 and 2 messages from an MQTT 5 "
     "client end in DISCONNECT 0x93.",
     "", Unit::None, 1, 65535},
    {"disconnect_on_unauthorized_publish_v3", Type::Flag, "off", kHidden | kLive, Built::Works,
     "Closes the connection of an MQTT 3.1 or 3.1.1 client that publishes where it may not. "
     "Otherwise the message is acknowledged and dropped."},
    {"expire_retain_cache", Type::Int, "0", kCommented, Built::Works,
     "How often retained messages past their expiry are removed from the index; 0 leaves them "
     "there, undelivered.",
     "", Unit::Seconds, 0},
};

constexpr Setting kSysTreeSettings[] = {
    {"systree_enabled", Type::Flag, "on", kLive, Built::Works,
     "Publishes the counters of this node below $SYS."},
    {"systree_interval", Type::Int, "20000", kLive, Built::Works,
     "How often they are published; 0 never.", "", Unit::Milliseconds, 0},
    {"systree_mountpoint", Type::Text, "", kHidden, Built::Works,
     "Mountpoint that the $SYS messages are published in."},
    {"systree_qos", Type::Int, "0", kHidden, Built::Works, "QoS of $SYS messages.", "", Unit::None,
     0, 2},
    {"systree_retain", Type::Flag, "off", kHidden, Built::Works,
     "Whether $SYS messages are retained."},
};

}  // namespace

const Section kMqttSection = {"Sessions, queues and MQTT",
                              "Limits and habits of clients and their sessions.", kMqttSettings};
const Section kSysTreeSection = {"$SYS", "Counters of the node as messages.", kSysTreeSettings};

}  // namespace vmq::config
