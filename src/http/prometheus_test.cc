#include "http/prometheus.h"

#include <gtest/gtest.h>

#include <array>

namespace vmq::http {
namespace {

using core::MetricKind;
using core::MetricRow;

MetricRow row(std::string_view name, MetricKind kind, core::MetricLabel label = {}) {
  return {name, "what it is", kind, {label}, MetricRow::Source::Zero, 0};
}

std::string text_of(std::span<const MetricRow> rows, const PrometheusOptions& options,
                    const core::HistogramSum& histogram = {}) {
  return prometheus_text(
      rows, [](const MetricRow&) { return 7; }, [&](const MetricRow&) { return histogram; },
      options);
}

TEST(Prometheus, series_of_one_name_share_help_and_type) {
  const std::array rows = {row("a", MetricKind::Counter, {"mqtt_version", "4"}),
                           row("a", MetricKind::Counter, {"mqtt_version", "5"}),
                           row("b", MetricKind::Gauge)};
  EXPECT_EQ(text_of(rows, {"vernemq_", "n@h"}),
            "# HELP vernemq_a what it is\n# TYPE vernemq_a counter\n"
            "vernemq_a{node=\"n@h\",mqtt_version=\"4\"} 7\n"
            "vernemq_a{node=\"n@h\",mqtt_version=\"5\"} 7\n"
            "# HELP vernemq_b what it is\n# TYPE vernemq_b gauge\nvernemq_b{node=\"n@h\"} 7\n");
}

TEST(Prometheus, a_histogram_is_cumulative_from_the_widest_bucket_down) {
  core::Histogram times;
  for (const std::uint64_t us : {5U, 50U, 50U, 5000U, 9'000'000U}) times.record(us);
  core::HistogramSum sum;
  sum.add(times);
  const std::array rows = {row("t", MetricKind::Histogram)};
  EXPECT_EQ(text_of(rows, {"", "n"}, sum),
            "# HELP t what it is\n# TYPE t histogram\n"
            "t_bucket{node=\"n\",le=\"+Inf\"} 5\nt_bucket{node=\"n\",le=\"1000000\"} 4\n"
            "t_bucket{node=\"n\",le=\"100000\"} 4\nt_bucket{node=\"n\",le=\"10000\"} 4\n"
            "t_bucket{node=\"n\",le=\"1000\"} 3\nt_bucket{node=\"n\",le=\"100\"} 3\n"
            "t_bucket{node=\"n\",le=\"10\"} 1\nt_count{node=\"n\"} 5\nt_sum{node=\"n\"} 9005105\n");
}

TEST(Prometheus, labels_and_help_are_escaped) {
  EXPECT_EQ(escaped_label("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
  EXPECT_EQ(escaped_help("a\"b\\c\nd"), "a\"b\\\\c\\nd");
}

}  // namespace
}  // namespace vmq::http
