// Which member has a client's session: one key of the metadata for each client id, with the number
// of the member. Whoever asks first for a client that nobody has becomes its owner; an owner that
// is not up, or no member any more, loses it to the next who asks.
//
//   ask ── create the key ─┬ done ────────────────────────▶ Here
//                          └ it is there ┬ own ───────────▶ Here
//                                        ├ of one that is up ▶ Elsewhere
//                                        └ else: swap it ─┬▶ Here
//                                                         └ again
//
// What is asked about one client is done in the order in which it was asked, so that a release
// never undoes a later answer. Pure, as Membership is: the owner of the Metadata polls and hands
// over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cluster/members.h"
#include "cluster/metadata.h"

namespace vmq::cluster {

// Above the keys of members (member_record.h): owners/MOUNTPOINT\0CLIENT.
inline constexpr std::string_view owners_prefix = "owners/";

class Owners {
 public:
  // Clients that may be asked about at one time; above it the answer is Unknown at once.
  static constexpr std::size_t jobs_max = 100'000;

  struct Answered {
    std::uint64_t tag = 0;  // of the question
    Owner owner;
    friend bool operator==(const Answered&, const Answered&) = default;
  };

  // Uses ids of requests from 1 up, below those of Membership. REQUIRES: `metadata` outlives this.
  explicit Owners(Metadata& metadata) : metadata_(metadata) {}

  // Before the first question, and whenever they change.
  void set_members(const Members& members) { members_ = members; }
  // `tag` comes back with the answer.
  void ask(std::uint64_t tag, std::string_view mountpoint, std::string_view client_id);
  void release(std::string_view mountpoint, std::string_view client_id);
  // Sends what has been asked since; call once for many. Without this nothing happens.
  void submit();
  // Goes on with what a poll has brought. Adds to `out`.
  void take(const Answers& answers, std::vector<Answered>& out);
  // Clients that are being asked about.
  std::size_t job_count() const { return jobs_.size(); }

 private:
  struct Task {
    bool is_release = false;
    std::uint64_t tag = 0;
  };
  using Jobs = std::unordered_map<std::string, std::deque<Task>>;  // by key

  void add(std::string key, Task task);
  void begin(const std::string& key, const Task& task);
  void end(Jobs::iterator job);
  void compare_and_swap(const std::string& key, Revision expected, bool erases);
  void answer(Jobs::iterator job, Owner owner, std::vector<Answered>& out);
  void on_conflict(Jobs::iterator job, const CasAnswer& conflict, std::vector<Answered>& out);
  // The job that a request was made for; it is known no more.
  Jobs::iterator take_job(std::uint64_t id);

  Metadata& metadata_;
  Members members_;
  Jobs jobs_;
  std::unordered_map<std::uint64_t, std::string> asked_;  // request → key
  std::uint64_t next_id_ = 1;
  std::vector<CasRequest> unsent_;
  std::vector<std::uint64_t> refused_;  // tags of questions above the bound
};

}  // namespace vmq::cluster
