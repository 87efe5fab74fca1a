// What the shards of a node have in common.
#pragma once

#include <memory>
#include <vector>

#include "base/hash.h"
#include "config/config.h"
#include "core/counters.h"
#include "topic/retained_index.h"
#include "topic/subscription_index.h"

namespace vmq::core {

using ConfigSnapshot = std::shared_ptr<const config::Config>;

// What all shards of a node share. Outlives them.
struct NodeShared {
  ConfigSnapshot config;  // at the start
  topic::SubscriptionIndex& subscriptions;
  topic::RetainedIndex& retained;
  std::vector<Counters>& counters;     // one a shard; its size is the number of shards
  HashKey home_key;                    // which shard a client id lives on
  const NodeValues* values = nullptr;  // null where there is no shell
  std::unique_ptr<CounterBase> base = std::make_unique<CounterBase>();
};

}  // namespace vmq::core
