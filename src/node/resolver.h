// Addresses of hosts, by name. The system's resolver may take many seconds, so it has a thread of
// its own, which is not waited for at the end.
//
// Thread: any. What is asked after the end of a resolver, or not answered before it, is never
// answered.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/address.h"

namespace vmq::node {

class Resolver {
 public:
  using Addresses = Result<std::vector<net::SocketAddress>, std::string>;
  using Answer = std::function<void(const Addresses&)>;

  Resolver();
  ~Resolver() { stop(); }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // When it returns, nobody is called any more.
  void stop();
  // Called on the resolver's thread, or at once for an IP address.
  void ask(const std::string& host, std::uint16_t port, Answer answer);
  // Waits for the answer.
  Addresses resolve(const std::string& host, std::uint16_t port, Duration patience);

 private:
  struct Shared;
  static void run(const std::shared_ptr<Shared>& shared);

  const std::shared_ptr<Shared> shared_;
};

}  // namespace vmq::node
