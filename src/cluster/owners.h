// Which member has a client's session: one key of the metadata for each client id (owner_value.h).
// Whoever asks first for a client that nobody has becomes its owner; an owner that is not up, is
// leaving, or is no member any more, loses it to the next who asks, or who sweeps.
//
//   ask ── create the key ─┬ done ─────────────────────────────────▶ Here
//                          └ it is there ┬ own: write it once more ─▶ Here
//                                        ├ of one that stays ───────▶ Elsewhere
//                                        ├ with a record, of one that leaves ─┐
//                                        └ else: is it really down? ┬ no ─▶ Elsewhere
//                                                 swap the key ◀────┘◀────────┘
//                                                  ├ done ─▶ Here, claimed if there is a record
//                                                  └ again
//
// An owner writes its key once more when it goes on with a session after a restart or under a new
// lease, and whoever swaps a key has seen after its value that the owner holds no lease. So of an
// owner that comes back and a member that swaps one meets a conflict, and learns of the other.
//
// What is asked about one client is done in the order in which it was asked, so that a release
// never undoes a later answer. Pure, as Membership is: the owner of the Metadata polls and hands
// over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/rng.h"
#include "cluster/members.h"
#include "cluster/metadata.h"
#include "cluster/owner_value.h"

namespace vmq::cluster {

class Owners {
 public:
  // What may be asked for at one time; above it a question is answered Unknown at once.
  static constexpr std::size_t jobs_max = 100'000;
  // Claims of a sweep that are under way at one time.
  static constexpr std::size_t claims_max = 1'000;

  struct Answered {
    std::uint64_t tag = 0;  // of the question
    Owner owner;
    friend bool operator==(const Answered&, const Answered&) = default;
  };
  struct Recorded {
    std::uint64_t tag = 0;
    bool is_known = false;  // false: it is another's, or could not be told
    friend bool operator==(const Recorded&, const Recorded&) = default;
  };
  // By a sweep: this member has the session.
  struct Claimed {
    std::string mountpoint;
    std::string client_id;
    Owner owner;  // Here, with a record
    friend bool operator==(const Claimed&, const Claimed&) = default;
  };
  struct Told {
    std::vector<Answered> answered;
    std::vector<Recorded> recorded;
    std::vector<Claimed> claimed;
  };

  // Uses ids of requests from 1 up, below those of Membership. `seed`: drawn, for the births of
  // sessions. REQUIRES: `metadata` outlives this.
  Owners(Metadata& metadata, std::uint64_t seed) : metadata_(metadata), births_(seed) {}

  // Before the first question, and whenever they change.
  void set_members(const Members& members) { members_ = members; }
  // Members that are not up, and may be again soon: a sweep leaves their sessions with them. Who
  // asks for one of their clients gets it all the same.
  void spare(std::vector<MemberNumber> members) { spared_ = std::move(members); }
  // `tag` comes back with the answer.
  void ask(std::uint64_t tag, std::string_view mountpoint, std::string_view client_id);
  // One that cannot be done is kept, and done before the client's next question or by retry().
  void release(std::string_view mountpoint, std::string_view client_id);
  // What the cluster is to know of a session that is here; of several that wait the last one is
  // written, and all are answered. `tag` comes back in Recorded.
  void record(std::uint64_t tag, std::string_view mountpoint, std::string_view client_id,
              std::string record);

  // Looks at all keys. Sessions with a record whose owner is not up are shared out among the
  // members that are up, and this member claims its part. Keys without one, of an owner that is no
  // member any more, are taken out. The first sweep, and one after a sweep
  // that was cut off, tells of the sessions that it has already too. One that is asked for during
  // another begins after it.
  void sweep();
  // From now on a sweep takes out own keys without a record that were last written before this
  // process wrote any: of sessions that ended with an earlier process. Every session that it went
  // on with has been asked for by then. False: it has written none yet.
  bool drop_unused();
  // Nobody can be asked any more. The next sweep begins from the start.
  void stop_sweep();
  bool is_sweeping() const { return is_sweeping_; }
  // Does again what could not be done: now and then, while the majority answers.
  void retry();
  // No more claims are begun until false: those that were told of have not been taken yet.
  void hold_claims(bool holds) { holds_claims_ = holds; }

  // Sends what has been asked since; call once for many. Without this nothing happens.
  void submit();
  // Goes on with what a poll has brought. Adds to `told`.
  void take(const Answers& answers, Told& told);
  // Clients that are being asked about.
  std::size_t job_count() const { return jobs_.size(); }

