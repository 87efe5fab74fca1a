#include "sim/oracles.h"

#include <algorithm>
#include <utility>

#include "base/expect.h"

namespace vmq::sim {

namespace {

// What one second of rounding and a late look at the clock may shift.
constexpr std::int64_t slack_ms = 2000;

std::string_view level_of(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  const std::string_view level = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  return level;
}

}  // namespace

bool is_share(std::string_view filter) { return filter.substr(0, 7) == "$share/"; }

bool naive_match(std::string_view filter, std::string_view topic) {
  if (is_share(filter)) {
    filter.remove_prefix(7);
    level_of(filter);
  }
  if (topic.front() == '$' && (filter.front() == '#' || filter.front() == '+')) return false;
  bool filter_ends = false;
  bool topic_ends = false;
  while (true) {
    if (filter == "#") return true;
    if (filter_ends || topic_ends) return filter_ends && topic_ends;
    filter_ends = filter.find('/') == std::string_view::npos;
    topic_ends = topic.find('/') == std::string_view::npos;
    const std::string_view want = level_of(filter);
    const std::string_view have = level_of(topic);
    if (want != "+" && want != have) return false;
    if (topic_ends && !filter_ends) return filter == "#";  // "a/#" matches "a"
  }
}

void Oracles::fail(std::string sentence) {
  if (failure_.empty()) failure_ = std::move(sentence);
}

std::string Oracles::text_of(MessageId id) const {
  const Message& message = messages_[id];
  return "m" + std::to_string(id) + " (" + (message.facts.is_will ? "will" : "message") + " of c" +
         std::to_string(message.facts.publisher) + " to " + message.facts.topic + ", QoS " +
         std::to_string(message.facts.qos) + (message.facts.retain ? ", retained)" : ")");
}

std::string Oracles::payload_of(MessageId id) const {
  if (messages_[id].facts.is_clear) return "";
  std::string payload = "m" + std::to_string(id) + ":";
  // Sizes differ; a few are long.
  payload.append(id % 7 + (id % 13 == 0 ? 200 : id % 29 == 0 ? 9000 : 0), '.');
  return payload;
}

MessageId Oracles::published(const MessageFacts& facts) {
  Message& message = messages_.emplace_back();
  message.facts = facts;
  message.written = ++tick_;
  return static_cast<MessageId>(messages_.size() - 1);
}

void Oracles::repeated(MessageId id) { ++messages_[id].attempts; }

void Oracles::accepted(MessageId id, Now now) {
  Message& message = messages_[id];
  // A session whose older state may have come back may hold identifiers of then: what is published
  // under one of them is answered and not taken.
  if (message.accepted != never || sessions_[message.facts.publisher].is_haunted) return;
  message.accepted = ++tick_;
  if (message.facts.expiry) message.expired_ms = now.wall.ms + *message.facts.expiry * 1000ll;
}

void Oracles::will_forbidden(MessageId id) {
  Message& message = messages_[id];
  message.is_forbidden = true;
  if (message.is_seen && !message.is_void && !is_lost_will(message)) {
    fail("will: " + text_of(id) + " was published though its client had taken it back");
  }
}

// --- who knows what ---

Tick Oracles::known_after(Tick told) const {
  const auto known = std::upper_bound(known_.begin(), known_.end(), told);
  return known == known_.end() ? never : *known;
}

bool Oracles::has_crashed(std::size_t host, Tick since) const {
  return !crashes_[host].empty() && crashes_[host].back() > since;
}

bool Oracles::has_crashed() const {
  return std::any_of(crashes_.begin(), crashes_.end(),
                     [](const std::vector<Tick>& of_host) { return !of_host.empty(); });
}

bool Oracles::is_unsettled(const std::vector<Tick>& events, const Message& message) const {
  return std::any_of(events.begin(), events.end(), [&](Tick event) {
    return event < message.accepted && !is_known_between(event, message.written);
  });
}

// Whoever published the message had to know of the subscription.
bool Oracles::is_settled(std::size_t client, const Subscription& subscription,
                         const Message& message) const {
  if (subscription.settled >= message.written) return false;
  // A SUBACK waits for the cluster to know of it, but not for ever.
  for (const Tick lapse : lapses_[home_of(client)]) {
    if (lapse < message.accepted && !is_known_between(subscription.settled, lapse)) return false;
  }
  if (!is_far(client, message)) return true;
  if (!cluster_.is_eager && !is_known_between(subscription.settled, message.written)) return false;
  // What each shard of a host wants is told by itself, so sessions that change their shard are
  // perhaps nobody's for a moment.
  if (is_unsettled(resharded_[home_of(client)], message)) return false;
  return !sessions_[client].was_transient ||
         !is_unsettled(crashes_[home_of(message.facts.publisher)], message);
}

// --- sessions ---

void Oracles::begin_session(Session& session) {
  session.subscriptions.clear();
  session.seen.clear();
  session.last.clear();
  session.is_haunted = false;
  session.is_birth_proven = false;
  session.was_transient = false;
  session.begun = ++tick_;
}

void Oracles::connect_written(std::size_t client, const ConnectFacts& facts) {
  Session& session = sessions_[client];
  session.expected = session.exists;
  if (facts.clean_start) session.expected = Exists::No;
  session.connect = facts;
  session.is_connecting = true;
  session.is_proven = false;
}

Resumption Oracles::connected(std::size_t client, bool session_present, Now now) {
  Session& session = sessions_[client];
  const bool may_be_over = now.wall.ms + slack_ms >= session.alive_until_ms;
  if (session.expected == Exists::Yes && may_be_over) session.expected = Exists::Maybe;
  const bool tells = session.connect.tells_session_present;
  const std::string name = "c" + std::to_string(client);
  bool is_foreign = std::exchange(session.is_reborn, false) && !session.connect.clean_start;
  if (!tells) {
    is_foreign |= session.expected == Exists::Maybe;
    session_present = session.expected != Exists::No;
  } else {
    is_foreign &= session_present;
  }
  // That it has ended was perhaps not known to the cluster.
  const bool is_ghost =
      session_present && session.expected == Exists::No && has_lapsed(home_of(client));
  is_foreign |= is_ghost;
  if (session_present && session.expected == Exists::No && !is_ghost) {
    fail("session-present: " + name + " was told of a session that it cannot have");
  }
  if (!session_present && session.expected == Exists::Yes) {
    fail("session-present: the session of " + name + " was lost");
  }
  session.is_new = !session_present;
  if (!session_present) begin_session(session);
  if (is_foreign) session.is_haunted = true;
  session.was_transient |= session.connect.ends_with_connection;
  session.exists = Exists::Yes;
  session.is_connecting = false;
  session.is_connected = true;
  if (is_foreign) return Resumption::Foreign;
  return session_present ? Resumption::Resumed : Resumption::New;
}

void Oracles::connection_lost(std::size_t client, std::int64_t since_ms) {
  Session& session = sessions_[client];
  if (session.is_connecting) {
    // Whether CONNECT was taken is not known.
    session.is_reborn |= session.expected != Exists::Yes || session.connect.expiry.has_value();
    session.exists = session.connect.clean_start || session.exists == Exists::No ? Exists::Maybe
                                                                                 : session.exists;
    if (session.connect.ends_with_connection) session.exists = Exists::Maybe;
    if (session.connect.clean_start) session.is_haunted = true;
    if (session.connect.expiry) session.exists = Exists::Maybe;
  } else if (session.is_connected && session.connect.ends_with_connection) {
    session.exists = Exists::No;
  }
  session.is_connecting = session.is_connected = false;
  constexpr std::int64_t far = std::int64_t{1} << 60;
  session.alive_until_ms =
      session.connect.expiry ? since_ms + *session.connect.expiry * 1000ll : far;
}

void Oracles::crashed(CrashBudget budget, std::size_t host) {
  crashes_[host].push_back(++tick_);
  for (std::size_t client = 0; client < sessions_.size(); ++client) {
    if (home_of(client) != host) continue;
    Session& session = sessions_[client];
    const bool unsure = !session.is_proven;
    // Perhaps the session before it is on the disk, or none.
    if (session.exists != Exists::No && !session.is_birth_proven) {
      session.exists = Exists::Maybe;
      session.is_haunted = true;
    }
    if (session.is_connected && unsure) {
      // CONNACK does not wait for the disk: a session that had just begun, ended or changed its
      // expiry may be as it was before.
      if (session.is_new || session.connect.ends_with_connection || session.connect.expiry) {
        session.exists = Exists::Maybe;
        session.connect.ends_with_connection = false;
        session.is_haunted = true;
      }
    } else if (!session.is_connected && session.exists == Exists::Yes && unsure &&
               session.connect.expiry) {
      // That it was resumed is perhaps not on disk, and by what is there its time may be over.
      session.exists = Exists::Maybe;
    } else if (!session.is_connected && session.exists == Exists::No && unsure) {
      session.exists = Exists::Maybe;
      session.is_haunted = true;
    }
    if (budget == CrashBudget::Nothing) continue;
    session.exists = Exists::Maybe;
    session.is_haunted = true;
    session.connect.ends_with_connection = false;
    for (Subscription& subscription : session.subscriptions) subscription.settled = never;
  }
  if (budget == CrashBudget::Nothing) return;
  for (Message& message : messages_) message.is_void = true;
}

void Oracles::lapsed(std::size_t host) {
  lapses_[host].push_back(++tick_);
  for (std::size_t client = 0; client < sessions_.size(); ++client) {
    Session& session = sessions_[client];
    if (home_of(client) != host || session.exists != Exists::No) continue;
    session.exists = Exists::Maybe;
    session.is_haunted = true;
  }
}

// --- subscribers ---

Oracles::Subscription* Oracles::find(Session& session, const std::string& filter) {
  for (auto at = session.subscriptions.rbegin(); at != session.subscriptions.rend(); ++at) {
    if (at->filter == filter) return &*at;
  }
  return nullptr;
}

void Oracles::subscribe_written(std::size_t client, const std::string& filter,
                                const SubscribeFacts& facts) {
  Session& session = sessions_[client];
  Subscription* known = find(session, filter);
  if (known == nullptr || known->unsubscribing != never) {
    known = &session.subscriptions.emplace_back();
    known->filter = filter;
    known->qos = facts.qos;
    known->no_local = facts.no_local;
    known->identifier = facts.identifier;
  }
  known->written.push_back(++tick_);
  if (facts.wants_retained) known->retained_asked.push_back(tick_);
  if (is_share(filter)) share_members_[filter].insert(client);
}

void Oracles::subscribed(std::size_t client, const std::string& filter) {
  Subscription* known = find(sessions_[client], filter);
  VMQ_EXPECT(known != nullptr);
  if (known->settled == never) known->settled = ++tick_;
}

void Oracles::unsubscribe_written(std::size_t client, const std::string& filter) {
  Subscription* known = find(sessions_[client], filter);
  if (known != nullptr && known->unsubscribing == never) known->unsubscribing = ++tick_;
}

void Oracles::unsubscribed(std::size_t client, const std::string& filter) {
  Subscription* known = find(sessions_[client], filter);
  if (known == nullptr || known->unsubscribing == never) return;
  for (Subscription& subscription : sessions_[client].subscriptions) {
    if (subscription.filter == filter && subscription.ended == never) {
      subscription.ended = ++tick_;
    }
  }
}

bool Oracles::is_match(const Subscription& subscription, std::size_t client,
                       const Message& message) const {
  if (subscription.no_local && message.facts.publisher == client) return false;
  return naive_match(subscription.filter, message.facts.topic);
}

void Oracles::received(std::size_t client, std::uint64_t connection, const Event& event,
                       std::int64_t unread_since_ms) {
  ++deliveries_;
  const Received& got = event.message;
  for (char c : got.payload) digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  digest_ = (digest_ ^ (client + got.qos * 16u + got.packet_id * 64u)) * 0x100000001b3u;
  if (got.payload.empty()) return;  // clears: they carry no name
  MessageId id = 0;
  for (char c : std::string_view(got.payload).substr(1)) {
    if (c == ':') break;
    id = id * 10 + static_cast<MessageId>(c - '0');
  }
  const std::string name = "c" + std::to_string(client);
  if (id >= messages_.size() || payload_of(id) != got.payload) {
    return fail("ghost: " + name + " was given bytes that nobody published");
  }
  Message& message = messages_[id];
  message.is_seen = true;
  if (message.facts.topic != got.topic) {
    return fail("ghost: " + name + " got " + text_of(id) + " on " + got.topic);
  }
  if (got.qos > message.facts.qos) {
    return fail("ghost: " + name + " got " + text_of(id) + " at a higher QoS");
  }
  if (message.is_forbidden && !message.is_void && !is_lost_will(message)) {
    return fail("will: " + text_of(id) + " reached " + name +
                " though its client had taken it back");
  }
  if (sessions_[client].is_haunted || message.is_void) return;
  judge_identifiers(client, got, message);
  if (got.retain) {
    judge_retained(client, id);
  } else {
    judge_live(client, connection, event, id, unread_since_ms);
  }
}

Tick Oracles::routed_until(std::size_t client, const Message& message) const {
  if (is_far(client, message)) return known_after(message.accepted);
  const std::vector<Tick>& crashes = crashes_[home_of(client)];
  const auto crash = std::upper_bound(crashes.begin(), crashes.end(), message.accepted);
  return crash == crashes.end() ? message.accepted : *crash;
}

// What shards owe each other when the node ends is sent again some time after it has started: to
// sessions that were there before, by their subscriptions of then.
bool Oracles::may_be_found_again(std::size_t client, const Message& message) const {
  const Tick end = routed_until(client, message);
  return end != message.accepted && sessions_[client].begun < end;
}

// A later retained message or clear of the topic was surely processed before. What two hosts do is
// ordered by what they knew of each other.
bool Oracles::is_superseded(const Message& message, MessageId id, Tick at, std::size_t host) const {
  if (message.accepted == never) return false;
  for (MessageId other = 0; other < messages_.size(); ++other) {
    const Message& later = messages_[other];
    if (other == id || !later.facts.retain || later.facts.topic != message.facts.topic) continue;
    if (later.is_void || later.is_refused) continue;
    if (later.written <= message.accepted || later.accepted >= at) continue;
    const std::size_t from = home_of(later.facts.publisher);
    if (from != home_of(message.facts.publisher) &&
        !is_known_between(message.accepted, later.written)) {
      continue;
    }
    if (from == host || is_known_between(later.accepted, at)) return true;
  }
  return false;
}

void Oracles::judge_retained(std::size_t client, MessageId id) {
  const Message& message = messages_[id];
  const std::string name = "c" + std::to_string(client);
  if (!message.facts.retain) {
    return fail("retained: " + name + " got " + text_of(id) + " with the retain flag");
  }
  bool matched = false;
  for (const Subscription& subscription : sessions_[client].subscriptions) {
    if (!naive_match(subscription.filter, message.facts.topic)) continue;
    matched = true;
    for (Tick written : subscription.retained_asked) {
      if (!is_superseded(message, id, written, home_of(client))) return;
    }
  }
  if (has_lapsed(home_of(client))) return;
  if (!matched) return fail("ghost: " + name + " got " + text_of(id) + " without a subscription");
  fail("retained: " + name + " got " + text_of(id) +
       " though a later one was in force, or without asking");
}

// Each identifier is of a subscription that may have brought the message. A copy that came alone,
// by a share group or as a retained message, has its own; any other has those of all that had to be
// in force.
void Oracles::judge_identifiers(std::size_t client, const Received& got, const Message& message) {
  if (has_lapsed(home_of(client))) return;
  Session& session = sessions_[client];
  const std::string what = "identifiers: c" + std::to_string(client) + " got " + got.payload;
  bool alone = got.retain;
  for (std::uint32_t identifier : got.identifiers) {
    bool known = false;
    for (const Subscription& subscription : session.subscriptions) {
      if (subscription.identifier != identifier || !is_match(subscription, client, message)) {
        continue;
      }
      known = true;
      alone |= is_share(subscription.filter);
    }
    if (!known)
      return fail(what + " with " + std::to_string(identifier) + ", which does not match");
  }
  if (alone) {
    if (got.identifiers.size() > 1) fail(what + " with identifiers of several subscriptions");
    return;
  }
  for (const Subscription& subscription : session.subscriptions) {
    if (subscription.identifier == 0 || is_share(subscription.filter) ||
        subscription.settled >= message.written || subscription.unsubscribing != never ||
        !is_match(subscription, client, message)) {
      continue;
    }
    if (std::find(got.identifiers.begin(), got.identifiers.end(), subscription.identifier) ==
        got.identifiers.end()) {
      fail(what + " without the identifier of " + subscription.filter);
    }
  }
}

void Oracles::judge_live(std::size_t client, std::uint64_t connection, const Event& event,
                         MessageId id, std::int64_t unread_since_ms) {
  Session& session = sessions_[client];
  const Message& message = messages_[id];
  const std::string name = "c" + std::to_string(client);
  bool matched = false;
  std::uint8_t qos = 0;
  for (const Subscription& subscription : session.subscriptions) {
    if (!is_match(subscription, client, message)) continue;
    if (subscription.ended < message.written) continue;
    // What a leaving member of a share group gives back goes to those who are members then.
    if (!is_share(subscription.filter) &&
        subscription.written.front() > routed_until(client, message) &&
        !may_be_found_again(client, message)) {
      continue;
    }
    matched = true;
    qos = std::max(qos, subscription.qos);
  }
  const bool is_of_then = has_lapsed(home_of(client));  // as the subscriptions were
  if (!matched && is_of_then) return;
  if (!matched) return fail("ghost: " + name + " got " + text_of(id) + " without a subscription");
  if (event.message.qos > qos && !is_of_then) {
    return fail("ghost: " + name + " got " + text_of(id) + " above the QoS of its subscription");
  }
  const bool first = !session.seen.contains(id);
  // Through a tunnel it may have been on its way for long.
  if (first && !event.message.dup && message.expired_ms != 0 && !has_lapsed(home_of(client)) &&
      unread_since_ms > message.expired_ms + slack_ms + cluster_.skew_ms) {
    return fail("ghost: " + name + " got " + text_of(id) + " after it had expired");
  }
  judge_copies(session, client, connection, event, id);
  judge_order(session, client, event, id);
  Seen& seen = session.seen[id];
  if (!event.repeated && (first || !event.message.dup)) ++seen.count;
  if (!event.repeated && event.message.qos == 2) ++seen.exact;
  seen.connection = connection;
}

void Oracles::judge_copies(Session& session, std::size_t client, std::uint64_t connection,
                           const Event& event, MessageId id) {
  const Message& message = messages_[id];
  const auto seen = session.seen.find(id);
  if (seen == session.seen.end() || event.repeated || message.attempts > 1) return;
  // A host that has taken it may forget that in a crash, and is sent it again by the other.
  const bool is_sent_again =
      is_far(client, message) && has_crashed(home_of(client), message.written);
  const bool was_first =
      !message.is_rewritten && !is_sent_again && (!message.facts.is_will || !has_crashed());
  std::uint32_t copies_max = 0;
  bool plain = false;
  for (const Subscription& subscription : session.subscriptions) {
    if (!is_match(subscription, client, message)) continue;
    if (is_share(subscription.filter)) {
      ++copies_max;
    } else {
      plain = true;
    }
  }
  copies_max += plain ? 1 : 0;
  const bool exact = event.message.qos == 2;
  if ((exact ? seen->second.exact : seen->second.count) < copies_max) return;
  const std::string name = "c" + std::to_string(client);
  // Whether its client has it, or its broker had taken it, only the disk of the host that is gone
  // could say.
  if ((!exact && has_lapsed(home_of(client))) || ((message.is_rewritten || message.facts.is_will) &&
                                                  has_lapsed(home_of(message.facts.publisher)))) {
    return;
  }
  if (exact) {
    return fail("exactly-once: " + name + " got " + text_of(id) + " again");
  }
  // A lower QoS does not wait for the disk: after a crash the publisher's repetition is a first one
  // to the broker. And what a leaving member of a share group gives back may come as another copy.
  const bool shared = copies_max > (plain ? 1u : 0u);
  // Its host has ended and taken the repetition for new, or published the will again, but this
  // connection goes on.
  const bool is_forgotten = is_far(client, message) &&
                            (message.is_rewritten || message.facts.is_will) &&
                            has_crashed(home_of(message.facts.publisher), message.written);
  const bool again = (seen->second.connection == connection && !is_forgotten) ||
                     (was_first && event.message.qos > 0);
  if (!event.message.dup && !shared && again) {
    fail("copies: " + name + " got " + text_of(id) + " again without DUP");
  }
}

bool Oracles::may_be_reordered(std::size_t client, const Event& event,
                               const Message& message) const {
  const bool is_exact = event.message.qos == 2;
  if (may_refuse_ && message.is_rewritten) return true;
  // What went out below QoS 2 did not wait for the disk: after a crash the publisher's repetition
  // is a first one, also to who was away or had not subscribed then and has seen what came after
  // it. So is what another host sends again.
  const std::size_t from = home_of(message.facts.publisher);
  if (message.is_rewritten && !is_exact && has_crashed(from, 0)) return true;
  if (is_far(client, message) && !is_exact && has_crashed(home_of(client), message.written)) {
    return true;
  }
  // With other shards a host speaks through other streams, and the old ones end beside them.
  if (is_far(client, message) && !resharded_[from].empty() &&
      resharded_[from].back() > message.written) {
    return true;
  }
  // What waited with the earlier owner comes behind what the new one has taken meanwhile.
  if (has_lapsed(home_of(client))) return true;
  return may_drop_oldest_ && event.message.dup && has_crashed();
}

void Oracles::judge_order(Session& session, std::size_t client, const Event& event, MessageId id) {
  const Message& message = messages_[id];
  if (session.seen.contains(id) || message.facts.is_will || message.attempts > 1) return;
  if (may_be_reordered(client, event, message)) return;
  for (const Subscription& subscription : session.subscriptions) {
    if (is_share(subscription.filter)) return;
  }
  MessageId& last = session.last[{message.facts.publisher, message.facts.topic, message.facts.qos,
                                  event.message.qos}];
  if (id < last) {
    fail("order: c" + std::to_string(client) + " got " + text_of(id) + " after " + text_of(last));
  }
  last = id;
}

}  // namespace vmq::sim
