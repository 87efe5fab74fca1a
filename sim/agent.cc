#include "sim/agent.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/expect.h"

namespace vmq::sim {

namespace {

using mqtt::PacketType;
using mqtt::Version;

constexpr std::size_t open_max = 5;
constexpr std::uint16_t packet_id_max = 8;  // identifiers are used again soon

constexpr std::array filters = {"t/a", "t/+", "t/#", "t/+/x", "+/a",   "#",
                                "r/#", "r/+", "w/#", "w/+",   "t/b/y", "t/b"};
constexpr std::array share_filters = {"$share/g/s/+", "$share/h/s/#", "$share/g/s/a"};
constexpr std::array plain_topics = {"t/a", "t/b", "t/a/x", "t/b/y"};
constexpr std::array share_topics = {"s/a", "s/b"};
constexpr std::array retained_topics = {"r/a", "r/b", "r/c"};

template <typename Array>
std::string draw(const Array& from, Rng& rng) {
  return from[rng.below(from.size())];
}

// A client asks for one filter always in the same way, so that asking again changes nothing.
std::uint8_t qos_of(std::size_t client, const std::string& filter) {
  const auto last = static_cast<unsigned char>(filter.back());
  return static_cast<std::uint8_t>((client * 5 + filter.size() * 3 + last) % 3);
}

// Another one for each filter; some go without.
std::uint32_t identifier_of(const std::string& filter) {
  std::uint32_t at = 0;
  for (const char* known : filters) {
    ++at;
    if (filter == known) return at % 4 == 0 ? 0 : at;
  }
  for (const char* known : share_filters) {
    ++at;
    if (filter == known) return at;
  }
  return 0;
}

}  // namespace

Agent::Agent(std::size_t index, const Habits& habits, Oracles& oracles, Rng rng, const Trace& trace)
    : index_(index),
      habits_(habits),
      oracles_(oracles),
      rng_(rng),
      trace_(trace),
      name_("c" + std::to_string(index)),
      client_(name_, habits.version) {
  client_.answers = false;
  client_.keeps_events = true;
  client_.next_id = 100;
}

void Agent::note(const char* what, const std::string& details) const {
  if (trace_) trace_(name_, what, details);
}

// --- a connection from its beginning to its end ---

void Agent::connect(Node& node, Now now, Start start) {
  const bool v5 = habits_.version == Version::V5;
  mqtt::ConnectView fields = client_.connect_fields();
  const bool ends = !habits_.is_persistent || start == Start::Clean ||
                    (v5 && start == Start::Drawn && rng_.below(25) == 0);
  fields.clean_start = !habits_.is_persistent || start == Start::Clean || wants_clean_start_ ||
                       (start == Start::Drawn && rng_.below(25) == 0);
  // Before MQTT 5 a session that begins clean also ends with its connection.
  expiry_s_ = ends || (!v5 && fields.clean_start)
                  ? 0
                  : (v5 ? habits_.expiry_s : mqtt::session_expiry_never);
  wants_clean_start_ = false;
  if (v5) {
    fields.session_expiry_interval = expiry_s_;
    fields.receive_maximum = habits_.receive_maximum;
  }
  std::string payload;
  std::string topic;
  if (start == Start::Drawn && rng_.below(3) == 0) add_will(fields, payload, topic);
  ConnectFacts facts;
  facts.clean_start = fields.clean_start;
  facts.ends_with_connection = expiry_s_ == 0;
  facts.tells_session_present = habits_.version != Version::V31;
  if (expiry_s_ != mqtt::session_expiry_never) facts.expiry = expiry_s_;
  note("connect", std::string(fields.clean_start ? "clean" : "resume") + " expiry " +
                      std::to_string(expiry_s_) + (will_ ? " will " + payload : ""));
  oracles_.connect_written(index_, facts);
  ++connection_;
  client_.events.clear();
  client_.connect(node, fields);
  read_at_ms_ = now.wall.ms;
  if (habits_.is_slow) node.wire(client_.wire).room = 16 + rng_.below(300);
  phase_ = Phase::Connecting;
  is_disconnecting_ = false;
}

void Agent::add_will(mqtt::ConnectView& fields, std::string& payload, std::string& topic) {
  topic = "w/" + std::to_string(index_);
  MessageFacts facts;
  facts.publisher = index_;
  facts.topic = topic;
  facts.qos = static_cast<std::uint8_t>(rng_.below(3));
  facts.is_will = true;
  if (habits_.version == Version::V5 && rng_.below(habits_.expiry_odds) == 0) {
    facts.expiry = static_cast<std::uint32_t>(rng_.below(30));
  }
  will_.emplace();
  will_->message = oracles_.published(facts);
  if (habits_.version == Version::V5 && rng_.below(2) == 0) {
    will_->delay_s = static_cast<std::uint32_t>(1 + rng_.below(40));
  }
  payload = oracles_.payload_of(will_->message);
  fields.will.emplace();
  fields.will->topic = topic;
  fields.will->payload = as_bytes(payload);
  fields.will->qos = static_cast<mqtt::Qos>(facts.qos);
  fields.will->delay_interval = will_->delay_s;
  fields.will->message_expiry_interval = facts.expiry;
}

void Agent::cut(Now now) {
  // The last packet may be cut in the middle, or everything that was under way be lost.
  if (client_.is_open()) {
    std::vector<std::uint8_t>& bytes = client_.node->wire(client_.wire).to_broker;
    if (!bytes.empty() && rng_.below(2) == 0) bytes.resize(rng_.below(bytes.size()));
  }
  Node* const node = client_.node;
  const WireId wire = client_.wire;
  lose(Loss::Cut, now);
  client_.node = node;
  client_.wire = wire;
  client_.cut();
}

void Agent::lose(Loss loss, Now now) {
  constexpr std::array names = {"cut", "closed", "crash", "takeover"};
  note("lost", names[static_cast<std::size_t>(loss)]);
  // Whether CONNECT was taken, and cancelled a will that waited, is not known.
  if (phase_ == Phase::Connecting) {
    delayed_.reset();
    taken_over_.reset();
  }
  // When the broker noticed is not known; it was not before the client last saw the connection.
  const bool is_fresh = client_.is_open() && !is_disconnecting_;
  const std::int64_t lost_at_ms = is_fresh ? now.wall.ms : read_at_ms_;
  lose_will(loss, lost_at_ms);
  oracles_.connection_lost(index_, lost_at_ms);
  client_.node = nullptr;
  phase_ = Phase::Away;
  answers_.clear();
  inflight_.clear();
  subscribing_.clear();
  unsubscribing_.clear();
}

void Agent::lose_will(Loss loss, std::int64_t lost_at_ms) {
  if (!will_) return;
  const AgentWill will = *std::exchange(will_, std::nullopt);
  if (phase_ != Phase::Online) return;  // perhaps the broker never knew of it
  if (is_disconnecting_) {
    if (loss == Loss::ClosedByBroker && is_will_taken_back_) taken_back_.push_back(will.message);
    return;
  }
  const std::uint32_t delay = std::min(will.delay_s, expiry_s_);
  const bool durable = expiry_s_ != 0 && oracles_.is_proven(index_);
  if (loss == Loss::Crash) {
    if (durable && delay == 0) due_.push_back({will.message, 0, true});
    return;
  }
  delayed_until_ms_ = lost_at_ms + delay * 1000ll;
  if (loss == Loss::Takeover) {
    taken_over_ = AgentWill{will.message, delay, durable};
  } else if (delay == 0) {
    due_.push_back({will.message, 0, durable});
  } else {
    delayed_ = AgentWill{will.message, delay, durable};
  }
}

void Agent::resume_will(bool session_present, Now now) {
  if (taken_over_) {
    if (taken_over_->delay_s == 0) {
      due_.push_back(*taken_over_);
    } else {
      delayed_ = taken_over_;
    }
    taken_over_.reset();
  }
  if (!delayed_) return;
  const AgentWill will = *std::exchange(delayed_, std::nullopt);
  if (!session_present) {
    due_.push_back({will.message, 0, false});  // the session's end comes before the delay's
  } else if (now.wall.ms < delayed_until_ms_) {
    taken_back_.push_back(will.message);
  }
}

void Agent::crashed(CrashBudget budget, Now now) {
  if (phase_ != Phase::Away) lose(Loss::Crash, now);
  taken_back_.clear();
  std::erase_if(due_, [](const AgentWill& will) { return !will.is_durable; });
  if (delayed_ && !delayed_->is_durable) delayed_.reset();
  taken_over_.reset();
  if (budget == CrashBudget::Nothing) return;
  due_.clear();
  delayed_.reset();
  // The broker may remember identifiers that were completed long ago.
  wants_clean_start_ = true;
}

void Agent::prove() {
  oracles_.proven(index_);
  for (MessageId message : taken_back_) oracles_.will_forbidden(message);
  taken_back_.clear();
}

void Agent::settled() {
  prove();
  for (AgentWill& will : due_) will.is_durable = true;
  if (delayed_) delayed_->is_durable = true;
}

void Agent::owe_wills(Now now) {
  for (const AgentWill& will : due_) oracles_.accepted(will.message, now);
  due_.clear();
}

void Agent::stall(bool stalled) {
  if (client_.is_open()) client_.node->wire(client_.wire).stalled = stalled;
}

// --- reading ---

bool Agent::read(Now now) {
  const bool moved = client_.read();
  const std::vector<Event> events = std::exchange(client_.events, {});
  for (const Event& event : events) {
    if (phase_ == Phase::Away) return true;
    take(event, now);
  }
  if (phase_ != Phase::Away && !client_.is_open()) {
    lose(Loss::ClosedByBroker, now);
    return true;
  }
  if (!is_disconnecting_) read_at_ms_ = now.wall.ms;
  return moved;
}

void Agent::take(const Event& event, Now now) {
  switch (event.type) {
    case PacketType::Connack:
      return take_connack(event, now);
    case PacketType::Publish:
      return take_publish(event);
    case PacketType::Suback: {
      const auto found = subscribing_.find(event.packet_id);
      if (found == subscribing_.end()) return oracles_.fail("acks: SUBACK for nothing to " + name_);
      note("suback", found->second);
      if (event.codes.front() < 0x80) {
        oracles_.subscribed(index_, found->second);
        if (expiry_s_ != 0) prove();
      }
      subscribing_.erase(found);
      return;
    }
    case PacketType::Unsuback: {
      const auto found = unsubscribing_.find(event.packet_id);
      if (found == unsubscribing_.end()) {
        return oracles_.fail("acks: UNSUBACK for nothing to " + name_);
      }
      note("unsuback", found->second);
      oracles_.unsubscribed(index_, found->second);
      unsubscribing_.erase(found);
      return;
    }
    case PacketType::Disconnect:
      note("told", "DISCONNECT " + std::to_string(static_cast<int>(event.reason)));
      return;
    case PacketType::Pingresp:
      return;
    default:
      return take_ack(event, now);
  }
}

void Agent::take_connack(const Event& event, Now now) {
  if (event.reason != mqtt::ReasonCode::Success) {
    note("refused", std::to_string(static_cast<int>(event.reason)));
    return;  // the broker closes
  }
  if (phase_ != Phase::Connecting) return oracles_.fail("acks: a second CONNACK to " + name_);
  phase_ = Phase::Online;
  const Resumption resumption = oracles_.connected(index_, event.session_present, now);
  const bool present = resumption == Resumption::Resumed;
  note("connack", present                             ? "session present"
                  : resumption == Resumption::Foreign ? "foreign session"
                                                      : "new session");
  if (!present) filters_.clear();
  if (resumption == Resumption::Foreign) {
    wants_clean_start_ = true;
    open_.clear();
    will_.reset();
    cut(now);
    return;
  }
  if (will_) oracles_.will_armed(will_->message);
  resume_will(present, now);
  repeat_open(present);
}

// Everything that is not completed is written again, in the order of its first time [MQTT-4.4.0-1].
void Agent::repeat_open(bool session_present) {
  if (!session_present) {
    // The broker has forgotten the identifiers: what it has taken is over, the rest is new to it.
    std::erase_if(open_, [](const Open& open) { return open.is_received; });
  }
  for (const Open& open : open_) {
    if (open.is_received) {
      answers_.emplace_back(PacketType::Pubrel, open.packet_id);
      continue;
    }
    if (!session_present || oracles_.facts_of(open.message).qos == 1) {
      oracles_.repeated(open.message);
    }
    oracles_.rewritten(open.message);
    write_publish(open, session_present);
  }
}

void Agent::take_publish(const Event& event) {
  const Received& message = event.message;
  note("got", message.payload.substr(0, 12) + " " + message.topic + " qos " +
                  std::to_string(message.qos) + (message.dup ? " dup" : "") +
                  (message.retain ? " retain" : "") + " id " + std::to_string(message.packet_id) +
                  (event.repeated ? " repeated" : ""));
  oracles_.received(index_, connection_, event, habits_.is_slow ? 0 : read_at_ms_);
  if (phase_ != Phase::Online) oracles_.fail("order: a message before CONNACK to " + name_);
  if (message.qos == 0) return;
  inflight_.insert(message.packet_id);
  // Before MQTT 5 a repetition may cross its answer on the way.
  if (habits_.version == Version::V5 && inflight_.size() > habits_.window) {
    oracles_.fail("bounded: " + name_ + " was sent more than its receive maximum");
  }
  answers_.emplace_back(message.qos == 1 ? PacketType::Puback : PacketType::Pubrec,
                        message.packet_id);
}

std::vector<Agent::Open>::iterator Agent::find_open(std::uint16_t packet_id) {
  return std::find_if(open_.begin(), open_.end(),
                      [packet_id](const Open& open) { return open.packet_id == packet_id; });
}

void Agent::take_ack(const Event& event, Now now) {
  if (event.type == PacketType::Pubrel) {
    note("pubrel", std::to_string(event.packet_id));
    answers_.emplace_back(PacketType::Pubcomp, event.packet_id);
    return;
  }
  const auto open = find_open(event.packet_id);
  const std::string text = name_ + ", identifier " + std::to_string(event.packet_id);
  if (open == open_.end()) return oracles_.fail("acks: an answer to nothing for " + text);
  const std::uint8_t qos = oracles_.facts_of(open->message).qos;
  const bool fits = event.type == PacketType::Puback ? qos == 1 : qos == 2;
  if (!fits) return oracles_.fail("acks: the wrong kind of answer for " + text);
  note(event.type == PacketType::Puback   ? "puback"
       : event.type == PacketType::Pubrec ? "pubrec"
                                          : "pubcomp",
       "m" + std::to_string(open->message) + " id " + std::to_string(event.packet_id) + " reason " +
           std::to_string(static_cast<int>(event.reason)));
  if (event.type == PacketType::Pubcomp) {
    if (!open->is_received) return oracles_.fail("acks: PUBCOMP before PUBREC for " + text);
    open_.erase(open);
    return;
  }
  if (mqtt::is_error(event.reason)) {
    oracles_.refused(open->message);
    open_.erase(open);
    return;
  }
  oracles_.accepted(open->message, now);
  if (event.type == PacketType::Puback) {
    open_.erase(open);
    return;
  }
  if (!open->is_received) answers_.emplace_back(PacketType::Pubrel, open->packet_id);
  open->is_received = true;
}

// --- writing ---

void Agent::answer(std::size_t count) {
  for (; count > 0 && !answers_.empty() && client_.is_open(); --count) {
    const auto [type, packet_id] = answers_.front();
    answers_.pop_front();
    if (type == PacketType::Puback || type == PacketType::Pubcomp) inflight_.erase(packet_id);
    client_.send_ack(type, packet_id);
  }
}

void Agent::write_publish(const Open& open, bool dup) {
  const MessageFacts& facts = oracles_.facts_of(open.message);
  const std::string payload = oracles_.payload_of(open.message);
  note("publish", payload.substr(0, 12) + " " + facts.topic + " qos " + std::to_string(facts.qos) +
                      " id " + std::to_string(open.packet_id) + (dup ? " dup" : "") +
                      (facts.retain ? " retain" : "") +
                      (facts.expiry ? " expires " + std::to_string(*facts.expiry) : ""));
  client_.publish(
      {facts.topic, payload, facts.qos, facts.retain, dup, open.packet_id, facts.expiry});
}

void Agent::publish() {
  MessageFacts facts;
  facts.publisher = index_;
  facts.qos = static_cast<std::uint8_t>(rng_.below(3));
  switch (rng_.below(6)) {
    case 0:
      facts.topic = draw(retained_topics, rng_);
      facts.retain = rng_.below(4) != 0;
      if (facts.retain) {
        facts.qos = std::max<std::uint8_t>(facts.qos, 1);
        facts.is_clear = rng_.below(5) == 0;
      }
      break;
    case 1:
      facts.topic = draw(share_topics, rng_);
      break;
    default:
      facts.topic = draw(plain_topics, rng_);
      break;
  }
  if (facts.qos > 0 && open_.size() >= open_max) return;
  if (habits_.version == Version::V5 && rng_.below(habits_.expiry_odds) == 0) {
    facts.expiry = static_cast<std::uint32_t>(rng_.below(30));
  }
  Open open;
  open.message = oracles_.published(facts);
  if (facts.qos == 0) {
    write_publish(open, false);
    return;
  }
  open.packet_id = static_cast<std::uint16_t>(1 + rng_.below(packet_id_max));
  while (find_open(open.packet_id) != open_.end()) {
    open.packet_id = static_cast<std::uint16_t>(open.packet_id % packet_id_max + 1);
  }
  open_.push_back(open);
  write_publish(open, false);
}

void Agent::subscribe() {
  const std::string filter = habits_.is_sharer ? draw(share_filters, rng_) : draw(filters, rng_);
  // A filter that is being given up is asked for again only when that is over.
  for (const auto& [id, text] : unsubscribing_) {
    if (text == filter) return;
  }
  mqtt::SubscribeOptions options;
  const std::uint8_t qos = qos_of(index_, filter);
  options.qos = static_cast<mqtt::Qos>(qos);
  const bool v5 = habits_.version == Version::V5;
  options.no_local = v5 && !habits_.is_sharer && filter == "t/#";
  if (v5) options.retain_handling = static_cast<mqtt::RetainHandling>(rng_.below(3));
  Oracles::SubscribeFacts facts;
  facts.qos = qos;
  facts.no_local = options.no_local;
  facts.wants_retained = options.retain_handling != mqtt::RetainHandling::DoNotSend;
  facts.identifier = v5 ? identifier_of(filter) : 0;
  note("subscribe", filter + " qos " + std::to_string(qos));
  oracles_.subscribe_written(index_, filter, facts);
  subscribing_[client_.subscribe(filter, options, facts.identifier)] = filter;
  filters_.push_back(filter);
}

void Agent::unsubscribe() {
  if (filters_.empty()) return;
  const std::string filter = filters_[rng_.below(filters_.size())];
  for (const auto& [id, text] : subscribing_) {
    if (text == filter) return;
  }
  for (const auto& [id, text] : unsubscribing_) {
    if (text == filter) return;
  }
  note("unsubscribe", filter);
  oracles_.unsubscribe_written(index_, filter);
  unsubscribing_[client_.unsubscribe(filter)] = filter;
  std::erase(filters_, filter);
}

void Agent::disconnect() {
  note("disconnect", "");
  // A publish on its way may be refused by closing, and then the will stands.
  is_will_taken_back_ = client_.is_open() && open_.empty();
  client_.disconnect();
  is_disconnecting_ = true;
}

void Agent::act(Node& node, Now now) {
  if (!habits_.is_slow || rng_.below(4) == 0) read(now);
  if (phase_ == Phase::Away) {
    if (rng_.below(3) == 0) connect(node, now, Start::Drawn);
    return;
  }
  if (phase_ == Phase::Connecting || is_disconnecting_) return;
  if (rng_.below(10) >= habits_.acks_withheld) answer(1 + rng_.below(4));
  const std::uint64_t drawn = rng_.below(100);
  if (drawn < 45) {
    publish();
  } else if (drawn < 60) {
    subscribe();
  } else if (drawn < 62) {
    unsubscribe();
  } else if (drawn < 65) {
    cut(now);
  } else if (drawn < 66) {
    disconnect();
  } else if (drawn < 67) {
    lose(Loss::Takeover, now);
    connect(node, now, Start::Drawn);
  } else if (drawn < 69) {
    client_.ping();
  }
}

bool Agent::finish_up(Node& node, Now now) {
  bool moved = read(now);
  if (phase_ == Phase::Away) {
    connect(node, now, Start::Resume);
    return true;
  }
  if (phase_ == Phase::Online && !answers_.empty()) {
    answer(~std::size_t{0});
    moved = true;
  }
  return moved;
}

std::string Agent::waits_for() const {
  if (phase_ == Phase::Connecting) return name_ + " waits for CONNACK";
  if (phase_ == Phase::Away) return name_ + " is away";
  if (!open_.empty()) {
    return name_ + " waits for an answer to " + oracles_.payload_of(open_.front().message) +
           ", identifier " + std::to_string(open_.front().packet_id);
  }
  return "";
}

void Agent::go_away(Now now) {
  if (phase_ != Phase::Away) cut(now);
}

void Agent::leave(Node& node, Now now) {
  go_away(now);
  open_.clear();
  connect(node, now, Start::Clean);
}

}  // namespace vmq::sim
