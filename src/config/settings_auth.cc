#include "config/paths.h"
#include "config/settings.h"

namespace vmq::config {

namespace {

constexpr Setting kAuthSettings[] = {
    {"plugins.$name", Type::Flag, kUnset, kCommented, Built::NotBuilt,
     "Start plugin application $name."},
    {"plugins.$name.path", Type::Directory, kUnset, kCommented, Built::NotBuilt,
     "Directory of an external plugin."},
    {"plugins.$name.priority", Type::Int, kUnset, kCommented, Built::Works,
     "Place of a plugin in the chains of its hooks: the lowest is asked first, those without a "
     "priority come last, by name."},
    {"plugins.vmq_passwd", Type::Flag, "on", kPlain, Built::Works,
     "Checks user names and passwords against vmq_passwd.password_file."},
    {"plugins.vmq_acl", Type::Flag, "on", kPlain, Built::Works,
     "Checks topics against vmq_acl.acl_file. Where no plugin answers for topics, nobody may "
     "publish "
     "or subscribe."},
    {"plugins.vmq_diversity", Type::Flag, "off", kPlain, Built::NotBuilt, "Lua plugin."},
    {"plugins.vmq_webhooks", Type::Flag, "off", kPlain, Built::NotBuilt, "HTTP webhooks plugin."},
    {"plugins.vmq_http_pub", Type::Flag, "off", kCommented, Built::Works,
     "Publishing over HTTP, on the listeners whose http_modules name vmq_http_pub."},
    {"plugins.vmq_bridge", Type::Flag, "off", kPlain, Built::NotBuilt, "MQTT bridge plugin."},
    {"vmq_acl.acl_file", Type::File, VMQ_ETC_DIR "/vmq.acl", kLive, Built::Works,
     "File with the access rules."},
    {"vmq_acl.acl_reload_interval", Type::Int, "10", kLive, Built::Works,
     "How often the file is looked at for changes; 0 never.", "", Unit::Seconds, 0},
    {"vmq_passwd.password_file", Type::File, VMQ_ETC_DIR "/vmq.passwd", kLive, Built::Works,
     "File with the users, as vmq-passwd writes it."},
    {"vmq_passwd.password_reload_interval", Type::Int, "10", kLive, Built::Works,
     "How often the file is looked at for changes; 0 never.", "", Unit::Seconds, 0},
};

}  // namespace

const Section kAuthSection = {"Authentication and authorisation",
                              "Who may connect, and who may publish and subscribe where.",
                              kAuthSettings};

}  // namespace vmq::config
