#include "node/cluster_record.h"

#include <filesystem>
#include <utility>

#include "cluster/etcd/files.h"
#include "cluster/member_record.h"

namespace vmq::node {

std::string cluster_folder(const std::string& data_dir) { return data_dir + "/cluster"; }
std::string cluster_record_path(const std::string& data_dir) {
  return cluster_folder(data_dir) + "/members";
}

Result<std::optional<cluster::Members>, std::string> read_cluster_record(
    const std::string& data_dir, const std::string& node_name) {
  const std::string path = cluster_record_path(data_dir);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::optional<cluster::Members>();
  const auto text = cluster::etcd::read_text_file(path);
  if (!text) return failure(text.error());
  std::optional<cluster::Members> known = cluster::parse_members(*text);
  if (!known) {
    return failure(path + " is damaged: restore it, or remove " + cluster_folder(data_dir) +
                   " and join the cluster anew");
  }
  const cluster::Member* self = known->find(known->self);
  if (self->name != node_name) {
    return failure("the data in " + data_dir + " belongs to " + self->name +
                   ", a member of a cluster, and nodename is " + node_name +
                   " now: a member keeps its name until it leaves");
  }
  return known;
}

}  // namespace vmq::node
