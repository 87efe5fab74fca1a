#include "config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "config/listeners.h"
#include "config/tcp_options.h"

namespace vmq::config {

namespace {

constexpr std::size_t kListenersMax = 1000;

// Whether saying so changes nothing: the value is the default, or switches off what is off.
bool says_nothing_new(const EffectiveValue& value) {
  const Setting& setting = *value.setting;
  if (setting.default_text) return *setting.default_text == value.value.text;
  return setting.type == Type::Flag && value.value.text == "off";
}

bool is_listener_key(const EffectiveValue& value) { return value.words.front() == "listener"; }

bool is_address_line(const EffectiveValue& value) {
  return value.setting->type == Type::Address || value.setting->type == Type::AddressOrSocket;
}

// Options of a listener that does not run say nothing about this broker: those of a kind that is
// not built, whose address line is warned about, and those of a name without address line.
bool is_of_idle_listener(const Settings& settings, const EffectiveValue& value) {
  if (!is_listener_key(value) || is_address_line(value) || value.words.size() < 3) return false;
  if (value.words[1] != "tcp") return true;
  if (value.words.size() == 3) return false;
  const std::string line = to_string(KeyWords{"listener", value.words[1], value.words[2]});
  return settings.get(line) == nullptr;
}

class Warnings {
 public:
  explicit Warnings(const Settings& settings) : settings_(settings) {}

  void look_at(const std::string& key, const EffectiveValue& value) {
    if (value.source != Source::File || is_of_idle_listener(settings_, value)) return;
    switch (value.setting->built) {
      case Built::Works:
      case Built::Silent:
        return;
      case Built::Mapped:
        return add(value, mapped_text(key, value));
      case Built::Ignored:
        return ignored_.push_back(key);
      case Built::Removed:
        return add(value, fmt::format("{} is of another release: {}", key, value.setting->prose));
      case Built::NotBuilt:
        return look_at_not_built(key, value);
    }
  }

  std::vector<ConfigWarning> take() {
    std::stable_sort(
        warnings_.begin(), warnings_.end(), [](const ConfigWarning& a, const ConfigWarning& b) {
          return std::pair(a.origin.file, a.origin.line) < std::pair(b.origin.file, b.origin.line);
        });
    add_list("accepted and ignored, they tune parts that this broker does not have: {}", ignored_);
    add_list("not built yet, and set to what they are anyway: {}", defaulted_);
    return std::move(warnings_);
  }

 private:
  void add(const EffectiveValue& value, std::string text) {
    warnings_.push_back({value.origin, std::move(text)});
  }

  std::string mapped_text(const std::string& key, const EffectiveValue& value) const {
    const std::string line = fmt::format("{} = {}", key, value.value.text);
    if (key == "leveldb.sync_on_write") {
      return value.value.number == 1
                 ? line + " is taken as message_store.sync = always"
                 : line +
                       " is not taken over: message_store.sync decides, and says always by itself";
    }
    return line + " is taken as message_store.directory, in its subdirectory rocks";
  }

  void look_at_not_built(const std::string& key, const EffectiveValue& value) {
    if (says_nothing_new(value)) return defaulted_.push_back(key);
    add(value, fmt::format("{} is not built yet: accepted, without effect", key));
  }

  void add_list(std::string_view text, const std::vector<std::string>& keys) {
    if (keys.empty()) return;
    warnings_.push_back({{}, fmt::format(fmt::runtime(text), fmt::join(keys, ", "))});
  }

