// What is judged when everything has come to rest.
#include <algorithm>

#include "sim/oracles.h"

namespace vmq::sim {

std::uint64_t Oracles::count_missing(std::size_t client, std::string& first) {
  Session& session = sessions_[client];
  if (session.is_haunted || session.exists != Exists::Yes) return 0;
  std::uint64_t missing = 0;
  for (MessageId id = 0; id < messages_.size(); ++id) {
    const Message& message = messages_[id];
    if (message.facts.qos == 0 || message.accepted == never || message.facts.expiry ||
        message.is_void || message.is_refused || message.facts.is_clear || message.is_forbidden) {
      continue;
    }
    if (is_lost_will(message)) continue;
    const bool owed = std::any_of(
        session.subscriptions.begin(), session.subscriptions.end(), [&](const Subscription& s) {
          return !is_share(s.filter) && s.qos > 0 && is_settled(client, s, message) &&
                 s.unsubscribing == never && is_match(s, client, message);
        });
    if (!owed) continue;
    ++owed_checked_;
    if (session.seen.contains(id)) continue;
    ++missing;
    if (first.empty()) first = "c" + std::to_string(client) + " never got " + text_of(id);
  }
  return missing;
}

// A message that matches a share subscription is owed to some member, if all members' sessions have
// lived on since.
std::uint64_t Oracles::count_missing_shared(std::string& first) {
  std::uint64_t missing = 0;
  for (const auto& [filter, members] : share_members_) {
    for (MessageId id = 0; id < messages_.size(); ++id) {
      const Message& message = messages_[id];
      if (message.facts.qos == 0 || message.accepted == never || message.facts.expiry ||
          message.is_void || message.is_refused || message.facts.is_clear ||
          !naive_match(filter, message.facts.topic)) {
        continue;
      }
      if (is_lost_will(message)) continue;
      bool settled = false;
      bool steady = true;
      std::uint32_t copies = 0;
      std::uint32_t exact = 0;
      std::uint32_t groups = 0;
      for (std::size_t client : members) {
        Session& session = sessions_[client];
        steady &=
            !session.is_haunted && session.exists == Exists::Yes && session.begun < message.written;
        for (const Subscription& s : session.subscriptions) {
          if (s.filter == filter) {
            steady &= s.unsubscribing == never && s.qos > 0;
            settled |= s.qos > 0 && is_settled(client, s, message) &&
                       !(cluster_.shares_locally && is_far(client, message));
          } else if (naive_match(s.filter, message.facts.topic)) {
            ++groups;
          }
        }
        const auto seen = session.seen.find(id);
        if (seen == session.seen.end()) continue;
        copies += seen->second.count;
        exact += seen->second.exact;
      }
      if (!settled || !steady) continue;
      ++owed_checked_;
      if (copies == 0) {
        ++missing;
        if (first.empty()) first = "nobody of " + filter + " got " + text_of(id);
      }
      if (exact > 1 && groups == 0 && message.facts.qos == 2 && message.attempts == 1) {
        fail("exactly-once: " + filter + " was given " + text_of(id) + " more than once");
      }
    }
  }
  return missing;
}

void Oracles::finish(std::uint64_t drops) {
  std::string first;
  std::uint64_t missing = 0;
  for (std::size_t client = 0; client < sessions_.size(); ++client) {
    missing += count_missing(client, first);
  }
  missing += count_missing_shared(first);
  if (missing > drops) {
    fail("at-least-once: " + first + "; missing in all " + std::to_string(missing) +
         ", counted drops " + std::to_string(drops));
  }
}

void Oracles::check_retained(std::string_view filter,
                             const std::map<std::string, std::string>& given) {
  struct Topic {
    std::set<std::string> possible;
    bool may_be_empty = true;
  };
  std::map<std::string, Topic> topics;
  for (MessageId id = 0; id < messages_.size(); ++id) {
    const Message& message = messages_[id];
    if (!message.facts.retain || !naive_match(filter, message.facts.topic)) continue;
    Topic& topic = topics[message.facts.topic];
    if (is_superseded(message, id, never - 1, 0)) continue;
    topic.possible.insert(payload_of(id));
  }
  for (auto& [name, topic] : topics) {
    topic.may_be_empty = topic.possible.contains("");
    bool surely_set = false;
    for (MessageId id = 0; id < messages_.size(); ++id) {
      const Message& message = messages_[id];
      if (!message.facts.retain || message.facts.topic != name) continue;
      if (is_superseded(message, id, never - 1, 0)) continue;
      if (message.facts.expiry) topic.may_be_empty = true;
      surely_set |= message.accepted != never && !message.is_void && !message.is_refused;
    }
    topic.may_be_empty |= !surely_set;
    const auto got = given.find(name);
    if (got == given.end()) {
      if (!topic.may_be_empty) fail("retained: the message of " + name + " is gone");
    } else if (!topic.possible.contains(got->second)) {
      fail("retained: " + name + " holds " + got->second + ", which was replaced");
    }
  }
}

}  // namespace vmq::sim
