// What a node remembers of its cluster, in DATA/cluster/members. The folder holds what its etcd
// keeps too, and is gone when the node is in no cluster.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "cluster/members.h"

namespace vmq::node {

std::string cluster_folder(const std::string& data_dir);
std::string cluster_record_path(const std::string& data_dir);

// Nothing: the node is in no cluster. The error is a sentence for the operator.
[[nodiscard]] Result<std::optional<cluster::Members>, std::string> read_cluster_record(
    const std::string& data_dir, const std::string& node_name);

}  // namespace vmq::node
