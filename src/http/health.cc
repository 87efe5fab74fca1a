#include "http/health.h"

#include <algorithm>

#include "http/json_text.h"

namespace vmq::http {
namespace {

Response ok() { return Response::json(R"({"status":"OK"})"); }

// Empty when all run.
std::string listener_complaint(const Facts& facts) {
  std::string down;
  for (const ListenerFacts& listener : facts.listeners()) {
    if (listener.is_running) continue;
    if (!down.empty()) down += ", ";
    down += listener.type;
  }
  return down.empty() ? "" : "Listeners are not ready: [" + down + "]";
}

Response listeners_only(const Facts& facts) {
  const std::string complaint = listener_complaint(facts);
  if (complaint.empty()) return ok();
  JsonText json;
  json.begin_object().key("status").text("DOWN").key("reason").text(complaint).end_object();
  return Response::json(json.take(), 503);
}

enum class Of : bool { Node, Cluster };

Response all_of(Of which, const Facts& facts) {
  std::vector<std::string> reasons;
  const std::vector<MemberFacts> members = facts.members();
  const bool is_member = std::any_of(members.begin(), members.end(),
                                     [&](const auto& member) { return member.node == facts.node; });
  if (!is_member) reasons.push_back("Node has not joined cluster");
  const bool all_run = std::all_of(members.begin(), members.end(),
                                   [](const auto& member) { return member.is_running; });
  if (which == Of::Cluster && !all_run) reasons.push_back("At least one node is offline");
  if (facts.is_evacuating()) reasons.push_back("Node is being evacuated");
  if (std::string complaint = listener_complaint(facts); !complaint.empty()) {
    reasons.push_back(std::move(complaint));
  }
  if (reasons.empty()) return ok();
  JsonText json;
  json.begin_object().key("status").text("DOWN").key("reasons").begin_array();
  for (const std::string& reason : reasons) json.text(reason);
  json.end_array().end_object();
  return Response::json(json.take(), 503);
}

}  // namespace

Response health(std::string_view what, const Facts& facts) {
  if (what == "ping") return ok();
  if (what.empty()) return all_of(Of::Node, facts);
  if (what == "listeners") return listeners_only(facts);
  if (what == "listeners_full_cluster") return all_of(Of::Cluster, facts);
  return Response::empty(404);
}

}  // namespace vmq::http
