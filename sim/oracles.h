// The judges of a simulated world. They see what clients wrote and what came back, nothing of the
// broker's inside, and know only the promises of MQTT and of this broker. The first promise that is
// broken is kept as a sentence; nothing after it counts.
//
// Time is a tick that grows with everything that is told here, so "before" and "after" are exact. A
// message was routed at some tick in [written, accepted]; a subscription is owed to from `settled`
// until `unsubscribing` and may still deliver from `written` to `ended`. What lies between is
// neither owed nor forbidden: a simulator that demands the impossible teaches people to ignore it.
//
// Clients are at home on hosts. What goes from one host to another is judged with *everybody
// knows*: the ticks at which every host had heard all that the others had for it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/time.h"
#include "sim/client.h"

namespace vmq::sim {

using MessageId = std::uint32_t;
using Tick = std::uint64_t;
inline constexpr Tick never = ~Tick{0};

struct MessageFacts {
  std::size_t publisher = 0;
  std::string topic;
  std::uint8_t qos = 0;
  bool retain = false;
  bool is_will = false;
  bool is_clear = false;                // empty payload: clears a retained message
  std::optional<std::uint32_t> expiry;  // seconds
};

struct ConnectFacts {
  bool clean_start = false;
  bool ends_with_connection = false;
  bool tells_session_present = true;    // MQTT 3.1 does not
  std::optional<std::uint32_t> expiry;  // seconds; none: never
};

enum class Resumption : std::uint8_t {
  Resumed,
  New,
  Foreign,  // a session that the client cannot know: it must begin anew [MQTT-3.2.2-4]
};

// Which promises a crash leaves standing.
enum class CrashBudget : std::uint8_t {
  Nothing,   // all that was acknowledged is still owed
  Unsynced,  // the machine lost what the operator chose not to sync: only what comes later is owed
};

struct ClusterFacts {
  std::size_t hosts = 1;        // client i is at home on host i % hosts
  bool is_eager = false;        // nothing fails between hosts: who has a SUBACK is known everywhere
  bool shares_locally = false;  // share groups do not reach to other hosts
  std::int64_t skew_ms = 0;     // between the clocks of two hosts at most
};

class Oracles {
 public:
  explicit Oracles(std::size_t clients, const ClusterFacts& cluster = {})
      : cluster_(cluster),
        sessions_(clients),
        crashes_(cluster.hosts),
        resharded_(cluster.hosts),
        lapses_(cluster.hosts) {}

  // --- publishers ---
  MessageId published(const MessageFacts& facts);
  std::string payload_of(MessageId id) const;
  const MessageFacts& facts_of(MessageId id) const { return messages_[id].facts; }
  // Written again. `forgotten`: as a new message, because the publisher's session was lost.
  void repeated(MessageId id);
  // Written again under its identifier. While the disk is full the first one may have been refused
  // without its publisher knowing, and those after it accepted.
  void rewritten(MessageId id) { messages_[id].is_rewritten = true; }
  void may_refuse() { may_refuse_ = true; }
  // Full queues drop their oldest: a crash may bring back what the disk does not know to be
  // dropped.
  void may_drop_oldest() { may_drop_oldest_ = true; }
  void accepted(MessageId id, Now now);
  void refused(MessageId id) { messages_[id].is_refused = true; }
  void will_armed(MessageId id) { messages_[id].written = ++tick_; }
  void will_forbidden(MessageId id);

  // --- sessions ---
  void connect_written(std::size_t client, const ConnectFacts& facts);
  // CONNACK. What the client has to make of it.
  Resumption connected(std::size_t client, bool session_present, Now now);
  // `since_ms`: wall time before which the broker cannot have seen it.
  void connection_lost(std::size_t client, std::int64_t since_ms);
  // Something that was acknowledged after the disk had it proves that CONNECT is on disk too.
  void proven(std::size_t client) {
    sessions_[client].is_proven = sessions_[client].is_birth_proven = true;
  }
  bool is_proven(std::size_t client) const { return sessions_[client].is_proven; }
  void crashed(CrashBudget budget, std::size_t host = 0);
  // The host starts with another number of shards.
  void sharded_anew(std::size_t host) { resharded_[host].push_back(++tick_); }
  // The cluster takes the host for gone: its sessions go on elsewhere, as the cluster knows them,
  // which may be some moments behind.
  void lapsed(std::size_t host);
  void everybody_knows() { known_.push_back(++tick_); }
  // The session's time was over and the broker had all the time to see it.
  void expired(std::size_t client) { sessions_[client].exists = Exists::No; }

  // --- subscribers ---
  struct SubscribeFacts {
    std::uint8_t qos = 0;
    bool no_local = false;
    bool wants_retained = true;
    std::uint32_t identifier = 0;  // always the same for a filter; 0: none
  };
  void subscribe_written(std::size_t client, const std::string& filter,
                         const SubscribeFacts& facts);
  void subscribed(std::size_t client, const std::string& filter);
  void unsubscribe_written(std::size_t client, const std::string& filter);
  void unsubscribed(std::size_t client, const std::string& filter);
  // `connection`: grows with each connection of the client.
  // `unread_since_ms`: wall time at which nothing was on its way; 0: not known.
  void received(std::size_t client, std::uint64_t connection, const Event& event,
                std::int64_t unread_since_ms);

  // --- the end: everything that is owed has arrived ---
  // `drops`: messages that queues threw away at their stated limits, as counted.
  void finish(std::uint64_t drops);
  // What a new subscriber to all of a topic tree was given: payload by topic.
  void check_retained(std::string_view filter, const std::map<std::string, std::string>& given);

