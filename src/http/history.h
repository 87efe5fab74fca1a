// The last hour of the node in numbers, for the charts of the status page: one sample every five
// seconds, in memory, 720 of them.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <string>

#include "http/facts.h"

namespace vmq::http {

class History {
 public:
  static constexpr std::int64_t interval_ms = 5000;
  static constexpr std::size_t samples_max = 720;

  explicit History(const Facts& facts) : facts_(facts) {}

  // Looks at the node now. Counters become rates a second since the look before.
  void sample();
  // Samples that are younger than `since_ms`.
  std::string json(std::int64_t since_ms) const;

 private:
  enum Series : std::uint8_t {
    Connections,
    Connects,
    PublishIn,
    PublishOut,
    Dropped,
    Queued,
    BytesIn,
    BytesOut,
    Cpu,
    Memory,
    AckP50,
    AckP99,
    End
  };
  struct Sample {
    std::int64_t time_ms = 0;
    std::array<double, End> values{};  // what is unknown is no number
  };
  struct Rate {
    Series series;
    std::string_view metric;
    std::uint64_t last = 0;
  };

  void sample_acks(Sample& sample);

  const Facts& facts_;
  std::array<Rate, 6> rates_ = {{{Connects, "mqtt_connect_received"},
                                 {PublishIn, "mqtt_publish_received"},
                                 {PublishOut, "mqtt_publish_sent"},
                                 {Dropped, "queue_message_drop"},
                                 {BytesIn, "bytes_received"},
                                 {BytesOut, "bytes_sent"}}};
  core::HistogramSum acks_;  // of all time at the last look
  std::deque<Sample> samples_;
};

}  // namespace vmq::http
