// A scan goes over each shard in slices that take a fraction of a millisecond: places looked at,
// rows made and subscriptions read are bounded a slice, and a query that needs the bytes of
// messages does one session a slice.
#include "control/session_query.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/control.h"
#include "control/message_reader.h"
#include "core/on_command.h"
#include "core/shard.h"

namespace vmq::control {
namespace {

using admin::Cell;
using core::SessionFacts;
using core::SubscriptionFacts;
using core::WaitingMessage;

constexpr std::uint32_t places_per_slice = 1000;
constexpr std::uint32_t rows_per_slice = 200;
constexpr std::uint32_t subscriptions_per_slice = 500;
constexpr std::size_t messages_per_session = 1000;

Cell number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

struct Peer {
  Cell host;
  Cell port;
};

// "1.2.3.4:5", "[::1]:5", or the path of a domain socket.
Peer split_peer(std::string_view peer) {
  if (peer.empty()) return {};
  const std::size_t colon = peer.rfind(':');
  if (colon == std::string_view::npos) return {std::string(peer), {}};
  std::string_view host = peer.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  const std::string port(peer.substr(colon + 1));
  return {std::string(host), static_cast<std::int64_t>(std::strtol(port.c_str(), nullptr, 10))};
}

std::string name_of(std::uint8_t shard, std::uint64_t slot, std::uint64_t which) {
  return "<" + std::to_string(shard) + "." + std::to_string(slot) + "." + std::to_string(which) +
         ">";
}

struct SessionField {
  std::string_view name;
  Cell (*value)(const SessionFacts&);
};

constexpr SessionField kSessionFields[] = {
    {"bytes", [](const SessionFacts& s) { return number(s.queue_bytes); }},
    {"clean_session", [](const SessionFacts& s) -> Cell { return s.clean; }},
    {"client_id", [](const SessionFacts& s) -> Cell { return std::string(s.client_id); }},
    {"deliver_mode", [](const SessionFacts&) -> Cell { return std::string("fanout"); }},
    {"dropped", [](const SessionFacts& s) { return number(s.dropped); }},
    {"inflight", [](const SessionFacts& s) { return number(s.waiting_acks); }},
    {"is_offline", [](const SessionFacts& s) -> Cell { return !s.is_online; }},
    {"is_online", [](const SessionFacts& s) -> Cell { return s.is_online; }},
    {"is_plugin", [](const SessionFacts&) -> Cell { return false; }},
    {"mountpoint", [](const SessionFacts& s) -> Cell { return std::string(s.mountpoint); }},
    {"num_sessions", [](const SessionFacts& s) { return number(s.is_online ? 1 : 0); }},
    {"offline", [](const SessionFacts& s) { return number(s.is_online ? 0 : s.queue_size); }},
    {"offline_messages",
     [](const SessionFacts& s) { return number(s.is_online ? 0 : s.queue_size); }},
    {"online",
     [](const SessionFacts& s) {
       return number(s.is_online ? s.queue_size - std::min(s.queue_size, s.waiting_acks) : 0);
     }},
    {"online_messages",
     [](const SessionFacts& s) { return number(s.is_online ? s.queue_size : 0); }},
    {"peer_host", [](const SessionFacts& s) { return split_peer(s.peer).host; }},
    {"peer_port", [](const SessionFacts& s) { return split_peer(s.peer).port; }},
    {"protocol",
     [](const SessionFacts& s) { return number(static_cast<std::uint8_t>(s.version)); }},
    {"queue_pid",
     [](const SessionFacts& s) -> Cell { return name_of(s.shard, s.ref.slot, s.ref.generation); }},
    {"queue_size", [](const SessionFacts& s) { return number(s.queue_size); }},
    {"queue_started_at", [](const SessionFacts& s) -> Cell { return s.queue_started_at.ms; }},
    {"session_pid",
     [](const SessionFacts& s) -> Cell {
       if (!s.is_online) return {};
       return name_of(s.shard, s.conn.slot(), s.conn.value >> 32);
     }},
    {"session_started_at",
     [](const SessionFacts& s) -> Cell {
       if (!s.is_online) return {};
       return s.session_started_at.ms;
     }},
    {"size", [](const SessionFacts& s) { return number(s.queue_size); }},
    {"statename",
     [](const SessionFacts& s) -> Cell { return std::string(s.is_online ? "online" : "offline"); }},
    {"user",
     [](const SessionFacts& s) -> Cell {
       if (!s.user) return {};
       return std::string(*s.user);
     }},
    {"waiting_acks", [](const SessionFacts& s) { return number(s.waiting_acks); }},
};

constexpr std::string_view kSubscriptionFields[] = {"topic", "qos", "rap", "no_local"};
constexpr std::string_view kMessageFields[] = {"msg_ref", "msg_qos", "routing_key", "dup",
                                               "payload"};

Cell subscription_cell(std::string_view field, const SubscriptionFacts& facts, bool is_v5) {
  if (field == "topic") return std::string(facts.filter);
  if (field == "qos") return number(facts.qos);
  if (!is_v5) return {};
  return field == "rap" ? facts.retain_as_published : facts.no_local;
}

Cell message_cell(std::string_view field, const WaitingMessage& message, SessionFacts const& of) {
  if (field == "msg_ref") return message_ref(of.ref, of.shard, message.seq);
  if (field == "msg_qos") return number(message.qos);
  if (field == "dup") return message.dup;
  if (!message.is_in_memory) return {};  // it could not be read in time
  if (field == "payload") return shown_payload(message.payload, message.payload_size);
  return message.topic;
}

// What one slice found: rows that are complete but for the fields of messages.
struct Found {
  struct Session {
    std::vector<std::vector<Cell>> rows;
    core::SessionRef ref;
    std::uint8_t shard = 0;
    core::WaitingMessages messages;
  };
  std::vector<Session> sessions;
  std::uint32_t place = 0;         // where the shard goes on
  std::uint32_t subscription = 0;  // and with which subscription of that session
};

class Scan {
 public:
  explicit Scan(std::shared_ptr<const Query> query, std::string node_name)
      : query_(std::move(query)), node_name_(std::move(node_name)) {
    for (const SessionField& field : kSessionFields) {
      if (query_->is_judged(field.name)) judged_.push_back(&field);
    }
    for (const std::string_view field : kSubscriptionFields) {
      needs_subscriptions_ |= query_->needs(field);
    }
    for (const std::string_view field : kMessageFields) needs_messages_ |= query_->needs(field);
  }

