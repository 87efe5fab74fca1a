#include "config/settings.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <string>

#include "config/effective.h"
#include "config/value.h"

namespace vmq::config {
namespace {

struct ContractKey {
  std::string key;
  std::string type;
  std::string default_text;
};

std::vector<ContractKey> contract_keys() {
  std::vector<ContractKey> keys;
  std::ifstream file(VMQ_CONTRACT_KEYS);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    const std::size_t first = line.find(" | ");
    const std::size_t second = line.find(" | ", first + 3);
    keys.push_back({line.substr(0, first), line.substr(first + 3, second - first - 3),
                    line.substr(second + 3)});
  }
  return keys;
}

std::map<std::string, const Setting*> rows() {
  std::map<std::string, const Setting*> rows;
  for (const Setting& setting : schema()) rows[std::string(setting.key)] = &setting;
  return rows;
}

std::string as_written(const Setting& setting) {
  if (!setting.default_text) return "-";
  return setting.default_text->empty() ? "(empty)" : std::string(*setting.default_text);
}

TEST(SettingsTable, holds_every_key_of_the_contract) {
  const std::vector<ContractKey> keys = contract_keys();
  ASSERT_EQ(keys.size(), 633u);
  const std::map<std::string, const Setting*> known = rows();
  for (const ContractKey& key : keys) EXPECT_TRUE(known.contains(key.key)) << key.key;
}

TEST(SettingsTable, holds_the_contracts_defaults) {
  // Samples of address lines are no defaults, and three defaults are written in a way that their
  // type takes.
  const std::map<std::string, std::string> other_ways = {
      {"vmq_webhooks.use_crls", "on"},
      {"vmq_bridge.tcp.$name.pubrel_queue_ratio", "0%"},
      {"vmq_bridge.ssl.$name.pubrel_queue_ratio", "0%"},
  };
  const std::map<std::string, const Setting*> known = rows();
  for (const ContractKey& key : contract_keys()) {
    const auto row = known.find(key.key);
    if (row == known.end() || key.type.starts_with("ip")) continue;
    const auto other = other_ways.find(key.key);
    const std::string& expected = other == other_ways.end() ? key.default_text : other->second;
    EXPECT_EQ(as_written(*row->second), expected) << key.key;
  }
}

TEST(SettingsTable, has_flags_and_sizes_where_the_contract_has_them) {
  const std::map<std::string, const Setting*> known = rows();
  for (const ContractKey& key : contract_keys()) {
    const Type type = known.at(key.key)->type;
    EXPECT_EQ(type == Type::Flag, key.type == "flag") << key.key;
    EXPECT_EQ(type == Type::Bytes, key.type.starts_with("bytesize")) << key.key;
    EXPECT_EQ(type == Type::Percent, key.type == "percent") << key.key;
    EXPECT_TRUE(type != Type::Int || key.type.starts_with("int")) << key.key;
  }
}

TEST(SettingsTable, what_is_not_in_the_contract_is_marked) {
  std::set<std::string> contract;
  for (const ContractKey& key : contract_keys()) contract.insert(key.key);
  for (const Setting& setting : schema()) {
    const bool is_of_other_release =
        setting.built == Built::Removed || setting.built == Built::Silent;
    const bool is_ours = setting.is(kOurs);
    // A plugin of VerneMQ's that has a row of its own here stands there as plugins.$name.
    const bool is_in_contract =
        contract.contains(std::string(setting.key)) || setting.key == "plugins.vmq_http_pub";
    EXPECT_EQ(is_in_contract, !is_ours && !is_of_other_release) << setting.key;
    if (is_ours) {
      EXPECT_TRUE(setting.key.starts_with("node.") || setting.key.starts_with("message_store.") ||
                  setting.key.starts_with("metadata.etcd.") ||
                  setting.key.ends_with(".max_connect_rate"))  // stands with its siblings
          << setting.key;
    }
  }
}

TEST(SettingsTable, keys_are_unique_and_explained) {
  std::set<std::string_view> keys;
  for (const Setting& setting : schema()) {
    EXPECT_TRUE(keys.insert(setting.key).second) << setting.key;
    EXPECT_FALSE(setting.prose.empty()) << setting.key;
    EXPECT_EQ(setting.prose.back(), '.') << setting.key;
    EXPECT_TRUE(setting.type != Type::Enum || !setting.words.empty()) << setting.key;
  }
}

TEST(SettingsTable, every_default_is_a_value_of_its_type) {
  for (const Setting& setting : schema()) {
    if (!setting.default_text) continue;
    const Result<Value, std::string> value = parse_value(setting, *setting.default_text);
    EXPECT_TRUE(value.has_value()) << setting.key << ": " << (value ? "" : value.error());
  }
}

}  // namespace
}  // namespace vmq::config
