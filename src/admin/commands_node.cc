#include "admin/rows.h"

namespace vmq::admin {
namespace {

constexpr Arg kUpgradeArgs[] = {
    bare("upgrade-now", "", "Meant the switch itself instead of a rehearsal."),
    flag("instruction-file", "", "F", "Meant a file with the steps of the switch."),
};

constexpr Arg kEvacuateArgs[] = {
    number_key("rate", "N", "Clients sent away a second; 100."),
    key("to", "HOST:PORT", "Where they are sent in MQTT 5; node.server_reference if not given."),
};

constexpr Arg kJoinArgs[] = {
    required_key("discovery-node", "NODE", "Any member of the cluster, NAME@HOST."),
    key("address", "HOST:PORT", "Where its listener.vmq is, if not at HOST and the usual port."),
};

constexpr Arg kLeaveArgs[] = {
    required_key("node", "NODE", "The member that is to leave, NAME@HOST."),
    bare("kill_sessions", "k", "Cut its clients and hand their sessions to the other members."),
    number_flag("summary-interval", "i", "S",
                "Seconds between two lines of progress in its log; 5."),
    number_flag("timeout", "t", "S", "Seconds after which it gives up; 60."),
};

constexpr Command kRows[] = {
    {.words = "node status", .prose = "Shows the node's most asked for numbers and its version."},
    {.words = "node start",
     .effect = Effect::Changes,
     .prose = "Does nothing: a node that answers has started.",
     .detail = "One that was stopped is started by the service manager (systemctl start vernemq) "
               "or by vernemq start."},
    {.words = "node stop",
     .effect = Effect::Changes,
     .prose = "Stops the node in order: clients are told, what is owed is kept, the process ends.",
     .detail = "Under a service manager use its own command (systemctl stop vernemq), so that it "
               "does not start the node again."},
    {.words = "node evacuate",
     .effect = Effect::Changes,
     .prose = "Moves the clients off this node: new ones are sent elsewhere, the others at a rate.",
     .args = kEvacuateArgs,
     .detail = "Clients of MQTT 5 are told 0x9C, use another server; before it a new one gets "
               "CONNACK 3 and an old one is cut off. Sessions stay where they are: their clients "
               "reach them through the other members. It goes on until node evacuate stop or the "
               "end of the node; a second node evacuate changes the rate. Meanwhile /health says "
               "DOWN, and the metrics node_evacuating and client_evacuated show it."},
    {.words = "node evacuate stop",
     .effect = Effect::Changes,
     .prose = "Takes new clients again and lets those stay that are still there."},
    {.words = "node upgrade",
     .prose = "Says how a new version is brought in: there is no upgrade of a running process.",
     .args = kUpgradeArgs},
    {.words = "node swc_sync_status",
     .prose = "Shows whether the node has all metadata of the cluster."},
    {.words = "node flag_as_init_synced",
     .prose = "Does nothing here; kept for scripts, as metadata needs no such mark."},
    {.words = "node history", .prose = "Says whether the node started with or without data."},

    {.words = "cluster show", .prose = "Lists the members of the cluster and which of them run."},
    {.words = "cluster join",
     .effect = Effect::Changes,
     .prose = "Makes this node a member of another node's cluster.",
     .args = kJoinArgs,
     .takes_long = true},
    {.words = "cluster leave",
     .effect = Effect::Changes,
     .prose = "Takes a member out of the cluster.",
     .args = kLeaveArgs,
     .takes_long = true,
     .detail = "Without -k a member only gets no new clients. With it its clients are cut, and its "
               "sessions move to the other members with what waits for them; its log tells every "
               "-i seconds what is left. When something still is after -t seconds, the command "
               "ends and says what; the member goes on, and is out when the command is repeated "
               "and completes. There is no way back."},
};

}  // namespace

std::span<const Command> node_commands() { return kRows; }

}  // namespace vmq::admin
