#include "cluster/etcd/plan.h"

#include <algorithm>
#include <string_view>

namespace vmq::cluster {

namespace {

using etcd::EtcdMember;

const EtcdMember* find_named(const EnsembleView& view, const std::string& name) {
  const auto found = std::find_if(view.etcd.begin(), view.etcd.end(),
                                  [&](const EtcdMember& member) { return member.name == name; });
  return found == view.etcd.end() ? nullptr : &*found;
}

// A member that was added and never started has no name yet, only the address we gave it.
const EtcdMember* find_self(const EnsembleView& view) {
  if (const EtcdMember* named = find_named(view, view.self)) return named;
  for (const EtcdMember& member : view.etcd) {
    const auto& urls = member.peer_urls;
    if (member.name.empty() &&
        std::find(urls.begin(), urls.end(), view.self_peer_url) != urls.end()) {
      return &member;
    }
  }
  return nullptr;
}

const Candidate* find_candidate(const EnsembleView& view, const std::string& name) {
  const auto found = std::find_if(view.members.begin(), view.members.end(),
                                  [&](const Candidate& one) { return one.name == name; });
  return found == view.members.end() ? nullptr : &*found;
}

bool is_voter(const EnsembleView& view, const std::string& name) {
  const EtcdMember* member = find_named(view, name);
  return member != nullptr && !member->is_learner;
}

bool is_among(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The one who takes others out: the first that is up and votes.
bool is_decider(const EnsembleView& view) {
  for (const Candidate& member : view.members) {
    if (member.is_up && is_voter(view, member.name)) return member.name == view.self;
  }
  return false;
}

EnsembleDecision decide_self(const EnsembleView& view, const std::vector<std::string>& voters) {
  const EtcdMember* self = find_self(view);
  const bool is_wanted = is_among(voters, view.self);
  if (self == nullptr) {
    if (!is_wanted) return {EnsembleStep::StopSelf};
    const bool is_another_coming = std::any_of(
        view.etcd.begin(), view.etcd.end(),
        [](const EtcdMember& member) { return member.is_learner || member.name.empty(); });
    return {is_another_coming ? EnsembleStep::Nothing : EnsembleStep::AddSelf};
  }
  // Without its files it must not speak under its old number: it voted for what it has forgotten.
  if (!self->name.empty() && !view.has_data) return {EnsembleStep::Remove, self->id};
  if (is_wanted && self->is_learner && !self->name.empty()) {
    return {EnsembleStep::PromoteSelf, self->id};
  }
  return {EnsembleStep::RunSelf};
}

}  // namespace

std::size_t voter_count(std::size_t members, std::size_t wanted) {
  std::size_t most = wanted != 0 ? wanted : (members >= 7 ? 5 : 3);
  if (members >= most) return most;
  // An even number bears no more losses than the odd one below it; only of two both have it all.
  return members <= 2 ? members : members - (1 - members % 2);
}

std::vector<std::string> choose_voters(const EnsembleView& view) {
  const std::size_t count = voter_count(view.members.size(), view.voters_wanted);
  std::vector<std::string> chosen;
  const auto add = [&](auto&& is_suitable) {
    for (const Candidate& member : view.members) {
      if (chosen.size() >= count) return;
      if (!is_among(chosen, member.name) && is_suitable(member)) chosen.push_back(member.name);
    }
  };
  add([&](const Candidate& member) {
    return find_named(view, member.name) != nullptr && !member.is_lost;
  });
  add([](const Candidate& member) { return member.is_up; });
  // Nobody can take their places.
  add([&](const Candidate& member) { return find_named(view, member.name) != nullptr; });
  return chosen;
}

EnsembleDecision decide(const EnsembleView& view) {
  if (find_candidate(view, view.self) == nullptr || view.etcd.empty()) return {};
  const std::vector<std::string> voters = choose_voters(view);
  const EnsembleDecision own = decide_self(view, voters);
  if (own.step != EnsembleStep::RunSelf || !is_decider(view)) return own;
  const bool are_all_there = std::all_of(voters.begin(), voters.end(),
                                         [&](const auto& name) { return is_voter(view, name); });
  for (const EtcdMember& member : view.etcd) {
    const auto& abandoned = view.abandoned;
    if (std::find(abandoned.begin(), abandoned.end(), member.id) != abandoned.end()) {
      return {EnsembleStep::Remove, member.id};
    }
    if (member.name.empty() || is_among(voters, member.name)) continue;
    const Candidate* candidate = find_candidate(view, member.name);
    // Who is gone goes first, so that it does not count against the majority; who is there stays
    // until the one in its place votes.
    if (candidate == nullptr || candidate->is_lost || are_all_there) {
      return {EnsembleStep::Remove, member.id};
    }
  }
  return own;
}

std::string etcd_name(std::string_view nodename) {
  std::string name(nodename);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == ',' || c == '=' || c == ' '; }, '-');
  return name;
}

}  // namespace vmq::cluster
