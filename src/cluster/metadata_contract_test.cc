#include "cluster/metadata_contract.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"

namespace vmq::cluster {
namespace {

constexpr Duration lease_time = seconds(6);

class MetadataContract : public testing::Test {
 protected:
  MetadataContract() : realm_(make_realm_under_test()) {}

  Metadata& a() { return realm_->owner(0); }
  Metadata& b() { return realm_->owner(1); }

  // Polls both owners and keeps what they are told.
  void look() {
    for (std::size_t i = 0; i < 2; ++i) {
      realm_->owner(i).poll(polled_);
      for (CasAnswer& answer : polled_.cas) {
        EXPECT_TRUE(cas_.emplace(answer.id, answer).second) << "answered twice: " << answer.id;
      }
      for (GetAnswer& answer : polled_.gets) gets_[answer.id] = answer;
      for (News& news : polled_.news) news_[news.id].push_back(std::move(news));
      has_quorum_[i] = polled_.has_quorum;
      lease_until_[i] = polled_.lease_until;
      lease_number_[i] = polled_.lease_number;
    }
  }

  template <typename Condition>
  void await(const Condition& condition) {
    for (look(); !condition(); look()) realm_->wait();
  }

  CasAnswer cas(Metadata& owner, CasRequest request) {
    request.id = ++last_id_;
    std::vector<CasRequest> requests;
    requests.push_back(std::move(request));
    owner.submit(std::move(requests));
    await([&] { return cas_.contains(last_id_); });
    return cas_[last_id_];
  }
  CasAnswer put(Metadata& owner, std::string key, Revision expected, std::string value) {
    return cas(owner, {.key = std::move(key), .expected_revision = expected, .value = value});
  }
  Revision create(std::string key, std::string value) {
    const CasAnswer answer = put(a(), std::move(key), revision_absent, std::move(value));
    EXPECT_EQ(answer.status, CasStatus::Done);
    return answer.revision;
  }

  GetAnswer get(Metadata& owner, std::string key) {
    owner.get(++last_id_, std::move(key));
    await([&] { return gets_.contains(last_id_); });
    return gets_[last_id_];
  }

  // Many keys in as few requests as the queue allows.
  void create_many(const std::string& prefix, int count) {
    std::vector<CasRequest> requests;
    for (int i = 0; i < count; ++i) {
      const std::string number = std::to_string(i);
      requests.push_back({.id = ++last_id_,
                          .key = prefix + std::string(5 - number.size(), '0') + number,
                          .value = number});
    }
    a().submit(std::move(requests));
    await([&] { return cas_.contains(last_id_); });
    await([&] {
      for (int i = 0; i < count; ++i) {
        if (!cas_.contains(last_id_ - static_cast<std::uint64_t>(i))) return false;
      }
      return true;
    });
  }

  // What a follower of these news knows, "key=value …", and whether it knows all.
  std::string told(std::uint64_t id) {
    std::map<std::string, std::string> known;
    Revision last = 0;
    for (const News& news : news_[id]) {
      if (news.kind == NewsKind::Restart) known.clear();
      for (const Change& change : news.changes) {
        if (change.value) {
          known[change.key] = *change.value;
        } else {
          known.erase(change.key);
        }
      }
      if (news.revision == 0) continue;
      EXPECT_GE(news.revision, last);
      last = news.revision;
    }
    std::string text;
    for (const auto& [key, value] : known) text += key + '=' + value + ' ';
    return text;
  }
  std::size_t count(std::uint64_t id, NewsKind kind) {
    const std::vector<News>& news = news_[id];
    return static_cast<std::size_t>(std::count_if(
        news.begin(), news.end(), [kind](const News& one) { return one.kind == kind; }));
  }
  bool is_complete(std::uint64_t id) {
    return count(id, NewsKind::Complete) > 0 &&
           count(id, NewsKind::Complete) == count(id, NewsKind::Restart);
  }
  bool holds_lease(std::size_t number) { return realm_->instant() < lease_until_[number]; }

