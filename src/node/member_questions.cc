#include "node/member_questions.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/expect.h"
#include "node/clock.h"
#include "node/waiting_link.h"

namespace vmq::node {
namespace {

// A question and its answer have that long on their way, beside the time to find the answer.
constexpr Duration transfer_patience = seconds(10);
constexpr std::size_t name_max = 255;
// Of a question, in front of its name.
constexpr std::size_t fixed_bytes = 4 + 1;

AskError error_of(AskError::What what, std::string text) {
  return {what, std::move(text), std::nullopt};
}

std::vector<std::uint8_t> bytes_of(const MemberQuestion& question) {
  std::vector<std::uint8_t> bytes(fixed_bytes);
  const auto patience_ms =
      std::clamp<std::int64_t>(question.patience.ms, 0, std::numeric_limits<std::uint32_t>::max());
  store_be32(bytes.data(), static_cast<std::uint32_t>(patience_ms));
  bytes[4] = static_cast<std::uint8_t>(question.name.size());
  bytes.insert(bytes.end(), question.name.begin(), question.name.end());
  bytes.insert(bytes.end(), question.json.begin(), question.json.end());
  return bytes;
}

std::optional<MemberQuestion> parse_question(ByteView bytes) {
  if (bytes.size() < fixed_bytes || bytes.size() < fixed_bytes + bytes[4]) return std::nullopt;
  MemberQuestion question;
  question.patience = milliseconds(load_be32(bytes.data()));
  question.name = as_text(bytes.subspan(fixed_bytes, bytes[4]));
  question.json = as_text(bytes.subspan(fixed_bytes + bytes[4]));
  return question;
}

std::string whom(const MemberTarget& target) {
  return target.name.empty() ? target.address : target.name + " at " + target.address;
}

AskError connect_error(const MemberTarget& target, const WaitingLink::Trouble& trouble) {
  return error_of(AskError::What::Unreachable,
                  "cannot reach " + whom(target) + ": " + trouble.text +
                      "; does it run, and can this machine connect to its listener.vmq?");
}

AskError handshake_error(const MemberTarget& target, const WaitingLink& link,
                         const WaitingLink::Trouble& trouble) {
  const cluster::Handshake* handshake = link.stages()->handshake();
  const bool is_refused = handshake->state() == cluster::Handshake::State::Refused;
  if (is_refused) {
    return {AskError::What::Refused, trouble.text, handshake->refusal().code};
  }
  return error_of(AskError::What::Unreachable,
                  "no handshake with " + whom(target) + ": " + trouble.text +
                      "; is that address one of a listener.vmq, or of a listener.vmqs if it begins "
                      "with tls://?");
}

// Tries the addresses one after the other. The link is connected, or the error is the last one.
Result<std::unique_ptr<WaitingLink>, AskError> connect_to(LinkGate& gate, Resolver& resolver,
                                                          const MemberTarget& target,
                                                          Instant deadline) {
  const auto address = cluster::parse_address(target.address);
  if (!address) {
    return failure(error_of(AskError::What::BadAddress, "'" + target.address +
                                                            "' is no address: HOST, HOST:PORT or "
                                                            "tls://HOST:PORT is one"));
  }
  const auto found =
      resolver.resolve(address->host, address->port, deadline - read_clock().instant);
  if (!found) return failure(error_of(AskError::What::Unreachable, found.error()));
  AskError error;
  for (std::size_t i = 0; i < found->size(); ++i) {
    const net::SocketAddress& to = (*found)[i];
    auto stages = std::make_unique<net::Stages>(
        gate.transport(address->is_tls), net::address_text(to), gate.control_to(target.name));
    auto link = std::make_unique<WaitingLink>(std::move(stages), -1);
    const Instant until = std::min(deadline, read_clock().instant + net::link_patience);
    auto connected = link->connect(to, until);
    if (connected) return link;
    error = connect_error(target, connected.error());
  }
  return failure(std::move(error));
}

}  // namespace

Result<std::string, AskError> ask_member(LinkGate& gate, Resolver& resolver,
                                         const MemberTarget& target,
                                         const MemberQuestion& question) {
  using What = AskError::What;
  const std::size_t size = fixed_bytes + question.name.size() + question.json.size();
  if (question.name.size() > name_max || size > question_bytes_max) {
    return failure(error_of(What::TooLong, "the question is too long for a connection of nodes"));
  }
  const Instant deadline = read_clock().instant + question.patience;
  auto connected = connect_to(gate, resolver, target, deadline);
  if (!connected) return failure(connected.error());
  WaitingLink& link = **connected;
  const Instant until = std::min(deadline, read_clock().instant + net::link_patience);
  if (auto done = link.shake_hands(until); !done) {
    return failure(handshake_error(target, link, done.error()));
  }
  const auto broken = [&target](const WaitingLink::Trouble& trouble) {
    return error_of(trouble.is_timeout ? What::TooSlow : What::Broken,
                    "no answer of " + whom(target) + ": " + trouble.text);
  };
  if (auto done = link.send(bytes_of(question), deadline); !done) {
    return failure(broken(done.error()));
  }
  auto answer = link.receive(answer_bytes_max, deadline);
  if (!answer) return failure(broken(answer.error()));
  if (answer->empty()) return failure(error_of(What::Broken, "an empty answer"));
  const bool is_ok = answer->front() == 0;
  std::string text(as_text(ByteView(*answer).subspan(1)));
  if (!is_ok) return failure(error_of(What::Failed, std::move(text)));
  return text;
}

MemberQuestions::MemberQuestions(LinkGate& gate, Log& log)
    : gate_(gate), log_(log), stop_event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  VMQ_EXPECT(stop_event_.is_open());
  gate_.set_control_room([this] {
    const std::lock_guard<std::mutex> lock(mutex_);
    return !is_stopped_ && waiting_.size() < waiting_max;
  });
}

