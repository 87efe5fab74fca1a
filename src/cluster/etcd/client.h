// The cluster's metadata in etcd: `Metadata` over gRPC, on one thread of its own. No thread and no
// connection is there before the first object of this class.
//
//   owner ──── Mailbox ────▶ Loop:  Link        one connection at a time, probes, fail-over
//                                   CasSender   one transaction under way, the next one gathers
//                                   GetSender   reads, gathered likewise
//                                   LeaseKeeper
//                                   Followers   scans page by page, all watches on one stream
//
// What decides the shape: a transaction of many requests costs etcd a fiftieth of as many single
// ones, and with one transaction under way the order of requests for one key keeps itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/etcd/wire.h"
#include "cluster/metadata.h"

namespace vmq::cluster {

struct EtcdOptions {
  // host:port of members of one etcd cluster, the preferred one first. May be empty for now.
  std::vector<std::string> endpoints = {};
  etcd::TlsTexts tls = {};
  std::string key_prefix = {};      // in front of every key: several brokers may share an etcd
  std::size_t queue_max = 100'000;  // requests not yet answered
  // Requests in one transaction. A server that allows fewer says so, and the number is halved.
  std::size_t transaction_max = 1'000;
  std::size_t page_max = 1'000;           // keys in one page of news
  std::size_t news_bytes_max = 16 << 20;  // not yet polled; then nothing more is read
  Duration gather = milliseconds(2);      // least time between two transactions
  Duration request_timeout = seconds(3);
  Duration quorum_timeout = milliseconds(2500);
  WakeOwner wake = {};
};

struct EtcdLinkStatus {
  std::string endpoint;  // in use now; empty: none
  bool is_up = false;
  std::string error;  // why it is not up, as gRPC or etcd say it
  std::uint64_t fail_overs = 0;
  std::int64_t lease = 0;  // as etcd numbers it; 0: none is held
};

// lease_until is on the clock of etcd::monotonic_now(), CLOCK_MONOTONIC in milliseconds.
// Threads: one owner; link_status() and set_endpoints() from any.
class EtcdMetadata final : public Metadata {
 public:
  explicit EtcdMetadata(EtcdOptions options);
  // What is under way is given up, except a lease that is being released: that is waited for, a
  // second at most.
  ~EtcdMetadata() override;

  void submit(std::vector<CasRequest> requests) override;
  void get(std::uint64_t id, std::string key) override;
  void scan(std::uint64_t id, std::string prefix) override;
  void watch(std::uint64_t id, std::string prefix, std::optional<Revision> from) override;
  void cancel(std::uint64_t id) override;
  void hold_lease(Duration time_to_live) override;
  void release_lease() override;
  void poll(Answers& out) override;

  // The members of the etcd cluster as they are from now on. The one in use stays in use while it
  // is among them and answers.
  void set_endpoints(std::vector<std::string> endpoints);
  EtcdLinkStatus link_status() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace vmq::cluster
