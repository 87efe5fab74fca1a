#include <string>

#include "control/control.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Invocation;

Answer show(Context& context, const Invocation&) {
  return Answer::of({{"Node", "Running"}, {{context.node.config()->node.name, true}}});
}

Answer join(Context& context, const Invocation& invocation) {
  const std::string other(*invocation.value("discovery-node"));
  if (other == context.node.config()->node.name) {
    return Answer::failed("RPC to node '" + other +
                          "' failed for reason: self_join\nName another node than this one.");
  }
  return Answer::failed("This version runs nodes that stand alone: joining '" + other +
                        "' is not possible. Nothing was changed.");
}

Answer leave(Context& context, const Invocation& invocation) {
  const std::string name(*invocation.value("node"));
  if (name != context.node.config()->node.name) {
    return Answer::failed("There is no node '" + name +
                          "' in this cluster; vmq-admin cluster show lists its members.");
  }
  return Answer::failed(
      "This node stands alone: there is no other that could take over its sessions. Nothing was "
      "changed. vmq-admin node stop stops it.");
}

}  // namespace

void bind_cluster_commands(Handlers& handlers) {
  handlers["cluster show"] = show;
  handlers["cluster join"] = join;
  handlers["cluster leave"] = leave;
}

}  // namespace vmq::control