  void fail(std::string sentence);
  const std::string& failure() const { return failure_; }
  bool has_failed() const { return !failure_.empty(); }
  std::uint64_t digest() const { return digest_; }
  std::uint64_t deliveries() const { return deliveries_; }
  std::uint64_t publishes() const { return messages_.size(); }
  std::uint64_t owed_checked() const { return owed_checked_; }

 private:
  struct Message {
    MessageFacts facts;
    Tick written = never;
    Tick accepted = never;
    std::int64_t expired_ms = 0;  // wall time; 0: not known
    std::uint32_t attempts = 1;
    bool is_refused = false;
    bool is_rewritten = false;
    bool is_void = false;       // before a crash that may have taken it
    bool is_forbidden = false;  // a will that must not be seen
    bool is_seen = false;
  };
  struct Subscription {
    std::string filter;
    std::uint8_t qos = 0;
    bool no_local = false;
    std::uint32_t identifier = 0;
    std::vector<Tick> written;
    std::vector<Tick> retained_asked;  // of these, those that asked for retained messages
    Tick settled = never;
    Tick unsubscribing = never;
    Tick ended = never;
  };
  struct Seen {
    std::uint32_t count = 0;  // deliveries, repetitions of an unreleased QoS 2 message aside
    std::uint32_t exact = 0;  // of these at QoS 2
    std::uint64_t connection = 0;
  };
  enum class Exists : std::uint8_t { No, Maybe, Yes };
  struct Session {
    Exists exists = Exists::No;
    Exists expected = Exists::No;  // of the CONNECT that is under way
    ConnectFacts connect;
    bool is_connecting = false;
    bool is_connected = false;
    bool is_new = false;
    bool is_proven = false;        // of the last CONNECT
    bool is_birth_proven = false;  // of the CONNECT that began the session
    bool was_transient = false;    // at some time it would have ended with its connection
    bool is_reborn = false;  // if there is one, it began with a CONNECT that was never answered
    bool is_haunted =
        false;  // an older state of it may have come back: only safety of others holds
    Tick begun = 0;
    std::int64_t alive_until_ms = 0;
    std::vector<Subscription> subscriptions;
    std::map<MessageId, Seen> seen;
    std::map<std::tuple<std::size_t, std::string, int, int>, MessageId> last;
  };

  std::size_t home_of(std::size_t client) const { return client % cluster_.hosts; }
  // Its publisher is at home on another host.
  bool is_far(std::size_t client, const Message& message) const {
    return home_of(client) != home_of(message.facts.publisher);
  }
  // When everybody knew what had been told by then.
  Tick known_after(Tick told) const;
  bool is_known_between(Tick from, Tick to) const { return known_after(from) < to; }
  bool has_crashed(std::size_t host, Tick since) const;
  bool has_crashed() const;
  // The host was taken for gone. What waited there came behind what others took meanwhile; of what
  // was under way between it and its clients nobody else knows; and the cluster knew its sessions
  // as they had been some moments before. Nothing that was acknowledged may be lost all the same.
  bool has_lapsed(std::size_t host) const { return !lapses_[host].empty(); }
  // Perhaps the cluster did not know of it yet.
  bool is_lost_will(const Message& message) const {
    return message.facts.is_will && has_lapsed(home_of(message.facts.publisher));
  }
  // It was published between one of these events and the next time that everybody knew.
  bool is_unsettled(const std::vector<Tick>& events, const Message& message) const;
  bool is_settled(std::size_t client, const Subscription& subscription,
                  const Message& message) const;

  Subscription* find(Session& session, const std::string& filter);
  bool is_match(const Subscription& subscription, std::size_t client, const Message& message) const;
  // After a crash what shards owed each other finds its receivers anew, by topic; and what comes
  // from another host finds them when it comes.
  Tick routed_until(std::size_t client, const Message& message) const;
  bool may_be_found_again(std::size_t client, const Message& message) const;
  // At `at`, on that host.
  bool is_superseded(const Message& message, MessageId id, Tick at, std::size_t host) const;
  void judge_retained(std::size_t client, MessageId id);
  void judge_live(std::size_t client, std::uint64_t connection, const Event& event, MessageId id,
                  std::int64_t unread_since_ms);
  void judge_identifiers(std::size_t client, const Received& got, const Message& message);
  void judge_copies(Session& session, std::size_t client, std::uint64_t connection,
                    const Event& event, MessageId id);
  void judge_order(Session& session, std::size_t client, const Event& event, MessageId id);
  bool may_be_reordered(std::size_t client, const Event& event, const Message& message) const;
  std::uint64_t count_missing(std::size_t client, std::string& first);
  std::uint64_t count_missing_shared(std::string& first);
  void begin_session(Session& session);
  std::string text_of(MessageId id) const;

  Tick tick_ = 1;
  std::vector<Message> messages_;
  ClusterFacts cluster_;
  std::vector<Session> sessions_;
  std::vector<std::vector<Tick>> crashes_;    // by host
  std::vector<std::vector<Tick>> resharded_;  // by host
  std::vector<std::vector<Tick>> lapses_;     // by host
  std::vector<Tick> known_;
  std::map<std::string, std::set<std::size_t>> share_members_;
  bool may_refuse_ = false;
  bool may_drop_oldest_ = false;
  std::string failure_;
  std::uint64_t digest_ = 0;
  std::uint64_t deliveries_ = 0;
  std::uint64_t owed_checked_ = 0;
};

// The matching rules of MQTT 4.7, written down naively. `$share/group/` is left out first.
bool naive_match(std::string_view filter, std::string_view topic);
bool is_share(std::string_view filter);

}  // namespace vmq::sim
