// A message that comes over HTTP: nobody is connected for it, so it brings who it is from, and its
// answer is one word.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vmq::core {

struct HttpPublish {
  std::uint64_t id = 0;  // the shell's, for the answer
  std::string mountpoint;
  std::string client_id;
  std::optional<std::string> user_name;
  std::optional<std::string> password;
  std::string peer;
  std::string topic;
  std::string payload;
  std::uint8_t qos = 0;
  bool retain = false;
  std::vector<std::pair<std::string, std::string>> user_properties;
};

enum class HttpOutcome : std::uint8_t {
  Published,         // and on disk where a durable session gets it
  BadTopic,          // no valid topic name
  TooLarge,          // payload above max_message_size
  NotAuthenticated,  // auth_on_register says no
  NotAuthorized,     // auth_on_publish says no
  Unavailable,       // the store cannot take it now, or too many wait: worth another try
};

struct HttpAnswer {
  std::uint64_t id = 0;
  HttpOutcome outcome = HttpOutcome::Published;
};

}  // namespace vmq::core
