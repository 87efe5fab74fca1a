#include "http/prometheus.h"

namespace vmq::http {
namespace {

std::string_view type_of(core::MetricKind kind) {
  switch (kind) {
    case core::MetricKind::Counter:
      return "counter";
    case core::MetricKind::Gauge:
      return "gauge";
    case core::MetricKind::Histogram:
      break;
  }
  return "histogram";
}

// Without the closing bracket.
std::string labels_of(const core::MetricRow& row, const PrometheusOptions& options) {
  std::string labels = "{node=\"" + escaped_label(options.node) + '"';
  for (const core::MetricLabel& label : row.labels) {
    if (label.name.empty()) continue;
    labels += ',';
    labels += label.name;
    labels += "=\"" + escaped_label(label.value) + '"';
  }
  return labels;
}

// Buckets from the widest down, as VerneMQ prints them.
void write_histogram(const std::string& name, const std::string& labels,
                     const core::HistogramSum& histogram, std::string& out) {
  const std::uint64_t count = histogram.count();
  const auto bucket = [&](const std::string& bound, std::uint64_t value) {
    out += name + "_bucket" + labels + ",le=\"" + bound + "\"} " + std::to_string(value) + '\n';
  };
  bucket("+Inf", count);
  for (std::size_t decade = core::histogram_decades; decade-- > 0;) {
    bucket(std::to_string(core::decade_bound(decade)), histogram.count_up_to(decade));
  }
  out += name + "_count" + labels + "} " + std::to_string(count) + '\n';
  out += name + "_sum" + labels + "} " + std::to_string(histogram.sum) + '\n';
}

}  // namespace

std::string escaped_label(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string escaped_help(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string prometheus_text(std::span<const core::MetricRow> rows, const MetricValue& value_of,
                            const MetricHistogram& histogram_of, const PrometheusOptions& options) {
  std::string out;
  out.reserve(rows.size() * 96);
  std::string_view last;
  for (const core::MetricRow& row : rows) {
    const std::string name = options.prefix + std::string(row.name);
    if (row.name != last) {
      out += "# HELP " + name + ' ' + escaped_help(row.help) + '\n';
      out += "# TYPE " + name + ' ';
      out += type_of(row.kind);
      out += '\n';
      last = row.name;
    }
    const std::string labels = labels_of(row, options);
    if (row.kind == core::MetricKind::Histogram) {
      write_histogram(name, labels, histogram_of(row), out);
    } else {
      out += name + labels + "} " + std::to_string(value_of(row)) + '\n';
    }
  }
  return out;
}

}  // namespace vmq::http
