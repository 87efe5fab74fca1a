#include "cluster/etcd/ensemble.h"

#include <openssl/rand.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "base/expect.h"
#include "cluster/etcd/ensemble_keeper.h"
#include "cluster/etcd/files.h"

namespace vmq::cluster {

namespace {

namespace fs = std::filesystem;

std::string random_token() {
  unsigned char bytes[16];
  VMQ_EXPECT(RAND_bytes(bytes, sizeof bytes) == 1);
  std::string text = "vernemq-";
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

// A certificate of ours for our host: the one we have, or a new one.
Result<etcd::TlsTexts, std::string> node_certificate(const EnsembleOptions& options,
                                                     const KeyPair& authority) {
  if (!options.external_endpoints.empty()) return etcd::read_tls_files(options.external_tls);
  const std::string certificate_file = options.directory + "/node.pem";
  const std::string key_file = options.directory + "/node.key";
  KeyPair own;
  own.certificate = etcd::read_text_file(certificate_file).value_or("");
  own.key = etcd::read_text_file(key_file).value_or("");
  if (!is_certificate_usable(authority, own, {options.host})) {
    VMQ_TRY(issued, issue_certificate(authority, options.nodename, {options.host}));
    own = std::move(issued);
    for (const std::string& error : {etcd::write_secret_file(key_file, own.key),
                                     etcd::write_secret_file(certificate_file, own.certificate)}) {
      if (!error.empty()) return failure(error);
    }
  }
  const std::string error =
      etcd::write_secret_file(options.directory + "/authority.pem", authority.certificate);
  if (!error.empty()) return failure(error);
  return etcd::TlsTexts{authority.certificate, own.certificate, own.key};
}

EnsembleError make_directory(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) fs::permissions(path, fs::perms::owner_all, error);
  return error ? "cannot make " + path + ": " + error.message() : std::string();
}

void remove_files(const EnsembleOptions& options) {
  std::error_code ignored;
  for (const char* name : {"bundle", "authority.pem", "node.pem", "node.key", "data"}) {
    fs::remove_all(options.directory + '/' + name, ignored);
  }
}

}  // namespace

Ensemble::Ensemble(EnsembleOptions options) : options_(std::move(options)) {}

Ensemble::~Ensemble() = default;

bool Ensemble::has_cluster() const { return keeper_ || fs::exists(bundle_path(options_)); }

EnsembleError Ensemble::start() {
  VMQ_EXPECT(!keeper_);
  const Result<std::string, std::string> bytes = etcd::read_text_file(bundle_path(options_));
  if (!bytes) return bytes.error();
  std::optional<JoinBundle> bundle = decode_bundle(*bytes);
  if (!bundle) {
    return bundle_path(options_) + " is damaged: restore it, or remove the directory and join anew";
  }
  Result<etcd::TlsTexts, std::string> tls = node_certificate(options_, bundle->authority);
  if (!tls) return tls.error();
  keeper_ = std::make_unique<EnsembleKeeper>(options_, std::move(*bundle), std::move(*tls));
  // Without ours there may be no majority, so it starts before anybody can be asked.
  if (options_.external_endpoints.empty() && keeper_->has_data()) {
    keeper_->start_server(EtcdStart::JoinCluster, {});
  }
  keeper_->run();
  return {};
}

EnsembleError Ensemble::create() {
  VMQ_EXPECT(!has_cluster());
  EnsembleError error = make_directory(options_.directory);
  if (!error.empty()) return error;
  remove_files(options_);
  JoinBundle bundle{.token = random_token()};
  if (options_.external_endpoints.empty()) {
    Result<KeyPair, std::string> authority = make_authority(options_.nodename);
    if (!authority) return authority.error();
    bundle.authority = std::move(*authority);
    EtcdServerOptions own;
    own.host = options_.host;
    own.client_port = options_.client_port;
    bundle.endpoints = {client_address(own)};
  }
  error = join_with(std::move(bundle), true);
  if (!error.empty()) remove_files(options_);
  return error;
}

EnsembleError Ensemble::join(const JoinBundle& bundle) {
  VMQ_EXPECT(!has_cluster());
  EnsembleError error = make_directory(options_.directory);
  if (!error.empty()) return error;
  remove_files(options_);
  error = join_with(bundle, false);
  if (!error.empty()) remove_files(options_);
  return error;
}

EnsembleError Ensemble::join_with(JoinBundle bundle, bool is_first) {
  Result<etcd::TlsTexts, std::string> tls = node_certificate(options_, bundle.authority);
  if (!tls) return tls.error();
  const std::string bytes = encode_bundle(bundle);
  auto keeper = std::make_unique<EnsembleKeeper>(options_, std::move(bundle), std::move(*tls));
  if (is_first && options_.external_endpoints.empty()) {
    keeper->start_server(EtcdStart::NewCluster, {});
    EnsembleError error = keeper->await_ready();
    if (!error.empty()) return error;
  }
  EnsembleError error = etcd::write_secret_file(bundle_path(options_), bytes);
  if (!error.empty()) return error;
  keeper_ = std::move(keeper);
  keeper_->run();
  return {};
}

EnsembleError Ensemble::leave() {
  if (!keeper_) return {};
  EnsembleError error = keeper_->leave();
  keeper_.reset();
  remove_files(options_);
  return error;
}

EnsembleError Ensemble::go_on_alone() {
  return keeper_ ? keeper_->go_on_alone() : "this node is in no cluster";
}

void Ensemble::set_members(std::vector<EnsembleMember> members) {
  if (keeper_) keeper_->set_members(std::move(members));
}

JoinBundle Ensemble::bundle() const {
  VMQ_EXPECT(keeper_);
  return keeper_->bundle();
}

EtcdOptions Ensemble::client_options() const {
  VMQ_EXPECT(keeper_);
  return keeper_->client_options();
}

EnsembleStatus Ensemble::status() const { return keeper_ ? keeper_->status() : EnsembleStatus{}; }

}  // namespace vmq::cluster
