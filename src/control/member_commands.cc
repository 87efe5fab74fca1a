#include "control/member_commands.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "cluster/member_record.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Invocation;

constexpr const char* leave_question = "cluster/leave";
constexpr std::string_view leave_kills = "{\"kill_sessions\":true,\"timeout\":";
constexpr std::string_view leave_waits = "{\"kill_sessions\":false,\"timeout\":";
constexpr std::uint64_t leave_timeout_s = 60;
constexpr std::uint64_t leave_timeout_max_s = 3600;

constexpr std::string_view leave_interval = ",\"summary_interval\":";
constexpr std::uint64_t summary_interval_s = 5;

struct Leaving {
  bool kills = false;
  std::uint64_t timeout_s = leave_timeout_s;
  std::uint64_t interval_s = summary_interval_s;
};

std::string text_of(const Leaving& leaving) {
  return std::string(leaving.kills ? leave_kills : leave_waits) +
         std::to_string(leaving.timeout_s) + std::string(leave_interval) +
         std::to_string(leaving.interval_s) + '}';
}

Result<Leaving, std::string> parse_leaving(std::string_view json) {
  Leaving leaving;
  leaving.kills = json.starts_with(leave_kills);
  const std::string_view head = leaving.kills ? leave_kills : leave_waits;
  const std::size_t end = json.find(leave_interval);
  const std::size_t interval = end + leave_interval.size();
  if (!json.starts_with(head) || end == std::string_view::npos || !json.ends_with('}')) {
    return failure<std::string>("the question is not understood there");
  }
  const auto timeout =
      cluster::parse_number(json.substr(head.size(), end - head.size()), leave_timeout_max_s);
  const auto pause =
      cluster::parse_number(json.substr(interval, json.size() - 1 - interval), leave_timeout_max_s);
  if (!timeout || !pause) return failure<std::string>("the question is not understood there");
  leaving.timeout_s = *timeout;
  leaving.interval_s = *pause;
  return leaving;
}

// Members listen for each other as before.
void suspend_listeners(node::Node& node) {
  for (const node::ListenerView& view : node.listeners().views()) {
    if (view.config.is_mqtt() && view.status == node::ListenerStatus::Running) {
      static_cast<void>(node.listeners().suspend(view.index));
    }
  }
}

void cut_clients(node::Node& node) {
  for (const node::ListenerView& view : node.listeners().views()) {
    if (view.config.is_mqtt()) node.disconnect_listener(view.index);
  }
}

// "3 clients, 2 sessions with 17 messages": what is not nothing.
std::string text_of(const core::LeaveStatus& left) {
  std::string text;
  const auto add = [&text](std::uint64_t count, const char* what) {
    if (count == 0) return;
    text += (text.empty() ? "" : ", ") + std::to_string(count) + what;
  };
  add(left.clients, " clients");
  add(left.sessions, " sessions");
  add(left.messages, " messages in them");
  add(left.unconfirmed, " messages on their way");
  return text;
}

// Why it may not go on by itself.
std::string obstacles(const node::Node& node, const core::LeaveStatus& left) {
  std::string text;
  const node::MembersSnapshot members = node.members();
  std::string down;
  for (const cluster::Member& member : members->all) {
    if (!member.is_up && member.number != members->self) down += ' ' + member.name;
  }
  if (!down.empty()) {
    text += " What is not up may hold messages for them, and is waited for:" + down +
            "; start it, or take it out first if it is gone for good.";
  }
  if (left.untold > 0) {
    text += ' ' + std::to_string(left.untold) +
            " sessions are not known to the cluster, because it could not be told yet or they have "
            "too many subscriptions (docs/limits.md): vmq-admin session show lists them.";
  }
  return text;
}

// By others: it serves nobody.
bool is_taken_out(const node::Cluster& cluster) { return !cluster.status().trouble.empty(); }

