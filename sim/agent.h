// A client with habits: it connects, subscribes, publishes, answers late, reads slowly, breaks
// mid-packet, comes back, and tells the oracles what it wrote and what came. What a careful client
// must do it does: packet identifiers are kept until completed, what was not acknowledged is
// repeated in order, acknowledgements are sent in the order of what they answer.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "sim/client.h"
#include "sim/oracles.h"

namespace vmq::sim {

struct Habits {
  mqtt::Version version = mqtt::Version::V5;
  bool is_persistent = true;
  bool is_sharer = false;           // subscribes through share groups only
  bool is_slow = false;             // reads seldom, through a small window
  std::uint32_t expiry_s = 0;       // MQTT 5, persistent
  std::uint32_t acks_withheld = 0;  // of ten
  std::uint32_t expiry_odds = 20;   // one message in so many expires
  std::uint16_t receive_maximum = 65535;
  std::uint16_t window = 65535;  // what the broker must keep to: the lower of its and our maximum
};

// One line of a transcript: who, what, details. Empty: nobody listens.
using Trace =
    std::function<void(const std::string& who, const char* what, const std::string& details)>;

// A will that an agent has left with the broker.
struct AgentWill {
  MessageId message = 0;
  std::uint32_t delay_s = 0;
  bool is_durable = false;
};

class Agent {
 public:
  Agent(std::size_t index, const Habits& habits, Oracles& oracles, Rng rng, const Trace& trace);

  // Something a client may do at any time.
  void act(Node& node, Now now);
  // Reads and answers all, repeats what is open, but begins nothing new. True: something moved.
  bool finish_up(Node& node, Now now);
  bool is_finished() const { return phase_ == Phase::Online && open_.empty() && answers_.empty(); }
  // What it still waits for, for a report.
  std::string waits_for() const;

  // The node is gone, and every connection with it.
  void crashed(CrashBudget budget, Now now);
  // The broker has seen and stored everything that was written before.
  void settled();
  // Everything is over: wills that were due are owed now.
  void owe_wills(Now now);
  // Ends its session and goes.
  void leave(Node& node, Now now);
  void go_away(Now now);
  bool may_expire() const { return phase_ == Phase::Away && expiry_s_ != 0; }
  std::uint32_t expiry_s() const { return expiry_s_; }

  void stall(bool stalled);
  // The node goes: nothing of it may be touched any more.
  void forget() { client_.node = nullptr; }
  const std::string& client_id() const { return client_.id(); }
  // Its connection, or the one it asks for, leaves a will.
  bool has_will() const { return will_.has_value(); }
  bool is_online() const { return phase_ == Phase::Online; }
  bool is_away() const { return phase_ == Phase::Away; }
  std::size_t index() const { return index_; }

 private:
  enum class Phase : std::uint8_t { Away, Connecting, Online };
  enum class Loss : std::uint8_t { Cut, ClosedByBroker, Crash, Takeover };
  enum class Start : std::uint8_t { Drawn, Resume, Clean };
  struct Open {
    MessageId message = 0;
    std::uint16_t packet_id = 0;
    bool is_received = false;  // PUBREC came
  };

  void connect(Node& node, Now now, Start start);
  void add_will(mqtt::ConnectView& fields, std::string& payload, std::string& topic);
  bool read(Now now);
  void take(const Event& event, Now now);
  void take_connack(const Event& event, Now now);
  void take_publish(const Event& event);
  void take_ack(const Event& event, Now now);
  void repeat_open(bool session_present);
  void write_publish(const Open& open, bool dup);
  void answer(std::size_t count);
  void publish();
  void subscribe();
  void unsubscribe();
  void disconnect();
  void cut(Now now);
  void lose(Loss loss, Now now);
  void lose_will(Loss loss, std::int64_t lost_at_ms);
  void resume_will(bool session_present, Now now);
  void prove();
  void note(const char* what, const std::string& details) const;
  std::vector<Open>::iterator find_open(std::uint16_t packet_id);

  std::size_t index_;
  Habits habits_;
  Oracles& oracles_;
  Rng rng_;
  const Trace& trace_;
  std::string name_;
  Client client_;

  Phase phase_ = Phase::Away;
  std::uint64_t connection_ = 0;
  std::int64_t read_at_ms_ = 0;  // wall time of the last look at the wire
  std::uint32_t expiry_s_ = 0;   // of the current or last connection; 0: ends with it
  bool is_disconnecting_ = false;
  bool is_will_taken_back_ = false;
  bool wants_clean_start_ = false;
  std::vector<Open> open_;  // publishes not completed, in order
  std::deque<std::pair<mqtt::PacketType, std::uint16_t>> answers_;  // not written yet
  std::set<std::uint16_t> inflight_;                                // received, not completed by us
  std::map<std::uint16_t, std::string> subscribing_;
  std::map<std::uint16_t, std::string> unsubscribing_;
  std::vector<std::string> filters_;

  std::optional<AgentWill> will_;     // of this connection
  std::vector<AgentWill> due_;        // must have been published in the end
  std::optional<AgentWill> delayed_;  // due unless the client comes back in time
  // Of a connection that a newer one takes the place of: that it did is known with CONNACK.
  std::optional<AgentWill> taken_over_;
  std::int64_t delayed_until_ms_ = 0;
  std::vector<MessageId> taken_back_;  // must not be published, once the disk knows it
};

}  // namespace vmq::sim
