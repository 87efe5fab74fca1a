// Runs tests/packets/*.txt: every case is a packet in bytes and what our codec must make of it. The
// format stands in tests/packets/README.md.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <fstream>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/any_packet.h"

namespace vmq::mqtt {
namespace {

struct PacketCase {
  std::string file;
  std::size_t line = 0;
  std::string name;
  Version version = Version::V5;
  Sender sender = Sender::Client;
  std::string input;
  std::string outcome;
};

void PrintTo(const PacketCase& packet, std::ostream* out) {
  *out << packet.file << ".txt:" << packet.line << ": " << packet.name;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<Version> versions_of(std::string_view words) {
  if (words.starts_with("all")) return {Version::V31, Version::V311, Version::V5};
  if (words.starts_with("v311")) return {Version::V311};
  if (words.starts_with("v31")) return {Version::V31};
  if (words.starts_with("v3")) return {Version::V31, Version::V311};
  if (words.starts_with("v4+")) return {Version::V311, Version::V5};
  if (words.starts_with("v5")) return {Version::V5};
  ADD_FAILURE() << "unknown version: " << words;
  return {};
}

std::vector<PacketCase> load_cases() {
  std::vector<PacketCase> cases;
  for (const char* file : {"frame", "connect", "connack", "publish", "acks", "subscribe",
                           "disconnect", "properties", "text"}) {
    std::ifstream in(fmt::format("{}/{}.txt", VMQ_PACKETS_DIR, file));
    EXPECT_TRUE(in.is_open()) << file;
    std::string line;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
      if (trimmed(line).empty() || line.front() == '#') continue;
      const std::vector<std::string> parts = split(line, '|');
      if (parts.size() != 4) {
        ADD_FAILURE() << file << ".txt:" << number << ": four parts wanted: " << line;
        continue;
      }
      const bool from_server = parts[1].find("server") != std::string::npos;
      for (const Version version : versions_of(parts[1])) {
        cases.push_back({file, number, parts[0], version,
                         from_server ? Sender::Server : Sender::Client, parts[2], parts[3]});
      }
    }
  }
  return cases;
}

// The bytes of a case: hex pairs, 61*5 for repetition, "text", s"text" with two bytes of length
// before it, and { … } with a variable byte integer before it that tells the size of what is
// inside.
class ByteNotation {
 public:
  explicit ByteNotation(std::string_view text) : text_(text) {}

  std::vector<std::uint8_t> read() {
    std::vector<std::uint8_t> bytes;
    while (true) {
      text_ = text_.substr(std::min(text_.find_first_not_of(' '), text_.size()));
      if (text_.empty()) return bytes;
      if (text_.front() == '}') {
        text_.remove_prefix(1);
        return bytes;
      }
      read_token(bytes);
    }
  }

 private:
  void read_token(std::vector<std::uint8_t>& bytes) {
    if (text_.front() == '{') {
      text_.remove_prefix(1);
      const std::vector<std::uint8_t> inner = read();
      std::size_t size = inner.size();
      for (; size >= 128; size /= 128) bytes.push_back(static_cast<std::uint8_t>(size % 128 + 128));
      bytes.push_back(static_cast<std::uint8_t>(size));
      bytes.insert(bytes.end(), inner.begin(), inner.end());
    } else if (text_.front() == '"') {
      const std::string_view text = read_quoted();
      bytes.insert(bytes.end(), text.begin(), text.end());
    } else if (text_.starts_with("s\"")) {
      text_.remove_prefix(1);
      const std::string_view text = read_quoted();
      bytes.push_back(static_cast<std::uint8_t>(text.size() >> 8));
      bytes.push_back(static_cast<std::uint8_t>(text.size()));
      bytes.insert(bytes.end(), text.begin(), text.end());
    } else {
      read_hex(bytes);
    }
  }

  std::string_view read_quoted() {
    const std::size_t end = text_.find('"', 1);
    const std::string_view text = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return text;
  }

  void read_hex(std::vector<std::uint8_t>& bytes) {
    const std::size_t end = std::min(text_.find(' '), text_.size());
    const std::string token(text_.substr(0, end));
    text_.remove_prefix(end);
    std::size_t used = 0;
    const unsigned long value = std::stoul(token, &used, 16);
    EXPECT_TRUE(used == 2) << "not a byte: " << token;
    const bool repeated = token.size() > 3 && token[2] == '*';
    EXPECT_TRUE(repeated || token.size() == 2) << "not a byte: " << token;
    const std::size_t count = repeated ? std::stoul(token.substr(3)) : 1;
    bytes.insert(bytes.end(), count, static_cast<std::uint8_t>(value));
  }

  std::string_view text_;
};

std::string outcome_of(const AnyPacket& packet) {
  switch (packet.status) {
    case FrameResult::Status::NeedMore:
      return "need_more";
    case FrameResult::Status::Error:
      return fmt::format("error {} 0x{:02x}", name_of(packet.error),
                         static_cast<unsigned>(reason_of(packet.error)));
    case FrameResult::Status::Head:
      return packet.text;
  }
  return "?";
}

std::string hex(ByteView bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) out += fmt::format("{:02x} ", byte);
  return out;
}

class PacketsTest : public testing::TestWithParam<PacketCase> {};

TEST_P(PacketsTest, decodes_to_the_stated_outcome) {
  const PacketCase& packet = GetParam();
  const std::vector<std::uint8_t> input = ByteNotation(packet.input).read();
  const AnyPacket decoded = decode_any(packet.version, packet.sender, input);
  // "~" before an outcome: our encoder writes this packet in another, equal way.
  const bool is_canonical = !packet.outcome.starts_with('~');
  const std::string expected(trimmed(packet.outcome.substr(is_canonical ? 0 : 1)));
  EXPECT_EQ(outcome_of(decoded), expected) << to_string(packet.version);
  if (decoded.status != FrameResult::Status::Head) return;

  EXPECT_EQ(decoded.size, input.size());
  EXPECT_EQ(is_canonical, decoded.encoded == input) << hex(decoded.encoded) << "\n" << hex(input);
  const AnyPacket again = decode_any(packet.version, packet.sender, decoded.encoded);
  EXPECT_EQ(outcome_of(again), expected);
  EXPECT_EQ(hex(again.encoded), hex(decoded.encoded));
}

// A packet cut short anywhere is waited for; with its length made to fit, it is refused or means
// something else, but nothing is read past its end (the sanitizers see to that: the copy ends where
// the packet does).
TEST_P(PacketsTest, is_never_read_past_its_end) {
  const PacketCase& packet = GetParam();
  const std::vector<std::uint8_t> input = ByteNotation(packet.input).read();
  const AnyPacket whole = decode_any(packet.version, packet.sender, input);
  if (whole.status != FrameResult::Status::Head || input.size() > 127) return;
  for (std::size_t size = 2; size < input.size(); ++size) {
    std::vector<std::uint8_t> cut(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(decode_any(packet.version, packet.sender, cut).status, FrameResult::Status::NeedMore);
    cut[1] = static_cast<std::uint8_t>(size - 2);
    EXPECT_NE(decode_any(packet.version, packet.sender, cut).status, FrameResult::Status::NeedMore);
  }
}

std::string case_name(const testing::TestParamInfo<PacketCase>& info) {
  const char* const versions[] = {"v31", "v311", "v5"};
  return fmt::format("{}_line{}_{}", info.param.file, info.param.line,
                     versions[static_cast<unsigned>(info.param.version) - 3]);
}

INSTANTIATE_TEST_SUITE_P(packets, PacketsTest, testing::ValuesIn(load_cases()), case_name);

}  // namespace
}  // namespace vmq::mqtt
