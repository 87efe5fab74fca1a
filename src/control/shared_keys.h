// The API keys of a node that is in a cluster, or may come into one.
#pragma once

#include "control/api_keys.h"
#include "node/cluster.h"
#include "node/log.h"

namespace vmq::control {

class ClusterKeys final : public SharedKeys {
 public:
  // From now on the keys are those of the cluster as long as the node is a member. REQUIRES: the
  // cluster has not been resumed; the keys outlive it, and nobody changes any once this is gone.
  ClusterKeys(ApiKeys& keys, node::Cluster& cluster, node::Log& log);

  bool is_member() const override { return cluster_.is_member(); }
  [[nodiscard]] Result<void, std::string> add(const ApiKey& key) override;
  [[nodiscard]] Result<void, std::string> remove(std::string_view key,
                                                 std::string_view scope) override;

 private:
  node::Cluster& cluster_;
};

}  // namespace vmq::control
