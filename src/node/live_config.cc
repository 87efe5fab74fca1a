#include "node/live_config.h"

#include "config/load.h"

namespace vmq::node {

LiveConfig::LiveConfig(config::Config config, config::Settings settings, Bounded bounded)
    : bounded_(bounded),
      at_start_(settings),
      settings_(std::move(settings)),
      config_(std::make_shared<const config::Config>(bounded(std::move(config)))) {}

ConfigSnapshot LiveConfig::snapshot() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return config_;
}

config::Settings LiveConfig::settings() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return settings_;
}

// Listeners do not come from settings any more: some were added since the start.
ConfigSnapshot LiveConfig::renew(config::Settings settings) {
  config::Config config = bounded_(config::make_config(settings));
  config.listeners = config_->listeners;
  settings_ = std::move(settings);
  config_ = std::make_shared<const config::Config>(std::move(config));
  return config_;
}

Result<ConfigSnapshot, std::vector<SettingProblem>> LiveConfig::set(
    const std::vector<SettingText>& changes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  config::Settings settings = settings_;
  std::vector<SettingProblem> problems;
  for (const auto& [key, text] : changes) {
    auto done = settings.set(key, text);
    if (!done) problems.push_back({key, done.error()});
  }
  if (!problems.empty()) return failure(std::move(problems));
  return renew(std::move(settings));
}

Result<ConfigSnapshot, std::string> LiveConfig::switch_plugin(const std::string& name, bool is_on) {
  const std::lock_guard<std::mutex> lock(mutex_);
  config::Settings settings = settings_;
  const auto done = settings.set_fixed("plugins." + name, is_on ? "on" : "off");
  if (!done) return failure(done.error().reason);
  return renew(std::move(settings));
}

ConfigSnapshot LiveConfig::reset(const std::vector<std::string>& keys) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (keys.empty()) return renew(at_start_);
  config::Settings settings = settings_;
  for (const std::string& key : keys) settings.reset(key, at_start_);
  return renew(std::move(settings));
}

ConfigSnapshot LiveConfig::add_listener(const config::ListenerConfig& listener) {
  const std::lock_guard<std::mutex> lock(mutex_);
  config::Config config = *config_;
  config.listeners.push_back(listener);
  config_ = std::make_shared<const config::Config>(std::move(config));
  return config_;
}

}  // namespace vmq::node
