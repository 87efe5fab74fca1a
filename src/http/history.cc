#include "http/history.h"

#include <algorithm>
#include <limits>

#include "http/json_text.h"

namespace vmq::http {
namespace {

// In the order of Series.
constexpr std::string_view series_names[] = {"connections", "connects", "publish_in", "publish_out",
                                             "dropped",     "queued",   "bytes_in",   "bytes_out",
                                             "cpu",         "memory",   "ack_p50_us", "ack_p99_us"};

}  // namespace

void History::sample() {
  const MetricSums sums(facts_.value_of);
  Sample sample;
  sample.time_ms = facts_.now_ms();
  sample.values.fill(std::numeric_limits<double>::quiet_NaN());
  const auto gauge = [&](std::string_view name) { return static_cast<double>(sums[name]); };
  sample.values[Connections] = gauge("total_active_connections");
  sample.values[Queued] = gauge("queue_messages");
  sample.values[Cpu] = gauge("system_utilization");
  sample.values[Memory] = gauge("vm_memory_total");
  const bool has_before = !samples_.empty() && samples_.back().time_ms < sample.time_ms;
  for (Rate& rate : rates_) {
    const std::uint64_t now = sums[rate.metric];
    // Counters may be set back by an operator; then there is no rate until the next look.
    if (has_before && now >= rate.last) {
      const auto seconds = static_cast<double>(sample.time_ms - samples_.back().time_ms) / 1000;
      sample.values[rate.series] = static_cast<double>(now - rate.last) / seconds;
    }
    rate.last = now;
  }
  sample_acks(sample);
  if (samples_.size() == samples_max) samples_.pop_front();
  samples_.push_back(sample);
}

// What a publisher at QoS 1 waits for is the disk: from its batch until that is durable.
void History::sample_acks(Sample& sample) {
  for (const core::MetricRow& row : core::metric_rows()) {
    if (row.name != "storage_write_microseconds") continue;
    const core::HistogramSum now = facts_.histogram_of(row);
    const core::HistogramSum fresh = now.since(acks_);
    if (!samples_.empty() && fresh.count() > 0) {
      sample.values[AckP50] = static_cast<double>(fresh.quantile(0.5));
      sample.values[AckP99] = static_cast<double>(fresh.quantile(0.99));
    }
    acks_ = now;
  }
}

std::string History::json(std::int64_t since_ms) const {
  const auto first = std::find_if(samples_.begin(), samples_.end(),
                                  [&](const Sample& sample) { return sample.time_ms > since_ms; });
  JsonText json;
  json.begin_object().key("interval_ms").number(interval_ms);
  json.key("times").begin_array();
  for (auto at = first; at != samples_.end(); ++at) json.number(at->time_ms);
  json.end_array().key("series").begin_object();
  for (std::size_t series = 0; series < End; ++series) {
    json.key(series_names[series]).begin_array();
    for (auto at = first; at != samples_.end(); ++at) json.number(at->values[series]);
    json.end_array();
  }
  json.end_object().end_object();
  return json.take();
}

}  // namespace vmq::http
