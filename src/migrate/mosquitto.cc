#include "migrate/mosquitto.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "migrate/conf_text.h"
#include "migrate/directives.h"
#include "migrate/listeners.h"
#include "migrate/rules.h"

namespace vmq::migrate {

namespace {

enum class How : std::uint8_t {
  Number,         // as it is
  Flag,           // true, false
  ZeroIsDefault,  // 0 sets no limit: nothing to say
  Text,
  Nothing,  // no counterpart, `text` says why
};

struct Row {
  std::string_view theirs;
  How how;
  std::string_view text;  // our key, or why there is none
};

constexpr auto kRows = std::to_array<Row>({
    {"max_inflight_messages", How::Number, "max_inflight_messages"},
    {"message_size_limit", How::Number, "max_message_size"},
    {"max_queued_bytes", How::ZeroIsDefault, "node.queue_bytes_max"},
    {"memory_limit", How::ZeroIsDefault, "node.memory_max"},
    {"max_keepalive", How::Number, "node.keep_alive_max"},
    {"persistent_client_expiration", How::Text, "persistent_client_expiration"},
    {"upgrade_outgoing_qos", How::Flag, "upgrade_outgoing_qos"},
    {"max_packet_size", How::Nothing,
     "see max_message_size, which counts the payload without topic and properties"},
    {"max_inflight_bytes", How::Nothing, "node.connection_buffer_max bounds what is unsent"},
    {"queue_qos0_messages", How::Nothing, "QoS 0 messages are not kept for absent clients"},
    {"retain_available", How::Nothing, "retained messages are always there; the ACL may forbid"},
    {"allow_zero_length_clientid", How::Nothing, "clients without an id get one, as MQTT has it"},
    {"auto_id_prefix", How::Nothing, "ids that are given have no prefix"},
    {"allow_duplicate_messages", How::Nothing, "each client gets one copy for each subscription"},
    {"check_retain_source", How::Nothing, "rules are checked when the message is published"},
    {"clientid_prefixes", How::Nothing, "no rule looks at client ids; see %c in vmq.acl"},
    {"set_tcp_nodelay", How::Nothing, "not needed: small packets are sent at once"},
    {"persistence", How::Nothing,
     "sessions, queues and retained messages are always on disk; what mosquitto.db holds is not "
     "taken over"},
    {"persistence_location", How::Nothing, "platform_data_dir is the place; nothing to take over"},
    {"persistence_file", How::Nothing, "there is no such file"},
    {"autosave_interval", How::Nothing, "not needed: what is acknowledged is on disk"},
    {"autosave_on_changes", How::Nothing, "not needed: what is acknowledged is on disk"},
    {"retain_expiry_interval", How::Nothing, "publishers say it with MQTT 5's message expiry"},
    {"log_timestamp", How::Nothing, "lines always carry their time"},
    {"log_timestamp_format", How::Nothing, "times are written as ISO 8601"},
    {"connection_messages", How::Nothing, "log.console.level decides"},
    {"websockets_log_level", How::Nothing, "log.console.level decides"},
    {"pid_file", How::Nothing, "VERNEMQ_PID_FILE in /etc/default/vernemq names another place"},
    {"user", How::Nothing, "the service runs as vernemq; VERNEMQ_USER names another user"},
    {"store_clean_interval", How::Nothing, "not needed"},
    {"global_plugin", How::Nothing, "plugins of mosquitto cannot be loaded"},
    {"auth_plugin", How::Nothing, "plugins of mosquitto cannot be loaded"},
    {"plugin", How::Nothing, "plugins of mosquitto cannot be loaded"},
    {"plugin_load", How::Nothing, "plugins of mosquitto cannot be loaded"},
    {"plugin_use", How::Nothing, "plugins of mosquitto cannot be loaded"},
    {"include_dir", How::Nothing, "an included file includes no folder, in mosquitto neither"},
});

// Handled by name in code.
constexpr auto kSpecial = std::to_array<std::string_view>(
    {"acl_file", "allow_anonymous", "log_dest", "log_facility", "log_type", "max_queued_messages",
     "password_file", "per_listener_settings", "psk_file", "sys_interval"});

class Converter {
 public:
  Converter(const Directives& directives, const config::FileLoader& files, const Places& places)
      : directives_(directives), files_(files), places_(places) {}

