// session: looking at clients' sessions, ending them, and taking subscriptions from them.
#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/value.h"
#include "control/control.h"
#include "control/query.h"
#include "control/session_query.h"
#include "core/shard.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Invocation;

constexpr std::uint32_t questions_per_slice = 500;
constexpr std::uint32_t places_per_slice = 2000;
constexpr std::size_t disconnects_per_slice = 100;

constexpr std::string_view kSessionColumns[] = {"client_id", "is_online", "mountpoint",
                                                "peer_host", "peer_port", "user"};
constexpr std::string_view kQueueColumns[] = {"client_id",  "dropped", "inflight", "is_online",
                                              "mountpoint", "offline", "online",   "size"};

template <std::size_t N>
Handler show(const std::string_view (&columns)[N]) {
  return [&columns](Context& context, const Invocation& invocation) {
    auto query = Query::of(invocation, columns);
    if (!query) return Answer::bad_usage(query.error());
    auto table = query_sessions(context.node, std::make_shared<const Query>(std::move(*query)));
    return table ? Answer::of(std::move(*table)) : table.error();
  };
}

std::string mountpoint_of(const Invocation& invocation) {
  return std::string(invocation.value("mountpoint").value_or(""));
}

core::Cleanup cleanup_of(const Invocation& invocation) {
  return invocation.has("cleanup") ? core::Cleanup::Yes : core::Cleanup::No;
}

struct Client {
  std::string mountpoint;
  std::string client_id;
};

// Each shard looks which of them are its own. An unknown client is none of its.
bool disconnect(node::Node& node, const std::vector<Client>& clients, core::Cleanup cleanup) {
  for (std::size_t begin = 0; begin < clients.size(); begin += disconnects_per_slice) {
    const std::size_t end = std::min(clients.size(), begin + disconnects_per_slice);
    const std::vector<Client> some(clients.begin() + static_cast<std::ptrdiff_t>(begin),
                                   clients.begin() + static_cast<std::ptrdiff_t>(end));
    const auto done = node.ask_shards<bool>(
        [some, cleanup](node::ShardThread& shard) {
          for (const Client& client : some) {
            shard.core().shard().disconnect_client(client.mountpoint, client.client_id, cleanup);
          }
          return true;
        },
        shard_patience);
    if (std::any_of(done.begin(), done.end(), [](const auto& one) { return !one; })) return false;
  }
  return true;
}

Answer disconnect_one(Context& context, const Invocation& invocation) {
  const Client client{mountpoint_of(invocation), std::string(*invocation.value("client-id"))};
  const bool is_done = disconnect(context.node, {client}, cleanup_of(invocation));
  return is_done ? Answer::done() : Answer::late(std::string(shard_is_busy));
}

Answer disconnect_clients(Context& context, const Invocation& invocation) {
  std::vector<Client> clients;
  for (std::string& id : config::split_list(*invocation.value("client-ids"))) {
    clients.push_back({mountpoint_of(invocation), std::move(id)});
  }
  const bool is_done = disconnect(context.node, clients, cleanup_of(invocation));
  return is_done ? Answer::done() : Answer::late(std::string(shard_is_busy));
}

bool is_here(const node::Node& node, const Invocation& invocation) {
  const auto nodes = invocation.value("node");
  if (!nodes) return true;
  const std::vector<std::string> names = config::split_list(*nodes);
  return std::find(names.begin(), names.end(), node.config()->node.name) != names.end();
}

// What one slice of the search for victims found.
struct Candidates {
  std::vector<std::string> client_ids;
  std::uint32_t place = core::no_slot;
};

// Chosen by chance among those connected at the mountpoint: each with the same chance, whatever
// their number (a reservoir).
class Draw {
 public:
  explicit Draw(std::size_t count) : count_(count), random_(std::random_device{}()) {}
  void offer(std::string client_id) {
    ++seen_;
    if (drawn_.size() < count_) {
      drawn_.push_back(std::move(client_id));
      return;
    }
    const std::size_t at = std::uniform_int_distribution<std::size_t>(0, seen_ - 1)(random_);
    if (at < count_) drawn_[at] = std::move(client_id);
  }
  std::vector<std::string> take() { return std::move(drawn_); }

 private:
  const std::size_t count_;
  std::mt19937_64 random_;
  std::size_t seen_ = 0;
  std::vector<std::string> drawn_;
};

