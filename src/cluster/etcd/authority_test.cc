#include "cluster/etcd/authority.h"

#include <gtest/gtest.h>

#include <string>

#include "cluster/etcd/seal.h"

namespace vmq::cluster {

namespace {

KeyPair authority() {
  const Result<KeyPair, std::string> made = make_authority("test");
  EXPECT_TRUE(made) << made.error();
  return *made;
}

TEST(AuthorityTest, a_certificate_is_good_for_its_hosts_and_the_loopback) {
  const KeyPair ca = authority();
  const auto issued = issue_certificate(ca, "n1@10.0.3.4", {"10.0.3.4", "node.example"});
  ASSERT_TRUE(issued) << issued.error();
  EXPECT_TRUE(is_certificate_usable(ca, *issued, {"10.0.3.4", "node.example"}));
  EXPECT_TRUE(is_certificate_usable(ca, *issued, {"127.0.0.1", "localhost"}));
  EXPECT_FALSE(is_certificate_usable(ca, *issued, {"10.0.3.5"}));
  EXPECT_FALSE(is_certificate_usable(ca, *issued, {"other.example"}));
}

TEST(AuthorityTest, the_node_that_made_the_authority_may_have_its_name) {
  const KeyPair ca = authority();
  const auto issued = issue_certificate(ca, "test", {"a"});
  ASSERT_TRUE(issued) << issued.error();
  EXPECT_TRUE(is_certificate_usable(ca, *issued, {"a"}));
}

TEST(AuthorityTest, an_ipv6_host_is_an_address) {
  const KeyPair ca = authority();
  const auto issued = issue_certificate(ca, "n1@fd00::7", {"fd00::7"});
  ASSERT_TRUE(issued) << issued.error();
  EXPECT_TRUE(is_certificate_usable(ca, *issued, {"fd00::7"}));
}

TEST(AuthorityTest, another_authority_or_key_makes_it_unusable) {
  const KeyPair ca = authority();
  const auto one = issue_certificate(ca, "n1", {"a"});
  const auto other = issue_certificate(ca, "n1", {"a"});
  ASSERT_TRUE(one && other);
  EXPECT_FALSE(is_certificate_usable(authority(), *one, {"a"}));
  EXPECT_FALSE(is_certificate_usable(ca, {one->certificate, other->key}, {"a"}));
  EXPECT_FALSE(is_certificate_usable(ca, {"", ""}, {"a"}));
  // What the authority signed can sign nothing itself.
  EXPECT_FALSE(issue_certificate(*one, "n2", {"b"}));
}

TEST(AuthorityTest, a_host_that_would_smuggle_other_names_in_is_refused) {
  for (const std::string host : {"", "a,DNS:b", "a\nb", "a b", "a:b"}) {
    EXPECT_FALSE(issue_certificate(authority(), "n1", {host})) << host;
  }
}

TEST(AuthorityTest, damaged_texts_are_a_sentence) {
  const auto issued = issue_certificate({"no PEM", "none"}, "n1", {"a"});
  ASSERT_FALSE(issued);
  EXPECT_TRUE(issued.error().starts_with("the cluster's authority is unreadable"));
}

TEST(SealTest, a_secret_reaches_the_joiner) {
  const JoinKey key;
  const std::string secret(5000, 's');
  const auto sealed = seal(key.offer("cookie"), "cookie", secret);
  ASSERT_TRUE(sealed) << sealed.error();
  EXPECT_EQ(sealed->find("ssss"), std::string::npos);
  EXPECT_EQ(key.open(*sealed, "cookie"), secret);
  const auto empty = seal(key.offer("cookie"), "cookie", "");
  ASSERT_TRUE(empty);
  EXPECT_EQ(key.open(*empty, "cookie"), "");
}

TEST(SealTest, nobody_else_and_no_other_cookie_opens_it) {
  const JoinKey key;
  const JoinKey other;
  const auto sealed = seal(key.offer("cookie"), "cookie", "secret");
  ASSERT_TRUE(sealed);
  EXPECT_FALSE(other.open(*sealed, "cookie"));
  EXPECT_FALSE(key.open(*sealed, "other"));
  EXPECT_FALSE(key.open("", "cookie"));
  for (std::size_t i = 0; i < sealed->size(); ++i) {
    std::string changed = *sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(key.open(changed, "cookie")) << i;
    EXPECT_FALSE(key.open(sealed->substr(0, i), "cookie")) << i;
  }
}

TEST(SealTest, an_offer_made_without_the_cookie_is_refused) {
  const JoinKey key;
  EXPECT_FALSE(seal(key.offer("guess"), "cookie", "secret"));
  EXPECT_FALSE(seal("", "cookie", "secret"));
  std::string changed = key.offer("cookie");
  changed[3] = static_cast<char>(changed[3] ^ 1);
  EXPECT_FALSE(seal(changed, "cookie", "secret"));
  // The point that makes every shared secret zero.
  EXPECT_FALSE(seal(std::string(64, '\0'), "cookie", "secret"));
}

}  // namespace

}  // namespace vmq::cluster
