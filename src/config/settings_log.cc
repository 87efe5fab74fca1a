#include "config/paths.h"
#include "config/settings.h"

namespace vmq::config {

namespace {

constexpr Setting kLogSettings[] = {
    {"logging.keepalive_as_warning", Type::Flag, "on", kPlain, Built::Works,
     "Logs an expired keep-alive as warning; otherwise at debug level."},
    {"log.console", Type::Enum, "file", kPlain, Built::Works,
     "Where the log goes: file to log.console.file, console to standard output, both, or off.",
     "off|file|console|both"},
    {"log.console.level", Type::Enum, "info", kPlain, Built::Works,
     "From which level on lines are logged.",
     "debug|info|notice|warning|error|critical|alert|emergency"},
    {"log.template", Type::Enum, "extended", kHidden, Built::Ignored,
     "Whether lines show the Erlang process and function that wrote them.", "simple|extended"},
    {"log.console.file", Type::File, VMQ_LOG_DIR "/console.log", kPlain, Built::Works,
     "The log file."},
    {"log.console.console.format", Type::Enum, "text", kPlain, Built::Works,
     "Format of the log on standard output.", "text|json"},
    {"log.console.file.format", Type::Enum, "text", kPlain, Built::Works, "Format of the log file.",
     "text|json"},
    {"log.console.rotation.size", Type::Bytes, "infinity", kPlain, Built::Works,
     "Size at which the file is moved to FILE.0, the one before to FILE.1 and so on. SIGHUP opens "
     "the file anew, for tools that move it.",
     "infinity", Unit::Bytes, 1},
    {"log.console.rotation.keep", Type::Int, "5", kPlain, Built::Works,
     "How many moved files are kept.", "", Unit::None, 0, 1000},
    {"log.console.rotation.compress_on_rotate", Type::Flag, "off", kPlain, Built::NotBuilt,
     "Gzip rotated files."},
    {"log.error", Type::Flag, "on", kPlain, Built::Works,
     "Writes errors to a file of their own too."},
    {"log.error.file", Type::File, VMQ_LOG_DIR "/error.log", kPlain, Built::Works,
     "File for errors."},
    {"log.error.file.format", Type::Enum, "text", kPlain, Built::Works,
     "Format of the file for errors.", "text|json"},
    {"log.error.rotation.size", Type::Bytes, "infinity", kPlain, Built::Works,
     "Size at which the file is moved to FILE.0, the one before to FILE.1 and so on. SIGHUP opens "
     "the file anew, for tools that move it.",
     "infinity", Unit::Bytes, 1},
    {"log.error.rotation.keep", Type::Int, "5", kPlain, Built::Works,
     "How many moved files are kept.", "", Unit::None, 0, 1000},
    {"log.error.rotation.compress_on_rotate", Type::Flag, "off", kPlain, Built::NotBuilt, "Gzip."},
    {"log.syslog", Type::Flag, "off", kPlain, Built::Works,
     "Sends the log to a syslog daemon too: to the one of this machine, or to "
     "log.syslog.remote.host."},
    {"log.syslog.level", Type::Enum, "all", kHidden, Built::Works,
     "From which level on lines go there.", "all|debug|info|warning|error"},
    {"log.syslog.format", Type::Enum, "rfc3164", kPlain, Built::Works, "Form of the lines.",
     "rfc3164|rfc5424"},
    {"log.syslog.facility", Type::Enum, "daemon", kPlain, Built::Works, "Facility of the lines.",
     "kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|ntp|audit|alert|clock|"
     "local0|local1|local2|local3|local4|local5|local6|local7"},
    {"log.syslog.app_name", Type::Text, kUnset, kPlain, Built::Works,
     "Name of the program in the lines; vernemq unless set."},
    {"log.syslog.remote.host", Type::Text, kUnset, kPlain, Built::Works,
     "Host of the syslog daemon; its name is looked up at the start and at SIGHUP."},
    {"log.syslog.remote.port", Type::Int, "514", kPlain, Built::Works, "Its port.", "", Unit::None,
     1, 65535},
    {"log.syslog.remote.protocol", Type::Enum, "udp", kPlain, Built::Works,
     "Transport. Only udp is built: with another nothing is sent, and the log says so.",
     "udp|tcp|tls"},
    {"log.syslog.remote.tls.cafile", Type::File, kUnset, kPlain, Built::NotBuilt,
     "CA file, required for tls."},
    {"log.level", Type::Enum, "all", kHidden, Built::Works,
     "What is below it is logged nowhere, whatever the level of a place.",
     "all|debug|info|warning|error"},
};

}  // namespace

const Section kLogSection = {"Log", "Where the log goes and what stands in it.", kLogSettings};

}  // namespace vmq::config
