#include "control/metric_values.h"

#include <gtest/gtest.h>

namespace vmq::control {
namespace {

using core::MetricKind;
using core::MetricRow;

const MetricRow open_row{"socket_open", "connections accepted", MetricKind::Counter, {}};
const MetricRow gauge_row{"now", "things now", MetricKind::Gauge, {}};
const MetricRow sent_3{
    "sent", "packets", MetricKind::Counter, {{{"mqtt_version", "4"}, {"return_code", "success"}}}};
const MetricRow sent_5{
    "sent", "packets", MetricKind::Counter, {{{"mqtt_version", "5"}, {"reason_code", "success"}}}};
const MetricRow timing{"took", "microseconds", MetricKind::Histogram, {}};

std::vector<MetricValue> values() {
  return {{&open_row, 3, {}}, {&sent_3, 1, {}}, {&sent_5, 4, {}}, {&gauge_row, 7, {}}};
}

TEST(MetricsText, series_that_differ_in_labels_are_added_up) {
  EXPECT_EQ(metrics_text(values(), {}),
            "counter.socket_open = 3\n"
            "counter.sent = 5\n"
            "gauge.now = 7");
}

TEST(MetricsText, series_keep_their_labels_when_they_are_not_added_up) {
  MetricsForm form;
  form.is_aggregated = false;
  EXPECT_EQ(metrics_text(values(), form),
            "counter.socket_open = 3\n"
            "counter.sent{mqtt_version=\"4\",return_code=\"success\"} = 1\n"
            "counter.sent{mqtt_version=\"5\",reason_code=\"success\"} = 4\n"
            "gauge.now = 7");
}

TEST(MetricsText, a_filter_keeps_series_with_that_label) {
  MetricsForm form;
  form.filters = {{"mqtt_version", {"5", "6"}}};
  EXPECT_EQ(metrics_text(values(), form), "counter.sent = 4");
  form.filters.push_back({"reason_code", {"other"}});
  EXPECT_EQ(metrics_text(values(), form), "");
}

TEST(MetricsText, descriptions_stand_before_and_a_blank_line_behind) {
  MetricsForm form;
  form.has_descriptions = true;
  form.filters = {{"mqtt_version", {"4"}}};
  EXPECT_EQ(metrics_text(values(), form), "# packets\ncounter.sent = 1");
  form.filters.clear();
  EXPECT_TRUE(metrics_text(values(), form)
                  .starts_with("# connections accepted\ncounter.socket_open = 3\n\n# packets\n"));
}

TEST(MetricsText, a_histogram_counts_up_to_each_bound) {
  core::Histogram histogram;
  histogram.record(7);
  histogram.record(70);
  histogram.record(7'000'000);
  MetricValue value{&timing, 0, {}};
  value.histogram.add(histogram);
  EXPECT_EQ(metrics_text({value}, {}),
            "histogram.took_bucket_10 = 1\n"
            "histogram.took_bucket_100 = 2\n"
            "histogram.took_bucket_1000 = 2\n"
            "histogram.took_bucket_10000 = 2\n"
            "histogram.took_bucket_100000 = 2\n"
            "histogram.took_bucket_1000000 = 2\n"
            "histogram.took_bucket_infinity = 3\n"
            "histogram.took_count = 3\n"
            "histogram.took_sum = 7000077");
}

}  // namespace
}  // namespace vmq::control
