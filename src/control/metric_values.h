// The values of the metrics table as commands show them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/histogram.h"
#include "core/metrics.h"
#include "node/node.h"

namespace vmq::control {

struct MetricValue {
  const core::MetricRow* row = nullptr;
  std::uint64_t value = 0;
  core::HistogramSum histogram;  // of a histogram
};

// Every row of the table, in its order.
std::vector<MetricValue> read_metrics(const node::Node& node);

struct LabelFilter {
  std::string name;
  std::vector<std::string> values;  // any of them
};

struct MetricsForm {
  bool has_descriptions = false;
  bool is_aggregated = true;         // series that differ in their labels only are added up
  std::vector<LabelFilter> filters;  // only series that have each of these labels
};

// Lines as `vmq-admin metrics show` has them, without the last newline.
std::string metrics_text(const std::vector<MetricValue>& values, const MetricsForm& form);

// All series of that name added up.
std::uint64_t sum_of(const node::Node& node, std::string_view name);

}  // namespace vmq::control
