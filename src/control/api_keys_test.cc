#include "control/api_keys.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cstdio>
#include <fstream>
#include <set>

namespace vmq::control {
namespace {

constexpr std::int64_t now_s = 1'700'000'000;

class MemoryKeys : public KeyStore {
 public:
  explicit MemoryKeys(bool is_broken = false) : is_broken_(is_broken) {}
  Result<std::vector<ApiKey>, std::string> load() override {
    if (is_broken_) return failure("it is damaged");
    return keys_;
  }
  Result<void, std::string> save(const std::vector<ApiKey>& keys) override {
    keys_ = keys;
    return {};
  }

 private:
  bool is_broken_;
  std::vector<ApiKey> keys_;
};

ApiKeys keys_with(ApiKeys::Limits limits = {}, bool is_broken = false) {
  return ApiKeys(std::make_unique<MemoryKeys>(is_broken), limits);
}

TEST(ApiKeys, a_key_opens_its_scope_until_it_expires) {
  ApiKeys keys = keys_with();
  ASSERT_TRUE(keys.add({"abc", "mgmt", now_s + 10}, now_s));
  EXPECT_TRUE(keys.is_good("abc", "mgmt", now_s));
  EXPECT_TRUE(keys.is_good("abc", "mgmt", now_s + 9));
  EXPECT_FALSE(keys.is_good("abc", "mgmt", now_s + 10));
  EXPECT_FALSE(keys.is_good("abc", "metrics", now_s));
  for (const char* wrong : {"", "ab", "abd", "abcc", "abcabc", "Abc"}) {
    EXPECT_FALSE(keys.is_good(wrong, "mgmt", now_s)) << wrong;
  }
}

TEST(ApiKeys, one_key_may_have_several_scopes_and_loses_them_one_by_one) {
  ApiKeys keys = keys_with();
  ASSERT_TRUE(keys.add({"abc", "mgmt", {}}, now_s));
  ASSERT_TRUE(keys.add({"abc", "metrics", {}}, now_s));
  EXPECT_EQ(keys.add({"abc", "mgmt", {}}, now_s).error().substr(0, 18), "key_already_exists");
  ASSERT_TRUE(keys.remove("abc", "mgmt"));
  EXPECT_FALSE(keys.is_good("abc", "mgmt", now_s));
  EXPECT_TRUE(keys.is_good("abc", "metrics", now_s));
  EXPECT_EQ(keys.remove("abc", "mgmt").error().substr(0, 13), "key_not_found");
}

TEST(ApiKeys, the_operators_limits_hold) {
  ApiKeys keys = keys_with({8, 2});
  const auto error_of = [&](const ApiKey& key) {
    const auto added = keys.add(key, now_s);
    return added ? std::string("ok") : added.error().substr(0, added.error().find(':'));
  };
  EXPECT_EQ(error_of({"1234567", "mgmt", now_s + 5}), "invalid_key_length");
  EXPECT_EQ(error_of({std::string(257, 'x'), "mgmt", now_s + 5}), "invalid_key_length");
  EXPECT_EQ(error_of({"12345678", "mgmt", {}}), "invalid_expiry_date");
  EXPECT_EQ(error_of({"12345678", "mgmt", now_s + 2 * 86400 + 1}), "invalid_expiry_date");
  EXPECT_EQ(error_of({"12345678", "mgmt", now_s}), "invalid_expiry_date");
  EXPECT_EQ(error_of({"12345678", "else", now_s + 5}), "invalid_scope");
  EXPECT_EQ(error_of({"1234 678", "mgmt", now_s + 5}), "invalid_key");
  EXPECT_EQ(error_of({"1234:678", "mgmt", now_s + 5}), "invalid_key");
  EXPECT_EQ(error_of({"12345678", "mgmt", now_s + 2 * 86400}), "ok");
}

TEST(ApiKeys, keys_that_are_made_are_long_and_never_the_same) {
  ApiKeys keys = keys_with({40, {}});
  std::set<std::string> made;
  for (int i = 0; i < 20; ++i) {
    const auto key = keys.create("mgmt", {}, now_s);
    ASSERT_TRUE(key);
    EXPECT_EQ(key->size(), 40u);
    EXPECT_TRUE(made.insert(*key).second);
    EXPECT_TRUE(keys.is_good(*key, "mgmt", now_s));
  }
  EXPECT_EQ(keys_with().create("mgmt", {}, now_s)->size(), ApiKeys::key_length_made);
}

TEST(ApiKeys, there_is_a_most) {
  ApiKeys keys = keys_with();
  for (std::size_t i = 0; i < ApiKeys::keys_max; ++i) {
    ASSERT_TRUE(keys.add({"k" + std::to_string(i), "mgmt", {}}, now_s));
  }
  EXPECT_FALSE(keys.add({"more", "mgmt", {}}, now_s));
}

TEST(ApiKeys, an_unreadable_store_opens_nothing_and_is_not_written_over) {
  ApiKeys keys = keys_with({}, true);
  EXPECT_EQ(keys.trouble(), "it is damaged");
  EXPECT_FALSE(keys.add({"abc", "mgmt", {}}, now_s));
  EXPECT_FALSE(keys.remove("abc", "mgmt"));
  EXPECT_FALSE(keys.is_good("abc", "mgmt", now_s));
}

TEST(ApiKeys, times_are_read_strictly) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  EXPECT_EQ(parse_local_time("2023-11-14T22:13:20"), now_s);
  for (const char* text :
       {"", "2023-11-14", "2023-11-14 22:13:20", "2023-02-30T00:00:00", "2023-11-14T24:00:00",
        "2023-13-01T00:00:00", "2023-11-14T22:13:20Z", "2023-11-14T22:60:20", "soon"}) {
    EXPECT_EQ(parse_local_time(text), std::nullopt) << text;
  }
  EXPECT_EQ(utc_text(now_s), "2023-11-14 22:13:20");
}

class KeyFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/vmq-keys-XXXXXX";
    folder = ::mkdtemp(name);
    path = folder + "/api_keys";
  }
  void TearDown() override {
    std::remove(path.c_str());
    std::remove(folder.c_str());
  }
  ApiKeys open() const { return ApiKeys(make_key_file(path), {}); }
  std::string text() const {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string folder;
  std::string path;
};

