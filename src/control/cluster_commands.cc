// What every node can say of its cluster. Joining and leaving: member_commands.cc.
#include <string>

#include "control/control.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Invocation;

// A lone node is a cluster of one. This node runs, whatever the others may think of it.
Answer show(Context& context, const Invocation&) {
  admin::Table table{{"Node", "Running"}, {}};
  const std::string self = context.node.config()->node.name;
  const node::MembersSnapshot members = context.node.members();
  for (const cluster::Member& member : members->all) {
    table.rows.push_back({member.name, member.is_up || member.name == self});
  }
  if (table.rows.empty()) table.rows.push_back({self, true});
  return Answer::of(std::move(table));
}

Answer not_served(Context&, const Invocation&) {
  return Answer::failed("This node does not take part in clusters. Nothing was changed.");
}

}  // namespace

void bind_cluster_commands(Handlers& handlers) {
  handlers["cluster show"] = show;
  handlers["cluster join"] = not_served;
  handlers["cluster leave"] = not_served;
}

}  // namespace vmq::control
