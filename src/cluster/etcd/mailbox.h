// Where the owner and the client's thread meet: commands one way, answers the other, under one lock
// that is held for as long as it takes to move them.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cluster/etcd/client.h"
#include "cluster/metadata.h"

namespace vmq::cluster::etcd {

struct GetCommand {
  std::uint64_t id = 0;
  std::string key;
};
// A serial is given to one scan or watch only: its owner may use an id again while old news of it
// are on their way.
struct FollowCommand {
  std::uint64_t id = 0;
  std::uint64_t serial = 0;
  std::string prefix;
  bool is_watch = false;
  std::optional<Revision> from;
};
struct CancelCommand {
  std::uint64_t serial = 0;
};
struct LeaseCommand {
  std::uint64_t serial = 0;
  std::optional<Duration> time_to_live;  // nullopt: give it up
};
struct EndpointsCommand {
  std::vector<std::string> endpoints;
};
using Command = std::variant<std::vector<CasRequest>, GetCommand, FollowCommand, CancelCommand,
                             LeaseCommand, EndpointsCommand>;

class Mailbox {
 public:
  Mailbox(std::size_t queue_max, std::size_t news_bytes_max, WakeOwner wake)
      : queue_max_(queue_max), news_bytes_max_(news_bytes_max), wake_(std::move(wake)) {}

  // The owner's side.
  void submit(std::vector<CasRequest> requests);
  void get(std::uint64_t id, std::string key);
  void follow(FollowCommand command);
  void cancel(std::uint64_t id);
  void set_lease(std::optional<Duration> time_to_live);
  void set_endpoints(std::vector<std::string> endpoints);
  // True: what was full is not any more.
  bool poll(Answers& out);
  EtcdLinkStatus link_status() const;
  void stop();

  // The thread's side.
  bool is_stopped() const;
  std::vector<Command> take();
  void answer(std::vector<CasAnswer> answers);
  void answer(CasAnswer one);
  void answer(std::vector<GetAnswer> answers);
  // `ends`: a scan has told everything; its id is free.
  void tell(std::uint64_t serial, std::vector<News> news, bool ends);
  bool is_full() const;  // nothing more is to be told for now
  void set_quorum(bool has_quorum);
  // A lease that begins has a new number.
  enum class LeaseChange : std::uint8_t { Begins, Renewed, Lost };
  void set_lease(std::uint64_t serial, std::int64_t lease, Instant until, LeaseChange change);
  void set_link_status(EtcdLinkStatus status);

 private:
  using Guard = std::lock_guard<std::mutex>;
  // Whether the owner must be woken; the caller does it after it let go of the lock.
  [[nodiscard]] bool mark_woken() { return !std::exchange(is_woken_, true); }
  void wake(bool is_due) const {
    if (is_due && wake_) wake_();
  }

  const std::size_t queue_max_;
  const std::size_t news_bytes_max_;
  const WakeOwner wake_;
  mutable std::mutex mutex_;
  std::vector<Command> commands_;
  std::size_t cas_open_ = 0;
  std::map<std::uint64_t, std::uint64_t> follows_;  // id → serial, of those that are open
  std::uint64_t last_serial_ = 0;
  std::uint64_t lease_serial_ = 0;
  Answers answers_;
  std::size_t news_bytes_ = 0;
  bool is_woken_ = false;
  bool is_stopped_ = false;
  EtcdLinkStatus link_status_;
};

}  // namespace vmq::cluster::etcd
