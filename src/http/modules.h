// The HTTP modules by VerneMQ's names, and which of them a listener serves with which keys.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace vmq::http {

enum class Module : std::uint8_t { Metrics, Management, Status, Health, Api2, Publish };
inline constexpr std::size_t module_count = 6;

std::string_view name_of(Module module);   // vmq_metrics_http
std::string_view scope_of(Module module);  // metrics: what a key must be good for
std::optional<Module> module_of(std::string_view name);

// What one listener serves.
struct Site {
  struct Entry {
    bool is_served = false;
    bool needs_key = false;
  };
  std::array<Entry, module_count> modules{};
  config::HttpPublishConfig publish;

  Entry& operator[](Module module) { return modules[static_cast<std::size_t>(module)]; }
  const Entry& operator[](Module module) const { return modules[static_cast<std::size_t>(module)]; }
};

struct SiteOfListener {
  Site site;
  std::vector<std::string> unknown;  // names in its list that are no modules of ours
};

SiteOfListener site_of(const config::Config& config, const config::ListenerConfig& listener);

}  // namespace vmq::http
