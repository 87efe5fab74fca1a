#include "core/counters.h"

namespace vmq::core {

#define VMQ_ROW(identifier, name, help) MetricRow{name, help},
const std::array<MetricRow, metric_count<Plain>> plain_metrics = {VMQ_PLAIN_COUNTERS(VMQ_ROW)};
const std::array<MetricRow, metric_count<PerVersion>> version_metrics = {
    VMQ_VERSION_COUNTERS(VMQ_ROW)};
const std::array<MetricRow, metric_count<Gauge>> gauge_metrics = {VMQ_GAUGES(VMQ_ROW)};
#undef VMQ_ROW

}  // namespace vmq::core
