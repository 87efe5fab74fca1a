// route explain: who gets a message of a topic, through which subscription, and why.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/control.h"
#include "core/shard.h"
#include "node/clock.h"
#include "session/message_record.h"
#include "topic/naive_match.h"
#include "topic/validate.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Cell;
using admin::Invocation;

constexpr std::size_t receivers_max = 1000;
constexpr std::uint32_t subscriptions_per_slice = 500;

// Whom the index names, before anything is known of them.
struct Receivers {
  std::vector<topic::SessionHandle> plain;  // each once
  std::vector<core::RouteGroup> groups;
  std::size_t total = 0;
};

struct Row {
  std::string client_id;
  std::string filter;
  std::string group;
  std::uint8_t qos = 0;
  bool is_online = false;
  bool no_local = false;
  bool is_elsewhere = false;  // not a client, but another node that has some
  bool is_match = true;
};

// One client's subscriptions, in slices.
struct Slice {
  bool is_found = false;
  std::uint32_t next = core::no_slot;
  std::vector<Row> rows;
};

// A session by its handle or by its name.
struct Target {
  std::optional<topic::SessionHandle> handle;
  std::string mountpoint;
  std::string client_id;
};

Slice look(const core::Shard& shard, const Target& target, const std::string& topic,
           std::uint32_t from, bool with_others) {
  Slice slice;
  const std::optional<core::SessionFacts> facts =
      target.handle ? shard.look_up(*target.handle)
                    : shard.look_up(target.mountpoint, target.client_id);
  if (!facts) return slice;
  slice.is_found = true;
  slice.next = shard.scan_subscriptions(
      facts->ref, from, subscriptions_per_slice, [&](const core::SubscriptionFacts& subscription) {
        const auto parsed = topic::parse_filter(subscription.filter, 0xffff);
        const bool is_match = parsed && topic::naive::matches(parsed->filter, topic);
        if (!is_match && !with_others) return;
        Row row;
        row.client_id = facts->client_id;
        row.filter = parsed ? std::string(parsed->filter) : std::string(subscription.filter);
        row.group = parsed ? std::string(parsed->share_group) : std::string();
        row.qos = subscription.qos;
        row.is_online = facts->is_online;
        row.no_local = subscription.no_local;
        row.is_match = is_match;
        slice.rows.push_back(std::move(row));
      });
  return slice;
}

std::string_view share_text(config::SharePolicy policy) {
  switch (policy) {
    case config::SharePolicy::PreferLocal:
      return "prefer_local";
    case config::SharePolicy::LocalOnly:
      return "local_only";
    case config::SharePolicy::Random:
      return "random";
    case config::SharePolicy::PreferOnlineBeforeLocal:
      break;
  }
  return "prefer_online_before_local";
}

std::vector<Cell> cells_of(const Row& row, const config::Config& config) {
  std::string gets = "yes";
  std::string why = "The filter matches";
  if (!row.is_match) {
    gets = "no";
    why = "The filter does not match";
  } else if (!row.group.empty()) {
    gets = "one of the group";
    why += "; shared_subscription_policy is " + std::string(share_text(config.share_policy));
    if (!row.is_online) why += "; members that are online come first";
  } else if (!row.is_online) {
    gets = "later";
    why += "; the client is away: QoS 1 and 2 wait for it, QoS 0 is lost";
    if (row.qos == 0) gets = "no";
  }
  if (row.is_elsewhere) why = "Clients of that node want it; ask that node which";
  if (row.is_match && row.no_local) why += "; not what it publishes itself (no local)";
  return {row.client_id,
          row.filter,
          row.group.empty() ? Cell() : Cell(row.group),
          static_cast<std::int64_t>(row.qos),
          row.is_online,
          std::move(gets),
          std::move(why)};
}

class Explanation {
 public:
  Explanation(node::Node& node, std::string mountpoint, std::string topic)
      : node_(node), mountpoint_(std::move(mountpoint)), topic_(std::move(topic)) {}

  // False: a shard is busy.
  bool find_receivers() {
    const auto found = node_.ask_shards<Receivers>(
        [mountpoint = mountpoint_, topic = topic_](node::ShardThread& shard) {
          Receivers receivers;
          if (shard.id().value != 0) return receivers;
          for (const topic::Subscriber subscriber :
               shard.core().shard().who_gets(mountpoint, topic, receivers.groups)) {
            receivers.plain.push_back(subscriber.handle());
          }
          std::sort(receivers.plain.begin(), receivers.plain.end());
          receivers.plain.erase(std::unique(receivers.plain.begin(), receivers.plain.end()),
                                receivers.plain.end());
          receivers.total = receivers.plain.size();
          if (receivers.total > receivers_max) receivers.plain.resize(receivers_max);
          return receivers;
        },
        shard_patience);
    if (!found.front()) return false;
    receivers_ = *found.front();
    for (const core::RouteGroup& group : receivers_.groups) {
      receivers_.total += group.members.size();
      for (const topic::Subscriber member : group.members) {
        if (receivers_.plain.size() < receivers_max) receivers_.plain.push_back(member.handle());
      }
    }
    std::sort(receivers_.plain.begin(), receivers_.plain.end());
    receivers_.plain.erase(std::unique(receivers_.plain.begin(), receivers_.plain.end()),
                           receivers_.plain.end());
    for (const topic::SessionHandle handle : receivers_.plain) {
      if (core::is_member(handle)) {
        add_member(core::member_of(handle));
        continue;
      }
      if (!add({handle, {}, {}}, false)) return false;
    }
    return true;
  }