  bool needs_messages() const { return needs_messages_; }
  const Query& query() const { return *query_; }

  // On the shard's thread.
  Found slice(node::ShardThread& thread, std::uint32_t place, std::uint32_t subscription) const {
    const core::Shard& shard = thread.core().shard();
    Found found;
    std::size_t rows = 0;
    std::uint32_t subscriptions = 0;
    found.place = shard.scan_sessions(place, places_per_slice, [&](const SessionFacts& facts) {
      const bool is_over = rows >= rows_per_slice || subscriptions >= subscriptions_per_slice ||
                           (needs_messages_ && !found.sessions.empty());
      if (is_over) return false;
      if (!accepts(facts)) return true;
      const std::uint32_t from = facts.ref.slot == place ? subscription : 0;
      return add(shard, facts, from, found, rows, subscriptions);
    });
    return found;
  }

  // Completes the rows of a session with each of its messages.
  void add_messages(const Found::Session& session, Query::Rows& to) const {
    SessionFacts facts;
    facts.ref = session.ref;
    facts.shard = session.shard;
    for (const std::vector<Cell>& row : session.rows) {
      for (const WaitingMessage& message : session.messages.messages) {
        if (!accepts(facts, message)) continue;
        std::vector<Cell> whole = row;
        for (std::size_t i = 0; i < whole.size(); ++i) {
          if (is_of_message(query_->fields()[i])) {
            whole[i] = message_cell(query_->fields()[i], message, facts);
          }
        }
        to.add(std::move(whole));
      }
    }
  }

 private:
  static bool is_of_message(std::string_view field) {
    return std::find(std::begin(kMessageFields), std::end(kMessageFields), field) !=
           std::end(kMessageFields);
  }
  static bool is_of_subscription(std::string_view field) {
    return std::find(std::begin(kSubscriptionFields), std::end(kSubscriptionFields), field) !=
           std::end(kSubscriptionFields);
  }

  bool accepts(const SessionFacts& facts) const {
    return query_->accepts("node", node_name_) &&
           std::all_of(judged_.begin(), judged_.end(), [&](const SessionField* field) {
             return query_->accepts(field->name, field->value(facts));
           });
  }
  bool accepts(const SubscriptionFacts& facts, bool is_v5) const {
    return std::all_of(std::begin(kSubscriptionFields), std::end(kSubscriptionFields),
                       [&](std::string_view field) {
                         return !query_->is_judged(field) ||
                                query_->accepts(field, subscription_cell(field, facts, is_v5));
                       });
  }
  bool accepts(const SessionFacts& of, const WaitingMessage& message) const {
    return std::all_of(std::begin(kMessageFields), std::end(kMessageFields),
                       [&](std::string_view field) {
                         return !query_->is_judged(field) ||
                                query_->accepts(field, message_cell(field, message, of));
                       });
  }

