#include "node/resolver.h"

#include <netdb.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace vmq::node {
namespace {

// Whoever is asked for more at a time is told to try again.
constexpr std::size_t questions_max = 1024;

Resolver::Addresses look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return failure("the host " + host + " is not known: " + std::string(::gai_strerror(error)));
  }
  std::vector<net::SocketAddress> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    net::SocketAddress address;
    if (one->ai_addrlen > sizeof address.storage) continue;
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
    addresses.push_back(address);
  }
  ::freeaddrinfo(found);
  if (addresses.empty()) return failure("the host " + host + " has no address");
  return addresses;
}

}  // namespace

struct Resolver::Shared {
  struct Question {
    std::string host;
    std::uint16_t port = 0;
    Answer answer;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Question> questions;
  bool has_thread = false;
  bool has_ended = false;
};

Resolver::Resolver() : shared_(std::make_shared<Shared>()) {}

void Resolver::stop() {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  shared_->has_ended = true;
  shared_->questions.clear();
  shared_->changed.notify_all();
}

void Resolver::ask(const std::string& host, std::uint16_t port, Answer answer) {
  if (const auto address = net::ip_address(host, port)) {
    return answer(std::vector<net::SocketAddress>{*address});
  }
  std::unique_lock<std::mutex> lock(shared_->mutex);
  if (shared_->has_ended) return;
  if (shared_->questions.size() >= questions_max) {
    lock.unlock();
    return answer(failure<std::string>("too many host names are being looked up"));
  }
  shared_->questions.push_back({host, port, std::move(answer)});
  shared_->changed.notify_all();
  if (shared_->has_thread) return;
  shared_->has_thread = true;
  std::thread([shared = shared_] { run(shared); }).detach();
}

// Who asks for one host at the same time gets one answer.
void Resolver::run(const std::shared_ptr<Shared>& shared) {
  std::unique_lock<std::mutex> lock(shared->mutex);
  while (true) {
    shared->changed.wait(lock, [&] { return shared->has_ended || !shared->questions.empty(); });
    if (shared->has_ended) return;
    const std::string host = shared->questions.front().host;
    const std::uint16_t port = shared->questions.front().port;
    lock.unlock();
    const Addresses addresses = look_up(host, port);
    lock.lock();
    std::deque<Shared::Question> rest;
    std::deque<Shared::Question> answered;
    for (Shared::Question& question : std::exchange(shared->questions, {})) {
      const bool is_same = question.host == host && question.port == port;
      (is_same ? answered : rest).push_back(std::move(question));
    }
    shared->questions = std::move(rest);
    // With the mutex held, so that nobody is called after the end; nobody who answers may ask.
    for (const Shared::Question& question : answered) question.answer(addresses);
  }
}

Resolver::Addresses Resolver::resolve(const std::string& host, std::uint16_t port,
                                      Duration patience) {
  struct Waiting {
    std::mutex mutex;
    std::condition_variable changed;
    std::unique_ptr<Addresses> addresses;
  };
  auto waiting = std::make_shared<Waiting>();  // shared with an answer that may come too late
  ask(host, port, [waiting](const Addresses& addresses) {
    const std::lock_guard<std::mutex> lock(waiting->mutex);
    waiting->addresses = std::make_unique<Addresses>(addresses);
    waiting->changed.notify_all();
  });
  std::unique_lock<std::mutex> lock(waiting->mutex);
  waiting->changed.wait_for(lock, std::chrono::milliseconds(patience.ms),
                            [&] { return waiting->addresses != nullptr; });
  if (waiting->addresses == nullptr) {
    return failure("the host " + host + " could not be looked up in time");
  }
  return *waiting->addresses;
}

}  // namespace vmq::node