  Result<Migrated, std::string> convert(const std::string& path) {
    out_.comment("Made from " + path + "; vernemq config describe KEY explains the lines.");
    ListenerConverter(directives_, out_).convert();
    if (auto done = convert_access(); !done) return failure(done.error());
    out_.title("Limits, queues and the rest");
    for (const Directive& one : directives_.globals) convert_global(one);
    convert_log();
    if (!directives_.bridges.empty()) out_.title("Bridges");
    for (const Block& bridge : directives_.bridges) convert_bridge(bridge, out_);
    out_.title("Further files");
    result_.config = out_.take_text() + "include conf.d/*.conf\n";
    result_.carried = out_.carried();
    result_.remarks = std::move(out_.remarks());
    return std::move(result_);
  }

 private:
  // The one that counts, and a remark about every further one: there is one password file and one
  // ACL here, and putting several together would let users in where they were not.
  const Directive* the_only(std::string_view key) {
    std::vector<const Directive*> found;
    if (const Directive* global = directives_.find_global(key)) found.push_back(global);
    if (const Directive* first = directives_.default_listener.find(key)) found.push_back(first);
    for (const Block& block : directives_.listeners) {
      if (const Directive* one = block.find(key)) found.push_back(one);
    }
    for (std::size_t i = 1; i < found.size(); ++i) {
      if (found[i]->value == found[0]->value) continue;
      out_.remark(*found[i], fmt::format("there is one such file for all listeners here; {} is "
                                         "taken, this one is left out",
                                         found[0]->value));
    }
    return found.empty() ? nullptr : found[0];
  }

  bool has_own_listener() const {
    return !directives_.listeners.empty() || !directives_.default_listener.head.key.empty();
  }

  bool are_anonymous_admitted() const {
    const Directive* said = directives_.find_global("allow_anonymous");
    return said == nullptr ? !has_own_listener() : flag_of(said->value) == "on";
  }

  Result<void, std::string> convert_access() {
    out_.title("Who may come in, who may do what");
    const Directive* passwords = the_only("password_file");
    const Directive* rules = the_only("acl_file");
    const Directive* anonymous = directives_.find_global("allow_anonymous");
    bool is_open = are_anonymous_admitted();
    if (is_open && passwords != nullptr) {
      is_open = false;
      out_.remark(anonymous == nullptr ? *passwords : *anonymous,
                  "mosquitto admits clients without a name and checks the passwords of the others; "
                  "with allow_anonymous = on nobody is checked here, so it is off. Give clients "
                  "without a name a listener of their own with allow_anonymous_override = on");
    } else if (anonymous != nullptr) {
      out_.count();
    }
    out_.line("allow_anonymous", is_open ? "on" : "off");
    out_.line("vmq_passwd.password_file", places_.password_file);
    out_.line("vmq_acl.acl_file", places_.acl_file);
    if (passwords != nullptr) {
      const auto text = files_.read(passwords->value);
      if (!text) return failure(passwords->value + ": " + text.error());
      result_.passwords = migrate_passwords(*text, passwords->value, out_.remarks());
      out_.count();
    }
    result_.acl = "# mosquitto had no ACL file: every topic is allowed.\ntopic #\n";
    if (rules == nullptr) return {};
    const auto text = files_.read(rules->value);
    if (!text) return failure(rules->value + ": " + text.error());
    result_.acl = migrate_acl(*text, rules->value, is_open, out_.remarks());
    out_.count();
    out_.remark(*rules,
                "a subscription is allowed as a whole or refused here; mosquitto grants it and "
                "leaves out what may not be read, so filters wider than their rules fail");
    return {};
  }

