// Seeing what goes on: metrics, traces, the log.
#include "admin/rows.h"

namespace vmq::admin {
namespace {

constexpr Arg kMetricsArgs[] = {
    bare("with-descriptions", "d", "Put a line that says what it is before each metric."),
    {.name = "aggregate",
     .kind = ArgKind::Flag,
     .short_name = "a",
     .value = Value::Optional,
     .value_name = "true|false",
     .prose = "Add up what differs only in its labels; true unless given.",
     .words = "true|false"},
    flag("mqtt_version", "", "V,V", "Only what has this label with one of these values."),
    flag("reason_code", "", "R,R", "The same for this label."),
    flag("return_code", "", "R,R", "The same for this label."),
    flag("group", "", "G,G", "The same for this label."),
    flag("node", "n", "NODE", "Those of that member instead of this node's."),
    bare("cluster", "", "Those of all members that are up, added up name by name."),
};

constexpr Arg kTraceArgs[] = {
    required_key("client-id", "ID", "The client; it need not be connected yet."),
    kMountpoint,
    number_flag("rate-max", "", "N", "Lines per interval from which on the trace ends; 10."),
    number_flag("rate-interval", "", "MS", "The interval; 100."),
    number_flag("trunc-payload", "", "BYTES", "Payloads are cut after these many bytes; 200."),
};

constexpr Arg kLevelArgs[] = {
    required_key("logger", "NAME", "The logger, as `log show config` names it."),
    {.name = "level",
     .is_required = true,
     .value_name = "L",
     .prose = "From which level on it writes.",
     .words = "debug|info|notice|warning|error|critical|alert|emergency|all"},
};

constexpr Command kRows[] = {
    {.words = "metrics show",
     .prose = "Lists every metric and its value.",
     .args = kMetricsArgs,
     .detail = "  vmq-admin metrics show --mqtt_version=5 --aggregate=false\n"
               "  vmq-admin metrics show --cluster"},
    {.words = "metrics reset",
     .effect = Effect::Changes,
     .prose = "Lets every counter and histogram start at 0 again: here, in /metrics, for Graphite "
              "and below $SYS.",
     .detail = "Gauges stay, and so do the system_ counters. To Prometheus it looks like a restart "
               "of the node, which its rates allow for."},
    {.words = "trace client",
     .prose = "Shows every packet of a client as it comes and goes, until Ctrl-C.",
     .args = kTraceArgs,
     .streams = true,
     .detail =
         "  vmq-admin trace client client-id=sensor-1 --rate-max=100\n"
         "In a cluster the client may be on any member that is up when the trace begins; lines "
         "of other members begin with their name."},
    {.words = "trace stop_all",
     .effect = Effect::Changes,
     .prose = "Ends all traces, on all members."},
    {.words = "log show config", .prose = "Lists the loggers: level, kind and file."},
    {.words = "log level",
     .effect = Effect::Changes,
     .prose = "Changes the level of a logger until the next start of the node.",
     .args = kLevelArgs},
};

}  // namespace

std::span<const Command> watch_commands() { return kRows; }

}  // namespace vmq::admin
