#include "node/cluster_run.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/expect.h"
#include "node/clock.h"

namespace vmq::node {
namespace {

constexpr Duration key_patience = seconds(5);

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
  owners_ = std::make_unique<cluster::Owners>(*metadata_);
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

void ClusterRun::end() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (std::exchange(is_desk_open_, false)) desk_.close();
  keys_.reset();
  owners_.reset();
  membership_.reset();
  std::unique_ptr<cluster::EtcdMetadata> metadata;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    metadata = std::move(metadata_);
  }
}

// Without the majority nobody knows who has a client, and whoever asks is told so at once.
void ClusterRun::serve_desk(const cluster::Answers& answers, bool is_new) {
  const bool serves =
      membership_->standing() == cluster::Standing::Member && membership_->members().has_quorum;
  if (serves && is_new) owners_->set_members(membership_->members());
  if (serves != is_desk_open_) {
    is_desk_open_ = serves;
    if (serves) {
      desk_.open([this] { wake(); });
    } else {
      desk_.close();
    }
  }
  if (serves) return desk_.serve(*owners_, answers);
  std::vector<cluster::Owners::Answered> too_late;
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
    tell_lease();
    if (is_new || task) setup_.tell(*membership_);
    serve_desk(answers, is_new);
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
