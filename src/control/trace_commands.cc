// trace: seeing a client's packets as they come and go.
#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "control/control.h"
#include "control/member_traces.h"
#include "core/shard.h"
#include "core/trace.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Invocation;

// How often a trace without lines looks whether anybody listens.
constexpr std::chrono::milliseconds idle{200};
constexpr std::uint64_t rate_max_bound = 10'000;
constexpr std::uint64_t rate_interval_bound_ms = 60'000;
constexpr std::uint64_t payload_bound = 65'536;

core::TraceOrder order_of(const Invocation& invocation, std::uint64_t id) {
  core::TraceOrder order;
  order.id = id;
  order.client_id = *invocation.value("client-id");
  order.mountpoint = invocation.value("mountpoint").value_or("");
  order.rate_max =
      static_cast<std::uint32_t>(std::min(invocation.number("rate-max", 10), rate_max_bound));
  order.rate_interval = milliseconds(static_cast<std::int64_t>(std::clamp<std::uint64_t>(
      invocation.number("rate-interval", 100), 1, rate_interval_bound_ms)));
  order.payload_max = std::min(invocation.number("trunc-payload", 200), payload_bound);
  return order;
}

// The shard that the client lives on begins the trace; the others have nothing to do with it.
bool begin(node::Node& node, const core::TraceOrder& order) {
  const auto begun = node.ask_shards<bool>(
      [order](node::ShardThread& shard) {
        shard.core().shard().begin_trace(order);
        return true;
      },
      shard_patience);
  return std::all_of(begun.begin(), begun.end(), [](const auto& one) { return one; });
}

Answer trace_client(Context& context, const Invocation& invocation) {
  const auto id = begin_trace(context.node, invocation);
  if (!id) return id.error();
  std::optional<MemberTraces> others;
  if (!context.node.members()->is_alone()) others.emplace(context.node, invocation);
  bool is_heard = true;
  bool is_first = true;
  for (bool is_over = false; !is_over && is_heard && !context.stream->is_over();) {
    node::TraceHub::Taken taken = context.node.traces().take(*id, idle);
    is_over = taken.is_over;
    if (others) {
      MemberTraces::Taken more = others->take();
      is_over = is_over || more.is_over;
      std::move(more.lines.begin(), more.lines.end(), std::back_inserter(taken.lines));
    }
    if (std::exchange(is_first, false)) taken.lines = without_needless(std::move(taken.lines));
    for (const std::string& line : taken.lines) {
      is_heard = is_heard && context.stream->write({line});
    }
  }
  end_trace(context.node, *id);
  return {};
}

Answer stop_all(Context& context, const Invocation&) {
  context.node.traces().end_all();
  return Answer::done();
}

}  // namespace

Result<std::uint64_t, Answer> begin_trace(node::Node& node, const Invocation& invocation) {
  const std::optional<std::uint64_t> id = node.traces().open();
  if (!id) {
    return failure(Answer::failed("There are " + std::to_string(node::TraceHub::traces_max) +
                                  " traces already: `vmq-admin trace stop_all` ends them."));
  }
  if (begin(node, order_of(invocation, *id))) return *id;
  end_trace(node, *id);
  return failure(Answer::late(std::string(shard_is_busy)));
}

void end_trace(node::Node& node, std::uint64_t trace) {
  node.traces().close(trace);
  static_cast<void>(node.ask_shards<bool>(
      [trace](node::ShardThread& shard) {
        shard.core().shard().end_trace(trace);
        return true;
      },
      shard_patience));
}

void bind_trace_commands(Handlers& handlers) {
  handlers["trace client"] = trace_client;
  handlers["trace stop_all"] = stop_all;
}

}  // namespace vmq::control
