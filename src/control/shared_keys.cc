#include "control/shared_keys.h"

#include <utility>

namespace vmq::control {
namespace {

using How = cluster::SharedTable::How;

constexpr const char* unknown =
    "no_majority: the majority of the cluster did not answer in time; whether it was done is not "
    "known: vmq-admin api-key show says it";

}  // namespace

ClusterKeys::ClusterKeys(ApiKeys& keys, node::Cluster& cluster, node::Log& log)
    : cluster_(cluster) {
  cluster.follow_keys([&keys, &log](std::uint64_t number, const KeyRows& rows) {
    ApiKeys::Taken taken = keys.take(number, rows);
    if (taken.not_saved) {
      log.error("api_keys_not_saved",
                {{"reason", *taken.not_saved},
                 {"effect", "after a restart this node has older keys until it hears of others"}});
    }
    return std::move(taken.missing);
  });
  keys.share(*this);
}

Result<void, std::string> ClusterKeys::add(const ApiKey& key) {
  auto [row, value] = row_of(key);
  const auto how = cluster_.change_key(row, std::move(value));
  if (!how) return failure(how.error().word + ": " + how.error().text);
  if (*how == How::Done) return {};
  if (*how == How::Exists) return failure(std::string(key_already_exists));
  return failure<std::string>(unknown);
}

Result<void, std::string> ClusterKeys::remove(std::string_view key, std::string_view scope) {
  const ApiKey meant{std::string(key), std::string(scope), std::nullopt};
  const auto how = cluster_.change_key(row_of(meant).first, std::nullopt);
  if (!how) return failure(how.error().word + ": " + how.error().text);
  if (*how == How::Done) return {};
  if (*how == How::Absent) return failure(key_not_found(scope));
  return failure<std::string>(unknown);
}

}  // namespace vmq::control
