#include "node/cluster_run.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/expect.h"
#include "node/clock.h"

namespace vmq::node {
namespace {

// A member that is away for less than that finds its sessions as it left them, but for those whose
// clients have come elsewhere: nothing is repeated, and no order is lost. What is published for
// them meanwhile waits with the members that took it.
constexpr Duration claim_patience = seconds(60);
// Between attempts at what the cluster could not be told.
constexpr Duration retry_pause = seconds(1);
constexpr Duration key_patience = seconds(5);
// Between two looks at what a member that leaves still has.
constexpr Duration sweep_pause = seconds(3);
// The end of a process waits no longer for others to know of it.
constexpr Duration step_down_patience = seconds(1);
constexpr std::chrono::milliseconds others_hear{50};

Instant now() { return read_clock().instant; }

}  // namespace

ClusterRun::ClusterRun(Setup setup, OwnerDesk& desk)
    : setup_(std::move(setup)), desk_(desk), ensemble_([&] {
        cluster::EnsembleOptions options = setup_.ensemble;
        options.endpoints_changed = [this](const std::vector<std::string>& endpoints) {
          const std::lock_guard<std::mutex> lock(mutex_);
          if (metadata_ != nullptr) metadata_->set_endpoints(endpoints);
        };
        return options;
      }()) {}

ClusterRun::~ClusterRun() { end(); }

void ClusterRun::begin(std::optional<cluster::Members> known) {
  VMQ_EXPECT(!thread_.joinable());
  cluster::EtcdOptions options = ensemble_.client_options();
  options.key_prefix = setup_.key_prefix;
  options.wake = [this] { wake(); };
  auto metadata = std::make_unique<cluster::EtcdMetadata>(std::move(options));
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    metadata_ = std::move(metadata);
  }
  membership_ =
      std::make_unique<cluster::Membership>(*metadata_, setup_.membership, std::move(known), now());
  owners_ = std::make_unique<cluster::Owners>(*metadata_, setup_.membership.run);
  keys_ = std::make_unique<cluster::SharedTable>(*metadata_, std::string(api_keys_prefix));
  thread_ = std::thread([this] { loop(); });
}

void ClusterRun::wake() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_woken_ = true;
  }
  changed_.notify_all();
}

ClusterRun::Finished ClusterRun::run(Task task) {
  std::unique_lock<std::mutex> lock(mutex_);
  task_ = std::move(task);
  finished_.reset();
  is_woken_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return finished_ || is_stopping_; });
  if (!finished_) return failure<std::string>("the node stops");
  return std::move(*finished_);
}

cluster::SharedTable::How ClusterRun::change_key(KeyChange change) {
  std::unique_lock<std::mutex> lock(mutex_);
  key_change_ = std::move(change);
  key_changed_.reset();
  is_woken_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return key_changed_ || is_stopping_; });
  return key_changed_.value_or(cluster::SharedTable::How::Unknown);
}

void ClusterRun::note_members(const std::vector<cluster::EnsembleMember>& members) {
  ensemble_.set_members(members);
}

void ClusterRun::step_down() {
  const Finished how = run([this](cluster::Membership& membership, Instant at) {
    steps_down_ = true;
    membership.step_down(step_down_patience, at);
  });
  // Without a majority its lease lapses. The others hear of it a moment after the majority.
  if (how) std::this_thread::sleep_for(others_hear);
}

void ClusterRun::end() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  desk_.close();
  is_desk_open_ = false;
  keys_.reset();
  owners_.reset();
  membership_.reset();
  std::unique_ptr<cluster::EtcdMetadata> metadata;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    metadata = std::move(metadata_);
  }
}

// Members that are not up, and since when.
void ClusterRun::note_absent(Instant at) {
  std::map<cluster::MemberNumber, Instant> absent;
  for (const cluster::Member& member : membership_->members().all) {
    if (member.is_up) continue;
    const auto known = absent_.find(member.number);
    absent.emplace(member.number, known == absent_.end() ? at : known->second);
  }
  absent_ = std::move(absent);
  spare_absent(at);
}

void ClusterRun::spare_absent(Instant at) {
  std::vector<cluster::MemberNumber> spared;
  for (const auto& [number, since] : absent_) {
    if (at < since + claim_patience) spared.push_back(number);
  }
  spared_count_ = spared.size();
  owners_->spare(std::move(spared));
}

// True: somebody is waited for no longer.
bool ClusterRun::end_patience(Instant at) {
  const std::size_t before = spared_count_;
  if (before == 0) return false;
  spare_absent(at);
  return spared_count_ < before;
}

// Once, when all sessions that this process has found on its disk have surely been asked for.
void ClusterRun::clean_keys(Instant at) {
  if (is_cleaned_) return;
  if (!cleaning_due_) cleaning_due_ = at + claim_patience;
  if (at < *cleaning_due_ || !owners_->drop_unused()) return;
  is_cleaned_ = true;
  owners_->sweep();
}

