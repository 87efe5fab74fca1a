// What is set up beside the configuration: plugins, API keys, certificates; and this tool itself.
#include "admin/rows.h"

namespace vmq::admin {
namespace {

constexpr Arg kPluginShowArgs[] = {
    flag("plugin", "", "P", "Only this plugin."),
    flag("hook", "", "H", "Only plugins with this hook."),
    bare("internal", "", "Also what the broker brings for itself."),
};

constexpr Arg kPluginArgs[] = {
    flag("name", "n", "P", "The plugin."),
    flag("path", "p", "D", "Meant the folder of a plugin; those here are part of the broker."),
    flag("module", "m", "M", "Meant a single function as a plugin, which there is not here."),
    flag("function", "f", "F", "Goes with module."),
    number_flag("arity", "a", "N", "Goes with module."),
    flag("hook", "h", "H", "Goes with module."),
};

constexpr std::string_view kScopes = "status|mgmt|metrics|health|api2|httppub";
constexpr Arg kScope = one_of(key("scope", "S", "What the key opens; mgmt unless given."), kScopes);
constexpr Arg kExpires =
    key("expires", "TIME", "Until when it is good, local time, yyyy-mm-ddThh:mm:ss.");

constexpr Arg kKeyCreateArgs[] = {kScope, kExpires};
constexpr Arg kKeyAddArgs[] = {
    required_key("key", "K", "The key, 32 characters."),
    kScope,
    kExpires,
};
constexpr Arg kKeyDeleteArgs[] = {
    required_key("key", "K", "The key."),
    kScope,
};
constexpr Arg kKeyShowArgs[] = {one_of(key("scope", "S", "Only keys of this scope."), kScopes)};

constexpr Arg kTlsCheckArgs[] = {
    number_flag("validity", "v", "SECONDS", "How long they must be good still; 172800, two days."),
};

constexpr Command kRows[] = {
    {.words = "plugin show",
     .prose = "Lists the plugins that are on and the hooks they have.",
     .args = kPluginShowArgs},
    {.words = "plugin enable",
     .effect = Effect::Changes,
     .prose = "Switches a plugin on until the next start of the node.",
     .args = kPluginArgs,
     .detail = "For one that stays on, write plugins.NAME = on into vernemq.conf."},
    {.words = "plugin disable",
     .effect = Effect::Changes,
     .prose = "Switches a plugin off until the next start of the node.",
     .args = kPluginArgs},

    {.words = "api-key create",
     .effect = Effect::Changes,
     .prose = "Makes a key for the HTTP API and prints it.",
     .args = kKeyCreateArgs},
    {.words = "api-key add",
     .effect = Effect::Changes,
     .prose = "Takes a key of your own for the HTTP API.",
     .args = kKeyAddArgs},
    {.words = "api-key delete",
     .effect = Effect::Changes,
     .prose = "Deletes a key.",
     .args = kKeyDeleteArgs},
    {.words = "api-key show",
     .prose = "Lists keys and until when they are good.",
     .args = kKeyShowArgs},

    {.words = "tls show", .prose = "Lists the certificates of every configured file."},
    {.words = "tls check",
     .prose = "Lists the certificates that are not good any more, not yet, or not for long.",
     .args = kTlsCheckArgs},
    {.words = "tls clear-pem-cache",
     .effect = Effect::Changes,
     .prose = "Reads the certificates of all listeners again, now."},
};

}  // namespace

std::span<const Command> setup_commands() { return kRows; }

}  // namespace vmq::admin
