// Where messages wait and where they go: queues, retained messages, routes.
#include "admin/rows.h"

namespace vmq::admin {
namespace {

constexpr Arg kQueueShowArgs[] = {
    field("node", "The node that holds the queue."),
    field("client_id", "The client it waits for."),
    field("mountpoint", "The mountpoint of the client."),
    field("is_online", "Whether the client is connected."),
    field("size", "All messages in it: online, offline and inflight."),
    field("online", "Messages that wait for a connected client."),
    field("offline", "Messages that wait for a client that is away."),
    field("inflight", "Messages sent that the client has not acknowledged yet."),
    field("bytes", "Bytes of what waits."),
    field("dropped", "Messages dropped because it was full or they expired."),
    number_flag("limit", "", "N", "Most rows; 100."),
    number_flag("rowtimeout", "", "MS", "Most milliseconds spent on a row; 100."),
    kOrderBy,
};

constexpr Arg kRetainShowArgs[] = {
    field("payload", "The payload."),
    field("topic", "The topic."),
    field("mountpoint", "The mountpoint; --mountpoint=M asks for another than the empty one."),
    number_flag("limit", "", "N", "Most rows; 100."),
    number_flag("rowtimeout", "", "MS", "Most milliseconds spent on a row; 100."),
};

constexpr Arg kRetainDeleteArgs[] = {
    {.name = "topic",
     .kind = ArgKind::Flag,
     .short_name = "t",
     .is_required = true,
     .value_name = "T",
     .prose = "The topic, without wildcards."},
    flag("mountpoint", "m", "M", "The mountpoint; the empty one unless given."),
};

constexpr Arg kExplainArgs[] = {
    required_key("topic", "T", "A topic as a publisher would name it."),
    key("client-id", "ID", "Only what this client gets; also says what its rules allow."),
    key("mountpoint", "M", "The mountpoint; the empty one unless given."),
};

constexpr Command kRows[] = {
    {.words = "queue show",
     .prose = "Lists queues and what waits in them.",
     .args = kQueueShowArgs,
     .detail = "Fields are columns and conditions as in `session show`. Without columns it shows "
               "client_id, is_online, mountpoint, size, online, offline, inflight and dropped.\n"
               "\n"
               "  vmq-admin queue show --order_by=size --limit=10"},
    {.words = "retain show",
     .prose = "Lists retained messages.",
     .args = kRetainShowArgs,
     .detail = "Fields are columns and conditions as in `session show`. Without columns it shows "
               "payload and topic."},
    {.words = "retain delete",
     .effect = Effect::Changes,
     .prose = "Deletes the retained message of a topic.",
     .args = kRetainDeleteArgs},
    {.words = "retain delete-expired",
     .effect = Effect::Changes,
     .prose = "Deletes the retained messages whose time is over and says how many there were."},
    {.words = "route explain",
     .prose = "Says who gets a message of a topic, through which subscription, and who does not "
              "and why.",
     .args = kExplainArgs},
};

}  // namespace

std::span<const Command> message_commands() { return kRows; }

}  // namespace vmq::admin