// A member that leaves may tell of a session after everybody has looked.
void ClusterRun::sweep_leaving(Instant at) {
  const auto& all = membership_->members().all;
  const bool has_leaving = std::any_of(all.begin(), all.end(), [this](const auto& member) {
    return member.is_leaving && member.number != membership_->members().self;
  });
  if (!has_leaving || owners_->is_sweeping()) sweep_due_ = at + sweep_pause;
  if (at < sweep_due_) return;
  owners_->sweep();
}

// Without the majority nobody knows who has a client, and whoever asks is told so at once. What a
// member had that is gone is claimed as soon as that is seen.
void ClusterRun::open_desk(bool is_new, Instant at) {
  const bool serves =
      membership_->standing() == cluster::Standing::Member && membership_->members().has_quorum;
  if (serves && is_new) {
    const cluster::Members& members = membership_->members();
    owners_->set_members(members);
    note_absent(at);
    if (is_desk_open_ && cluster::has_lost_member(served_, members)) owners_->sweep();
    served_ = members;
  }
  if (serves && is_desk_open_ && end_patience(at)) owners_->sweep();
  if (serves && is_desk_open_) clean_keys(at);
  if (serves && is_desk_open_) sweep_leaving(at);
  if (serves && is_desk_open_ && at >= retry_due_) {
    retry_due_ = at + retry_pause;
    owners_->retry();
  }
  if (serves == is_desk_open_) return;
  is_desk_open_ = serves;
  if (serves) {
    desk_.open([this] { wake(); });
    owners_->sweep();
  } else {
    desk_.pause();
    owners_->stop_sweep();
  }
}

void ClusterRun::serve_desk(const cluster::Answers& answers) {
  if (is_desk_open_) return desk_.serve(*owners_, answers);
  cluster::Owners::Told too_late;
  owners_->take(answers, too_late);
}

void ClusterRun::begin_key_change(KeyChange change) {
  if (change.value) {
    keys_->add(change.key, *std::move(change.value), key_patience, now());
  } else {
    keys_->remove(change.key, key_patience, now());
  }
}

// A node that is on its way in has nothing to say about the keys of the cluster yet.
void ClusterRun::serve_keys(const cluster::Answers& answers) {
  const bool is_new = keys_->take(answers, now());
  const bool is_member = membership_->standing() == cluster::Standing::Member;
  if (is_member && keys_->is_complete() && (is_new || !are_keys_told_)) {
    are_keys_told_ = true;
    cluster::SharedTable::Rows missing =
        setup_.tell_keys(membership_->members().cluster, keys_->rows());
    if (!missing.empty() && !keys_->is_filling()) keys_->fill(std::move(missing));
  }
  const auto how = keys_->finished();
  if (!how) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  key_changed_ = how;
  changed_.notify_all();
}

void ClusterRun::tell_lease() {
  if (membership_->standing() == cluster::Standing::Outside) return;
  setup_.tell_lease(membership_->is_fenced(now()) ? Instant{0} : membership_->lease_until());
}

std::chrono::milliseconds ClusterRun::pause(Instant at) const {
  Instant due = membership_->due(at);
  // The shards are to hear of a lease that was renewed well before it would have been over.
  const Instant lease_until = membership_->lease_until();
  if (lease_until > at) due = std::min(due, at + milliseconds((lease_until - at).ms / 2));
  if (const auto keys_due = keys_->due()) due = std::min(due, std::max(*keys_due, at));
  return std::chrono::milliseconds((due - at).ms);
}

void ClusterRun::look_at_etcd(Instant at) {
  if (at < etcd_due_) return;
  etcd_due_ = at + seconds(1);
  setup_.tell_etcd(ensemble_.status());
}

void ClusterRun::loop() {
  cluster::Answers answers;
  while (true) {
    std::optional<Task> task;
    std::optional<KeyChange> key_change;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait_for(lock, pause(now()), [this] { return is_woken_ || is_stopping_; });
      if (is_stopping_) return;
      is_woken_ = false;
      task = std::exchange(task_, std::nullopt);
      key_change = std::exchange(key_change_, std::nullopt);
    }
    if (task) (*task)(*membership_, now());
    if (key_change) begin_key_change(*std::move(key_change));
    metadata_->poll(answers);
    const bool is_new = membership_->take(answers, now());
    if (!steps_down_) {
      tell_lease();
      // Shards that hear of a new lease ask at once who has their sessions.
      open_desk(is_new, now());
      if (is_new || task) setup_.tell(*membership_);
    }
    serve_desk(answers);
    serve_keys(answers);
    look_at_etcd(now());
    std::optional<Finished> finished = membership_->finished();
    if (!finished) continue;
    const std::lock_guard<std::mutex> lock(mutex_);
    finished_ = std::move(finished);
    changed_.notify_all();
  }
}

}  // namespace vmq::node
