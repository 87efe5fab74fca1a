// What Carbon is sent: `PATH VALUE SECONDS`, one line a value.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "config/http_config.h"
#include "http/prometheus.h"

namespace vmq::http {

std::string graphite_lines(std::span<const core::MetricRow> rows, const MetricValue& value_of,
                           const MetricHistogram& histogram_of,
                           const config::GraphiteConfig& config, std::int64_t time_s);

}  // namespace vmq::http
