#include "control/message_reader.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/durable_queue.h"
#include "core/journal.h"

namespace vmq::control {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// REQUIRES: a multiple of three bytes.
std::string base64(const std::vector<std::uint8_t>& bytes) {
  std::string text;
  for (std::size_t i = 0; i + 2 < bytes.size(); i += 3) {
    const std::uint32_t word = static_cast<std::uint32_t>(bytes[i]) << 16 |
                               static_cast<std::uint32_t>(bytes[i + 1]) << 8 | bytes[i + 2];
    for (int shift = 18; shift >= 0; shift -= 6) text += base64_digits[word >> shift & 63];
  }
  return text;
}

std::chrono::milliseconds left_until(Clock::time_point end) {
  return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()),
                  std::chrono::milliseconds(0));
}

void read_blocks(node::Node& node, core::WaitingMessages& waiting, std::size_t messages_max,
                 Clock::time_point end) {
  std::vector<std::string> keys;
  for (const auto& block : waiting.blocks) keys.push_back(block.key);
  const auto values = node.read_rows(store::Space::Queue, keys, left_until(end));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) continue;
    const auto entries = core::parse_block(as_bytes(*values[i]));
    const auto& block = waiting.blocks[i];
    for (std::uint64_t seq = block.begin; entries && seq < block.end; ++seq) {
      const std::uint64_t index = seq - block.first_seq;
      if (index >= entries->size() || waiting.messages.size() >= messages_max) break;
      core::WaitingMessage message;
      message.seq = seq;
      message.qos = (*entries)[index].qos;
      message.stored = (*entries)[index].stored;
      waiting.messages.push_back(std::move(message));
    }
  }
}

}  // namespace

void read_messages(node::Node& node, core::WaitingMessages& waiting, std::size_t messages_max,
                   std::chrono::milliseconds patience) {
  const Clock::time_point end = Clock::now() + patience;
  if (!waiting.blocks.empty()) read_blocks(node, waiting, messages_max, end);
  std::sort(waiting.messages.begin(), waiting.messages.end(),
            [](const auto& a, const auto& b) { return a.seq < b.seq; });
  std::vector<std::string> keys;
  std::map<std::uint64_t, std::size_t> places;  // by chunk
  for (const core::WaitingMessage& message : waiting.messages) {
    if (message.is_in_memory || message.stored.chunk == 0) continue;
    if (places.emplace(message.stored.chunk, keys.size()).second) {
      keys.push_back(core::chunk_key(message.stored.chunk));
    }
  }
  const auto chunks = keys.empty() ? std::vector<std::optional<std::string>>()
                                   : node.read_rows(store::Space::Message, keys, left_until(end));
  for (core::WaitingMessage& message : waiting.messages) {
    const auto place = places.find(message.stored.chunk);
    const bool is_read = !message.is_in_memory && place != places.end() &&
                         place->second < chunks.size() && chunks[place->second];
    if (is_read) {
      core::ChunkReader reader(as_bytes(*chunks[place->second]));
      session::MessageView view;
      if (reader.read(message.stored.index, view)) message.take(view);
    }
  }
}

std::string shown_payload(std::string_view payload, std::size_t whole_size) {
  std::string shown(payload.substr(0, core::shown_payload_max));
  if (whole_size > shown.size()) shown += "… (" + std::to_string(whole_size) + " bytes)";
  return shown;
}

std::string message_ref(core::SessionRef session, std::uint8_t shard, std::uint64_t seq) {
  std::vector<std::uint8_t> bytes;
  const auto add = [&bytes](std::uint64_t value, int size) {
    for (int shift = (size - 1) * 8; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<std::uint8_t>(value >> shift));
    }
  };
  add(shard, 1);
  add(session.slot, 3);
  add(session.generation, 6);
  add(seq, 8);
  return base64(bytes);
}

}  // namespace vmq::control
