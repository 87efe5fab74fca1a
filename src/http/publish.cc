#include "http/publish.h"

#include <algorithm>
#include <array>

#include "http/base64.h"
#include "http/url.h"

namespace vmq::http {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr std::array<std::string_view, 7> names = {
    "topic", "qos", "retain", "user", "password", "client_id", "user_properties"};
constexpr std::size_t user_properties_max = 64;

Response bad(std::string_view why) { return Response::text(std::string(why), 400); }

bool is_name(std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const std::string* find(const Pairs& pairs, std::string_view name) {
  for (const auto& [key, value] : pairs) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::optional<std::string> text_of(const Pairs& fields, std::string_view name) {
  const std::string* text = find(fields, name);
  if (text == nullptr) return std::nullopt;
  return *text;
}

// MQTT's strings have 16 bits of length and are UTF-8 without the null character.
bool is_mqtt_text(std::string_view text) {
  return text.size() <= 65535 && text.find('\0') == std::string_view::npos;
}

// Topic, qos and the other fields; not the payload. The text says what is wrong.
std::optional<std::string_view> read_fields(const Pairs& fields, core::HttpPublish& publish) {
  publish.topic = text_of(fields, "topic").value_or("");
  if (publish.topic.empty() || publish.topic == "\n") return "Invalid topic";
  const std::string qos = text_of(fields, "qos").value_or("0");
  if (qos != "0" && qos != "1" && qos != "2") {
    return "Invalid QoS value. Must be in range 0..2";
  }
  publish.qos = static_cast<std::uint8_t>(qos[0] - '0');
  const std::string retain = text_of(fields, "retain").value_or("false");
  if (retain != "true" && retain != "false") {
    return "Invalid retain flag. Must be true or false";
  }
  publish.retain = retain == "true";
  publish.user_name = text_of(fields, "user");
  publish.password = text_of(fields, "password");
  publish.client_id = text_of(fields, "client_id").value_or("");
  if (!is_mqtt_text(publish.user_name.value_or("")) || !is_mqtt_text(publish.client_id)) {
    return "Invalid user or client_id";
  }
  return std::nullopt;
}

std::optional<std::string_view> check_properties(const core::HttpPublish& publish) {
  constexpr std::string_view complaint =
      "User properties need to be a JSON list of objects, at most 64 names";
  if (publish.user_properties.size() > user_properties_max) return complaint;
  for (const auto& [name, value] : publish.user_properties) {
    if (!is_mqtt_text(name) || !is_mqtt_text(value)) return complaint;
  }
  return std::nullopt;
}

void use_predefined(const config::HttpPublishConfig& config, core::HttpPublish& publish) {
  publish.mountpoint = config.mountpoint;
  if (config.mode != "predefined") return;
  publish.user_name = config.user;
  publish.password = config.password;
  publish.client_id = config.client_id.value_or("");
}

Result<core::HttpPublish, Response> parse_json_style(const Request& request, const Pairs& query) {
  std::optional<JsonFields> json = parse_json_fields(request.body);
  if (!json) return failure(bad("Content is not a valid json"));
  core::HttpPublish publish;
  if (const auto complaint = read_fields(json->texts, publish)) return failure(bad(*complaint));
  if (json->user_properties) publish.user_properties = std::move(*json->user_properties);
  if (find(json->texts, "user_properties") != nullptr) {
    return failure(bad("User properties need to be a JSON list of objects"));
  }
  publish.payload = text_of(json->texts, "payload").value_or("");
  if (publish.payload == "\n") return failure(bad("Payload needs to be a text"));
  const std::string encoding = text_of(query, "encoding").value_or("plain");
  if (encoding == "base64") {
    std::optional<std::string> bytes = base64_decoded(publish.payload);
    if (!bytes) return failure(bad("Payload is not valid base64"));
    publish.payload = std::move(*bytes);
  } else if (encoding != "plain") {
    return failure(bad("Only encoding plain or base64 allows. Unknown payload encoding"));
  }
  return publish;
}

Result<core::HttpPublish, Response> parse_raw_style(const Request& request, const Pairs& query) {
  Pairs fields;
  for (const Header& header : request.headers) {
    if (is_name(header.name)) fields.emplace_back(header.name, header.value);
  }
  const bool has_query =
      std::any_of(query.begin(), query.end(), [](const auto& one) { return is_name(one.first); });
  if (has_query && !fields.empty()) {
    return failure(bad("Parameters found in header as well as url-encoded"));
  }
  if (has_query) fields = query;
  core::HttpPublish publish;
  if (const auto complaint = read_fields(fields, publish)) return failure(bad(*complaint));
  if (const std::string* json = find(fields, "user_properties")) {
    std::optional<Pairs> properties = parse_user_properties(*json);
    if (!properties) return failure(bad("User properties need to be a JSON list of objects"));
    publish.user_properties = std::move(*properties);
  }
  publish.payload = request.body;
  return publish;
}

}  // namespace

Result<core::HttpPublish, Response> parse_publish(const Request& request,
                                                  const config::HttpPublishConfig& config) {
  const auto parameters = parse_query(request.query);
  if (!parameters) return failure(bad("The address is not encoded as addresses are"));
  Pairs query;
  for (const Parameter& one : *parameters) query.emplace_back(one.name, one.value.value_or(""));
  const std::string_view type = request.header("content-type");
  const std::string_view bare = type.substr(0, type.find_first_of("; "));
  Result<core::HttpPublish, Response> publish = failure(Response::empty(415));
  if (bare == "application/json") publish = parse_json_style(request, query);
  if (bare == "application/octet-stream") publish = parse_raw_style(request, query);
  if (!publish) return publish;
  if (const auto complaint = check_properties(*publish)) return failure(bad(*complaint));
  use_predefined(config, *publish);
  publish->peer = request.peer;
  return publish;
}

Response publish_response(core::HttpOutcome outcome) {
  switch (outcome) {
    case core::HttpOutcome::Published:
      return Response::text("Published");
    case core::HttpOutcome::BadTopic:
      return bad("Invalid topic");
    case core::HttpOutcome::TooLarge:
      return Response::text("Payload too large.", 413);
    case core::HttpOutcome::NotAuthenticated:
      return Response::text("Authentication failure.", 401);
    case core::HttpOutcome::NotAuthorized:
      return Response::text("Authorization failure.", 403);
    case core::HttpOutcome::Unavailable:
      break;
  }
  return Response::text("The message cannot be kept now: try again.", 503);
}

}  // namespace vmq::http