MemberQuestions::~MemberQuestions() { stop(); }

void MemberQuestions::set_handler(const std::string& name, QuestionHandler handler) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (handler) {
    handlers_[name] = std::move(handler);
  } else {
    handlers_.erase(name);
  }
}

void MemberQuestions::take(net::Link link) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (is_stopped_ || waiting_.size() >= 2 * waiting_max) {
    // Closes it and gives its place on the listener back.
    const WaitingLink closed(std::move(link.socket), -1);
    return;
  }
  waiting_.push_back(std::move(link));
  if (idle_ < waiting_.size() && threads_.size() < threads_max) {
    threads_.emplace_back([this] { run(); });
  }
  changed_.notify_one();
}

void MemberQuestions::stop() {
  gate_.set_control_room({});
  std::vector<std::thread> threads;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_stopped_ = true;
    for (net::Link& link : waiting_) const WaitingLink closed(std::move(link.socket), -1);
    waiting_.clear();
    threads.swap(threads_);
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(stop_event_.get(), &one, sizeof one);
  changed_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

void MemberQuestions::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    ++idle_;
    changed_.wait(lock, [this] { return is_stopped_ || !waiting_.empty(); });
    --idle_;
    if (is_stopped_) return;
    net::Link link = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    serve(std::move(link));
    lock.lock();
  }
}

void MemberQuestions::serve(net::Link link) {
  const std::string name = link.peer.name;
  WaitingLink connection(std::move(link.socket), stop_event_.get());
  auto bytes = connection.receive(question_bytes_max, read_clock().instant + transfer_patience);
  if (!bytes) {
    log_.warning("question_lost", {{"node", name}, {"reason", bytes.error().text}});
    return;
  }
  AskedQuestion asked;
  asked.peer = std::move(link.peer);
  asked.is_member = gate_.is_member(asked.peer);
  asked.is_stopping = [this] { return is_stopping(); };
  bool is_ok = false;
  std::string text = "the question cannot be read";
  if (auto question = parse_question(*bytes)) {
    asked.question = std::move(*question);
    text = answer_of(asked, is_ok);
  }
  if (text.size() >= answer_bytes_max) {
    is_ok = false;
    text = "the answer of " + gate_.name() + " is too long";
  }
  text.insert(text.begin(), is_ok ? '\0' : '\1');
  const auto sent = connection.send(as_bytes(text), read_clock().instant + transfer_patience);
  if (!sent) log_.warning("answer_lost", {{"node", name}, {"reason", sent.error().text}});
  connection.end();
}

bool MemberQuestions::is_stopping() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return is_stopped_;
}

std::string MemberQuestions::answer_of(const AskedQuestion& asked, bool& is_ok) {
  QuestionHandler handler;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = handlers_.find(asked.question.name);
    if (found != handlers_.end()) handler = found->second;
  }
  if (!handler) {
    return gate_.name() + " has no answer to '" + asked.question.name +
           "'; is it of another release?";
  }
  Result<std::string, std::string> answer = handler(asked);
  is_ok = answer.has_value();
  return is_ok ? std::move(*answer) : std::move(answer.error());
}

}  // namespace vmq::node