 private:
  struct Task {
    enum class Kind : std::uint8_t { Ask, Release, Record, Claim };
    Kind kind = Kind::Ask;
    std::vector<std::uint64_t> tags = {};
    std::string record = {};
  };
  using Jobs = std::unordered_map<std::string, std::deque<Task>>;  // by key
  struct Request {
    std::string key;
    // Of a compare-and-swap: what it writes. Of a look at the owner: what was found.
    OwnerValue value = {};
    Revision revision = revision_absent;  // of what was found
    bool is_look = false;                 // whether the owner is really down
  };
  // An own key as it was written or read last.
  struct Own {
    Revision revision = revision_absent;
    std::uint64_t birth = 0;
    std::uint64_t epoch = 0;
    std::vector<OwnerStep> earlier = {};
  };
  // A key that a sweep has seen. Without a value it is read when its turn comes.
  struct Found {
    std::string key;
    std::optional<std::string> value;
    Revision revision = revision_absent;
  };
  // What a sweep keeps of values; behind it keys alone.
  static constexpr std::size_t found_bytes_max = 32u << 20;
  // Own keys that are remembered are between one and two times as many.
  static constexpr std::size_t own_max = 50'000;

  // False: there are too many.
  bool add(std::string key, Task task);
  void begin(const std::string& key, const Task& task);
  void end(Jobs::iterator job);
  void get(const std::string& key);
  void compare_and_swap(const std::string& key, Revision expected, std::optional<OwnerValue> value);
  void write_own(const std::string& key, const Task& task, const Own& own);
  // The answer to the first task of a job, if it has one.
  void answer(Jobs::iterator job, const Owner& owner, Told& told);
  void answer(Jobs::iterator job, bool is_known, Told& told);
  void fail(Jobs::iterator job, Told& told);
  void keep_release(Jobs::iterator job, Told& told);
  // What stands at the key of a job.
  void on_value(Jobs::iterator job, const std::optional<std::string>& value, Revision revision,
                Told& told);
  void on_asked(Jobs::iterator job, std::optional<OwnerValue> found, Revision revision, Told& told);
  void look_at_owner(Jobs::iterator job, OwnerValue found, Revision revision);
  void on_look(Jobs::iterator job, Request& looked, bool is_up, Told& told);
  void on_done(Jobs::iterator job, Request& done, Revision revision, Told& told);
  void take_cas(const CasAnswer& done, Told& told);
  void take_get(const GetAnswer& got, Told& told);
  void take_over(Jobs::iterator job, OwnerValue found, Revision revision);
  bool stays(MemberNumber number) const;
  bool is_leaving(MemberNumber number) const;
  // Of a session that begins here.
  OwnerValue new_value();
  Owner here(const OwnerValue& value) const;
  // The job that a request was made for.
  std::optional<std::pair<Jobs::iterator, Request>> take_job(std::uint64_t id);

  void remember(const std::string& key, const Own& own);
  const Own* recall(const std::string& key);
  void forget(const std::string& key);

  // sweeping (owners_sweep.cc)
  void read_news(const News& news);
  void consider(const Change& change);
  bool is_wanted(const std::string& key, const OwnerValue& value) const;
  bool is_unused(const std::string& key, const OwnerValue& value, Revision revision) const;
  void begin_claims(Told& told);
  void on_claim(Jobs::iterator job, std::optional<OwnerValue> found, Revision revision);
  bool has_been_used(const CasAnswer& conflict) const;
  void tell_claimed(Jobs::iterator job, const OwnerValue& value, Told& told);
  void end_sweep();
  void leave_claims();

  Metadata& metadata_;
  Rng births_;
  Members members_;
  std::vector<MemberNumber> spared_;
  Jobs jobs_;
  std::size_t task_count_ = 0;
  std::unordered_map<std::uint64_t, Request> asked_;  // by id
  std::uint64_t next_id_ = 1;
  std::vector<CasRequest> unsent_;
  Told refused_;                                // answers of questions above the bound
  std::unordered_set<std::string> unreleased_;  // keys
  // Two generations: what is not used while the younger one fills up is forgotten.
  std::unordered_map<std::string, Own> own_;
  std::unordered_map<std::string, Own> older_own_;

  bool is_sweeping_ = false;
  bool sweeps_again_ = false;
  bool tells_own_ = true;                     // the next sweep tells of own keys too
  bool is_telling_ = false;                   // this one does
  Revision first_written_ = revision_absent;  // by this process
  bool drops_unused_ = false;
  bool has_left_ = false;  // a session that should be claimed has not been
  bool holds_claims_ = false;
  std::uint64_t scan_id_ = 0;
  bool is_scan_over_ = false;
  std::deque<Found> found_;
  std::size_t found_bytes_ = 0;
  std::size_t claim_count_ = 0;  // tasks
};

}  // namespace vmq::cluster