  std::vector<Cell> session_row(const SessionFacts& facts) const {
    std::vector<Cell> row;
    row.reserve(query_->fields().size());
    for (const std::string& name : query_->fields()) {
      const auto field = std::find_if(std::begin(kSessionFields), std::end(kSessionFields),
                                      [&](const SessionField& one) { return one.name == name; });
      if (field != std::end(kSessionFields)) {
        row.push_back(field->value(facts));
      } else {
        row.push_back(name == "node" ? Cell(node_name_) : Cell());
      }
    }
    return row;
  }

  // False: the next slice goes on with this session's further subscriptions.
  bool add(const core::Shard& shard, const SessionFacts& facts, std::uint32_t from, Found& found,
           std::size_t& rows, std::uint32_t& subscriptions) const {
    Found::Session session;
    session.ref = facts.ref;
    session.shard = facts.shard;
    const std::vector<Cell> row = session_row(facts);
    bool is_done = true;
    if (needs_subscriptions_) {
      const bool is_v5 = facts.version == mqtt::Version::V5;
      const std::uint32_t next = shard.scan_subscriptions(
          facts.ref, from, subscriptions_per_slice, [&](const SubscriptionFacts& subscription) {
            ++subscriptions;
            if (!accepts(subscription, is_v5)) return;
            session.rows.push_back(row);
            for (std::size_t i = 0; i < row.size(); ++i) {
              const std::string& field = query_->fields()[i];
              if (is_of_subscription(field)) {
                session.rows.back()[i] = subscription_cell(field, subscription, is_v5);
              }
            }
          });
      is_done = next == core::no_slot;
      if (!is_done) found.subscription = next;
    } else {
      session.rows.push_back(row);
    }
    if (needs_messages_ && !session.rows.empty()) {
      session.messages = shard.waiting_messages(
          facts.ref, std::min<std::size_t>(messages_per_session, query_->limit()));
      const bool has_any = !session.messages.messages.empty() || !session.messages.blocks.empty();
      if (!has_any) session.rows.clear();  // a row each is what comes of messages
    }
    rows += session.rows.size();
    if (!session.rows.empty()) found.sessions.push_back(std::move(session));
    return is_done;
  }

  const std::shared_ptr<const Query> query_;
  const std::string node_name_;
  std::vector<const SessionField*> judged_;
  bool needs_subscriptions_ = false;
  bool needs_messages_ = false;
};

}  // namespace

Result<admin::Table, admin::Answer> query_sessions(node::Node& node,
                                                   std::shared_ptr<const Query> query) {
  const auto scan = std::make_shared<const Scan>(query, node.config()->node.name);
  Query::Rows rows(*query);
  std::vector<std::uint32_t> places(node.shard_count(), 0);
  std::vector<std::uint32_t> subscriptions(node.shard_count(), 0);
  for (bool is_done = false; !is_done && !rows.is_full();) {
    std::vector<std::optional<Found>> slices = node.ask_shards<Found>(
        [scan, places, subscriptions](node::ShardThread& shard) {
          const std::size_t i = shard.id().value;
          if (places[i] == core::no_slot) {
            Found nothing;
            nothing.place = core::no_slot;
            return nothing;
          }
          return scan->slice(shard, places[i], subscriptions[i]);
        },
        shard_patience);
    is_done = true;
    for (std::size_t i = 0; i < slices.size(); ++i) {
      if (!slices[i]) return failure(admin::Answer::late(std::string(shard_is_busy)));
      places[i] = slices[i]->place;
      subscriptions[i] = slices[i]->subscription;
      is_done = is_done && places[i] == core::no_slot;
      for (Found::Session& session : slices[i]->sessions) {
        if (rows.is_full()) break;
        if (scan->needs_messages()) {
          read_messages(node, session.messages, messages_per_session,
                        std::chrono::milliseconds(query->row_timeout_ms()));
          scan->add_messages(session, rows);
          continue;
        }
        for (std::vector<Cell>& row : session.rows) rows.add(std::move(row));
      }
    }
  }
  auto table = rows.take();
  if (!table) return failure(admin::Answer::failed(table.error()));
  return std::move(*table);
}

}  // namespace vmq::control
