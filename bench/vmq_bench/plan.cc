#include "bench/vmq_bench/plan.h"

#include <algorithm>

#include "bench/vmq_bench/worker.h"

namespace vmq::bench {
namespace {

// Over all subscribers: more than any broker handles in a turn, so that each can batch as well as
// it knows how, and still only seconds of work for a slow one.
constexpr std::uint64_t deliveries_ahead_max = 50'000;
constexpr std::uint64_t ahead_max = 2'000;
constexpr std::uint64_t ahead_min = 8;
constexpr std::size_t burst_bytes_max = 64 * 1024;
constexpr std::uint32_t burst_wanted_max = 32;
constexpr std::uint64_t tally_capacity_max = std::uint64_t{1} << 28;
constexpr std::uint32_t scatter_step =
    999'983;  // prime: consecutive messages match far apart in an index

bool is_pairwise(Scenario scenario) {
  return scenario == Scenario::pairwise || scenario == Scenario::latency ||
         scenario == Scenario::rtt;
}

std::uint32_t share_of(std::uint32_t total, std::uint32_t parts, std::uint32_t part) {
  return total / parts + (part < total % parts ? 1 : 0);
}

std::uint64_t choose_ahead(const Options& options, std::uint32_t group_count, std::uint32_t fan) {
  if (options.scenario == Scenario::retained || options.scenario == Scenario::offline) return 0;
  if (options.ahead >= 0) return static_cast<std::uint64_t>(options.ahead);
  if (options.rate > 0) return 0;
  return std::clamp(deliveries_ahead_max / (std::uint64_t{group_count} * fan), ahead_min,
                    ahead_max);
}

void make_groups(Plan& plan, const Options& options) {
  std::uint32_t count = 1;
  std::uint32_t fan = 1;
  if (is_pairwise(options.scenario)) count = options.publishers;
  if (options.scenario == Scenario::fanin || options.scenario == Scenario::filters) {
    count = std::min(options.publishers, options.subscribers);
  }
  if (options.scenario == Scenario::fanout || options.scenario == Scenario::retained) {
    fan = options.subscribers;
  }
  plan.groups.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    plan.groups[i].fan = fan;
    plan.groups[i].ahead = choose_ahead(options, count, fan);
    plan.groups[i].publisher_count = share_of(options.publishers, count, i);
  }
}

// The topics of publisher `number`; count 1 with its number already in the template when there is
// one.
Rotation rotation_of(const Options& options, std::uint32_t number) {
  switch (options.scenario) {
    case Scenario::fanin:
      return {.first = number % options.subscribers};
    case Scenario::filters: {
      const std::uint32_t holder = number % options.subscribers;
      return {.first = holder,
              .stride = options.subscribers,
              .count = share_of(options.filters, options.subscribers, holder),
              .step = scatter_step};
    }
    case Scenario::retained:
      return {.first = number,
              .stride = options.publishers,
              .count = share_of(static_cast<std::uint32_t>(options.messages), options.publishers,
                                number)};
    case Scenario::offline:
      return {.first = number,
              .stride = options.publishers,
              .count = share_of(options.subscribers, options.publishers, number),
              .sequence_per_topic = true};
    case Scenario::pairwise:
    case Scenario::latency:
    case Scenario::rtt:
      return {.first = number};
    default:
      return {};
  }
}

std::unique_ptr<Publisher> make_publisher(Plan& plan, const Options& options,
                                          std::uint32_t number) {
  auto publisher = std::make_unique<Publisher>(options.inflight);
  Group& group = plan.groups[number % plan.groups.size()];
  publisher->group = &group;
  publisher->number = number;
  publisher->rotation = rotation_of(options, number);
  const std::string topic = topic_name(options, publisher->rotation.first);
  PublishFields fields;
  fields.version = static_cast<std::uint8_t>(options.version);
  fields.retain = options.scenario == Scenario::retained;
  // Stored messages are always acknowledged, or nobody would know when storing them is done.
  fields.qos = static_cast<std::uint8_t>(fields.retain ? std::max(1U, options.qos) : options.qos);
  fields.payload_bytes = options.payload_bytes;
  publisher->packet = make_publish(fields, topic, options.prefix.size() + 1);

  const std::uint64_t parts = options.publishers;
  publisher->quota = options.duration_s > 0
                         ? UINT32_MAX
                         : options.messages / parts + (number < options.messages % parts ? 1 : 0);
  const std::size_t packet_bytes = publisher->packet.bytes.size();
  std::uint64_t burst = std::max<std::size_t>(burst_bytes_max / packet_bytes, 1);
  if (group.ahead > 0) {
    burst = std::min(burst, std::max<std::uint64_t>(group.ahead / group.publisher_count, 1));
  }
  publisher->burst_max = static_cast<std::uint32_t>(burst);
  std::uint64_t wanted = std::min<std::uint64_t>(burst, burst_wanted_max);
  if (group.ahead > 0) wanted = std::min(wanted, std::max<std::uint64_t>(group.ahead / 4, 1));
  if (fields.qos > 0) wanted = std::min<std::uint64_t>(wanted, std::max(options.inflight / 4, 1U));
  publisher->burst_min = static_cast<std::uint32_t>(wanted);
  return publisher;
}

// Which publishers subscriber `number` hears: number + stride × i, `count` of them.
void make_streams(Subscriber& subscriber, const Options& options, std::uint32_t number) {
  std::uint32_t count = 1;
  switch (options.scenario) {
    case Scenario::fanin:
    case Scenario::filters:
      subscriber.stream_first = number;
      subscriber.stream_stride = options.subscribers;
      count = share_of(options.publishers, options.subscribers, number);
      break;
    case Scenario::offline:
      subscriber.stream_first = number % options.publishers;
      break;
    case Scenario::fanout:
      count = options.publishers;
      break;
    default:
      subscriber.stream_first = number;
      break;
  }
  subscriber.streams.resize(count);
}

void make_tallies(Plan& plan, Subscriber& subscriber, const Options& options) {
  const bool shared = options.scenario == Scenario::shared;
  const bool first = plan.tallies.empty();
  const std::uint64_t capacity =
      options.duration_s > 0
          ? tally_capacity_max
          : std::min(options.messages / options.publishers + 1, tally_capacity_max);
  for (std::uint32_t p = 0; p < options.publishers; ++p) {
    if (!shared || first) plan.tallies.push_back({p, std::make_unique<Tally>(capacity)});
    const std::size_t at = shared ? p : plan.tallies.size() - 1;
    subscriber.tallies.push_back(plan.tallies[at].tally.get());
  }
  if (shared) subscriber.last_seen.resize(options.publishers);
}

std::unique_ptr<Subscriber> make_subscriber(Plan& plan, const Options& options,
                                            std::uint32_t number) {
  auto subscriber = std::make_unique<Subscriber>();
  if (options.scenario == Scenario::idle) {
    subscriber->style = options.wildcard ? FilterStyle::plus : FilterStyle::exact;
    subscriber->filters = {
        .first = number * options.filters, .stride = 1, .count = options.filters};
    return subscriber;
  }
  subscriber->group = &plan.groups[number % plan.groups.size()];
  subscriber->filters = {.first = number};
  switch (options.scenario) {
    case Scenario::fanout:
      subscriber->filters = {};
      break;
    case Scenario::shared:
      subscriber->filters = {};
      subscriber->style = FilterStyle::shared;
      break;
    case Scenario::retained:
      subscriber->filters = {};
      subscriber->style = FilterStyle::everything;
      break;
    case Scenario::filters:
      subscriber->style = options.wildcard ? FilterStyle::plus : FilterStyle::exact;
      subscriber->filters.stride = options.subscribers;
      subscriber->filters.count = share_of(options.filters, options.subscribers, number);
      break;
    default:
      break;
  }
  if (options.scenario == Scenario::shared || options.scenario == Scenario::retained) {
    make_tallies(plan, *subscriber, options);
  } else {
    make_streams(*subscriber, options, number);
  }
  return subscriber;
}

// What the publisher of a stream sends to it, of all that `sent_of` says it sends.
template <typename SentOf>
std::uint64_t owed_to_stream(const Plan& plan, const Subscriber& subscriber, std::size_t stream,
                             SentOf sent_of) {
  const std::size_t from = subscriber.stream_first + subscriber.stream_stride * stream;
  const Publisher& publisher = *plan.clients[from].publisher;
  const std::uint64_t sent = sent_of(publisher);
  if (!publisher.rotation.sequence_per_topic) return sent;
  const std::uint32_t place =
      (subscriber.filters.first - publisher.rotation.first) / publisher.rotation.stride;
  return publisher.rotation.messages_to(place, sent);
}

// Adds what `subscriber` is owed by its own streams and what it got. Not while load threads run.
template <typename SentOf>
void settle_streams(Account& account, const Plan& plan, const Subscriber& subscriber,
                    SentOf sent_of) {
  for (std::size_t i = 0; i < subscriber.streams.size(); ++i) {
    const std::uint64_t sent = owed_to_stream(plan, subscriber, i, sent_of);
    account.expected += sent;
    account.lost += subscriber.streams[i].lost(sent);
    account.duplicates += subscriber.streams[i].duplicates();
    account.reordered += subscriber.streams[i].reordered();
  }
}

template <typename SentOf>
Account settle(const Plan& plan, SentOf sent_of) {
  Account account;
  for (const Plan::OwnedTally& owned : plan.tallies) {
    const std::uint64_t sent = sent_of(*plan.clients[owned.publisher].publisher);
    account.expected += sent;
    account.lost += owned.tally->lost(sent);
  }
  for (const Client& client : plan.clients) {
    if (client.subscriber) settle_streams(account, plan, *client.subscriber, sent_of);
  }
  return account;
}

}  // namespace

