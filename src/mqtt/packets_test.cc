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
#include "tests/notation.h"

namespace vmq::mqtt {
namespace {

using notation::ByteNotation;
using notation::hex;
using notation::split;
using notation::trimmed;

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
