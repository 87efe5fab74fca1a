// Every metric of the node as one table: a row is a series with its name, labels, kind and help.
// $SYS and whatever else shows metrics read this table and nothing else, so a counter that is added
// to counters.h is shown everywhere.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/histogram.h"

namespace vmq::core {

struct NodeShared;

enum class MetricKind : std::uint8_t { Counter, Gauge, Histogram };

struct MetricLabel {
  std::string_view name;  // empty: none
  std::string_view value;
};

struct MetricRow {
  // Where the value is found; `index` says which one there.
  enum class Source : std::uint8_t {
    Plain,
    Version3,
    Version5,
    Reason,
    Gauge,
    Node,
    Index,
    Timing,
    Zero
  };

  std::string_view name;
  std::string_view help;
  MetricKind kind = MetricKind::Counter;
  std::array<MetricLabel, 2> labels{};
  Source source = Source::Zero;
  std::uint16_t index = 0;
};

// Rows of one name stand side by side. Made at the first call, then constant.
std::span<const MetricRow> metric_rows();

// Added up over the shards, since the last reset; of a histogram how many were counted. Safe to
// call from any thread.
std::uint64_t value_of(const MetricRow& row, const NodeShared& node);

// REQUIRES: a row of a histogram. Safe to call from any thread.
HistogramSum histogram_of(const MetricRow& row, const NodeShared& node);

// Counters and histograms start at 0 again, for whoever shows them. Gauges stay, and so does what
// the operating system counts of the process. REQUIRES: always the same thread.
void reset_counters(NodeShared& node);

// The reason code as VerneMQ's labels name it; of DISCONNECT 0x00 is normal_disconnect.
std::string_view reason_label(std::uint8_t code, bool is_disconnect);

}  // namespace vmq::core
