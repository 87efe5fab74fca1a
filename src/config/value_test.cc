#include "config/value.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vmq::config {
namespace {

Setting of(Type type, Unit unit = Unit::None, std::string_view words = {}) {
  Setting setting;
  setting.key = "test";
  setting.type = type;
  setting.unit = unit;
  setting.words = words;
  return setting;
}

struct Accepted {
  Setting setting;
  std::string text;
  std::int64_t number;
};

constexpr std::int64_t kDay = 24 * 3600;

TEST(Value, takes_what_each_type_allows) {
  const std::vector<Accepted> cases = {
      {of(Type::Flag), "on", 1},
      {of(Type::Flag), "off", 0},
      {of(Type::Int), "0", 0},
      {of(Type::Int), "-1", -1},
      {of(Type::Int), "268435456", 268435456},
      {of(Type::Bytes), "0", 0},
      {of(Type::Bytes), "4096", 4096},
      {of(Type::Bytes), "10KB", 10240},
      {of(Type::Bytes), "10kb", 10240},
      {of(Type::Bytes), "1.5GB", 1610612736},
      {of(Type::Bytes), "30MB", 31457280},
      {of(Type::DurationText, Unit::Milliseconds), "100ms", 100},
      {of(Type::DurationText, Unit::Milliseconds), "0.5ms", 1},
      {of(Type::DurationText, Unit::Milliseconds), "1.5h", 5400000},
      {of(Type::DurationText, Unit::Seconds), "1h30m", 5400},
      {of(Type::DurationText, Unit::Seconds), "1ms", 1},
      {of(Type::DurationText, Unit::Seconds), "1f", 14 * kDay},
      {of(Type::DurationText, Unit::Minutes), "61s", 2},
      {of(Type::DurationText, Unit::Days), "1w2d", 9},
      {of(Type::Percent), "0%", 0},
      {of(Type::Percent), "100%", 100},
      {of(Type::Address), "127.0.0.1:1883", 1883},
      {of(Type::Address), "::1:1883", 1883},
      {of(Type::Address), ":::0", 0},
      {of(Type::Address), "fe80::1%eth0:1883", 1883},
      {of(Type::Address), "::ffff:10.0.0.1:65535", 65535},
      {of(Type::Address), "2001:db8:0:0:0:0:0:1:1", 1},
      {of(Type::AddressOrSocket), "local:/run/vmq.sock:0", 0},
      {of(Type::AddressOrSocket), "unix:/run/vmq.sock:0", 0},
      {of(Type::TimeWord), "5s", 5},
      {of(Type::TimeWord), "2h", 7200},
      {of(Type::TimeWord), "1d", kDay},
      {of(Type::TimeWord), "1w", 7 * kDay},
      {of(Type::TimeWord), "1m", 28 * kDay},
      {of(Type::TimeWord), "1y", 336 * kDay},
      {of(Type::TimeWord), "never", 0},
      {of(Type::TimeWord, Unit::None, "never|client"), "client", 1LL << 32},
      {of(Type::IntTriple), "8192, 0,4096", 0},
      {of(Type::ProtocolLevels), "3,4,5,131", 0},
      {of(Type::ProtocolLevels), "[4, 132]", 0},
      {of(Type::TlsVersions), "tlsv1.2,tlsv1.3", 0},
      {of(Type::Atom), "vmq_reg_trie", 0},
      {of(Type::File), "", 0},
      {of(Type::Text), "any # text", 0},
      {of(Type::List), "", 0},
      {of(Type::Mountpoint), "off", 0},
      {of(Type::Enum, Unit::None, "fifo|lifo"), "lifo", 0},
  };
  for (const Accepted& test : cases) {
    const Result<Value, std::string> value = parse_value(test.setting, test.text);
    ASSERT_TRUE(value.has_value()) << test.text << ": " << value.error();
    EXPECT_EQ(value->number, test.number) << test.text;
    EXPECT_EQ(value->text, test.text);
  }
}

struct Refused {
  Setting setting;
  std::string text;
};

void expect_refused(const std::vector<Refused>& cases) {
  for (const Refused& test : cases) {
    const Result<Value, std::string> value = parse_value(test.setting, test.text);
    ASSERT_FALSE(value.has_value()) << test.text;
    EXPECT_FALSE(value.error().empty()) << test.text;
  }
}

TEST(Value, refuses_other_numbers_with_a_reason) {
  expect_refused({
      {of(Type::Flag), "true"},
      {of(Type::Flag), "ON"},
      {of(Type::Flag), "1"},
      {of(Type::Flag), "yes"},
      {of(Type::Flag), ""},
      {of(Type::Int), ""},
      {of(Type::Int), "20s"},
      {of(Type::Int), "1KB"},
      {of(Type::Int), "+1"},
      {of(Type::Int), "1.5"},
      {of(Type::Int), "0x10"},
      {of(Type::Int), "9223372036854775808"},
      {of(Type::Bytes), "10K"},
      {of(Type::Bytes), "10Kb"},
      {of(Type::Bytes), "-1"},
      {of(Type::Bytes), "1.5"},
      {of(Type::Bytes), "1.GB"},
      {of(Type::Bytes), "GB"},
      {of(Type::Bytes), "9999999999999GB"},
      {of(Type::DurationText), "10"},
      {of(Type::DurationText), ""},
      {of(Type::DurationText), "10x"},
      {of(Type::DurationText), "h"},
      {of(Type::DurationText), "1h 30m"},
      {of(Type::DurationText), "99999999999999999f"},
      {of(Type::Percent), "10"},
      {of(Type::Percent), "101%"},
      {of(Type::Percent), "-1%"},
  });
}

TEST(Value, refuses_other_texts_with_a_reason) {
  expect_refused({
      {of(Type::Address), "1883"},
      {of(Type::Address), "localhost:1883"},
      {of(Type::Address), "[::1]:1883"},
      {of(Type::Address), "127.0.0.1"},
      {of(Type::Address), "127.0.0.1:"},
      {of(Type::Address), "127.0.0.1:65536"},
      {of(Type::Address), "127.0.0.1:-1"},
      {of(Type::Address), "256.0.0.1:1883"},
      {of(Type::Address), "1.2.3:1883"},
      {of(Type::Address), "1::2::3:1883"},
      {of(Type::Address), "1:2:3:4:5:6:7:8:9:1883"},
      {of(Type::Address), "fe80::1%:1883"},
      {of(Type::Address), "local:/run/vmq.sock:0"},
      {of(Type::AddressOrSocket), "local:run:0"},
      {of(Type::AddressOrSocket), "local:/run/vmq.sock"},
      {of(Type::TimeWord), "1q"},
      {of(Type::TimeWord), "5"},
      {of(Type::TimeWord), "s"},
      {of(Type::TimeWord), "-1d"},
      {of(Type::TimeWord), "1.5d"},
      {of(Type::TimeWord), "client"},
      {of(Type::TimeWord), "1000y"},
      {of(Type::IntTriple), "1,2"},
      {of(Type::IntTriple), "1,2,-3"},
      {of(Type::IntTriple), "1,2,3,4"},
      {of(Type::ProtocolLevels), ""},
      {of(Type::ProtocolLevels), "3,6"},
      {of(Type::TlsVersions), "sslv3"},
      {of(Type::Atom), "two words"},
      {of(Type::Atom), ""},
      {of(Type::Enum, Unit::None, "fifo|lifo"), "FIFO"},
      {of(Type::Enum, Unit::None, "fifo|lifo"), "fifo|lifo"},
      {of(Type::Enum, Unit::None, "fifo|lifo"), ""},
      {of(Type::Text), std::string(kValueBytesMax + 1, 'x')},
  });
}

TEST(Value, words_stand_beside_a_number) {
  const Setting setting = of(Type::Int, Unit::None, "infinity|auto");
  const Result<Value, std::string> infinity = parse_value(setting, "infinity");
  ASSERT_TRUE(infinity.has_value());
  EXPECT_TRUE(infinity->is_word);
  const Result<Value, std::string> number = parse_value(setting, "7");
  ASSERT_TRUE(number.has_value());
  EXPECT_FALSE(number->is_word);
  EXPECT_FALSE(parse_value(setting, "Infinity").has_value());
}

TEST(Value, bounds_are_inclusive) {
  Setting setting = of(Type::Int);
  setting.min = 1;
  setting.max = 3;
  EXPECT_TRUE(parse_value(setting, "1").has_value());
  EXPECT_TRUE(parse_value(setting, "3").has_value());
  EXPECT_EQ(parse_value(setting, "0").error(), "0 is below 1");
  EXPECT_EQ(parse_value(setting, "4").error(), "4 is above 3");
}

TEST(Value, an_address_is_split_at_the_last_colon) {
  const Result<Endpoint, std::string> endpoint = parse_endpoint("::1:1883", Sockets::Refused);
  ASSERT_TRUE(endpoint.has_value());
  EXPECT_EQ(endpoint->address, "::1");
  EXPECT_EQ(endpoint->port, 1883);
}

TEST(Value, a_domain_socket_is_a_path) {
  const Result<Endpoint, std::string> endpoint =
      parse_endpoint("local:/run/a:b.sock:0", Sockets::Allowed);
  ASSERT_TRUE(endpoint.has_value());
  EXPECT_EQ(endpoint->address, "/run/a:b.sock");
  EXPECT_TRUE(endpoint->is_domain_socket);
}

TEST(Value, brackets_around_a_list_are_optional) {
  const std::vector<std::string> items = {"a", "b c"};
  EXPECT_EQ(split_list("a, b c"), items);
  EXPECT_EQ(split_list("[a,b c]"), items);
  EXPECT_EQ(split_list(" a ,, b c ,"), items);
  EXPECT_TRUE(split_list("[]").empty());
  EXPECT_EQ(split_list("a;b c", ';'), items);
}

}  // namespace
}  // namespace vmq::config