  // Sessions of another node: which ones, that node knows. Once a node.
  void add_member(cluster::MemberNumber number) {
    const node::MembersSnapshot members = node_.members();
    const cluster::Member* member = members->find(number);
    Row row;
    row.client_id = "clients of " + (member == nullptr ? "a node that has left" : member->name);
    row.is_elsewhere = true;
    row.is_online = member != nullptr && member->is_up;
    row.is_match = true;
    const bool is_known = std::any_of(rows_.begin(), rows_.end(), [&](const Row& known) {
      return known.client_id == row.client_id;
    });
    if (!is_known) rows_.push_back(std::move(row));
  }

  bool add(const Target& target, bool with_others) {
    for (std::uint32_t from = 0; from != core::no_slot;) {
      const auto slices = node_.ask_shards<Slice>(
          [target, topic = topic_, from, with_others](node::ShardThread& shard) {
            const bool is_there =
                !target.handle || target.handle->shard().value == shard.id().value;
            if (!is_there) return Slice{};
            return look(shard.core().shard(), target, topic, from, with_others);
          },
          shard_patience);
      from = core::no_slot;
      for (const auto& slice : slices) {
        if (!slice) return false;
        if (!slice->is_found) continue;
        is_found_ = true;
        from = slice->next;
        rows_.insert(rows_.end(), slice->rows.begin(), slice->rows.end());
      }
    }
    return true;
  }

  // What the rules say about a client and the topic.
  std::optional<std::string> rules_of(const std::string& client_id) {
    using Verdict = std::optional<core::Shard::MayDo>;
    const auto verdicts = node_.ask_shards<Verdict>(
        [mountpoint = mountpoint_, topic = topic_, client_id](node::ShardThread& shard) {
          return shard.core().shard().ask_rules(mountpoint, client_id, topic);
        },
        shard_patience);
    for (const auto& verdict : verdicts) {
      if (!verdict || !*verdict) continue;
      return "The rules let " + client_id + ((*verdict)->publish ? "" : " not") +
             " publish to the topic and" + ((*verdict)->subscribe ? "" : " not") +
             " subscribe to it.";
    }
    return std::nullopt;
  }

  std::string retained_text() const {
    std::string text = "No retained message waits for new subscribers.";
    const WallTime now = node::read_clock().wall;
    node_.retained().get(mountpoint_, topic_, [&](const topic::RetainedView& retained) {
      const auto parsed = session::parse_message_record(retained.blob);
      const bool is_expired = retained.expires_at.ms != 0 && retained.expires_at <= now;
      if (!parsed || is_expired) return;
      text = "A retained message of " + std::to_string(parsed->message.payload.size()) +
             " bytes at QoS " + std::to_string(parsed->message.qos) + " waits for new subscribers.";
    });
    return text;
  }

  Answer answer(std::optional<std::string> rules) {
    Answer answer;
    const node::ConfigSnapshot config = node_.config();
    admin::Table table;
    table.columns = {"client_id", "filter", "group", "qos", "is_online", "gets", "why"};
    for (const Row& row : rows_) table.rows.push_back(cells_of(row, *config));
    std::string text = retained_text();
    if (rules) text += "\n" + *rules;
    if (receivers_.total > receivers_max) {
      text += "\nOf " + std::to_string(receivers_.total) + " receivers " +
              std::to_string(receivers_max) + " are shown.";
    }
    if (rows_.empty()) text += "\nNobody is subscribed to it.";
    answer.parts.emplace_back(std::move(table));
    answer.parts.emplace_back(admin::Text{std::move(text)});
    return answer;
  }

  bool is_found() const { return is_found_; }

 private:
  node::Node& node_;
  const std::string mountpoint_;
  const std::string topic_;
  Receivers receivers_;
  std::vector<Row> rows_;
  bool is_found_ = false;
};

Answer explain(Context& context, const Invocation& invocation) {
  const std::string topic(*invocation.value("topic"));
  const std::string mountpoint(invocation.value("mountpoint").value_or(""));
  if (const auto checked = topic::check_name(topic, 0xffff); !checked) {
    return Answer::bad_usage("topic: " + std::string(topic::text_of(checked.error())));
  }
  Explanation explanation(context.node, mountpoint, topic);
  const auto client_id = invocation.value("client-id");
  if (!client_id) {
    if (!explanation.find_receivers()) return Answer::late(std::string(shard_is_busy));
    return explanation.answer(std::nullopt);
  }
  const std::string id(*client_id);
  if (!explanation.add({std::nullopt, mountpoint, id}, true)) {
    return Answer::late(std::string(shard_is_busy));
  }
  if (!explanation.is_found()) return Answer::failed("There is no session of " + id + ".");
  return explanation.answer(explanation.rules_of(id));
}

}  // namespace

void bind_route_commands(Handlers& handlers) { handlers["route explain"] = explain; }

}  // namespace vmq::control
