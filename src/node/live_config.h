// The configuration of a running node: what the files said, and what was set since. A change is
// made whole or not at all, gives a new snapshot, and is lost at a restart.
//
// Threads: any but the shards', each of which has the snapshot that it was told of.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "config/effective.h"

namespace vmq::node {

using ConfigSnapshot = std::shared_ptr<const config::Config>;

// Key and value, as they are typed.
using SettingText = std::pair<std::string, std::string>;

struct SettingProblem {
  std::string key;
  config::SetFailure failure;
};

class LiveConfig {
 public:
  // The bounds that a node puts on settings by itself.
  using Bounded = config::Config (*)(config::Config);

  LiveConfig(config::Config config, config::Settings settings, Bounded bounded);

  ConfigSnapshot snapshot() const;
  config::Settings settings() const;
  const config::Settings& at_start() const { return at_start_; }

  // Every problem there is, or the snapshot with all of the changes.
  [[nodiscard]] Result<ConfigSnapshot, std::vector<SettingProblem>> set(
      const std::vector<SettingText>& changes);
  // plugins.NAME, which is no setting to be changed like others.
  [[nodiscard]] Result<ConfigSnapshot, std::string> switch_plugin(const std::string& name,
                                                                  bool is_on);
  // Forgets what was set for these keys, or for all if there are none.
  ConfigSnapshot reset(const std::vector<std::string>& keys);
  ConfigSnapshot add_listener(const config::ListenerConfig& listener);

 private:
  ConfigSnapshot renew(config::Settings settings);

  const Bounded bounded_;
  mutable std::mutex mutex_;
  const config::Settings at_start_;
  config::Settings settings_;
  ConfigSnapshot config_;
};

}  // namespace vmq::node
