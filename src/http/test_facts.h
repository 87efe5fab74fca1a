// Facts of an imagined node, for tests.
#pragma once

#include <map>
#include <string>

#include "http/facts.h"

namespace vmq::http {

struct TestFacts {
  std::map<std::string, std::uint64_t, std::less<>> values;  // by metric name, first row of each
  std::vector<ListenerFacts> listeners = {{"mqtt", "default", "127.0.0.1", 1883, true, 3, 10, ""}};
  std::vector<MemberFacts> members = {{"n1@host", true}};
  bool has_majority = true;
  bool is_evacuating = false;
  std::int64_t now_ms = 1'000'000;
  core::HistogramSum histogram;
  Facts facts;

  TestFacts() {
    values["store_writable"] = 1;
    facts.node = "n1@host";
    facts.version = "1.2.3";
    facts.started_at_ms = 5;
    facts.metrics_prefix = "vernemq_";
    facts.now_ms = [this] { return now_ms; };
    facts.value_of = [this](const core::MetricRow& row) -> std::uint64_t {
      // A name with several series has its value in the first only.
      for (const core::MetricRow& other : core::metric_rows()) {
        if (other.name == row.name && &other < &row) return 0;
      }
      const auto found = values.find(row.name);
      return found == values.end() ? 0 : found->second;
    };
    facts.histogram_of = [this](const core::MetricRow&) { return histogram; };
    facts.listeners = [this] { return listeners; };
    facts.members = [this] { return members; };
    facts.has_majority = [this] { return has_majority; };
    facts.is_evacuating = [this] { return is_evacuating; };
  }
  TestFacts(const TestFacts&) = delete;
  TestFacts& operator=(const TestFacts&) = delete;
};

}  // namespace vmq::http
