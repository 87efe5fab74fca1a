#include <string>
#include <vector>

#include "control/control.h"
#include "control/metric_values.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Invocation;

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

}  // namespace

void bind_metrics_commands(Handlers& handlers) {
  handlers["metrics show"] = [](Context& context, const Invocation& invocation) {
    return Answer::text(metrics_text(read_metrics(context.node), form_of(invocation)));
  };
  handlers["metrics reset"] = [](Context& context, const Invocation&) {
    context.node.reset_counters();
    return Answer::done();
  };
}

}  // namespace vmq::control
