// Publishing over HTTP: three ways to write a message into a request.
//
//   JSON       {"topic": …, "payload": …, "qos": …, …} with Content-Type: application/json
//   headers    topic, qos, retain, user, password, client_id; the body is the payload
//   query      the same names behind the question mark; the body is the payload
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/http_config.h"
#include "core/http_publish.h"
#include "http/message.h"

namespace vmq::http {

// The answer that says what is wrong, on failure.
[[nodiscard]] Result<core::HttpPublish, Response> parse_publish(
    const Request& request, const config::HttpPublishConfig& config);

Response publish_response(core::HttpOutcome outcome);

// The members of a JSON body, for parse_publish. Nothing: it is no such object.
struct JsonFields {
  std::vector<std::pair<std::string, std::string>> texts;  // numbers and flags as text
  std::optional<std::vector<std::pair<std::string, std::string>>> user_properties;
};
std::optional<JsonFields> parse_json_fields(std::string_view body);
// [{"k":"v"}, …]
std::optional<std::vector<std::pair<std::string, std::string>>> parse_user_properties(
    std::string_view json);

}  // namespace vmq::http
