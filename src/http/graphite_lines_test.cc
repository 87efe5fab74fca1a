#include "http/graphite_lines.h"

#include <gtest/gtest.h>

#include <array>

namespace vmq::http {
namespace {

using core::MetricKind;
using core::MetricRow;

MetricRow row(std::string_view name, MetricKind kind, core::MetricLabel label = {}) {
  return {name, "", kind, {label}, MetricRow::Source::Zero, 0};
}

std::string lines(std::span<const MetricRow> rows, const config::GraphiteConfig& config) {
  return graphite_lines(
      rows, [](const MetricRow&) { return 3; },
      [](const MetricRow&) { return core::HistogramSum{}; }, config, 99);
}

TEST(Graphite, names_become_paths_behind_key_and_prefix_and_labels_are_summed) {
  const std::array rows = {row("socket_open", MetricKind::Counter),
                           row("a_b", MetricKind::Counter, {"mqtt_version", "4"}),
                           row("a_b", MetricKind::Counter, {"mqtt_version", "5"})};
  config::GraphiteConfig config;
  EXPECT_EQ(lines(rows, config), "socket.open 3 99\na.b 6 99\n");
  config.api_key = "key";
  config.prefix = "site.one";
  config.include_labels = true;
  EXPECT_EQ(lines(rows, config),
            "key.site.one.socket.open 3 99\nkey.site.one.a.b.mqtt_version_4 3 99\n"
            "key.site.one.a.b.mqtt_version_5 3 99\nkey.site.one.a.b 6 99\n");
}

TEST(Graphite, a_histogram_is_a_path_a_bucket) {
  const std::array rows = {row("t_microseconds", MetricKind::Histogram)};
  const std::string text = lines(rows, {});
  EXPECT_EQ(text.substr(0, 33), "t.microseconds.bucket.inf 0 99\nt.");
  EXPECT_NE(text.find("t.microseconds.bucket.1000000 0 99\n"), std::string::npos);
  EXPECT_NE(text.find("t.microseconds.sum 0 99\n"), std::string::npos);
}

}  // namespace
}  // namespace vmq::http
