// A trace of a client that may be on any member: each member traces for itself, and whoever shows
// the trace asks the others for their lines, a few times a second. docs/formats/member-answer.md
// has the questions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "admin/invocation.h"
#include "admin/table.h"
#include "base/result.h"
#include "cluster/members.h"
#include "node/node.h"

namespace vmq::control {

// Of this node alone. The error is an answer.
[[nodiscard]] Result<std::uint64_t, admin::Answer> begin_trace(node::Node& node,
                                                               const admin::Invocation& invocation);
void end_trace(node::Node& node, std::uint64_t trace);

// Begins, tells and ends traces for other members from now on.
void serve_member_traces(node::Node& node);

// The same trace on the other members that are up.
class MemberTraces {
 public:
  MemberTraces(node::Node& node, const admin::Invocation& invocation);
  ~MemberTraces();
  MemberTraces(const MemberTraces&) = delete;
  MemberTraces& operator=(const MemberTraces&) = delete;

  struct Taken {
    std::vector<std::string> lines;  // each begins with the member's name
    bool is_over = false;            // one of them has ended it
  };
  // What has come since; does not wait for more.
  Taken take();

 private:
  struct Part {
    cluster::Member member;
    std::string id;
  };

  node::Node& node_;
  std::vector<Part> parts_;
  std::vector<std::string> troubles_;  // not told yet
};

// Of the first lines of all members: that a client is not on one of them is worth telling only if
// it is on none.
std::vector<std::string> without_needless(std::vector<std::string> lines);

}  // namespace vmq::control
