#include "cluster/etcd/client.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cluster/etcd/codec.h"
#include "cluster/etcd/test_etcd.h"

namespace vmq::cluster {

namespace {

// For work of seconds that is not about time.
constexpr Duration patience = seconds(60);

// One owner and what it was told.
class Owner {
 public:
  explicit Owner(EtcdOptions options) : metadata(std::move(options)) {}

  void look() {
    metadata.poll(answers);
    for (CasAnswer& answer : answers.cas) {
      EXPECT_TRUE(cas.emplace(answer.id, answer).second) << "answered twice: " << answer.id;
    }
    for (GetAnswer& answer : answers.gets) gets[answer.id] = answer;
    for (News& one : answers.news) news.push_back(std::move(one));
  }
  template <typename Condition>
  void await(const Condition& condition) {
    const Instant last = etcd::monotonic_now() + seconds(60);
    for (look(); !condition(); look()) {
      ASSERT_LT(etcd::monotonic_now(), last) << metadata.link_status().error;
      ::poll(nullptr, 0, 2);
    }
  }
  CasAnswer put(std::string key, Revision expected, std::string value) {
    const std::uint64_t id = ++last_id;
    metadata.submit(
        {{.id = id, .key = std::move(key), .expected_revision = expected, .value = value}});
    await([&] { return cas.contains(id); });
    return cas[id];
  }
  std::size_t put_many(const std::string& prefix, int count, std::size_t value_bytes) {
    std::vector<CasRequest> requests;
    for (int i = 0; i < count; ++i) {
      const std::string number = std::to_string(i * 7919 % count);
      requests.push_back({.id = ++last_id,
                          .key = prefix + std::string(6 - number.size(), '0') + number,
                          .value = std::string(value_bytes, 'v')});
    }
    const std::uint64_t first = requests.front().id;
    metadata.submit(std::move(requests));
    await([&] { return cas.size() >= static_cast<std::size_t>(count) && cas.contains(last_id); });
    std::size_t done = 0;
    for (std::uint64_t id = first; id <= last_id; ++id) done += cas[id].status == CasStatus::Done;
    return done;
  }

  EtcdMetadata metadata;
  Answers answers;
  std::map<std::uint64_t, CasAnswer> cas;
  std::map<std::uint64_t, GetAnswer> gets;
  std::vector<News> news;
  std::uint64_t last_id = 1000;
};

std::set<std::string> keys_of(const std::vector<News>& news) {
  std::set<std::string> keys;
  for (const News& one : news) {
    for (const Change& change : one.changes) EXPECT_TRUE(keys.insert(change.key).second);
  }
  return keys;
}

TEST(EtcdMetadataTest, without_endpoints_everything_is_answered_until_there_are_some) {
  Owner owner(EtcdOptions{.request_timeout = milliseconds(100)});
  const CasAnswer answer = owner.put("k", 0, "v");
  EXPECT_EQ(answer.status, CasStatus::Unreachable);
  EXPECT_FALSE(answer.is_in_doubt);
  owner.metadata.get(1, "k");
  owner.await([&] { return owner.gets.contains(1); });
  EXPECT_FALSE(owner.gets[1].is_reachable);
  EXPECT_FALSE(owner.answers.has_quorum);
  TestEtcd etcd;
  owner.metadata.set_endpoints(etcd.endpoints());
  owner.await([&] { return owner.answers.has_quorum; });
  EXPECT_TRUE(owner.metadata.link_status().is_up);
  EXPECT_EQ(owner.metadata.link_status().endpoint, etcd.endpoints().front());
  // A busy machine may well take longer than this owner's patience.
  owner.await([&] { return owner.put("k", 0, "v").status != CasStatus::Unreachable; });
}

TEST(EtcdMetadataTest, an_endpoint_that_nobody_listens_on_is_passed_over) {
  TestEtcd etcd;
  Owner owner(EtcdOptions{
      .endpoints = {"127.0.0.1:" + std::to_string(free_port()), etcd.endpoints().front()}});
  EXPECT_EQ(owner.put("k", 0, "v").status, CasStatus::Done);
  EXPECT_GE(owner.metadata.link_status().fail_overs, 1u);
}

TEST(EtcdMetadataTest, a_transaction_above_the_servers_bound_is_halved_until_it_fits) {
  TestEtcd etcd;
  Owner owner(EtcdOptions{
      .endpoints = etcd.endpoints(), .transaction_max = 50'000, .request_timeout = patience});
  EXPECT_EQ(owner.put_many("k", 30'000, 1), 30'000u);
}

TEST(EtcdMetadataTest, a_large_scan_is_complete_and_stops_while_nobody_polls) {
  TestEtcd etcd;
  Owner owner(EtcdOptions{.endpoints = etcd.endpoints(), .news_bytes_max = 1 << 20});
  Owner other(EtcdOptions{.endpoints = etcd.endpoints(), .request_timeout = patience});
  ASSERT_EQ(other.put_many("a/x", 60'000, 100), 60'000u);
  other.put("b", 0, "not ours");
  owner.metadata.scan(1, "a/");
  // While this one does not poll, the other reads everything.
  const auto is_complete = [](const Owner& one) {
    return !one.news.empty() && one.news.back().kind == NewsKind::Complete;
  };
  other.metadata.scan(1, "a/");
  other.await([&] { return is_complete(other); });
  EXPECT_EQ(keys_of(other.news).size(), 60'000u);
  owner.look();
  // The bound, and the page that went above it.
  EXPECT_LE(keys_of(owner.news).size(), 20'000u);
  EXPECT_GE(keys_of(owner.news).size(), 128u);
  owner.await([&] { return is_complete(owner); });
  EXPECT_EQ(keys_of(owner.news), keys_of(other.news));
  EXPECT_EQ(owner.news.front().kind, NewsKind::Restart);
}

TEST(EtcdMetadataTest, another_member_takes_over_when_the_one_in_use_falls_silent) {
  TestEtcd etcd(3);
  Owner owner(EtcdOptions{.endpoints = etcd.endpoints()});
  owner.await([&] { return owner.answers.has_quorum; });
  owner.metadata.watch(1, "w/", std::nullopt);
  owner.metadata.hold_lease(seconds(10));
  owner.await([&] { return !owner.news.empty() && owner.answers.lease_number == 1; });
  EXPECT_EQ(owner.put("w/a", 0, "1").status, CasStatus::Done);
  etcd.pause(0);
  Revision next = 0;
  owner.await([&] {
    const CasAnswer answer = owner.put("w/b", 0, "1");
    next = answer.status == CasStatus::Done ? answer.revision : answer.current_revision;
    return answer.status != CasStatus::Unreachable;
  });
  EXPECT_GE(owner.metadata.link_status().fail_overs, 1u);
  EXPECT_EQ(owner.put("w/b", next, "2").status, CasStatus::Done);
  const auto told = [&] {
    std::string text;
    for (const News& one : owner.news) {
      for (const Change& change : one.changes) text += change.key + '=' + *change.value + ' ';
    }
    return text;
  };
  owner.await([&] { return told() == "w/a=1 w/b=1 w/b=2 "; });
  EXPECT_LT(etcd::monotonic_now(), owner.answers.lease_until);
  EXPECT_EQ(owner.answers.lease_number, 1u);
  etcd.go_on(0);
}

}  // namespace

}  // namespace vmq::cluster
