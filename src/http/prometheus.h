// The text that Prometheus scrapes: VerneMQ's names, prefix and labels.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "core/metrics.h"

namespace vmq::http {

struct PrometheusOptions {
  std::string prefix;  // prometheus_namespace
  std::string node;    // every sample carries it as a label
};

using MetricValue = std::function<std::uint64_t(const core::MetricRow&)>;
using MetricHistogram = std::function<core::HistogramSum(const core::MetricRow&)>;

// Rows of one name stand side by side and get HELP and TYPE once.
std::string prometheus_text(std::span<const core::MetricRow> rows, const MetricValue& value_of,
                            const MetricHistogram& histogram_of, const PrometheusOptions& options);

// A label value between its quotes, a help text behind its name.
std::string escaped_label(std::string_view value);
std::string escaped_help(std::string_view text);

}  // namespace vmq::http