  std::unique_ptr<RealmUnderTest> realm_;
  Answers polled_;
  std::map<std::uint64_t, CasAnswer> cas_;
  std::map<std::uint64_t, GetAnswer> gets_;
  std::map<std::uint64_t, std::vector<News>> news_;
  bool has_quorum_[2] = {};
  Instant lease_until_[2] = {};
  std::uint64_t lease_number_[2] = {};
  std::uint64_t last_id_ = 1'000'000;
};

TEST_F(MetadataContract, a_key_is_created_changed_and_deleted_by_its_revision) {
  const Revision first = create("k", "1");
  EXPECT_GT(first, 0);
  const CasAnswer second = put(b(), "k", first, "2");
  EXPECT_EQ(second.status, CasStatus::Done);
  EXPECT_GT(second.revision, first);
  GetAnswer read = get(a(), "k");
  EXPECT_TRUE(read.is_reachable);
  EXPECT_EQ(read.value, "2");
  EXPECT_EQ(read.revision, second.revision);
  EXPECT_EQ(cas(a(), {.key = "k", .expected_revision = second.revision}).status, CasStatus::Done);
  read = get(b(), "k");
  EXPECT_TRUE(read.is_reachable);
  EXPECT_EQ(read.value, std::nullopt);
  EXPECT_EQ(read.revision, revision_absent);
}

TEST_F(MetadataContract, a_conflict_says_what_is_there) {
  const Revision first = create("k", "1");
  CasAnswer answer = put(b(), "k", revision_absent, "mine");
  EXPECT_EQ(answer.status, CasStatus::Conflict);
  EXPECT_EQ(answer.current_value, "1");
  EXPECT_EQ(answer.current_revision, first);
  answer = put(b(), "other", first, "mine");
  EXPECT_EQ(answer.status, CasStatus::Conflict);
  EXPECT_EQ(answer.current_value, std::nullopt);
  EXPECT_EQ(answer.current_revision, revision_absent);
  answer = cas(b(), {.key = "k", .expected_revision = first + 1000});
  EXPECT_EQ(answer.status, CasStatus::Conflict);
  EXPECT_EQ(get(a(), "k").value, "1");
}

TEST_F(MetadataContract, deleting_an_absent_key_only_checks) {
  EXPECT_EQ(cas(a(), {.key = "none"}).status, CasStatus::Done);
  create("k", "1");
  EXPECT_EQ(cas(a(), {.key = "k"}).status, CasStatus::Conflict);
}

TEST_F(MetadataContract, requests_for_one_key_take_effect_in_their_order) {
  std::vector<CasRequest> requests;
  for (std::uint64_t id = 1; id <= 20; ++id) {
    requests.push_back({.id = id, .key = "k", .value = std::to_string(id)});
  }
  requests.push_back({.id = 21, .key = "l", .value = "21"});
  a().submit(std::move(requests));
  await([&] { return cas_.size() == 21; });
  EXPECT_EQ(cas_[1].status, CasStatus::Done);
  EXPECT_EQ(cas_[21].status, CasStatus::Done);
  for (std::uint64_t id = 2; id <= 20; ++id) {
    EXPECT_EQ(cas_[id].status, CasStatus::Conflict);
    EXPECT_EQ(cas_[id].current_value, "1");
  }
}

TEST_F(MetadataContract, two_owners_of_one_counter_lose_no_step) {
  create("counter", "0");
  const auto ask = [&](std::size_t owner, std::uint64_t id, Revision expected, int value) {
    realm_->owner(owner).submit({{.id = id,
                                  .key = "counter",
                                  .expected_revision = expected,
                                  .value = std::to_string(value)}});
  };
  int steps[2] = {};
  std::uint64_t open[2] = {1, 2};
  std::uint64_t next = 3;
  ask(0, 1, revision_absent, 0);
  ask(1, 2, revision_absent, 0);
  while (steps[0] < 20 || steps[1] < 20) {
    await([&] { return cas_.contains(open[0]) || cas_.contains(open[1]); });
    for (std::size_t owner = 0; owner < 2; ++owner) {
      if (!cas_.contains(open[owner])) continue;
      const CasAnswer answer = cas_[open[owner]];
      open[owner] = next++;
      if (answer.status == CasStatus::Done) {
        if (++steps[owner] >= 20) continue;
        // Deliberately wrong: the conflict brings what is there.
        ask(owner, open[owner], revision_absent, 0);
      } else {
        ASSERT_EQ(answer.status, CasStatus::Conflict);
        ask(owner, open[owner], answer.current_revision, std::stoi(*answer.current_value) + 1);
      }
    }
  }
  EXPECT_EQ(get(a(), "counter").value, "40");
}

TEST_F(MetadataContract, what_is_too_large_or_nameless_is_refused) {
  EXPECT_EQ(put(a(), "", 0, "v").status, CasStatus::Refused);
  EXPECT_EQ(put(a(), std::string(metadata_key_bytes_max + 1, 'k'), 0, "v").status,
            CasStatus::Refused);
  EXPECT_EQ(put(a(), "k", 0, std::string(metadata_value_bytes_max + 1, 'v')).status,
            CasStatus::Refused);
  EXPECT_EQ(put(a(), std::string(metadata_key_bytes_max, 'k'), 0,
                std::string(metadata_value_bytes_max, 'v'))
                .status,
            CasStatus::Done);
}

TEST_F(MetadataContract, bytes_come_back_as_they_were) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  const Revision revision = create(bytes, bytes);
  EXPECT_EQ(get(b(), bytes).value, bytes);
  EXPECT_EQ(get(b(), bytes).revision, revision);
  EXPECT_EQ(create("empty", "") > 0, true);
  EXPECT_EQ(get(b(), "empty").value, "");
}

TEST_F(MetadataContract, a_scan_tells_every_key_of_one_revision_and_ends) {
  create_many("p/", 1234);
  create("o", "before");
  create("q", "behind");
  b().scan(1, "p/");
  await([&] { return is_complete(1); });
  EXPECT_EQ(count(1, NewsKind::Restart), 1u);
  std::set<std::string> keys;
  std::string last;
  for (const News& news : news_[1]) {
    EXPECT_LE(news.changes.size(), contract_page_max);
    for (const Change& change : news.changes) {
      EXPECT_LT(last, change.key);
      last = change.key;
      EXPECT_EQ(std::stoi(change.key.substr(2)), std::stoi(*change.value));
      EXPECT_GT(change.revision, 0);
    }
  }
  EXPECT_EQ(last, "p/01233");
  EXPECT_EQ(news_[1].back().kind, NewsKind::Complete);
  EXPECT_GE(news_[1].back().revision, cas_[last_id_].revision);
  const std::size_t size = news_[1].size();
  create("p/new", "1");
  create("p/newer", "1");
  look();
  EXPECT_EQ(news_[1].size(), size);
}

TEST_F(MetadataContract, a_scan_of_keys_of_any_shape_finds_them_all) {
  Rng rng(7);
  std::map<std::string, std::string> model;
  std::vector<CasRequest> requests;
  while (model.size() < 2000) {
    std::string key = "s/";
    for (std::uint64_t i = rng.below(12); i > 0; --i) {
      static constexpr char letters[] = {'\0', '\xff', 'a', 'a', 'a', 'b', '/', '\xfe'};
      key += letters[rng.below(sizeof letters)];
    }
    if (!model.emplace(key, std::to_string(model.size())).second) continue;
    requests.push_back({.id = ++last_id_, .key = key, .value = model[key]});
  }
  a().submit(std::move(requests));
  await([&] { return cas_.size() >= 2000; });
  b().scan(1, "s/");
  b().scan(2, "");
  b().scan(3, "s/\xff");
  await([&] { return is_complete(1) && is_complete(2) && is_complete(3); });
  std::string expected;
  std::string expected_of_ff;
  for (const auto& [key, value] : model) {
    expected += key + '=' + value + ' ';
    if (key.starts_with("s/\xff")) expected_of_ff += key + '=' + value + ' ';
  }
  EXPECT_EQ(told(1), expected);
  EXPECT_EQ(told(2), expected);
  EXPECT_EQ(told(3), expected_of_ff);
}

TEST_F(MetadataContract, a_watch_tells_what_is_there_and_then_every_change) {
  create("w/a", "1");
  b().watch(5, "w/", std::nullopt);
  await([&] { return is_complete(5); });
  EXPECT_EQ(told(5), "w/a=1 ");
  Revision revision = create("w/b", "2");
  create("v/b", "not ours");
  revision = put(a(), "w/b", revision, "3").revision;
  await([&] { return told(5) == "w/a=1 w/b=3 "; });
  revision = cas(a(), {.key = "w/b", .expected_revision = revision}).revision;
  await([&] { return told(5) == "w/a=1 "; });
  EXPECT_EQ(news_[5].back().changes.back(), (Change{"w/b", std::nullopt, revision}));
  EXPECT_EQ(news_[5].back().kind, NewsKind::Changes);
  EXPECT_GE(news_[5].back().revision, revision);
  EXPECT_EQ(count(5, NewsKind::Restart), 1u);
}

TEST_F(MetadataContract, a_watch_from_a_revision_tells_what_came_since) {
  const Revision first = create("w/a", "1");
  create("w/b", "2");
  b().watch(5, "w/", first + 1);
  await([&] { return told(5) == "w/b=2 "; });
  create("w/c", "3");
  await([&] { return told(5) == "w/b=2 w/c=3 "; });
  EXPECT_EQ(count(5, NewsKind::Restart), 0u);
}

TEST_F(MetadataContract, changes_of_one_transaction_are_told_together) {
  b().watch(5, "t/", std::nullopt);
  await([&] { return is_complete(5); });
  create_many("t/", static_cast<int>(contract_transaction_max) * 3);
  await([&] {
    const std::string text = told(5);
    return std::count(text.begin(), text.end(), '=') == 300;
  });
  std::map<Revision, std::size_t> places;
  for (std::size_t i = 0; i < news_[5].size(); ++i) {
    for (const Change& change : news_[5][i].changes) {
      EXPECT_EQ(places.emplace(change.revision, i).first->second, i);
      EXPECT_LE(change.revision, news_[5][i].revision);
    }
  }
}

TEST_F(MetadataContract, a_watch_whose_start_is_forgotten_restarts) {
  const Revision first = create("w/a", "1");
  create("w/b", "2");
  realm_->compact();
  b().watch(5, "w/", first);
  await([&] { return is_complete(5); });
  EXPECT_EQ(news_[5].front().kind, NewsKind::Restart);
  EXPECT_EQ(told(5), "w/a=1 w/b=2 ");
  create("w/c", "3");
  await([&] { return told(5) == "w/a=1 w/b=2 w/c=3 "; });
}

TEST_F(MetadataContract, a_cancelled_watch_is_silent_and_its_id_is_free) {
  b().watch(5, "w/", std::nullopt);
  await([&] { return is_complete(5); });
  b().cancel(5);
  b().cancel(6);
  news_.clear();
  create("w/a", "1");
  b().watch(5, "w/a", std::nullopt);
  await([&] { return is_complete(5); });
  EXPECT_EQ(told(5), "w/a=1 ");
}

TEST_F(MetadataContract, without_a_majority_everything_is_answered_unreachable_in_time) {
  const Revision revision = create("k", "1");
  b().watch(5, "", std::nullopt);
  await([&] { return is_complete(5) && has_quorum_[0] && has_quorum_[1]; });
  realm_->cut();
  const CasAnswer answer = put(a(), "k", revision, "2");
  EXPECT_EQ(answer.status, CasStatus::Unreachable);
  EXPECT_TRUE(answer.is_in_doubt);
  EXPECT_FALSE(get(b(), "k").is_reachable);
  await([&] { return !has_quorum_[0] && !has_quorum_[1]; });
  realm_->heal();
  await([&] { return has_quorum_[0] && has_quorum_[1]; });
  const GetAnswer now = get(a(), "k");
  EXPECT_TRUE(now.value == "1" || now.value == "2");
  await([&] { return told(5) == "k=" + *get(a(), "k").value + ' '; });
  create("l", "3");
  await([&] { return told(5).ends_with("l=3 "); });
}

TEST_F(MetadataContract, above_the_bound_of_the_queue_a_request_is_turned_away_at_once) {
  realm_->cut();
  std::vector<CasRequest> requests;
  for (std::uint64_t id = 1; id <= contract_queue_max + 10; ++id) {
    requests.push_back({.id = id, .key = std::to_string(id), .value = "v"});
  }
  a().submit(std::move(requests));
  await([&] { return cas_.contains(contract_queue_max + 1); });
  for (std::uint64_t id = contract_queue_max + 1; id <= contract_queue_max + 10; ++id) {
    EXPECT_EQ(cas_[id].status, CasStatus::Unreachable);
    EXPECT_FALSE(cas_[id].is_in_doubt);
  }
  await([&] { return cas_.size() == contract_queue_max + 10; });
  realm_->heal();
  await([&] { return has_quorum_[0]; });
  EXPECT_EQ(create("after", "1") > 0, true);
}

TEST_F(MetadataContract, a_lease_is_held_and_renewed) {
  a().hold_lease(lease_time);
  await([&] { return lease_number_[0] == 1 && holds_lease(0); });
  const CasAnswer answer = cas(a(), {.key = "up", .value = "a", .is_leased = true});
  EXPECT_EQ(answer.status, CasStatus::Done);
  const Instant first = lease_until_[0];
  EXPECT_LE(first, realm_->instant() + lease_time);
  await([&] { return realm_->instant() > first; });
  EXPECT_TRUE(holds_lease(0));
  EXPECT_EQ(lease_number_[0], 1u);
  EXPECT_EQ(get(b(), "up").value, "a");
}

TEST_F(MetadataContract, a_released_lease_takes_its_keys_along) {
  a().hold_lease(lease_time);
  await([&] { return holds_lease(0); });
  const CasAnswer up = cas(a(), {.key = "up", .value = "a", .is_leased = true});
  create("stays", "b");
  b().watch(5, "", up.revision);
  await([&] { return told(5) == "stays=b up=a "; });
  a().release_lease();
  look();
  EXPECT_FALSE(holds_lease(0));
  await([&] { return told(5) == "stays=b "; });
  a().hold_lease(lease_time);
  await([&] { return holds_lease(0) && lease_number_[0] == 2; });
}

TEST_F(MetadataContract, without_a_lease_a_leased_request_is_turned_away) {
  const CasAnswer answer = cas(a(), {.key = "up", .value = "a", .is_leased = true});
  EXPECT_EQ(answer.status, CasStatus::Unreachable);
  EXPECT_FALSE(answer.is_in_doubt);
  EXPECT_EQ(get(a(), "up").value, std::nullopt);
}

TEST_F(MetadataContract, a_lease_ended_by_others_is_replaced_and_its_keys_are_gone) {
  a().hold_lease(lease_time);
  await([&] { return holds_lease(0); });
  EXPECT_EQ(cas(a(), {.key = "up", .value = "a", .is_leased = true}).status, CasStatus::Done);
  realm_->drop_lease(0);
  EXPECT_EQ(get(b(), "up").value, std::nullopt);
  await([&] { return lease_number_[0] == 2 && holds_lease(0); });
  EXPECT_EQ(cas(a(), {.key = "up", .value = "again", .is_leased = true}).status, CasStatus::Done);
}

TEST_F(MetadataContract, a_lost_lease_hurts_no_other_request_of_the_same_transaction) {
  a().hold_lease(lease_time);
  await([&] { return holds_lease(0); });
  realm_->drop_lease(0);
  a().submit({{.id = 1, .key = "up", .value = "a", .is_leased = true},
              {.id = 2, .key = "plain", .value = "b"}});
  await([&] { return cas_.contains(1) && cas_.contains(2); });
  EXPECT_EQ(cas_[2].status, CasStatus::Done);
  // A lease that was renewed in between is as good.
  if (cas_[1].status != CasStatus::Done) {
    EXPECT_EQ(cas_[1].status, CasStatus::Unreachable);
    EXPECT_FALSE(cas_[1].is_in_doubt);
  }
}

TEST_F(MetadataContract, a_lease_that_lapsed_here_is_lost_for_good) {
  a().hold_lease(lease_time);
  await([&] { return holds_lease(0); });
  EXPECT_EQ(cas(a(), {.key = "up", .value = "a", .is_leased = true}).status, CasStatus::Done);
  realm_->cut();
  await([&] { return !holds_lease(0); });
  EXPECT_EQ(lease_number_[0], 1u);
  realm_->heal();
  await([&] { return holds_lease(0); });
  EXPECT_EQ(lease_number_[0], 2u);
  EXPECT_EQ(get(b(), "up").value, std::nullopt);
}

}  // namespace
}  // namespace vmq::cluster