Plan make_plan(const Options& options) {
  Plan plan;
  const bool bare = options.scenario == Scenario::connect || options.scenario == Scenario::idle;
  plan.publisher_count = bare ? 0 : options.publishers;
  if (!bare) make_groups(plan, options);
  plan.clients.resize(std::size_t{plan.publisher_count} + options.subscribers);
  for (std::uint32_t i = 0; i < plan.client_count(); ++i) {
    Client& client = plan.clients[i];
    client.index = i;
    if (i < plan.publisher_count) {
      client.publisher = make_publisher(plan, options, i);
    } else if (options.scenario != Scenario::connect) {
      client.subscriber = make_subscriber(plan, options, i - plan.publisher_count);
    }
  }
  return plan;
}

std::uint64_t deliveries_owed(const Options& options, std::uint64_t sent) {
  const bool everyone =
      options.scenario == Scenario::fanout || options.scenario == Scenario::retained;
  return everyone ? sent * options.subscribers : sent;
}

Account account_of_sent(const Plan& plan) {
  return settle(plan, [](const Publisher& publisher) { return publisher.sent; });
}
Account account_of_quota(const Plan& plan) {
  return settle(plan, [](const Publisher& publisher) { return publisher.quota; });
}

std::uint64_t quota_of_clients(const Plan& plan, std::uint32_t first, std::uint32_t last) {
  std::uint64_t owed = 0;
  for (std::uint32_t i = first; i < last; ++i) {
    const Subscriber& subscriber = *plan.clients[i].subscriber;
    for (std::size_t stream = 0; stream < subscriber.streams.size(); ++stream) {
      owed += owed_to_stream(plan, subscriber, stream,
                             [](const Publisher& publisher) { return publisher.quota; });
    }
  }
  return owed;
}

}  // namespace vmq::bench