  const Settings& settings_;
  std::vector<ConfigWarning> warnings_;
  std::vector<std::string> ignored_;
  std::vector<std::string> defaulted_;
};

void sort_errors(std::vector<ConfigError>& errors, const std::vector<std::string>& files) {
  const auto place = [&](const ConfigError& error) {
    const auto file = std::find(files.begin(), files.end(), error.origin.file);
    return std::tuple(file - files.begin(), error.origin.line, error.origin.column);
  };
  std::stable_sort(errors.begin(), errors.end(),
                   [&](const ConfigError& a, const ConfigError& b) { return place(a) < place(b); });
}

void check_listener_count(const Settings& settings, std::vector<ConfigError>& errors) {
  const auto lines =
      std::count_if(settings.all().begin(), settings.all().end(), [](const auto& item) {
        return is_listener_key(item.second) && is_address_line(item.second);
      });
  if (static_cast<std::size_t>(lines) <= kListenersMax) return;
  errors.push_back(
      {{}, "listener", fmt::format("there are more than {} listeners", kListenersMax), {}});
}

void check_tcp_options(const Settings& settings, std::vector<ConfigError>& errors) {
  constexpr const char* key = "tcp_listen_options";
  const EffectiveValue* value = settings.get(key);
  const auto options = parse_tcp_options(value->value.text);
  if (!options) errors.push_back({value->origin, key, options.error(), {}});
}

Result<Loaded, std::vector<ConfigError>> load_parsed(Parsed parsed) {
  Loaded loaded;
  std::vector<ConfigError> errors = std::move(parsed.errors);
  loaded.settings.take_entries(parsed.entries, errors);
  check_listener_count(loaded.settings, errors);
  if (errors.empty()) {
    loaded.config = make_config(loaded.settings);
    check_listeners(loaded.settings, loaded.config.listeners, errors);
    check_tcp_options(loaded.settings, errors);
  }
  if (!errors.empty()) {
    sort_errors(errors, parsed.files);
    return failure(std::move(errors));
  }
  Warnings warnings(loaded.settings);
  for (const auto& [key, value] : loaded.settings.all()) warnings.look_at(key, value);
  loaded.warnings = std::move(parsed.warnings);
  for (ConfigWarning& warning : warnings.take()) loaded.warnings.push_back(std::move(warning));
  const auto is_mqtt = [](const ListenerConfig& listener) { return listener.is_mqtt(); };
  if (std::none_of(loaded.config.listeners.begin(), loaded.config.listeners.end(), is_mqtt)) {
    loaded.warnings.push_back(
        {{},
         "no listener for MQTT is configured, so no client can connect: listener.tcp.default = "
         "127.0.0.1:1883 opens one"});
  }
  loaded.files = std::move(parsed.files);
  return loaded;
}

std::string format_origin(const Origin& origin) {
  if (origin.file.empty()) return {};
  if (origin.line == 0) return origin.file + ": ";
  if (origin.column == 0) return fmt::format("{}:{}: ", origin.file, origin.line);
  return fmt::format("{}:{}:{}: ", origin.file, origin.line, origin.column);
}

}  // namespace

Result<Loaded, std::vector<ConfigError>> load(const std::string& path, const FileLoader& loader) {
  return load_parsed(parse_file(path, loader));
}

Result<Loaded, std::vector<ConfigError>> load_text(std::string_view text, const FileLoader& loader,
                                                   const std::string& path) {
  return load_parsed(parse_text(text, path, loader));
}

std::string format_error(const ConfigError& error) {
  std::string text = format_origin(error.origin);
  if (!error.key.empty()) text += error.key + ": ";
  text += error.reason;
  if (!error.nearest.empty()) {
    text += fmt::format("; did you mean {}?", fmt::join(error.nearest, " or "));
  }
  return text;
}

std::string format_errors(const std::vector<ConfigError>& errors) {
  std::string text;
  for (const ConfigError& error : errors) text += format_error(error) + "\n";
  if (errors.size() >= kErrorsMax) text += "further errors are not shown\n";
  return text;
}

std::string format_warning(const ConfigWarning& warning) {
  return format_origin(warning.origin) + warning.text;
}

std::string check_report(const Result<Loaded, std::vector<ConfigError>>& loaded) {
  if (!loaded) return format_errors(loaded.error());
  return "config is OK\n";
}

std::string format_effective(const Settings& settings) {
  std::string text;
  for (const auto& [key, value] : settings.all()) {
    const std::string shown = shown_text(value);
    const bool needs_quotes = shown.find('#') != std::string::npos;
    text += needs_quotes ? fmt::format("{} = '{}'\n", key, shown)
                         : fmt::format("{} = {}\n", key, shown);
  }
  return text;
}

}  // namespace vmq::config
