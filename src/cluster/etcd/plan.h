// Who votes, and the next step towards that, as every member decides it for itself from the same
// facts: the members of the broker and those of the etcd cluster. No clock, no I/O.
//
// Two of a cluster of two vote, so that either has everything when the other is lost for good;
// three from three members on, five from seven on. The first to join vote; who votes goes on to,
// until it leaves or has been away for long and another can take its place. Everybody comes in as a
// learner, one at a time: a voter that is not there yet may cost the majority.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/etcd/codec.h"

namespace vmq::cluster {

struct Candidate {
  std::string name;  // etcd_name() of a member of the broker
  bool is_up = true;
  bool is_lost = false;  // it has been away for so long that another may vote in its place
};

struct EnsembleView {
  std::string self = {};  // etcd_name()
  std::string self_peer_url = {};
  bool has_data = false;                    // our etcd was started before and has its files
  std::vector<Candidate> members = {};      // in the order of joining
  std::vector<etcd::EtcdMember> etcd = {};  // as the majority knows them
  std::size_t voters_wanted = 0;            // 0: by the number of members
  // Added long ago and never started: whoever added them is gone.
  std::vector<std::uint64_t> abandoned = {};
};

enum class EnsembleStep : std::uint8_t {
  Nothing,
  AddSelf,      // as a learner, with an empty directory
  RunSelf,      // our etcd is a member and has to run
  PromoteSelf,  // likewise, and to be made a voter
  StopSelf,     // our etcd is no member: it ends, its files go
  Remove,       // take `member` out of the etcd cluster
};

struct EnsembleDecision {
  EnsembleStep step = EnsembleStep::Nothing;
  std::uint64_t member = 0;
  friend bool operator==(const EnsembleDecision&, const EnsembleDecision&) = default;
};

std::size_t voter_count(std::size_t members, std::size_t wanted);
std::vector<std::string> choose_voters(const EnsembleView& view);
EnsembleDecision decide(const EnsembleView& view);

// A nodename as etcd may be told it: its lists know `,` and `=` as something else.
std::string etcd_name(std::string_view nodename);

}  // namespace vmq::cluster
