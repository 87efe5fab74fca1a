#include "cluster/etcd/ensemble_keeper.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "cluster/etcd/files.h"

namespace vmq::cluster {

namespace {

namespace fs = std::filesystem;

constexpr Duration call_timeout = seconds(2);
// When nothing is to be done, looks are rarer.
constexpr std::int64_t settled_part = 5;
constexpr Duration ready_timeout = seconds(30);
constexpr Duration leave_timeout = seconds(10);
// Who adds itself starts right away; what is nameless for longer was left behind.
constexpr Duration abandoned_after = seconds(60);
// Times that we miss ourselves among the members of etcd before we believe that we were taken out.
constexpr int missed_max = 5;
constexpr std::uint64_t failed_joins_max = 5;  // starts
// Files that hold little are rewritten, which blocks this member for a moment.
constexpr std::int64_t defragment_bytes_min = 256 << 20;
constexpr Duration defragment_interval = seconds(600);
constexpr Duration defragment_timeout = seconds(120);

// host:port of "https://host:port".
std::string address_of(const std::string& url) {
  const std::size_t at = url.find("://");
  return at == std::string::npos ? url : url.substr(at + 3);
}

}  // namespace

std::string bundle_path(const EnsembleOptions& options) { return options.directory + "/bundle"; }

EtcdServerOptions EnsembleKeeper::server_options() const {
  EtcdServerOptions options;
  options.program = options_.program;
  options.directory = data_directory();
  options.name = etcd_name(options_.nodename);
  options.host = options_.host;
  options.listen_address = options_.listen_address;
  options.client_port = options_.client_port;
  options.peer_port = options_.peer_port;
  options.tls = {options_.directory + "/authority.pem", options_.directory + "/node.pem",
                 options_.directory + "/node.key"};
  options.token = bundle_.token;
  options.quota_bytes = options_.quota_bytes;
  options.stop_timeout = options_.stop_timeout;
  options.report = options_.report;
  return options;
}

bool EnsembleKeeper::has_data() const {
  std::error_code ignored;
  return fs::exists(data_directory() + "/member", ignored);
}

void EnsembleKeeper::start_server(EtcdStart start, std::vector<EtcdPeer> peers) {
  EtcdServerOptions options = server_options();
  options.start = start;
  options.peers = std::move(peers);
  server_.start(std::move(options));
  runs_server_ = true;
}

EnsembleError EnsembleKeeper::await_ready() {
  const Instant last = etcd::monotonic_now() + ready_timeout;
  for (;;) {
    const EtcdServerStatus status = server_.status();
    if (status.state == EtcdServerState::Ready) return {};
    // It is tried again and again, but an operator should not wait for what will not come.
    if (status.state == EtcdServerState::Waiting && status.starts != 1) return status.error;
    if (etcd::monotonic_now() >= last) {
      return "etcd does not get ready" + (status.error.empty() ? "" : ": " + status.error);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void EnsembleKeeper::keep() {
  for (;;) {
    const Duration pause = milliseconds(options_.interval.ms * (is_settled_ ? settled_part : 1));
    {
      std::unique_lock lock(mutex_);
      kicked_.wait_for(lock, std::chrono::milliseconds(pause.ms),
                       [this] { return is_stopping_ || is_kicked_; });
      if (is_stopping_) return;
      is_kicked_ = false;
    }
    const std::lock_guard guard(work_);
    look();
  }
}

void EnsembleKeeper::look() {
  const std::optional<Members> members = list_members();
  const EtcdServerStatus server = server_.status();
  {
    const std::lock_guard guard(mutex_);
    status_.server = server;
    if (members) status_.members = *members;
  }
  is_settled_ = false;
  if (!members) return;
  keep_endpoints(*members);
  const EnsembleDecision decision = decide(view_of(*members));
  if (decision.step == EnsembleStep::Nothing) set_error({});
  const bool rests = runs_server_ ? decision.step == EnsembleStep::RunSelf
                                  : decision.step == EnsembleStep::StopSelf;
  is_settled_ = rests && (!runs_server_ || server.state == EtcdServerState::Ready);
  act(decision, *members);
  care_for_files();
}

EnsembleView EnsembleKeeper::view_of(const Members& members) {
  EnsembleView view;
  view.self = etcd_name(options_.nodename);
  view.self_peer_url = peer_url(server_options());
  view.has_data = has_data();
  view.etcd = members;
  view.voters_wanted = options_.voters_wanted;
  view.abandoned = abandoned_of(members);
  const Instant now = etcd::monotonic_now();
  const std::lock_guard guard(mutex_);
  for (const EnsembleMember& member : members_) {
    if (member.is_up) down_since_.erase(member.nodename);
    const Instant since =
        member.is_up ? now : down_since_.try_emplace(member.nodename, now).first->second;
    view.members.push_back({.name = etcd_name(member.nodename),
                            .is_up = member.is_up,
                            .is_lost = now - since >= options_.replace_after});
  }
  return view;
}

std::vector<std::uint64_t> EnsembleKeeper::abandoned_of(const Members& members) {
  std::map<std::uint64_t, Instant> nameless;
  std::vector<std::uint64_t> abandoned;
  const Instant now = etcd::monotonic_now();
  for (const etcd::EtcdMember& member : members) {
    if (!member.name.empty()) continue;
    const auto known = nameless_since_.find(member.id);
    const Instant since = known == nameless_since_.end() ? now : known->second;
    nameless[member.id] = since;
    if (now - since >= abandoned_after) abandoned.push_back(member.id);
  }
  nameless_since_ = std::move(nameless);
  return abandoned;
}

void EnsembleKeeper::act(const EnsembleDecision& decision, const Members& members) {
  switch (decision.step) {
    case EnsembleStep::Nothing:
      return;
    case EnsembleStep::AddSelf:
      return add_self();
    case EnsembleStep::RunSelf:
      return run_self(members);
    case EnsembleStep::StopSelf:
      return stop_self();
    case EnsembleStep::PromoteSelf:
      run_self(members);
      if (server_.status().state != EtcdServerState::Ready) return;
      break;
    case EnsembleStep::Remove:
      break;
  }
  const bool promotes = decision.step == EnsembleStep::PromoteSelf;
  const etcd::WaitedCall call =
      ask(promotes ? "/etcdserverpb.Cluster/MemberPromote" : "/etcdserverpb.Cluster/MemberRemove",
          etcd::encode_member_id(decision.member));
  // Not yet in sync, not all connected for five seconds: etcd refuses, and is asked again.
  set_error(call.status.is_ok() ? std::string() : call.status.message);
}

void EnsembleKeeper::add_self() {
  // Whoever runs and serves is a member; a list that does not know it is old.
  if (server_.status().state == EtcdServerState::Ready) return;
  if (runs_server_ && ++missed_ < missed_max) return;
  missed_ = 0;
  server_.stop();
  runs_server_ = false;
  std::error_code error;
  fs::remove_all(data_directory(), error);
  if (error) return set_error("cannot remove " + data_directory() + ": " + error.message());
  const etcd::WaitedCall call =
      ask("/etcdserverpb.Cluster/MemberAdd", etcd::encode_member_add(peer_url(server_options())));
  if (!call.status.is_ok()) return set_error(call.status.message);
  set_error({});
  if (const auto members = etcd::decode_member_add(call.response)) run_self(*members);
}

void EnsembleKeeper::run_self(const Members& members) {
  missed_ = 0;
  const std::string own_name = etcd_name(options_.nodename);
  const std::string own_url = peer_url(server_options());
  if (runs_server_) {
    const EtcdServerStatus status = server_.status();
    const bool is_ready = status.state == EtcdServerState::Ready;
    set_error(is_ready ? std::string() : status.error);
    const bool has_joined = std::any_of(members.begin(), members.end(), [&](const auto& member) {
      return member.name == own_name;
    });
    if (is_ready || has_joined || status.starts < failed_joins_max) return;
    // It never came in: what it wrote on the way is worth nothing and may be what stops it.
    server_.stop();
    runs_server_ = false;
    std::error_code ignored;
    fs::remove_all(data_directory(), ignored);
    return;
  }
  std::vector<EtcdPeer> peers;
  for (const etcd::EtcdMember& member : members) {
    for (const std::string& url : member.peer_urls) {
      peers.push_back({url == own_url ? own_name : member.name, url});
    }
  }
  start_server(EtcdStart::JoinCluster, std::move(peers));
}

void EnsembleKeeper::stop_self() {
  set_error({});
  if (!runs_server_ && !has_data()) return;
  if (runs_server_ && ++missed_ < missed_max) return;
  missed_ = 0;
  server_.stop();
  runs_server_ = false;
  std::error_code error;
  fs::remove_all(data_directory(), error);
  if (error) set_error("cannot remove " + data_directory() + ": " + error.message());
}

void EnsembleKeeper::care_for_files() {
  if (server_.status().state != EtcdServerState::Ready) return;
  const auto bytes = ask_own("/etcdserverpb.Maintenance/Status", {}, call_timeout);
  const auto answer = bytes.status.is_ok() ? etcd::decode_status(bytes.response) : std::nullopt;
  if (!answer) return;
  {
    const std::lock_guard guard(mutex_);
    status_.bytes = answer->bytes;
    status_.bytes_in_use = answer->bytes_in_use;
  }
  const Instant now = etcd::monotonic_now();
  const bool is_full = std::any_of(
      answer->errors.begin(), answer->errors.end(),
      [](const std::string& error) { return error.find("NOSPACE") != std::string::npos; });
  const bool is_loose =
      answer->bytes >= defragment_bytes_min && answer->bytes_in_use < answer->bytes / 2;
  if (!is_full && !is_loose) return;
  if (defragmented_at_ != Instant{} && now - defragmented_at_ < defragment_interval) return;
  defragmented_at_ = now;
  const auto done = ask_own("/etcdserverpb.Maintenance/Defragment", {}, defragment_timeout);
  if (options_.report) {
    options_.report(is_full ? Severity::Error : Severity::Info, "etcd_defragmented",
                    done.status.is_ok() ? std::to_string(answer->bytes_in_use) + " of " +
                                              std::to_string(answer->bytes) + " bytes were in use"
                                        : done.status.message);
  }
  if (is_full) {
    ask_own("/etcdserverpb.Maintenance/Alarm", etcd::encode_disarm(), call_timeout);
  }
}

void EnsembleKeeper::set_error(std::string error) {
  const std::lock_guard guard(mutex_);
  status_.error = std::move(error);
}

bool EnsembleKeeper::is_stopping() const {
  const std::lock_guard guard(mutex_);
  return is_stopping_;
}

// Those that vote, our own first. An address that is the same for all, or none at all, would lock
// us out for ever: then what is known stays.
void EnsembleKeeper::keep_endpoints(const Members& members) {
  std::vector<std::string> found;
  const std::string own = etcd_name(options_.nodename);
  for (const etcd::EtcdMember& member : members) {
    if (member.name.empty() || member.is_learner) continue;
    for (const std::string& url : member.client_urls) {
      found.insert(member.name == own ? found.begin() : found.end(), address_of(url));
    }
  }
  {
    const std::lock_guard guard(mutex_);
    if (found.empty() || found == endpoints_) return;
    endpoints_ = found;
    bundle_.endpoints = found;
  }
  const std::string error = etcd::write_secret_file(bundle_path(options_), encode_bundle(bundle()));
  if (!error.empty() && options_.report) {
    options_.report(Severity::Warning, "cluster_file_failed", error);
  }
  if (options_.endpoints_changed) options_.endpoints_changed(found);
}

std::vector<std::string> EnsembleKeeper::endpoints() const {
  const std::lock_guard guard(mutex_);
  return endpoints_;
}

etcd::WaitedCall EnsembleKeeper::ask(std::string_view method, const std::string& request) {
  etcd::WaitedCall call{{etcd::RpcCode::Unavailable, "no endpoint of etcd is known"}, {}};
  for (const std::string& endpoint : endpoints()) {
    if (is_stopping()) break;
    call = caller_.call(endpoint, tls_, method, request, call_timeout);
    // What is not answered here may have been done all the same: each of our steps is asked for
    // again until the members say that it is done, and is refused when it is done twice.
    if (call.status.code != etcd::RpcCode::Unavailable &&
        call.status.code != etcd::RpcCode::DeadlineExceeded) {
      return call;
    }
  }
  return call;
}

etcd::WaitedCall EnsembleKeeper::ask_own(std::string_view method, const std::string& request,
                                         Duration timeout) {
  return caller_.call(client_address(server_options()), tls_, method, request, timeout);
}

// A member lists what it knows, which may be old. One that has just answered a linearizable read
// knows what the majority knew then.
std::optional<EnsembleKeeper::Members> EnsembleKeeper::list_members() {
  std::string error = "no endpoint of etcd is known";
  for (const std::string& endpoint : endpoints()) {
    const std::string read = etcd::encode_range({.key = "\1", .is_count_only = true});
    etcd::WaitedCall call =
        etcd::call_and_wait(endpoint, tls_, "/etcdserverpb.KV/Range", read, call_timeout);
    if (call.status.is_ok()) {
      call =
          etcd::call_and_wait(endpoint, tls_, "/etcdserverpb.Cluster/MemberList", {}, call_timeout);
    }
    std::optional<Members> members;
    if (call.status.is_ok()) members = etcd::decode_members(call.response);
    if (members) return members;
    error = endpoint + ": " + call.status.message;
  }
  set_error("no majority of etcd answers: " + error);
  return std::nullopt;
}

EnsembleError EnsembleKeeper::leave() {
  const std::lock_guard guard(work_);
  const std::string name = etcd_name(options_.nodename);
  const Instant last = etcd::monotonic_now() + leave_timeout;
  while (options_.external_endpoints.empty() && etcd::monotonic_now() < last) {
    const std::optional<Members> members = list_members();
    if (!members) break;
    const auto self = std::find_if(members->begin(), members->end(),
                                   [&](const auto& member) { return member.name == name; });
    if (self == members->end() || members->size() == 1) break;
    if (ask("/etcdserverpb.Cluster/MemberRemove", etcd::encode_member_id(self->id))
            .status.is_ok()) {
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  server_.stop();
  runs_server_ = false;
  return {};
}

EnsembleError EnsembleKeeper::go_on_alone() {
  const std::lock_guard guard(work_);
  if (!options_.external_endpoints.empty()) {
    return "the etcd servers are the operator's own: this node cannot decide for them";
  }
  if (!has_data()) return "this node holds no copy of the cluster's metadata";
  server_.stop();
  {
    const std::lock_guard lock(mutex_);
    endpoints_ = {client_address(server_options())};
  }
  start_server(EtcdStart::Alone, {});
  EnsembleError error = await_ready();
  if (options_.endpoints_changed) options_.endpoints_changed(endpoints());
  return error;
}

void EnsembleKeeper::set_members(std::vector<EnsembleMember> members) {
  {
    const std::lock_guard guard(mutex_);
    members_ = std::move(members);
    is_kicked_ = true;
  }
  kicked_.notify_all();
}

JoinBundle EnsembleKeeper::bundle() const {
  const std::lock_guard guard(mutex_);
  return bundle_;
}

EtcdOptions EnsembleKeeper::client_options() const {
  const std::lock_guard guard(mutex_);
  EtcdOptions options;
  options.endpoints = endpoints_;
  options.tls = tls_;
  return options;
}

EnsembleStatus EnsembleKeeper::status() const {
  const std::lock_guard guard(mutex_);
  EnsembleStatus status = status_;
  status.has_cluster = true;
  status.is_external = !options_.external_endpoints.empty();
  status.endpoints = endpoints_;
  return status;
}

}  // namespace vmq::cluster