  void convert_global(const Directive& one) {
    const auto row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& candidate) {
      return candidate.theirs == one.key;
    });
    if (row != kRows.end()) return convert_row(*row, one);
    if (one.key == "max_queued_messages") {
      const std::string value = one.value == "0" ? "-1" : one.value;
      out_.line("max_online_messages", value, one);
      out_.line("max_offline_messages", value);
    } else if (one.key == "sys_interval") {
      out_.line("systree_enabled", one.value == "0" ? "off" : "on", one);
      if (one.value != "0") out_.line("systree_interval", one.value + "000");
    } else if (std::find(kSpecial.begin(), kSpecial.end(), one.key) == kSpecial.end()) {
      const bool is_option = one.key.starts_with("plugin_opt_") || one.key.starts_with("auth_opt_");
      out_.remark(one, is_option ? "an option of a plugin that cannot be loaded"
                                 : "is no option that mosquitto 2 has, or has no counterpart");
    }
  }

  void convert_row(const Row& row, const Directive& one) {
    switch (row.how) {
      case How::Nothing:
        return out_.remark(one, row.text);
      case How::ZeroIsDefault:
        return one.value == "0" ? out_.count() : out_.line(row.text, one.value, one);
      case How::Flag:
        return out_.line(row.text, flag_of(one.value) == "on" ? "on" : "off", one);
      case How::Number:
      case How::Text:
        return out_.line(row.text, one.value, one);
    }
  }

  void convert_log() {
    std::string file;
    bool is_console = false;
    bool is_any = false;
    std::string_view level = "notice";
    bool is_level_said = false;
    for (const Directive& one : directives_.globals) {
      if (one.key == "log_dest") {
        std::string_view rest = one.value;
        const std::string_view word = take_word(rest);
        is_any = true;
        if (word == "file") {
          file = rest;
        } else if (word == "stdout" || word == "stderr") {
          is_console = true;
        } else if (word == "syslog") {
          out_.line("log.syslog", "on", one);
          continue;
        } else if (word != "none") {
          out_.remark(one, "there is no such destination");
          continue;
        }
        out_.count();
      } else if (one.key == "log_type") {
        is_level_said = true;
        level = widest(level, one.value);
        out_.count();
      } else if (one.key == "log_facility") {
        out_.line("log.syslog.facility", "local" + one.value, one);
      }
    }
    if (is_any) {
      out_.line("log.console",
                is_console ? (file.empty() ? "console" : "both") : (file.empty() ? "off" : "file"));
    }
    if (!file.empty()) out_.line("log.console.file", file);
    if (is_level_said) out_.line("log.console.level", level);
  }

  // Their types are switched on one by one; our level shows everything above it.
  static std::string_view widest(std::string_view level, std::string_view type) {
    constexpr std::array<std::string_view, 3> kOrder{"debug", "info", "notice"};
    std::string_view wanted = "notice";
    if (type == "all" || type == "debug" || type == "websockets") wanted = "debug";
    if (type == "information" || type == "subscribe" || type == "unsubscribe") wanted = "info";
    return *std::find_if(kOrder.begin(), kOrder.end(), [&](std::string_view candidate) {
      return candidate == level || candidate == wanted;
    });
  }

  const Directives& directives_;
  const config::FileLoader& files_;
  const Places& places_;
  ConfText out_;
  Migrated result_;
};

}  // namespace

Result<Migrated, std::string> migrate_mosquitto(const std::string& path,
                                                const config::FileLoader& files,
                                                const Places& places) {
  const Result<Directives, std::string> directives = read_directives(path, files);
  if (!directives) return failure(directives.error());
  return Converter(*directives, files, places).convert(path);
}

std::string format_remark(const Remark& remark) {
  return fmt::format("{}:{}: {}", remark.file, remark.line, remark.text);
}

}  // namespace vmq::migrate
