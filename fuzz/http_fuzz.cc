// What HTTP clients write below the header: addresses, base64, messages to publish and commands.
// The first byte says which; the rest is the text, for a request cut at its first newline into
// query and body.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "admin/invocation.h"
#include "base/expect.h"
#include "http/base64.h"
#include "http/command_line.h"
#include "http/publish.h"
#include "http/url.h"

namespace {

using namespace vmq;
using namespace vmq::http;

bool is_plain(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// An encoder of our own: whatever was decoded once is the same when it is encoded and decoded.
std::string encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_plain(byte)) {
      out += c;
    } else {
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

void check_address(std::string_view text) {
  if (const auto decoded = percent_decoded(text)) {
    VMQ_EXPECT(decoded->size() <= text.size());
    VMQ_EXPECT(percent_decoded(encoded(*decoded)) == decoded);
  }
  if (const auto words = path_words(text)) {
    VMQ_EXPECT(words->size() <= parameters_max);
    std::string path;
    for (const std::string& word : *words) path += '/' + encoded(word);
    VMQ_EXPECT(path_words(path) == words);
  }
  if (const auto parameters = parse_query(text)) VMQ_EXPECT(parameters->size() <= parameters_max);
}

void check_base64(std::string_view text) {
  const auto bytes = base64_decoded(text);
  if (!bytes) return;
  VMQ_EXPECT(text.size() % 4 == 0);
  VMQ_EXPECT(bytes->size() <= text.size() / 4 * 3);
  VMQ_EXPECT(bytes->size() + 2 >= text.size() / 4 * 3);
}

void check_command(std::string_view path, std::string_view query) {
  const auto line = command_line_of(path, query);
  if (!line) return;
  VMQ_EXPECT(line->back() == "--format=json");
  const auto invocation = admin::parse(*line);
  if (invocation) {
    VMQ_EXPECT(invocation->format == admin::Format::Json);
  } else {
    VMQ_EXPECT(!invocation.error().text.empty());
  }
}

void check_publish(std::string_view query, std::string_view body, const char* type) {
  Request request;
  request.method = Method::Post;
  request.query = query;
  request.body = body;
  request.headers.push_back({"content-type", type});
  const config::HttpPublishConfig config;
  const auto publish = parse_publish(request, config);
  if (!publish) {
    VMQ_EXPECT(publish.error().status == 400);
    VMQ_EXPECT(!publish.error().body.empty());
    return;
  }
  VMQ_EXPECT(publish->qos <= 2);
  VMQ_EXPECT(!publish->topic.empty());
  VMQ_EXPECT(publish->payload.size() <= body.size());
  VMQ_EXPECT(publish->client_id.size() <= 65535);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = std::min(text.find('\n'), text.size());
  const std::string_view first = text.substr(0, cut);
  const std::string_view rest = text.substr(std::min(cut + 1, text.size()));
  switch (data[0] % 5) {
    case 0:
      check_address(text);
      break;
    case 1:
      check_base64(text);
      break;
    case 2:
      check_command(first, rest);
      break;
    case 3:
      check_publish(first, rest, "application/json");
      break;
    default:
      check_publish(first, rest, "application/octet-stream; charset=none");
      break;
  }
  return 0;
}
