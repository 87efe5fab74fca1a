// A message over HTTP: the hooks that a client's CONNECT and PUBLISH would meet, then the way of
// every publish. The answer waits for the disk as a PUBACK does; what other shards get of it is
// owed to them, as nobody here could send it again.
#include "core/netsplit.h"
#include "core/shard.h"
#include "mqtt/properties.h"
#include "topic/validate.h"

namespace vmq::core {

void Shard::on_http_publish(HttpPublish publish) {
  const config::SessionConfig& limits = config().session;
  if (publish.payload.size() > limits.message_size_max) {
    return answer_http(publish.id, HttpOutcome::TooLarge);
  }
  if (!topic::check_name(publish.topic, limits.topic_max_depth)) {
    return answer_http(publish.id, HttpOutcome::BadTopic);
  }
  if (config().allow_anonymous) return publish_http(publish);
  authenticate_http({std::move(publish), 0});
}

// Asks the chain from the plugin on that is next; a verdict that takes time comes back here.
void Shard::authenticate_http(HttpAsking asking) {
  const HttpPublish& publish = asking.publish;
  const HookClient client{publish.client_id, publish.mountpoint, publish.user_name, publish.peer};
  std::optional<ByteView> password;
  if (publish.password) password = as_bytes(*publish.password);
  switch (ask_register(hooks_, client, password, asking.plugin)) {
    case Answer::Ok:
      return publish_http(publish);
    case Answer::Later:
      break;
    default:
      return answer_http(publish.id, HttpOutcome::NotAuthenticated);
  }
  // A question that the shell has dropped is never answered; the oldest make room.
  http_asking_bytes_ += publish.payload.size();
  while (!http_asking_.empty() && (http_asking_.size() >= limits_.http_asking_max ||
                                   http_asking_bytes_ > limits_.http_asking_bytes_max)) {
    const auto oldest = http_asking_.begin();
    http_asking_bytes_ -= oldest->second.publish.payload.size();
    answer_http(oldest->second.publish.id, HttpOutcome::Unavailable);
    http_asking_.erase(oldest);
  }
  const AskId ask{next_ask_++};
  effects_.asks.push_back({ask, publish.user_name.value_or(""), publish.password.value_or("")});
  http_asking_.emplace(ask.value, std::move(asking));
}

void Shard::on_http_verdict(AskId ask, Verdict verdict) {
  const auto found = http_asking_.find(ask.value);
  if (found == http_asking_.end()) return;
  HttpAsking asking = std::move(found->second);
  http_asking_.erase(found);
  http_asking_bytes_ -= asking.publish.payload.size();
  switch (verdict) {
    case Verdict::Accept:
      return publish_http(asking.publish);
    case Verdict::Next:
      ++asking.plugin;
      return authenticate_http(std::move(asking));
    default:
      return answer_http(asking.publish.id, HttpOutcome::NotAuthenticated);
  }
}

void Shard::publish_http(const HttpPublish& publish) {
  const HookClient client{publish.client_id, publish.mountpoint, publish.user_name, publish.peer};
  const bool is_reserved = publish.topic.front() == '$';
  if (is_reserved || !may_publish(hooks_, client, publish.topic)) {
    counters_.count(PerVersion::PublishAuthError, false);
    return answer_http(publish.id, HttpOutcome::NotAuthorized);
  }
  const bool is_kept = publish.qos > 0 || publish.retain;
  if (!may_take_publish_now(*this) ||
      (is_kept && (!store_writable_ || store_congested_ || is_memory_short_))) {
    return answer_http(publish.id, HttpOutcome::Unavailable);
  }
  std::vector<std::uint8_t> properties;
  for (const auto& [name, value] : publish.user_properties) {
    mqtt::append_user_property(name, value, properties);
  }
  const std::uint64_t operations = journal_.operations() + effects_.batch.count();
  const std::uint64_t awaited = awaited_sent_;
  Publication publication;
  publication.view = {publish.topic, properties,  as_bytes(publish.payload),
                      {0},           publish.qos, publish.retain};
  const std::string* space = this->mountpoint(publish.mountpoint);
  if (publish.retain) retain(publication, *space);
  route(publication, space, nullptr);

  const bool stored =
      publish.retain || journal_.operations() + effects_.batch.count() != operations;
  if (!stored && awaited_sent_ == awaited) return answer_http(publish.id, HttpOutcome::Published);
  std::uint64_t ticket = held_.empty() ? 0 : held_.back().ticket;
  if (stored) ticket = ticket_;
  held_.push_back({ticket, awaited_sent_, {}, {}, false, publish.id});
}

void Shard::answer_http(std::uint64_t id, HttpOutcome outcome) {
  effects_.http_answers.push_back({id, outcome});
}

}  // namespace vmq::core
