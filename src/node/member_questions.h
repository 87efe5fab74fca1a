// Questions of one node to another, each with a connection of its own: admin commands that run on
// all nodes, joining and leaving. A question has a name and a JSON text, its answer is a JSON text
// or a sentence that says why there is none.
//
// A handler must not ask other nodes: they have few threads for answers, and two nodes could wait
// for each other. Who wants to know something of all asks them all.
//
// Thread: any but the shards', unless it is said.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cluster/handshake.h"
#include "net/fd.h"
#include "net/reactor.h"
#include "node/link_gate.h"
#include "node/log.h"
#include "node/resolver.h"

namespace vmq::node {

// --- asking ---

struct MemberTarget {
  std::string address;  // as in cluster::Member
  std::string name;     // the node that must answer; empty: whoever answers there
};

struct AskError {
  enum class What : std::uint8_t {
    BadAddress,
    Unreachable,  // no connection
    Refused,      // by the handshake: `refusal` says why
    TooSlow,      // no answer in time. What was asked for may have been done
    Broken,       // the connection ended before the answer. Likewise
    Failed,       // the other node's answer says why there is none
    TooLong,      // the question
  };
  What what = What::Failed;
  std::string text;  // a sentence for the operator
  std::optional<cluster::RefusalCode> refusal;
};

struct MemberQuestion {
  std::string name;
  std::string json;
  Duration patience;  // of who asks
};

// Waits for the answer, at most for the question's patience.
[[nodiscard]] Result<std::string, AskError> ask_member(LinkGate& gate, Resolver& resolver,
                                                       const MemberTarget& target,
                                                       const MemberQuestion& question);

// --- answering ---

struct AskedQuestion {
  MemberQuestion question;
  cluster::Hello peer;     // has proved the cookie
  bool is_member = false;  // of this node's cluster
  // The node stops, so that a handler that takes long should end.
  std::function<bool()> is_stopping = [] { return false; };
};
using QuestionHandler = std::function<Result<std::string, std::string>(const AskedQuestion&)>;

class MemberQuestions {
 public:
  static constexpr std::size_t threads_max = 4;
  static constexpr std::size_t waiting_max = 64;  // above it other nodes are told to come again

  MemberQuestions(LinkGate& gate, Log& log);
  ~MemberQuestions();
  MemberQuestions(const MemberQuestions&) = delete;
  MemberQuestions& operator=(const MemberQuestions&) = delete;

  // From now on; null ends it.
  void set_handler(const std::string& name, QuestionHandler handler);
  // A connection on which a question will come. For shards.
  void take(net::Link link);
  // Handlers that run are waited for.
  void stop();

 private:
  void run();
  void serve(net::Link link);
  std::string answer_of(const AskedQuestion& asked, bool& is_ok);
  bool is_stopping();

  LinkGate& gate_;
  Log& log_;
  const net::Fd stop_event_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, QuestionHandler, std::less<>> handlers_;
  std::deque<net::Link> waiting_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool is_stopped_ = false;
};

}  // namespace vmq::node
