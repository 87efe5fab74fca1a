#include "admin/rows.h"

namespace vmq::admin {
namespace {

constexpr Arg kNode = flag("node", "n", "NODE", "On that node; on this one unless given.");
constexpr Arg kAll = bare("all", "a", "On all nodes of the cluster.");
constexpr Arg kWhereArgs[] = {kNode, kAll};

constexpr Arg kApp = key("app", "APP", "The part of the broker; all of them unless given.");

constexpr Arg kConfigShowArgs[] = {
    kApp,
    flag("key", "k", "K", "Only this one, with where its value comes from."),
};

constexpr Arg kConfigResetArgs[] = {
    kApp,
    flag("key", "k", "K", "Only this one."),
    bare("local", "", "What was set on this node."),
    bare("global", "", "What was set for the cluster."),
    flag("config-file", "", "F", "To what this file says."),
    flag("config-val", "", "V", "To this value."),
};

constexpr Command kRows[] = {
    {.words = "set",
     .effect = Effect::Changes,
     .prose = "Changes settings of the running node until its next start.",
     .args = kWhereArgs,
     .takes_any_key = true,
     .detail = "docs/configuration.md says which settings may change while the broker runs. For a "
               "change that stays, write it into vernemq.conf too.\n"
               "\n"
               "  vmq-admin set max_inflight_messages=50"},
    {.words = "show",
     .prose = "Shows the values of settings as they are now.",
     .args = kWhereArgs,
     .free_words = "KEY…",
     .detail = "  vmq-admin show max_inflight_messages allow_anonymous"},
    {.words = "describe", .prose = "Says what settings mean.", .free_words = "KEY…"},
    {.words = "config show",
     .prose = "Lists settings, their values and where these come from.",
     .args = kConfigShowArgs},
    {.words = "config set",
     .effect = Effect::Changes,
     .prose = "Changes settings of the running node until its next start, as `set` does.",
     .args = kWhereArgs,
     .takes_any_key = true},
    {.words = "config reset",
     .effect = Effect::Changes,
     .prose = "Gives settings that were changed at run time their configured values again.",
     .args = kConfigResetArgs},
    {.words = "completion bash",
     .prose = "Prints a script that lets bash complete these commands.",
     .detail = "  source <(vmq-admin completion bash)"},
};

}  // namespace

std::span<const Command> config_commands() { return kRows; }

}  // namespace vmq::admin
