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
  Result<KeyList, std::string> load() override {
    if (is_broken_) return failure("it is damaged");
    return list_;
  }
  Result<void, std::string> save(const KeyList& list) override {
    list_ = list;
    return {};
  }

 private:
  bool is_broken_;
  KeyList list_;
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

TEST(ApiKeyRows, a_row_is_read_as_it_was_written) {
  EXPECT_EQ(row_of({"abc/d", "mgmt", {}}),
            (std::pair<std::string, std::string>{"mgmt/abc/d", "v1 never"}));
  for (const ApiKey& key : {ApiKey{"abc/d", "mgmt", {}}, ApiKey{"x", "api2", 1'900'000'000}}) {
    const auto [row, value] = row_of(key);
    EXPECT_EQ(key_of_row(row, value), key);
    EXPECT_EQ(key_of_row(row, value + " something later"), key);
  }
  EXPECT_FALSE(key_of_row("mgmt/abc", "v2 never"));
  EXPECT_FALSE(key_of_row("mgmt/abc", "v1 soon"));
  EXPECT_FALSE(key_of_row("mgmt/abc", "v1 12x"));
  EXPECT_FALSE(key_of_row("mgmt", "v1 never"));
  EXPECT_FALSE(key_of_row("mgmt/", "v1 never"));
  EXPECT_FALSE(key_of_row("else/abc", "v1 never"));
  EXPECT_FALSE(key_of_row("mgmt/a b", "v1 never"));
}

// The cluster, as one of its members meets it.
class FakeCluster : public SharedKeys {
 public:
  bool is_member() const override { return is_joined; }
  Result<void, std::string> add(const ApiKey& key) override {
    if (is_split) return failure("no_majority: not now");
    rows.insert(row_of(key));
    return {};
  }
  Result<void, std::string> remove(std::string_view key, std::string_view scope) override {
    if (is_split) return failure("no_majority: not now");
    rows.erase(row_of({std::string(key), std::string(scope), {}}).first);
    return {};
  }

  bool is_joined = true;
  bool is_split = false;
  KeyRows rows;
};

constexpr std::uint64_t cluster = 0xab;

TEST(SharedApiKeys, what_a_node_brings_along_and_what_the_cluster_has_become_one) {
  FakeCluster shared;
  ApiKeys keys = keys_with();
  ASSERT_TRUE(keys.add({"both", "mgmt", now_s + 5}, now_s));
  ASSERT_TRUE(keys.add({"mine", "mgmt", {}}, now_s));
  keys.share(shared);
  shared.rows = {row_of({"both", "mgmt", now_s + 9}), row_of({"theirs", "mgmt", {}})};
  const ApiKeys::Taken taken = keys.take(cluster, shared.rows);
  EXPECT_EQ(taken.missing, KeyRows{row_of({"mine", "mgmt", {}})});
  for (const char* key : {"both", "mine", "theirs"}) {
    EXPECT_TRUE(keys.is_good(key, "mgmt", now_s)) << key;
  }
  EXPECT_TRUE(keys.is_good("both", "mgmt", now_s + 6)) << "the cluster's wins";
  // Once they are the cluster's, one that is removed there is gone here as well.
  shared.rows.insert(*taken.missing.begin());
  EXPECT_TRUE(keys.take(cluster, shared.rows).missing.empty());
  shared.rows.erase("mgmt/mine");
  EXPECT_TRUE(keys.take(cluster, shared.rows).missing.empty());
  EXPECT_FALSE(keys.is_good("mine", "mgmt", now_s));
}

TEST(SharedApiKeys, a_member_has_the_cluster_change_keys) {
  FakeCluster shared;
  ApiKeys keys = keys_with();
  keys.share(shared);
  ASSERT_TRUE(keys.add({"abc", "mgmt", {}}, now_s));
  EXPECT_EQ(shared.rows, KeyRows{row_of({"abc", "mgmt", {}})});
  EXPECT_FALSE(keys.is_good("abc", "mgmt", now_s)) << "not before the cluster tells of it";
  static_cast<void>(keys.take(cluster, shared.rows));
  EXPECT_TRUE(keys.is_good("abc", "mgmt", now_s));
  shared.is_split = true;
  EXPECT_EQ(keys.add({"x", "mgmt", {}}, now_s).error(), "no_majority: not now");
  EXPECT_EQ(keys.remove("abc", "mgmt").error(), "no_majority: not now");
  EXPECT_TRUE(keys.is_good("abc", "mgmt", now_s));
  // What would be refused on a lone node is refused here.
  EXPECT_EQ(keys.add({"x", "else", {}}, now_s).error().substr(0, 13), "invalid_scope");
  // A node that has left keeps them, and they are its own.
  shared.is_joined = false;
  ASSERT_TRUE(keys.remove("abc", "mgmt"));
  EXPECT_FALSE(keys.is_good("abc", "mgmt", now_s));
}

TEST(SharedApiKeys, a_damaged_file_does_not_keep_the_clusters_keys_out) {
  ApiKeys keys = keys_with({}, true);
  FakeCluster shared;
  keys.share(shared);
  static_cast<void>(keys.take(cluster, {row_of({"abc", "mgmt", {}})}));
  EXPECT_TRUE(keys.is_good("abc", "mgmt", now_s));
  EXPECT_FALSE(keys.trouble());
  shared.is_joined = false;
  EXPECT_EQ(keys.remove("abc", "mgmt").error().substr(0, 15), "keys_unreadable");
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

TEST_F(KeyFileTest, a_member_has_its_copy_after_a_restart_and_knows_whose_it_is) {
  ASSERT_TRUE(open().add({"mine", "mgmt", {}}, now_s));
  {
    ApiKeys keys = open();
    const ApiKeys::Taken taken = keys.take(cluster, {row_of({"theirs", "mgmt", {}})});
    EXPECT_FALSE(taken.not_saved);
    EXPECT_EQ(taken.missing.size(), 1u);
  }
  // A crash before the cluster had the key that was brought along: it is brought along again.
  ApiKeys between = open();
  EXPECT_TRUE(between.is_good("theirs", "mgmt", now_s));
  EXPECT_EQ(between.take(cluster, {row_of({"theirs", "mgmt", {}})}).missing.size(), 1u);
  const KeyRows both = {row_of({"mine", "mgmt", {}}), row_of({"theirs", "mgmt", {}})};
  EXPECT_TRUE(between.take(cluster, both).missing.empty());
  ApiKeys again = open();
  EXPECT_TRUE(again.is_good("mine", "mgmt", now_s));
  EXPECT_TRUE(again.take(cluster, {}).missing.empty()) << "it was removed while this node was away";
  EXPECT_TRUE(open().all().empty());
  // Another cluster is another matter.
  static_cast<void>(again.take(cluster, {row_of({"mine", "mgmt", {}})}));
  EXPECT_EQ(open().take(cluster + 1, {}).missing.size(), 1u);
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
