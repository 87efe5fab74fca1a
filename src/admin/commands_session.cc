#include "admin/rows.h"

namespace vmq::admin {
namespace {

constexpr Arg kShowArgs[] = {
    // The queue, which lives as long as the session.
    field("node", "The node that holds the session."),
    field("mountpoint", "The mountpoint of the client."),
    field("client_id", "The client id."),
    field("queue_pid", "A name of the queue, unique while the node runs."),
    field("queue_size", "Messages that wait, on their way to the client included."),
    field("session_pid", "A name of the connection, unique while the node runs."),
    field("is_offline", "Whether there is no connection."),
    field("is_online", "Whether there is a connection."),
    field(
        "statename",
        "online or offline. Nothing is waited for here: wait_for_offline and drain do not occur."),
    field("deliver_mode", "Always fanout: one client id has one connection."),
    field("offline_messages", "Messages that wait for a client that is away."),
    field("online_messages", "Messages that wait for a client that is connected."),
    field("num_sessions", "1 with a connection, otherwise 0."),
    field("clean_session", "Whether the session ends with its connection."),
    field("is_plugin", "Always false: no plugin owns queues."),
    field("queue_started_at", "When the session began, in milliseconds since 1970."),
    // The connection.
    field("user", "The user name the client gave."),
    field("peer_host", "The client's address."),
    field("peer_port", "The client's port."),
    field("protocol", "3 is MQTT 3.1, 4 is 3.1.1, 5 is 5."),
    field("waiting_acks", "Messages sent that the client has not acknowledged yet."),
    field("session_started_at", "When the connection began, in milliseconds since 1970."),
    // A row a subscription.
    field("topic", "The filter of a subscription; one row each."),
    field("qos", "The QoS granted to a subscription."),
    field("rap", "Retain as published; null before MQTT 5."),
    field("no_local", "No local; null before MQTT 5."),
    // A row a message that waits.
    field("msg_ref", "The id of a message that waits, in base64; one row each."),
    field("msg_qos", "The QoS of a message that waits."),
    field("routing_key", "The topic of a message that waits."),
    field("dup", "Whether a message was sent before."),
    field("payload", "The payload of a message that waits."),
    number_flag("limit", "", "N", "Most rows; 100."),
    number_flag("rowtimeout", "", "MS", "Most milliseconds spent on a row; 100."),
    kOrderBy,
};

constexpr Arg kDisconnectArgs[] = {
    required_key("client-id", "ID", "The client id."),
    kMountpoint,
    bare("cleanup", "c", "Drop the session too: its subscriptions and what waits for it."),
};

constexpr Arg kDisconnectClientsArgs[] = {
    required_key("client-ids", "ID,ID,…", "The client ids."),
    kMountpoint,
    bare("cleanup", "c", "Drop the sessions too."),
};

constexpr Arg kDisconnectBatchArgs[] = {
    {.name = "count",
     .is_required = true,
     .value_name = "N",
     .prose = "How many clients.",
     .type = Type::Number},
    flag("filter-client-ids", "f", "ID,ID,…", "Client ids to spare."),
    flag("node", "n", "NODE,…", "Only clients of these nodes."),
    kMountpoint,
    bare("cleanup", "c", "Drop the sessions too."),
};

constexpr Arg kUnsubscribeArgs[] = {
    required_key("client-id", "ID", "The client id."),
    required_key("topic", "T", "The filter, as the client subscribed to it."),
    bare("plugin", "p", "Tell plugins (on_topic_unsubscribed)."),
    kMountpoint,
};

constexpr Arg kReauthorizeArgs[] = {
    required_key("username", "U", "The user name to ask the rules with."),
    required_key("client-id", "ID", "The client id."),
    kMountpoint,
};

constexpr Command kRows[] = {
    {.words = "session show",
     .prose = "Lists sessions, with the columns and conditions asked for.",
     .args = kShowArgs,
     .detail =
         "A field alone is a column. FIELD=VALUE keeps the rows where it is exactly that, "
         "FIELD=~REGEX those where the expression is found in it; neither adds a column. Without "
         "columns it shows client_id, is_online, mountpoint, peer_host, peer_port and user.\n"
         "\n"
         "  vmq-admin session show --client_id --topic --qos --limit=20\n"
         "  vmq-admin session show --is_online=false --client_id --queue_size "
         "--order_by=queue_size\n"
         "  vmq-admin session show --client_id=~^sensor --peer_host"},
    {.words = "session disconnect",
     .effect = Effect::Changes,
     .prose = "Cuts the connection of a client.",
     .args = kDisconnectArgs},
    {.words = "session disconnect clients",
     .effect = Effect::Changes,
     .prose = "Cuts the connections of several clients.",
     .args = kDisconnectClientsArgs},
    {.words = "session disconnect batch",
     .effect = Effect::Changes,
     .prose = "Cuts the connections of some clients, chosen by chance.",
     .args = kDisconnectBatchArgs},
    {.words = "session unsubscribe",
     .effect = Effect::Changes,
     .prose = "Takes a subscription from a client.",
     .args = kUnsubscribeArgs},
    {.words = "session reauthorize",
     .effect = Effect::Changes,
     .prose = "Asks the rules anew about every subscription of a client and removes what they "
              "refuse now.",
     .args = kReauthorizeArgs},
};

}  // namespace

std::span<const Command> session_commands() { return kRows; }

}  // namespace vmq::admin
