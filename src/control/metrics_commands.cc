#include <memory>
#include <string>
#include <vector>

#include "control/control.h"
#include "control/metric_values.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Invocation;

// What was counted before the last reset. Monitoring goes on seeing the whole, since a counter
// that goes backwards there looks like a restart.
using Before = std::vector<MetricValue>;

constexpr std::string_view labels[] = {"mqtt_version", "reason_code", "return_code", "group"};

std::vector<std::string> split_commas(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(',');
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

MetricsForm form_of(const Invocation& invocation) {
  MetricsForm form;
  form.has_descriptions = invocation.has("with-descriptions");
  form.is_aggregated = invocation.value("aggregate") != "false";
  for (const std::string_view label : labels) {
    if (const auto text = invocation.value(label)) {
      form.filters.push_back({std::string(label), split_commas(*text)});
    }
  }
  return form;
}

Answer show(Context& context, const Invocation& invocation, const Before& before) {
  return Answer::text(metrics_text(since(read_metrics(context.node), before), form_of(invocation)));
}

}  // namespace

void bind_metrics_commands(Handlers& handlers) {
  const auto before = std::make_shared<Before>();  // of both handlers, which run one at a time
  handlers["metrics show"] = [before](Context& context, const Invocation& invocation) {
    return show(context, invocation, *before);
  };
  handlers["metrics reset"] = [before](Context& context, const Invocation&) {
    *before = read_metrics(context.node);
    return Answer::done();
  };
}

}  // namespace vmq::control