// Waits until the others have everything that was here. The error says what they have not.
Result<void, std::string> hand_over(node::Node& node, node::Log& log, node::Cluster& cluster,
                                    const Leaving& leaving,
                                    const std::function<bool()>& is_ending) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(leaving.timeout_s);
  const auto interval = std::chrono::seconds(std::max<std::uint64_t>(leaving.interval_s, 1));
  auto next_summary = Clock::now() + interval;
  // What is between two shards is seen by neither: nothing twice is nothing.
  for (int times_empty = 0;;) {
    if (is_ending())
      return failure(std::string("the node is stopping; it leaves on when it is back"));
    const bool has_begun = node.members()->is_self_leaving();
    const std::optional<core::LeaveStatus> left = node.leave_status();
    times_empty = has_begun && left && left->is_empty() ? times_empty + 1 : 0;
    if (times_empty == 2 || is_taken_out(cluster)) return {};
    const auto at = Clock::now();
    if (at >= end) {
      const std::string what = left ? text_of(*left) : "what a busy shard has";
      return failure("after " + std::to_string(leaving.timeout_s) +
                     " s this is still here: " + what +
                     ". Nothing is lost: the node takes no clients, goes on handing over, "
                     "and is a member until this command is repeated and completes." +
                     (left ? obstacles(node, *left) : std::string()));
    }
    if (left && at >= next_summary) {
      next_summary = at + interval;
      log.info("leaving", {{"clients", left->clients},
                           {"sessions", left->sessions},
                           {"messages", left->messages},
                           {"unconfirmed", left->unconfirmed},
                           {"seconds_left",
                            std::chrono::duration_cast<std::chrono::seconds>(end - at).count()}});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

// This member goes. The text is for the operator.
Result<std::string, std::string> leave_self(node::Node& node, node::Log& log,
                                            node::Cluster& cluster, const Leaving& leaving,
                                            const std::function<bool()>& is_ending) {
  if (!leaving.kills) {
    suspend_listeners(node);
    return std::string("Done! Use -k to teardown and migrate existing sessions!");
  }
  if (const auto done = cluster.announce_leave(); !done) return failure(done.error().text);
  suspend_listeners(node);
  if (is_taken_out(cluster)) {
    cut_clients(node);
  } else if (const auto done = hand_over(node, log, cluster, leaving, is_ending); !done) {
    return failure(done.error());
  }
  if (const auto done = cluster.leave(); !done) return failure(done.error().text);
  log.info("left_cluster", {{"effect", "this node stands alone, its listeners are suspended"}});
  return std::string("Done");
}

Answer answer_of(const Result<std::string, std::string>& how) {
  return how ? Answer::text(*how) : Answer::failed(how.error());
}

Answer join(Context& context, node::Cluster& cluster, const Invocation& invocation) {
  const std::string other(*invocation.value("discovery-node"));
  const std::string address(invocation.value("address").value_or(""));
  const auto done = cluster.join(other, address);
  if (!done) {
    return Answer::failed("RPC to node '" + other + "' failed for reason: " + done.error().word +
                          "\n" + done.error().text);
  }
  context.log.info("joined_cluster", {{"by", other}});
  return Answer::done();
}

Answer leave(Context& context, node::Cluster& cluster, const Invocation& invocation) {
  const std::string name(*invocation.value("node"));
  const node::MembersSnapshot members = context.node.members();
  const bool is_self = name == context.node.config()->node.name;
  const Leaving leaving{
      invocation.has("kill_sessions"),
      std::min(invocation.number("timeout", leave_timeout_s), leave_timeout_max_s),
      std::min(invocation.number("summary-interval", summary_interval_s), leave_timeout_max_s)};
  if (members->self == cluster::no_member) {
    return Answer::failed(is_self
                              ? "This node stands alone: there is no other that could take over "
                                "its sessions. Nothing was changed. vmq-admin node stop stops it."
                              : "There is no node '" + name +
                                    "' in this cluster; vmq-admin cluster show lists its members.");
  }
  if (is_self) {
    return answer_of(leave_self(context.node, context.log, cluster, leaving, context.is_ending));
  }
  const cluster::Member* member = members->find(name);
  if (member == nullptr) {
    return Answer::failed("There is no node '" + name +
                          "' in this cluster; vmq-admin cluster show lists its members.");
  }
  if (member->is_up && members->has_quorum) {
    const Duration patience = seconds(static_cast<std::int64_t>(leaving.timeout_s) + 30);
    return answer_of(cluster.ask(name, {leave_question, text_of(leaving), patience}));
  }
  const auto done = cluster.remove(name, leaving.kills);
  return done ? Answer::done() : Answer::failed(done.error().text);
}

}  // namespace

void bind_member_commands(Handlers& handlers, node::Node& node, node::Log& log,
                          node::Cluster& cluster) {
  handlers["cluster join"] = [&cluster](Context& context, const Invocation& invocation) {
    return join(context, cluster, invocation);
  };
  handlers["cluster leave"] = [&cluster](Context& context, const Invocation& invocation) {
    return leave(context, cluster, invocation);
  };
  node.questions().set_handler(
      leave_question,
      [&node, &log,
       &cluster](const node::AskedQuestion& asked) -> Result<std::string, std::string> {
        if (!asked.is_member) return failure(asked.peer.name + " is no member of this cluster");
        const auto leaving = parse_leaving(asked.question.json);
        if (!leaving) return failure(leaving.error());
        log.info("asked_to_leave", {{"by", asked.peer.name}});
        return leave_self(node, log, cluster, *leaving, asked.is_stopping);
      });
}

}  // namespace vmq::control
