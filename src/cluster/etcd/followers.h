// Scans and watches. A scan reads page by page at the revision of its first page. etcd counts all
// keys up to the end of the asked range for every page, so a range that holds much more than a page
// is asked for in parts: those keys that begin as the next one does, down to a depth that fits.
// All watches share one stream; each goes on behind the last revision it told.
//
// Thread: the client's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/etcd/codec.h"
#include "cluster/etcd/link.h"
#include "cluster/etcd/mailbox.h"
#include "cluster/etcd/wire.h"

namespace vmq::cluster::etcd {

class Followers {
 public:
  Followers(Wire& wire, Mailbox& mailbox, Link& link, const EtcdOptions& options)
      : wire_(wire), mailbox_(mailbox), link_(link), options_(options) {}

  void add(FollowCommand command);
  void remove(std::uint64_t serial);
  void turn(Instant now);
  Instant due(Instant now) const;

 private:
  struct Follow {
    std::uint64_t id = 0;
    bool is_watch = false;
    std::string first;  // the first key that may exist
    std::string end;
    bool is_paging = true;
    bool is_asked = false;  // for a page, or for the watch
    Instant due = {};       // after a failure
    // While paging:
    Revision at = 0;     // 0: the first page will say
    std::string cursor;  // the next key
    std::size_t depth = 0;
    std::int64_t limit = 0;
    // While watching:
    Revision next = 0;       // the first that was not told
    std::int64_t watch = 0;  // on the stream; 0: none
  };

  void begin_paging(Follow& follow);
  void ask(std::uint64_t serial, Follow& follow);
  void on_page(std::uint64_t serial, const std::string& range_end, const RpcStatus& status,
               std::string_view response);
  void on_page_failure(Follow& follow, const RpcStatus& status);
  void adapt(Follow& follow, const Page& page, std::size_t bytes);
  void add_page(std::vector<News>& news, std::uint64_t id, Page page) const;
  void start_watch(Follow& follow);
  bool on_message(std::string_view bytes);
  void on_cancelled(Follow& follow, const WatchMessage& message);
  void on_stream_end();

  Wire& wire_;
  Mailbox& mailbox_;
  Link& link_;
  const EtcdOptions& options_;
  std::map<std::uint64_t, Follow> follows_;        // by serial
  std::map<std::int64_t, std::uint64_t> watches_;  // watch → serial
  std::int64_t last_watch_ = 0;
  bool is_stream_open_ = false;
  bool is_paused_ = false;
  std::uint64_t generation_ = 0;
};

}  // namespace vmq::cluster::etcd
