// Commands of plugins that an installation may have on or off.
#include "admin/rows.h"

namespace vmq::admin {
namespace {

constexpr Arg kHook = required_key("hook", "H", "The hook, as in auth_on_register.");
constexpr Arg kEndpoint = required_key("endpoint", "URL", "Where it is asked.");

constexpr Arg kRegisterArgs[] = {
    kHook,
    kEndpoint,
    one_of(flag("base64payload", "", "true|false", "Payloads in base64; true."), "true|false"),
    one_of(flag("no_payload", "", "true|false", "No payloads at all; false."), "true|false"),
    number_flag("response_timeout", "", "MS", "How long an answer may take; 5000."),
};
constexpr Arg kDeregisterArgs[] = {kHook, kEndpoint};
constexpr Arg kCacheShowArgs[] = {bare("reset", "", "Start the counts at 0 again.")};
constexpr Arg kScriptArgs[] = {required_key("path", "FILE", "The script.")};
constexpr Arg kInstallArgs[] = {
    flag("repo", "r", "R", "Meant the place to download from."),
    flag("version", "v", "V", "Meant the version to download."),
};

constexpr Command kRows[] = {
    {.words = "webhooks show", .prose = "Lists the web servers that are asked, by hook."},
    {.words = "webhooks register",
     .effect = Effect::Changes,
     .prose = "Lets a web server be asked until the next start of the node.",
     .args = kRegisterArgs},
    {.words = "webhooks deregister",
     .effect = Effect::Changes,
     .prose = "Lets a web server be asked no more.",
     .args = kDeregisterArgs},
    {.words = "webhooks cache show",
     .prose = "Shows how often remembered answers spared a question.",
     .args = kCacheShowArgs},
    {.words = "webhooks cache clear",
     .effect = Effect::Changes,
     .prose = "Forgets remembered answers."},

    {.words = "script show", .prose = "Lists the scripts."},
    {.words = "script load",
     .effect = Effect::Changes,
     .prose = "Loads a script.",
     .args = kScriptArgs},
    {.words = "script reload",
     .effect = Effect::Changes,
     .prose = "Loads a script anew.",
     .args = kScriptArgs},
    {.words = "script unload",
     .effect = Effect::Changes,
     .prose = "Unloads a script.",
     .args = kScriptArgs},

    {.words = "bridge show", .prose = "Lists bridges to other brokers and what waits for them."},
    {.words = "bridge start", .effect = Effect::Changes, .prose = "Starts the bridges anew."},

    {.words = "webui show", .prose = "Says where the status page is."},
    {.words = "webui install",
     .prose = "Says that nothing need be installed: the status page is part of the broker.",
     .args = kInstallArgs},
};

}  // namespace

std::span<const Command> extension_commands() { return kRows; }

}  // namespace vmq::admin
