// What the contract test needs of a twin. Each twin's test program defines make_realm_under_test
// and links metadata_contract_test.cc.
#pragma once

#include <cstddef>
#include <memory>

#include "cluster/metadata.h"

namespace vmq::cluster {

// Bounds of the owners under test, small enough to be reached.
inline constexpr std::size_t contract_queue_max = 5'000;
inline constexpr std::size_t contract_transaction_max = 100;
inline constexpr std::size_t contract_page_max = 50;

class RealmUnderTest {
 public:
  virtual ~RealmUnderTest() = default;
  // One of two owners of the same realm. Each has polled that it has a majority.
  virtual Metadata& owner(std::size_t number) = 0;
  // Returns after everybody had a chance to get on: a wake, or a step.
  virtual void wait() = 0;
  virtual Instant instant() = 0;
  // The majority answers nobody until heal().
  virtual void cut() = 0;
  virtual void heal() = 0;
  // Forgets history. REQUIRES: a change was made since the last time.
  virtual void compact() = 0;
  // Ends the lease of this owner behind its back.
  virtual void drop_lease(std::size_t number) = 0;
};

std::unique_ptr<RealmUnderTest> make_realm_under_test();

}  // namespace vmq::cluster