TEST_F(KeyFileTest, keys_are_there_after_a_restart_for_their_owner_alone) {
  ASSERT_TRUE(open().add({"abc", "mgmt", {}}, now_s));
  ASSERT_TRUE(open().add({"def", "metrics", now_s + 5}, now_s));
  ApiKeys again = open();
  ASSERT_EQ(again.all().size(), 2u);
  EXPECT_EQ(again.all()[1].expires_s, now_s + 5);
  EXPECT_TRUE(again.is_good("abc", "mgmt", now_s));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(KeyFileTest, every_broken_byte_and_every_cut_is_noticed) {
  ASSERT_TRUE(open().add({"abc", "mgmt", {}}, now_s));
  const std::string whole = text();
  const auto trouble_with = [&](const std::string& broken) {
    std::ofstream(path, std::ios::trunc) << broken;
    return open().trouble().has_value();
  };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string broken = whole;
    broken[i] = static_cast<char>(broken[i] ^ 1);
    EXPECT_TRUE(trouble_with(broken)) << i;
    EXPECT_TRUE(trouble_with(whole.substr(0, i))) << i;
  }
  EXPECT_FALSE(trouble_with(whole));
}

TEST_F(KeyFileTest, what_cannot_be_written_changes_nothing) {
  ApiKeys keys(make_key_file(folder + "/no/api_keys"), {});
  EXPECT_FALSE(keys.add({"abc", "mgmt", {}}, now_s));
  EXPECT_TRUE(keys.all().empty());
}

}  // namespace
}  // namespace vmq::control
