#include "http/graphite_lines.h"

namespace vmq::http {
namespace {

class Lines {
 public:
  Lines(const config::GraphiteConfig& config, std::int64_t time_s)
      : end_(' ' + std::to_string(time_s) + '\n') {
    if (!config.api_key.empty()) prefix_ += config.api_key + '.';
    if (!config.prefix.empty()) prefix_ += config.prefix + '.';
  }
  void add(const std::string& path, std::uint64_t value) {
    out_ += prefix_ + path + ' ' + std::to_string(value) + end_;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string prefix_;
  const std::string end_;
  std::string out_;
};

std::string dotted(std::string_view name) {
  std::string path(name);
  for (char& c : path) {
    if (c == '_') c = '.';
  }
  return path;
}

void add_histogram(const std::string& path, const core::HistogramSum& histogram, Lines& lines) {
  lines.add(path + ".bucket.inf", histogram.count());
  for (std::size_t decade = core::histogram_decades; decade-- > 0;) {
    lines.add(path + ".bucket." + std::to_string(core::decade_bound(decade)),
              histogram.count_up_to(decade));
  }
  lines.add(path + ".count", histogram.count());
  lines.add(path + ".sum", histogram.sum);
}

std::string label_suffix(const core::MetricRow& row) {
  std::string suffix;
  for (const core::MetricLabel& label : row.labels) {
    if (label.name.empty()) continue;
    suffix += '.' + std::string(label.name) + '_' + std::string(label.value);
  }
  return suffix;
}

}  // namespace

std::string graphite_lines(std::span<const core::MetricRow> rows, const MetricValue& value_of,
                           const MetricHistogram& histogram_of,
                           const config::GraphiteConfig& config, std::int64_t time_s) {
  Lines lines(config, time_s);
  for (std::size_t i = 0; i < rows.size();) {
    const std::string path = dotted(rows[i].name);
    const std::size_t first = i;
    std::uint64_t sum = 0;
    for (; i < rows.size() && rows[i].name == rows[first].name; ++i) {
      if (rows[i].kind == core::MetricKind::Histogram) {
        add_histogram(path, histogram_of(rows[i]), lines);
        continue;
      }
      const std::uint64_t value = value_of(rows[i]);
      const std::string suffix = label_suffix(rows[i]);
      if (config.include_labels && !suffix.empty()) lines.add(path + suffix, value);
      sum += value;
    }
    if (rows[first].kind != core::MetricKind::Histogram) lines.add(path, sum);
  }
  return lines.take();
}

}  // namespace vmq::http
