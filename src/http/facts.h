// What the pages and endpoints say about the node: asked for anew at every request.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "http/prometheus.h"

namespace vmq::http {

struct ListenerFacts {
  std::string type;  // mqtt, mqtts, http …
  std::string name;
  std::string address;
  std::uint16_t port = 0;
  bool is_running = true;
  std::uint64_t connections = 0;
  std::uint64_t connections_max = 0;
  std::string mountpoint;
};

struct MemberFacts {
  std::string node;
  bool is_running = true;
};

struct Issue {
  bool is_critical = false;
  std::string name;
  std::string text;
  std::string advice;
};

struct Facts {
  std::string node;
  std::string version;
  std::int64_t started_at_ms = 0;
  std::string metrics_prefix;
  std::function<std::int64_t()> now_ms;
  MetricValue value_of;
  MetricHistogram histogram_of;
  std::function<std::vector<ListenerFacts>()> listeners;
  std::function<std::vector<MemberFacts>()> members;  // of the cluster, this node first
  std::function<bool()> is_evacuating;
  std::function<bool()> has_majority;  // of the cluster; a lone node has it of itself
};

// All metrics by name at one moment, labels added up; of a histogram how many were counted.
class MetricSums {
 public:
  explicit MetricSums(const MetricValue& value_of);
  // REQUIRES: there is a metric of that name.
  std::uint64_t operator[](std::string_view name) const;

 private:
  std::map<std::string_view, std::uint64_t> sums_;
};

std::vector<Issue> issues_of(const Facts& facts, const MetricSums& sums);

}  // namespace vmq::http
