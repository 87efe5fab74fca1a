#include "control/metric_values.h"

#include <algorithm>

namespace vmq::control {
namespace {

using core::MetricKind;
using core::MetricLabel;
using core::MetricRow;

std::string_view kind_name(MetricKind kind) {
  switch (kind) {
    case MetricKind::Counter:
      return "counter";
    case MetricKind::Gauge:
      return "gauge";
    case MetricKind::Histogram:
      return "histogram";
  }
  return "";
}

bool has_label(const MetricRow& row, const LabelFilter& filter) {
  return std::any_of(row.labels.begin(), row.labels.end(), [&](const MetricLabel& label) {
    return label.name == filter.name && std::find(filter.values.begin(), filter.values.end(),
                                                  label.value) != filter.values.end();
  });
}

bool passes(const MetricRow& row, const MetricsForm& form) {
  return std::all_of(form.filters.begin(), form.filters.end(),
                     [&](const LabelFilter& filter) { return has_label(row, filter); });
}

std::string labels_text(const MetricRow& row) {
  std::string text;
  for (const MetricLabel& label : row.labels) {
    if (label.name.empty()) continue;
    text += text.empty() ? "{" : ",";
    text.append(label.name).append("=\"").append(label.value).append("\"");
  }
  return text.empty() ? text : text + "}";
}

void append_line(std::string& out, std::string_view name, std::uint64_t value) {
  out.append(name).append(" = ").append(std::to_string(value)).append("\n");
}

void append_value(std::string& out, const MetricValue& value, const std::string& labels) {
  const std::string name =
      std::string(kind_name(value.row->kind)) + "." + std::string(value.row->name);
  if (value.row->kind != MetricKind::Histogram) {
    append_line(out, name + labels, value.value);
    return;
  }
  for (std::size_t decade = 0; decade < core::histogram_decades; ++decade) {
    append_line(out, name + "_bucket_" + std::to_string(core::decade_bound(decade)) + labels,
                value.histogram.count_up_to(decade));
  }
  append_line(out, name + "_bucket_infinity" + labels, value.histogram.count());
  append_line(out, name + "_count" + labels, value.histogram.count());
  append_line(out, name + "_sum" + labels, value.histogram.sum);
}

}  // namespace

std::vector<MetricValue> read_metrics(const node::Node& node) {
  std::vector<MetricValue> values;
  for (const MetricRow& row : core::metric_rows()) {
    MetricValue& value = values.emplace_back();
    value.row = &row;
    if (row.kind == MetricKind::Histogram) {
      value.histogram = node.histogram_of(row);
    } else {
      value.value = node.value_of(row);
    }
  }
  return values;
}

std::string metrics_text(const std::vector<MetricValue>& values, const MetricsForm& form) {
  std::vector<MetricValue> shown;
  for (const MetricValue& value : values) {
    if (!passes(*value.row, form)) continue;
    // Series of one name stand side by side in the table.
    const bool is_same = !shown.empty() && shown.back().row->name == value.row->name;
    if (form.is_aggregated && is_same) {
      shown.back().value += value.value;
    } else {
      shown.push_back(value);
    }
  }
  std::string out;
  for (const MetricValue& value : shown) {
    if (form.has_descriptions) out.append("# ").append(value.row->help).append("\n");
    append_value(out, value, form.is_aggregated ? "" : labels_text(*value.row));
    if (form.has_descriptions) out += "\n";
  }
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

std::uint64_t sum_of(const node::Node& node, std::string_view name) {
  std::uint64_t total = 0;
  for (const MetricRow& row : core::metric_rows()) {
    if (row.name == name) total += node.value_of(row);
  }
  return total;
}

}  // namespace vmq::control
