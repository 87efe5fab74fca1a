#include "node/cluster.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/expect.h"
#include "cluster/etcd/files.h"
#include "cluster/etcd/seal.h"
#include "cluster/etcd/wire.h"
#include "node/clock.h"
#include "node/cluster_record.h"
#include "node/cluster_run.h"
#include "node/node.h"

namespace vmq::node {
namespace {

namespace fs = std::filesystem;
using cluster::Membership;

constexpr Duration step_patience = seconds(15);
// They take a tenth of a second, or four seconds where a server accepted and then was silent.
constexpr Duration grpc_patience = seconds(5);
// The other node may have to start an etcd first.
constexpr Duration admission_patience = seconds(45);
constexpr const char* join_question = "cluster/join";

std::uint64_t drawn_number() {
  std::uint64_t number = 0;
  while (number == 0) VMQ_EXPECT(getrandom(&number, sizeof number, 0) == sizeof number);
  return number;
}

std::string to_hex(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

// What stands in {"NAME":"HEX"}; nothing for anything else.
std::string object_of(std::string_view name, std::string_view bytes) {
  return "{\"" + std::string(name) + "\":\"" + to_hex(bytes) + "\"}";
}
std::optional<std::string> bytes_of(std::string_view name, std::string_view json) {
  const std::string head = "{\"" + std::string(name) + "\":\"";
  if (!json.starts_with(head) || !json.ends_with("\"}")) return std::nullopt;
  json.remove_prefix(head.size());
  json.remove_suffix(2);
  if (json.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::size_t digit = std::string_view("0123456789abcdef").find(json[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    if (i % 2 == 0) bytes += '\0';
    const auto high = static_cast<unsigned char>(bytes.back());
    bytes.back() = static_cast<char>(std::size_t{high} << 4 | digit);
  }
  return bytes;
}

ClusterError error_of(const AskError& error) {
  using What = AskError::What;
  switch (error.what) {
    case What::BadAddress:
      return {"bad_address", error.text};
    case What::Unreachable:
      return {"unreachable", error.text};
    case What::TooSlow:
      return {"timeout", error.text};
    case What::Refused:
      if (error.refusal == cluster::RefusalCode::Cookie) return {"wrong_cookie", error.text};
      if (error.refusal == cluster::RefusalCode::Version) return {"other_version", error.text};
      if (error.refusal == cluster::RefusalCode::WrongNode) return {"wrong_node", error.text};
      if (error.refusal == cluster::RefusalCode::DuplicateName) {
        return {"duplicate_name", error.text};
      }
      return {"refused", error.text};
    case What::Failed: {
      // "word: sentence" of the other node.
      const std::size_t end = error.text.find(": ");
      const bool is_word = end != std::string::npos && error.text.find(' ') == end + 1 && end < 32;
      if (is_word) return {error.text.substr(0, end), error.text.substr(end + 2)};
      return {"refused", error.text};
    }
    case What::Broken:
    case What::TooLong:
      break;
  }
  return {"broken", error.text};
}

std::string unlucky(const std::string& text) { return text.empty() ? "unknown" : text; }

}  // namespace

Cluster::Cluster(Node& node, Log& log) : node_(node), log_(log) {
  node_.questions().set_handler(join_question,
                                [this](const AskedQuestion& asked) { return admit(asked); });
}

Cluster::~Cluster() {
  stop();
  cluster::etcd::await_threads_end(grpc_patience);
}

void Cluster::step_down() {
  const std::unique_lock<std::mutex> lock(operation_, std::try_to_lock);
  if (lock && run_ != nullptr && !node_.members()->is_alone()) run_->step_down();
}

void Cluster::stop() {
  const std::lock_guard<std::mutex> lock(operation_);
  run_.reset();
}

std::string Cluster::folder() const { return cluster_folder(node_.config()->node.data_dir); }
std::string Cluster::record_path() const {
  return cluster_record_path(node_.config()->node.data_dir);
}

ClusterStatus Cluster::status() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return status_;
}

std::unique_ptr<ClusterRun> Cluster::make_run() {
  const ConfigSnapshot config = node_.config();
  const config::EtcdConfig& keys = config->etcd;
  ClusterRun::Setup setup;
  setup.key_prefix = keys.key_prefix;
  setup.tell = [this](const Membership& membership) { tell(membership); };
  setup.tell_lease = [this](Instant until) { node_.note_lease(until); };
  setup.tell_etcd = [this](const cluster::EnsembleStatus& status) { tell_etcd(status); };
  setup.tell_keys = [this](std::uint64_t number, const KeyRows& rows) {
    return tell_keys_(number, rows);
  };
  cluster::EnsembleOptions& etcd = setup.ensemble;
  etcd.nodename = config->node.name;
  etcd.directory = keys.directory;
  etcd.program = keys.program;
  etcd.host = keys.host;
  etcd.listen_address = keys.listen_address;
  etcd.client_port = keys.client_port;
  etcd.peer_port = keys.peer_port;
  etcd.voters_wanted = keys.voters;
  etcd.replace_after = keys.replace_after;
  etcd.quota_bytes = static_cast<std::int64_t>(keys.quota_bytes);
  etcd.external_endpoints = keys.endpoints;
  etcd.external_tls = {keys.cafile, keys.certfile, keys.keyfile};
  etcd.report = [this](cluster::Severity severity, std::string_view event, std::string_view text) {
    if (severity == cluster::Severity::Info) return log_.info(event, {{"text", text}});
    if (severity == cluster::Severity::Warning) return log_.warning(event, {{"text", text}});
    log_.error(event, {{"text", text}});
  };
  cluster::Membership::Setup& membership = setup.membership;
  membership.name = config->node.name;
  if (const auto address = node_.link_address()) membership.address = to_string(*address);
  membership.shards = static_cast<std::uint8_t>(node_.shard_count());
  membership.run = drawn_number();
  membership.lease = keys.lease;
  return std::make_unique<ClusterRun>(std::move(setup), node_.owners());
}

Result<void, std::string> Cluster::resume() {
  const std::string name = node_.config()->node.name;
  const auto known = read_cluster_record(node_.config()->node.data_dir, name);
  if (!known) return failure(known.error());
  if (!*known) {
    remove_files();  // what a join that was cut off has left
    return {};
  }
  if (const auto address = node_.link_address(); !address) return failure(address.error());
  std::unique_ptr<ClusterRun> run = make_run();
  if (!run->ensemble().has_cluster()) {
    return failure(node_.config()->etcd.directory + " is missing: restore it, or remove " +
                   folder() + " and join the cluster anew");
  }
  if (const std::string error = run->ensemble().start(); !error.empty()) return failure(error);
  telling_ = run.get();
  run->begin(*known);
  log_.info("cluster_resumed", {{"number", (*known)->self}, {"members", (*known)->all.size()}});
  run_ = std::move(run);
  return {};
}

// --- what is new, on the run's thread ---

void Cluster::tell(const Membership& membership) {
  const cluster::Members& members = membership.members();
  ClusterStatus status;
  status.trouble = membership.trouble();
  std::string trouble;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (status_.trouble != status.trouble) trouble = status.trouble;
    status_ = status;
  }
  if (!trouble.empty()) {
    log_.error("cluster_trouble", {{"reason", trouble}, {"effect", "this node is split off"}});
  }
  node_.note_netsplits(membership.netsplits_detected(), membership.netsplits_resolved());
  const MembersSnapshot before = node_.members();
  if (*before == members || membership.standing() == cluster::Standing::Outside) return;
  const std::string record = cluster::to_text(members);
  if (cluster::to_text(*before) != record) {
    const std::string error = cluster::etcd::write_secret_file(record_path(), record);
    if (!error.empty()) {
      log_.error("cluster_record_not_written",
                 {{"reason", error}, {"effect", "after a restart this node may be no member"}});
    }
  }
  log_changes(*before, members);
  node_.set_members(members);
  std::vector<cluster::EnsembleMember> names;
  for (const cluster::Member& member : members.all) names.push_back({member.name, member.is_up});
  if (telling_ != nullptr) telling_->note_members(names);
}

// Who votes is what decides whose loss can be borne, so an operator can read of it.
void Cluster::tell_etcd(const cluster::EnsembleStatus& status) {
  std::string voters;
  for (const cluster::etcd::EtcdMember& member : status.members) {
    if (member.is_learner || member.name.empty()) continue;
    voters += (voters.empty() ? "" : " ") + member.name;
  }
  if (voters.empty() || voters == voters_) return;
  log_.info("etcd_voters", {{"nodes", voters}});
  voters_ = std::move(voters);
}

void Cluster::log_changes(const cluster::Members& before, const cluster::Members& now) {
  if (before.has_quorum != now.has_quorum && before.self != cluster::no_member) {
    if (now.has_quorum) {
      log_.info("majority_is_back");
    } else {
      log_.warning("no_majority", {{"effect", "the allow_*_during_netsplit keys decide"}});
    }
  }
  for (const cluster::Member& member : now.all) {
    const cluster::Member* known = before.find(member.number);
    if (known == nullptr) {
      log_.info("member_joined", {{"node", member.name}, {"number", member.number}});
    } else if (known->is_up != member.is_up && member.number != now.self) {
      if (member.is_up) {
        log_.info("member_up", {{"node", member.name}});
      } else {
        log_.warning("member_down", {{"node", member.name}});
      }
    }
  }
  for (const cluster::Member& member : before.all) {
    if (now.find(member.number) == nullptr) log_.info("member_left", {{"node", member.name}});
  }
}

// --- joining ---

void Cluster::undo(std::unique_ptr<ClusterRun> run) {
  run->end();
  const std::string error = run->ensemble().leave();
  if (!error.empty()) log_.warning("etcd_left_behind", {{"reason", error}});
  telling_ = nullptr;
  run.reset();
  remove_files();
  const std::lock_guard<std::mutex> lock(mutex_);
  status_ = {};
}

// An etcd directory that holds no cluster is left alone: it may be anything.
void Cluster::remove_files() {
  const std::string etcd = node_.config()->etcd.directory;
  std::error_code ignored;
  if (fs::exists(etcd + "/bundle", ignored)) fs::remove_all(etcd, ignored);
  fs::remove_all(folder(), ignored);
}

Cluster::Done Cluster::join(const std::string& other, const std::string& address) {
  const std::unique_lock<std::mutex> lock(operation_, std::try_to_lock);
  if (!lock) return failure(ClusterError{"busy", "another change of the cluster is under way"});
  const ConfigSnapshot config = node_.config();
  if (other == config->node.name) {
    return failure(ClusterError{"self_join", "Name another node than this one."});
  }
  if (run_ != nullptr) {
    return failure(ClusterError{"already_member",
                                "this node is a member of a cluster; vmq-admin cluster leave takes "
                                "it out of that first"});
  }
  const auto own = node_.link_address();
  if (!own) return failure(ClusterError{"no_listener", own.error()});
  cluster::MemberAddress target{own->is_tls, std::string(cluster::host_of(other)), 0};
  target.port = own->is_tls ? cluster::default_tls_link_port : cluster::default_link_port;
  if (address.empty() && target.host.empty()) {
    return failure(ClusterError{"bad_address", other + " has no host behind an @"});
  }
  const cluster::JoinKey key;
  const MemberQuestion question{join_question, object_of("offer", key.offer(config->node.cookie)),
                                admission_patience};
  const auto answer =
      node_.ask_member({address.empty() ? to_string(target) : address, other}, question);
  if (!answer) return failure(error_of(answer.error()));
  const std::optional<std::string> sealed = bytes_of("sealed", *answer);
  if (!sealed) return failure(ClusterError{"other_version", other + " answers unintelligibly"});
  const auto secret = key.open(*sealed, config->node.cookie);
  if (!secret) return failure(ClusterError{"not_opened", secret.error()});
  const std::optional<cluster::JoinBundle> bundle = cluster::decode_bundle(*secret);
  if (!bundle) return failure(ClusterError{"other_version", other + " answers unintelligibly"});
  return enter([&](cluster::Ensemble& ensemble) { return ensemble.join(*bundle); },
               [](Membership& membership, Instant now) { membership.join(step_patience, now); });
}

Cluster::Done Cluster::enter(const std::function<std::string(cluster::Ensemble&)>& begin,
                             const std::function<void(Membership&, Instant)>& join) {
  std::error_code error_code;
  fs::create_directories(folder(), error_code);
  if (error_code) {
    return failure(
        ClusterError{"no_folder", "cannot make " + folder() + ": " + error_code.message()});
  }
  std::unique_ptr<ClusterRun> run = make_run();
  if (const std::string error = begin(run->ensemble()); !error.empty()) {
    undo(std::move(run));
    return failure(ClusterError{"etcd", unlucky(error)});
  }
  telling_ = run.get();
  run->begin(std::nullopt);
  const ClusterRun::Finished how = run->run(join);
  if (!how) {
    undo(std::move(run));
    return failure(ClusterError{"not_joined", how.error()});
  }
  run_ = std::move(run);
  return {};
}

Cluster::Done Cluster::create() {
  const auto own = node_.link_address();
  if (!own) return failure(ClusterError{"no_listener", own.error()});
  const std::uint64_t number = drawn_number();
  Done done = enter([](cluster::Ensemble& ensemble) { return ensemble.create(); },
                    [number](Membership& membership, Instant now) {
                      membership.create(number, step_patience, now);
                    });
  if (done) log_.info("cluster_created");
  return done;
}

// On a thread for questions: another node wants to join.
Result<std::string, std::string> Cluster::admit(const AskedQuestion& asked) {
  const std::unique_lock<std::mutex> lock(operation_, std::try_to_lock);
  if (!lock) return failure<std::string>("busy: another change of the cluster is under way there");
  const std::optional<std::string> offer = bytes_of("offer", asked.question.json);
  if (!offer) return failure<std::string>("other_version: the question is not understood there");
  const MembersSnapshot members = node_.members();
  const cluster::Member* member = members->find(asked.peer.name);
  if (member != nullptr || asked.peer.name == node_.config()->node.name) {
    return failure("duplicate_name: " + asked.peer.name +
                   " is a member of that cluster already: give this node another nodename, or "
                   "take the other out with vmq-admin cluster leave node=" +
                   asked.peer.name + " if it is gone for good");
  }
  if (run_ == nullptr) {
    const Done made = create();
    if (!made) {
      return failure("not_created: " + asked.question.name + " fails there: " + made.error().text);
    }
  }
  if (!node_.members()->has_quorum) {
    return failure<std::string>(
        "no_majority: that node does not reach the majority of its cluster");
  }
  const auto sealed = cluster::seal(*offer, node_.config()->node.cookie,
                                    cluster::encode_bundle(run_->ensemble().bundle()));
  if (!sealed) return failure("not_sealed: " + sealed.error());
  log_.info("join_admitted", {{"node", asked.peer.name}});
  return object_of("sealed", *sealed);
}

// --- API keys ---

bool Cluster::is_member() const { return node_.members()->self != cluster::no_member; }

Result<cluster::SharedTable::How, ClusterError> Cluster::change_key(
    const std::string& key, std::optional<std::string> value) {
  const std::unique_lock<std::mutex> lock(operation_, std::try_to_lock);
  if (!lock) return failure(ClusterError{"busy", "a change of the cluster is under way"});
  if (run_ == nullptr || !node_.members()->has_quorum) {
    return failure(ClusterError{"no_majority",
                                "this node does not reach the majority of its cluster, so keys "
                                "cannot be changed now; those that there are stay good"});
  }
  return run_->change_key({key, std::move(value)});
}

// --- leaving ---

Result<std::string, std::string> Cluster::ask(const std::string& name,
                                              const MemberQuestion& question) {
  const MembersSnapshot members = node_.members();
  const cluster::Member* member = members->find(name);
  if (member == nullptr) return failure(name + " is no member of this cluster");
  auto answer = node_.ask_member({member->address, name}, question);
  if (!answer) return failure(answer.error().text);
  return std::move(*answer);
}

Cluster::Done Cluster::go_on_alone(const std::string& lost) {
  for (const auto& shard : node_.links()) {
    if (!shard) return failure(ClusterError{"busy", "a shard of the node is busy: try again"});
    for (const LinkView& link : *shard) {
      if (!link.is_up) continue;
      return failure(ClusterError{
          "no_majority", "the majority is away, but " + link.name + " can be reached: take " +
                             lost + " out once the majority is back, or on the side that has it"});
    }
  }
  log_.warning("going_on_alone",
               {{"lost", lost}, {"reason", "the operator says that it is gone for good"}});
  const std::string error = run_->ensemble().go_on_alone();
  if (!error.empty()) return failure(ClusterError{"etcd", error});
  return {};
}

Cluster::Done Cluster::remove(const std::string& name, bool is_lost) {
  const std::unique_lock<std::mutex> lock(operation_, std::try_to_lock);
  if (!lock) return failure(ClusterError{"busy", "another change of the cluster is under way"});
  const MembersSnapshot members = node_.members();
  const cluster::Member* member = members->find(name);
  if (run_ == nullptr || member == nullptr) {
    return failure(ClusterError{"not_a_member", name + " is no member of this cluster"});
  }
  if (!members->has_quorum && !is_lost) {
    return failure(
        ClusterError{"no_majority", "without the majority nobody can be taken out. If " + name +
                                        " is gone for good and this node is what is left, add -k"});
  }
  if (!members->has_quorum) {
    if (Done done = go_on_alone(name); !done) return done;
  }
  const cluster::MemberNumber number = member->number;
  const Instant end = read_clock().instant + seconds(30);
  while (true) {
    const auto how = run_->run([number](Membership& membership, Instant now) {
      membership.remove(number, step_patience, now);
    });
    if (how) return {};
    // What has just died is up until its lease has lapsed, also after a majority was lost.
    if (!is_lost || read_clock().instant >= end) {
      return failure(ClusterError{"not_removed", how.error()});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

Cluster::Done Cluster::announce_leave() {
  const std::unique_lock<std::mutex> lock(operation_, std::try_to_lock);
  if (!lock) return failure(ClusterError{"busy", "another change of the cluster is under way"});
  if (run_ == nullptr || !status().trouble.empty()) return {};  // it was taken out already
  const MembersSnapshot members = node_.members();
  if (!members->has_quorum) {
    return failure(ClusterError{"no_majority",
                                "this node does not reach the majority of its cluster, which has "
                                "to know that it leaves; nothing was changed"});
  }
  if (!members->has_another_that_stays()) {
    return failure(ClusterError{"no_target",
                                "no other member is there that could take over the sessions of "
                                "this node; nothing was changed"});
  }
  // A client that gets something here while another member has its session gets it twice.
  if (!node_.prepare_to_leave(true)) {
    static_cast<void>(node_.prepare_to_leave(false));
    return failure(ClusterError{"busy", "a shard of the node is busy: try again"});
  }
  const auto how = run_->run(
      [](Membership& membership, Instant now) { membership.announce_leave(step_patience, now); });
  // Whether it was announced is in the cluster; until that is known it may have been.
  if (!how) return failure(ClusterError{"not_announced", how.error()});
  return {};
}

Cluster::Done Cluster::leave() {
  const std::unique_lock<std::mutex> lock(operation_, std::try_to_lock);
  if (!lock) return failure(ClusterError{"busy", "another change of the cluster is under way"});
  if (run_ == nullptr) return {};
  const bool is_removed = !status().trouble.empty();
  const cluster::MemberNumber self = node_.members()->self;
  if (!is_removed) {
    const auto how = run_->run([self](Membership& membership, Instant now) {
      membership.remove(self, step_patience, now);
    });
    if (!how) return failure(ClusterError{"not_removed", how.error()});
  }
  undo(std::move(run_));
  node_.note_lease(lease_for_ever);
  node_.set_members({});
  static_cast<void>(node_.prepare_to_leave(false));  // it may join again
  log_.info("cluster_left");
  return {};
}

}  // namespace vmq::node