Answer disconnect_batch(Context& context, const Invocation& invocation) {
  constexpr std::uint64_t batch_max = 1'000'000;
  const std::uint64_t count = invocation.number("count", 0);
  if (count > batch_max) {
    return Answer::bad_usage("count: at most " + std::to_string(batch_max) + " clients at a time.");
  }
  if (count == 0 || !is_here(context.node, invocation)) return Answer::done();
  const std::vector<std::string> listed =
      config::split_list(invocation.value("filter-client-ids").value_or(""));
  const std::set<std::string, std::less<>> spared(listed.begin(), listed.end());
  const std::string mountpoint = mountpoint_of(invocation);

  Draw draw(count);
  std::vector<std::uint32_t> places(context.node.shard_count(), 0);
  for (bool is_done = false; !is_done;) {
    const auto slices = context.node.ask_shards<Candidates>(
        [places, mountpoint](node::ShardThread& shard) {
          Candidates found;
          const std::uint32_t place = places[shard.id().value];
          if (place == core::no_slot) return found;
          found.place = shard.core().shard().scan_sessions(
              place, places_per_slice, [&](const core::SessionFacts& facts) {
                if (facts.is_online && facts.mountpoint == mountpoint) {
                  found.client_ids.emplace_back(facts.client_id);
                }
                return true;
              });
          return found;
        },
        shard_patience);
    is_done = true;
    for (std::size_t i = 0; i < slices.size(); ++i) {
      if (!slices[i]) return Answer::late(std::string(shard_is_busy));
      places[i] = slices[i]->place;
      is_done = is_done && places[i] == core::no_slot;
      for (const std::string& id : slices[i]->client_ids) {
        if (!spared.contains(id)) draw.offer(id);
      }
    }
  }
  std::vector<Client> victims;
  for (std::string& id : draw.take()) victims.push_back({mountpoint, std::move(id)});
  const bool is_done = disconnect(context.node, victims, cleanup_of(invocation));
  return is_done ? Answer::done() : Answer::late(std::string(shard_is_busy));
}

Answer unsubscribe(Context& context, const Invocation& invocation) {
  const std::string mountpoint = mountpoint_of(invocation);
  const std::string id(*invocation.value("client-id"));
  const std::string filter(*invocation.value("topic"));
  if (const auto parsed = topic::parse_filter(filter, 0xffff); !parsed) {
    return Answer::bad_usage("topic: " + std::string(topic::text_of(parsed.error())));
  }
  const auto done = context.node.ask_shards<bool>(
      [mountpoint, id, filter](node::ShardThread& shard) {
        shard.core().shard().unsubscribe_client(mountpoint, id, filter);
        return true;
      },
      shard_patience);
  const bool is_done = std::all_of(done.begin(), done.end(), [](const auto& one) { return one; });
  return is_done ? Answer::done() : Answer::late(std::string(shard_is_busy));
}

Answer reauthorize(Context& context, const Invocation& invocation) {
  const std::string mountpoint = mountpoint_of(invocation);
  const std::string id(*invocation.value("client-id"));
  const std::string user(*invocation.value("username"));
  std::uint32_t removed = 0;
  for (std::uint32_t from = core::no_slot, is_known = 1; is_known != 0;) {
    using Step = std::optional<core::Reauthorized>;
    const auto steps = context.node.ask_shards<Step>(
        [mountpoint, id, user, from](node::ShardThread& shard) {
          return shard.core().shard().reauthorize(mountpoint, id, user, from, questions_per_slice);
        },
        shard_patience);
    is_known = 0;
    for (const std::optional<Step>& step : steps) {
      if (!step) return Answer::late(std::string(shard_is_busy));
      if (!*step) continue;
      removed += (*step)->removed;
      from = (*step)->next;
      is_known = from == core::no_slot ? 0 : 1;
    }
  }
  return removed > 0 ? Answer::done() : Answer::text("Unchanged");
}

}  // namespace

void bind_session_commands(Handlers& handlers) {
  handlers["session show"] = show(kSessionColumns);
  handlers["session disconnect"] = disconnect_one;
  handlers["session disconnect clients"] = disconnect_clients;
  handlers["session disconnect batch"] = disconnect_batch;
  handlers["session unsubscribe"] = unsubscribe;
  handlers["session reauthorize"] = reauthorize;
  handlers["queue show"] = show(kQueueColumns);
}

}  // namespace vmq::control
