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
    {"log.template", Type::Enum, "extended", kHidden, Built::NotBuilt,
     "Extended = time [level] pid mfa:line: msg; simple = time level: msg.", "simple|extended"},
    {"log.console.file", Type::File, "./log/console.log", kPlain, Built::Works, "The log file."},
    {"log.console.console.format", Type::Enum, "text", kPlain, Built::Works,
     "Format of the log on standard output.", "text|json"},
    {"log.console.file.format", Type::Enum, "text", kPlain, Built::Works, "Format of the log file.",
     "text|json"},
    {"log.console.rotation.size", Type::Bytes, "infinity", kPlain, Built::NotBuilt,
     "Rotate at size.", "infinity", Unit::Bytes},
    {"log.console.rotation.keep", Type::Int, "5", kPlain, Built::NotBuilt, "Rotated files kept."},
    {"log.console.rotation.compress_on_rotate", Type::Flag, "off", kPlain, Built::NotBuilt,
     "Gzip rotated files."},
    {"log.error", Type::Flag, "on", kPlain, Built::Works,
     "Writes errors to a file of their own too."},
    {"log.error.file", Type::File, "./log/error.log", kPlain, Built::Works, "File for errors."},
    {"log.error.file.format", Type::Enum, "text", kPlain, Built::Works,
     "Format of the file for errors.", "text|json"},
    {"log.error.rotation.size", Type::Bytes, "infinity", kPlain, Built::NotBuilt, "Rotate at size.",
     "infinity", Unit::Bytes},
    {"log.error.rotation.keep", Type::Int, "5", kPlain, Built::NotBuilt, "Files kept."},
    {"log.error.rotation.compress_on_rotate", Type::Flag, "off", kPlain, Built::NotBuilt, "Gzip."},
    {"log.syslog", Type::Flag, "off", kPlain, Built::NotBuilt, "Log to syslog."},
    {"log.syslog.level", Type::Enum, "all", kHidden, Built::NotBuilt, "Level for syslog.",
     "all|debug|info|warning|error"},
    {"log.syslog.format", Type::Enum, "rfc3164", kPlain, Built::NotBuilt,
     "Syslog format; TLS requires rfc5424.", "rfc3164|rfc5424"},
    {"log.syslog.facility", Type::Enum, "daemon", kPlain, Built::NotBuilt, "Facility.",
     "kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|ntp|audit|alert|clock|"
     "local0|local1|local2|local3|local4|local5|local6|local7"},
    {"log.syslog.app_name", Type::Text, kUnset, kPlain, Built::NotBuilt, "App name field."},
    {"log.syslog.remote.host", Type::Text, kUnset, kPlain, Built::NotBuilt,
     "Remote syslog server."},
    {"log.syslog.remote.port", Type::Int, "514", kPlain, Built::NotBuilt,
     "Port of the remote syslog server.", "", Unit::None, 1, 65535},
    {"log.syslog.remote.protocol", Type::Enum, "udp", kPlain, Built::NotBuilt, "Transport.",
     "udp|tcp|tls"},
    {"log.syslog.remote.tls.cafile", Type::File, kUnset, kPlain, Built::NotBuilt,
     "CA file, required for tls."},
    {"log.level", Type::Enum, "all", kHidden, Built::NotBuilt, "Primary logger level.",
     "all|debug|info|warning|error"},
};

}  // namespace

const Section kLogSection = {"Log", "Where the log goes and what stands in it.", kLogSettings};

}  // namespace vmq::config
