// The ensemble while there is a cluster: one thread that looks at the etcd cluster and does the
// next step; what an operator asks for is done between two looks.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/etcd/ensemble.h"
#include "cluster/etcd/plan.h"
#include "cluster/etcd/wire.h"

namespace vmq::cluster {

std::string bundle_path(const EnsembleOptions& options);

class EnsembleKeeper {
 public:
  EnsembleKeeper(const EnsembleOptions& options, JoinBundle bundle, etcd::TlsTexts tls)
      : options_(options), tls_(std::move(tls)), bundle_(std::move(bundle)) {
    endpoints_ =
        options_.external_endpoints.empty() ? bundle_.endpoints : options_.external_endpoints;
  }
  ~EnsembleKeeper() {
    {
      const std::lock_guard guard(mutex_);
      is_stopping_ = true;
    }
    kicked_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  // Before run().
  bool has_data() const;
  void start_server(EtcdStart start, std::vector<EtcdPeer> peers);
  EnsembleError await_ready();
  void run() {
    if (options_.external_endpoints.empty()) thread_ = std::thread([this] { keep(); });
  }

  EnsembleError leave();
  EnsembleError go_on_alone();
  void set_members(std::vector<EnsembleMember> members);
  JoinBundle bundle() const;
  EtcdOptions client_options() const;
  EnsembleStatus status() const;

 private:
  using Members = std::vector<etcd::EtcdMember>;

  std::string data_directory() const { return options_.directory + "/data"; }
  EtcdServerOptions server_options() const;
  void keep();
  void look();
  EnsembleView view_of(const Members& members);
  std::vector<std::uint64_t> abandoned_of(const Members& members);
  void act(const EnsembleDecision& decision, const Members& members);
  void add_self();
  void run_self(const Members& members);
  void stop_self();
  void care_for_files();
  void set_error(std::string error);
  bool is_stopping() const;
  void keep_endpoints(const Members& members);
  std::vector<std::string> endpoints() const;
  // Asks the endpoints one after the other; the first answer of a majority counts.
  etcd::WaitedCall ask(std::string_view method, const std::string& request);
  std::optional<Members> list_members();
  etcd::WaitedCall ask_own(std::string_view method, const std::string& request, Duration timeout);

  const EnsembleOptions options_;
  const etcd::TlsTexts tls_;
  std::thread thread_;

  std::mutex work_;  // one look, or one operator's wish, at a time; the next block is under it
  EtcdServer server_;
  etcd::Caller caller_;
  bool is_settled_ = false;  // nothing was to be done at the last look
  bool runs_server_ = false;
  int missed_ = 0;
  std::map<std::string, Instant> down_since_;
  std::map<std::uint64_t, Instant> nameless_since_;
  Instant defragmented_at_ = {};

  mutable std::mutex mutex_;  // of the rest; never held while anything is waited for
  std::condition_variable kicked_;
  bool is_stopping_ = false;
  bool is_kicked_ = false;
  JoinBundle bundle_;
  std::vector<std::string> endpoints_;
  std::vector<EnsembleMember> members_;
  EnsembleStatus status_;
};

}  // namespace vmq::cluster
