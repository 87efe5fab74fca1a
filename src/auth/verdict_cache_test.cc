#include "auth/verdict_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::auth {
namespace {

VerdictCache::Secret secret_of(std::uint8_t byte) {
  VerdictCache::Secret secret;
  secret.fill(byte);
  return secret;
}

Verifier verifier_of(std::string salt, std::string digest) {
  return {HashKind::Argon2id, {}, std::move(salt), std::move(digest)};
}

class VerdictCacheTest : public ::testing::Test {
 protected:
  VerdictCache::Tag tag(std::string_view user, std::string_view password) {
    return cache_.tag_of(verifier_, user, password).value();
  }
  VerdictCache cache_{secret_of(1), 8};
  const Verifier verifier_ = verifier_of("salt", "digest");
};

TEST_F(VerdictCacheTest, knows_what_it_was_told_and_nothing_else) {
  EXPECT_FALSE(cache_.knows(tag("eve", "secret")));
  cache_.remember(tag("eve", "secret"));
  EXPECT_TRUE(cache_.knows(tag("eve", "secret")));
  EXPECT_FALSE(cache_.knows(tag("eve", "Secret")));
  EXPECT_FALSE(cache_.knows(tag("adam", "secret")));
}

TEST_F(VerdictCacheTest, a_tag_is_of_everything_that_decides) {
  const VerdictCache::Tag known = tag("eve", "secret");
  EXPECT_EQ(known, tag("eve", "secret"));
  EXPECT_NE(known, VerdictCache(secret_of(2)).tag_of(verifier_, "eve", "secret"));
  EXPECT_NE(known, cache_.tag_of(verifier_of("salt", "other"), "eve", "secret"));
  EXPECT_NE(known, cache_.tag_of(verifier_of("other", "digest"), "eve", "secret"));
  EXPECT_NE(tag("a", "bc"), tag("ab", "c"));
  EXPECT_NE(cache_.tag_of(verifier_of("sal", "tdigest"), "eve", "secret"), known);
}

TEST_F(VerdictCacheTest, a_tag_holds_nothing_of_the_password) {
  const VerdictCache::Tag known = tag("eve", std::string(32, 'p'));
  const std::string text(known.begin(), known.end());
  EXPECT_EQ(text.find("pp"), text.npos);
}

TEST_F(VerdictCacheTest, a_cheap_hash_is_not_worth_a_tag) {
  const Verifier cheap{HashKind::Sha512, {}, "salt", "digest"};
  EXPECT_FALSE(cache_.tag_of(cheap, "eve", "secret").has_value());
}

TEST_F(VerdictCacheTest, is_bounded_and_keeps_what_is_asked_for) {
  cache_.remember(tag("eve", "secret"));
  for (int i = 0; i < 100; ++i) {
    cache_.remember(tag("user" + std::to_string(i), "x"));
    EXPECT_TRUE(cache_.knows(tag("eve", "secret"))) << i;
    EXPECT_LE(cache_.size(), 8u);
  }
  EXPECT_FALSE(cache_.knows(tag("user0", "x")));
  EXPECT_TRUE(cache_.knows(tag("user99", "x")));
}

TEST_F(VerdictCacheTest, forgets_all_when_it_is_cleared) {
  for (int i = 0; i < 6; ++i) cache_.remember(tag("user" + std::to_string(i), "x"));
  cache_.clear();
  EXPECT_EQ(cache_.size(), 0u);
  EXPECT_FALSE(cache_.knows(tag("user0", "x")));
}

TEST(VerdictCache, of_no_size_knows_nothing) {
  VerdictCache cache(secret_of(1), 0);
  const auto tag = cache.tag_of(verifier_of("salt", "digest"), "eve", "secret");
  cache.remember(*tag);
  EXPECT_FALSE(cache.knows(*tag));
}

}  // namespace
}  // namespace vmq::auth
