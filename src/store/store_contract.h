// What the contract test needs of a twin. Each twin's test program defines make_twin and links
// store_contract_test.cc.
#pragma once

#include <memory>

#include "store/store.h"

namespace vmq::store {

class TwinUnderTest {
 public:
  virtual ~TwinUnderTest() = default;
  virtual Store& store() = 0;
  // Closes the store and opens what it left behind.
  virtual void reopen() = 0;
  // Returns after the store had a chance to get on: a wake, or a step.
  virtual void wait() = 0;
  // Changes stored bytes of this key behind the store's back; the key is durable.
  virtual void corrupt(Space space, std::string_view key) = 0;
};

inline constexpr std::uint8_t contract_shards = 3;
std::unique_ptr<TwinUnderTest> make_twin(SyncMode sync);

}  // namespace vmq::store
