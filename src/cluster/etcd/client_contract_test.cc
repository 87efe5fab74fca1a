// The contract of metadata, held by a real etcd. One etcd serves all cases, each in a key space of
// its own.
#include <gtest/gtest.h>
#include <poll.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "cluster/etcd/client.h"
#include "cluster/etcd/codec.h"
#include "cluster/etcd/test_etcd.h"
#include "cluster/metadata_contract.h"

namespace vmq::cluster {

namespace {

class EtcdEnvironment final : public testing::Environment {
 public:
  void SetUp() override { etcd_ = std::make_unique<TestEtcd>(); }
  void TearDown() override { etcd_.reset(); }
  TestEtcd& etcd() { return *etcd_; }

 private:
  std::unique_ptr<TestEtcd> etcd_;
};

EtcdEnvironment& environment() {
  static auto* const one = new EtcdEnvironment;  // googletest's from its registration on
  return *one;
}
[[maybe_unused]] testing::Environment* const registered =
    testing::AddGlobalTestEnvironment(&environment());

class EtcdRealmUnderTest final : public RealmUnderTest {
 public:
  EtcdRealmUnderTest() {
    static int realms = 0;
    const std::string space = "realm" + std::to_string(++realms) + '/';
    for (std::unique_ptr<EtcdMetadata>& owner : owners_) {
      EtcdOptions options;
      options.endpoints = environment().etcd().endpoints();
      options.key_prefix = space;
      options.queue_max = contract_queue_max;
      options.transaction_max = contract_transaction_max;
      options.page_max = contract_page_max;
      options.wake = [this] { wake(); };
      owner = std::make_unique<EtcdMetadata>(std::move(options));
    }
    for (const auto& owner : owners_) {
      Answers answers;
      for (owner->poll(answers); !answers.has_quorum; owner->poll(answers)) wait();
    }
  }
  ~EtcdRealmUnderTest() override { heal(); }

  Metadata& owner(std::size_t number) override { return *owners_[number]; }
  void wait() override {
    // What nobody wakes for is that time passes.
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, std::chrono::milliseconds(20), [this] { return is_woken_; });
    is_woken_ = false;
  }
  Instant instant() override { return etcd::monotonic_now(); }
  void cut() override { environment().etcd().pause(0); }
  void heal() override { environment().etcd().go_on(0); }
  void compact() override {
    const std::string bytes = call("/etcdserverpb.KV/Range", etcd::encode_range({.key = "none"}));
    const auto page = etcd::decode_page(bytes);
    ASSERT_TRUE(page);
    call("/etcdserverpb.KV/Compact", etcd::encode_compaction(page->header.revision));
  }
  void drop_lease(std::size_t number) override {
    call("/etcdserverpb.Lease/LeaseRevoke",
         etcd::encode_lease(owners_[number]->link_status().lease));
  }

 private:
  static std::string call(const std::string& method, const std::string& request) {
    return call_etcd(environment().etcd().endpoints().front(), method, request);
  }
  void wake() {
    {
      const std::lock_guard guard(mutex_);
      is_woken_ = true;
    }
    woken_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable woken_;
  bool is_woken_ = false;
  std::unique_ptr<EtcdMetadata> owners_[2];
};

}  // namespace

std::unique_ptr<RealmUnderTest> make_realm_under_test() {
  return std::make_unique<EtcdRealmUnderTest>();
}

}  // namespace vmq::cluster
