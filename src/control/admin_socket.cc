#include "control/admin_socket.h"

#include <poll.h>
#include <pwd.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <iterator>
#include <list>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "admin/wire.h"
#include "admin/writers.h"
#include "net/fd.h"

namespace vmq::control {
namespace {

using Clock = std::chrono::steady_clock;
using Id = std::uint64_t;

constexpr std::size_t stream_unsent_max = 256 * 1024;
constexpr std::size_t read_bytes = 64 * 1024;

// What other threads hand to the one that serves. Outlives the socket where Control answers late.
class Mailbox {
 public:
  struct Letter {
    Id to = 0;
    std::string bytes;
    bool is_last = false;
  };

  Mailbox() : waker_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  void post(Letter letter) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      letters_.push_back(std::move(letter));
    }
    wake();
  }
  std::vector<Letter> take() {
    std::uint64_t count = 0;
    static_cast<void>(!::read(waker_.get(), &count, sizeof count));
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(letters_, {});
  }
  void wake() const {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(waker_.get(), &one, sizeof one));
  }
  int fd() const { return waker_.get(); }

 private:
  net::Fd waker_;
  std::mutex mutex_;
  std::vector<Letter> letters_;
};

// What a command that streams writes to. A reader that is slow makes it wait.
class SocketStream : public Stream {
 public:
  SocketStream(Mailbox& mailbox, Id to, admin::Format format)
      : mailbox_(mailbox), to_(to), format_(format) {}

  bool write(const admin::Text& lines) override {
    admin::Written written = admin::write({admin::Outcome::Done, {lines}}, format_);
    if (format_ == admin::Format::Json) written.out += '\n';
    std::string bytes = admin::encode_output(admin::FrameType::Out, written.out);
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return is_over_ || unsent_ < stream_unsent_max; });
    if (is_over_) return false;
    unsent_ += bytes.size();
    lock.unlock();
    mailbox_.post({to_, std::move(bytes), false});
    return true;
  }
  bool is_over() const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return is_over_;
  }

  void end() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
  }
  void count_sent(std::size_t bytes) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      unsent_ -= std::min(bytes, unsent_);
    }
    changed_.notify_all();
  }

 private:
  Mailbox& mailbox_;
  const Id to_;
  const admin::Format format_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t unsent_ = 0;
  bool is_over_ = false;
};

struct RunningStream {
  Id connection = 0;
  std::unique_ptr<SocketStream> stream;
  std::thread thread;
};

struct Connection {
  enum class Phase {
    Asking,    // the request is not there yet
    Answered,  // Control is at it; pieces of the answer may have come
    Ending,    // closed when everything is sent
  };
  Id id = 0;
  net::Fd fd;
  std::string user;
  admin::FrameReader reader{admin::request_bytes_max};
  Phase phase = Phase::Asking;
  std::string out;       // not empty while there is something to send
  std::size_t sent = 0;  // of that
  Clock::time_point since;  // it came, or it last took something
};

std::string encode_answer(const admin::Answer& answer, admin::Format format, admin::Header header) {
  const admin::Written written = admin::write(answer, format, header);
  return admin::encode_output(admin::FrameType::Out, written.out) +
         admin::encode_output(admin::FrameType::Err, written.err) +
         admin::encode_end(admin::exit_code(answer.outcome));
}

std::string peer_name(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return "unknown";
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(peer.uid, &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr) {
    return found->pw_name;
  }
  return "uid " + std::to_string(peer.uid);
}

}  // namespace

struct AdminSocket::Impl {
  Impl(Control& control_of, node::Log& log_of, SocketFile file_of, AdminSocketLimits limits_of)
      : control(control_of), log(log_of), file(std::move(file_of)), limits(limits_of) {
    thread = std::thread([this] { serve(); });
    pthread_setname_np(thread.native_handle(), "admin");
  }

  ~Impl() {
    is_ending = true;
    mailbox->wake();
    thread.join();
    for (RunningStream& running : streams) {
      running.stream->end();
      running.thread.join();
    }
  }

  // --- the serving thread ---

  void serve() {
    while (!is_ending) {
      wait();
      deliver_letters();
      if (is_readable(0)) accept_all();
      serve_connections();
      close_overdue();
    }
    // Whoever asked for the stop is to read that it was done.
    const Clock::time_point end = Clock::now() + limits.stop_patience;
    for (RunningStream& running : streams) running.stream->end();
    connections.remove_if(
        [](const Connection& one) { return one.phase == Connection::Phase::Asking; });
    while (!connections.empty() && Clock::now() < end) {
      wait();
      deliver_letters();
      serve_connections();
    }
    connections.clear();
  }

  void wait() {
    polled.clear();
    polled.push_back({file.fd(), static_cast<short>(is_ending ? 0 : POLLIN), 0});
    polled.push_back({mailbox->fd(), POLLIN, 0});
    for (const Connection& one : connections) {
      const int events = one.out.empty() ? POLLIN : POLLIN | POLLOUT;
      polled.push_back({one.fd.get(), static_cast<short>(events), 0});
    }
    constexpr int tick_ms = 250;  // how late an overdue connection may be closed
    const bool has_deadlines = !connections.empty() || is_ending;
    ::poll(polled.data(), polled.size(), has_deadlines ? tick_ms : -1);
  }

  bool is_readable(std::size_t at) const { return (polled[at].revents & POLLIN) != 0; }

  Connection* find(Id id) {
    for (Connection& one : connections) {
      if (one.id == id) return &one;
    }
    return nullptr;
  }

  SocketStream* stream_of(Id id) {
    for (RunningStream& running : streams) {
      if (running.connection == id) return running.stream.get();
    }
    return nullptr;
  }

  void deliver_letters() {
    for (Mailbox::Letter& letter : mailbox->take()) {
      if (Connection* one = find(letter.to); one != nullptr) {
        if (one->out.empty()) one->since = Clock::now();
        one->out += letter.bytes;
        if (letter.is_last) one->phase = Connection::Phase::Ending;
      }
      if (letter.is_last) end_stream(letter.to);
    }
  }

  void end_stream(Id id) {
    streams.remove_if([&](RunningStream& running) {
      if (running.connection != id) return false;
      running.thread.join();  // its last letter is its last deed
      return true;
    });
  }

  void accept_all() {
    while (true) {
      net::Fd fd(::accept4(file.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!fd.is_open()) {
        if (errno == EMFILE || errno == ENFILE) pause_for_files();
        return;
      }
      make_room();
      Connection& one = connections.emplace_back();
      one.id = ++last_id;
      one.user = peer_name(fd.get());
      one.fd = std::move(fd);
      one.since = Clock::now();
      if (connections.size() > limits.connections) {
        refuse(one, "The node is busy with other commands: try again.");
      }
      if (!serve_connection(one, true)) connections.pop_back();
    }
  }

  // Without a free descriptor, poll() would return at once and for ever.
  void pause_for_files() {
    log.error("admin_socket", {{"reason", "no file descriptor is left"}});
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }

  // The one that has been silent for longest goes; what has come meanwhile counts.
  void make_room() {
    if (connections.size() < limits.connections) return;
    for (auto one = connections.begin(); one != connections.end();) {
      const bool is_asking = one->phase == Connection::Phase::Asking;
      one = is_asking && !serve_connection(*one, true) ? connections.erase(one) : std::next(one);
    }
    if (connections.size() < limits.connections) return;
    const auto silent =
        std::find_if(connections.begin(), connections.end(),
                     [](const Connection& one) { return one.phase == Connection::Phase::Asking; });
    if (silent != connections.end()) connections.erase(silent);
  }

  void serve_connections() {
    std::size_t at = 2;
    for (auto one = connections.begin(); one != connections.end();) {
      // Connections that came in this round are behind those that were polled.
      const bool has_input =
          at < polled.size() && polled[at].fd == one->fd.get() && polled[at].revents != 0;
      ++at;
      if (serve_connection(*one, has_input)) {
        ++one;
      } else {
        hang_up(one->id);
        one = connections.erase(one);
      }
    }
  }

  // False: it is over.
  bool serve_connection(Connection& one, bool has_input) {
    if (has_input && !read_from(one)) return false;
    if (!one.out.empty() && !write_to(one)) return false;
    return one.phase != Connection::Phase::Ending || !one.out.empty();
  }

  bool read_from(Connection& one) {
    std::array<char, read_bytes> buffer;
    const ssize_t size = ::recv(one.fd.get(), buffer.data(), buffer.size(), 0);
    if (size == 0) return false;
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    if (one.phase != Connection::Phase::Asking) return true;  // nothing is expected: dropped
    one.reader.feed({buffer.data(), static_cast<std::size_t>(size)});
    if (one.reader.is_broken()) {
      refuse(one, "This is no request of vmq-admin, or a longer one than " +
                      std::to_string(admin::request_bytes_max) + " bytes.");
      return true;
    }
    if (const auto frame = one.reader.next(); frame) take_request(one, *frame);
    return true;
  }

  bool write_to(Connection& one) {
    const std::string_view rest = std::string_view(one.out).substr(one.sent);
    const ssize_t size = ::send(one.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    one.sent += static_cast<std::size_t>(size);
    // A long answer is not moved to the front after every piece.
    if (one.sent * 2 > one.out.size()) one.out.erase(0, std::exchange(one.sent, 0));
    one.since = Clock::now();
    if (SocketStream* stream = stream_of(one.id); stream != nullptr) {
      stream->count_sent(static_cast<std::size_t>(size));
    }
    return true;
  }

  void refuse(Connection& one, const std::string& why) {
    one.out += encode_answer(admin::Answer::failed(why), admin::Format::Human, {});
    one.phase = Connection::Phase::Ending;
  }

  void take_request(Connection& one, const admin::Frame& frame) {
    if (frame.type != admin::FrameType::Request) return refuse(one, "A request is expected.");
    const Result<admin::Request, std::string> request = admin::decode_request(frame.body);
    if (!request) return refuse(one, request.error());
    const admin::Header header =
        request->wants_plain_headers ? admin::Header::Plain : admin::Header::Bold;
    auto invocation = admin::parse(request->line);
    if (!invocation) {
      const admin::UsageError& error = invocation.error();
      one.out += encode_answer(admin::to_answer(error), error.format, header);
      one.phase = Connection::Phase::Ending;
      return;
    }
    one.phase = Connection::Phase::Answered;
    if (invocation->command->streams) return start_stream(one, std::move(*invocation));
    const admin::Format format = invocation->format;
    control.submit(std::move(*invocation), {"socket", one.user},
                   [box = mailbox, id = one.id, format, header](admin::Answer answer) {
                     box->post({id, encode_answer(answer, format, header), true});
                   });
  }

  void start_stream(Connection& one, admin::Invocation invocation) {
    if (streams.size() >= limits.streams) {
      return refuse(one, "Too many commands of this kind run already: end one of them.");
    }
    RunningStream& running = streams.emplace_back();
    running.connection = one.id;
    running.stream = std::make_unique<SocketStream>(*mailbox, one.id, invocation.format);
    running.thread = std::thread([this, stream = running.stream.get(), id = one.id, user = one.user,
                                  asked = std::move(invocation)] {
      const admin::Answer answer = control.run_stream(asked, {"socket", user}, *stream);
      mailbox->post({id, encode_answer(answer, asked.format, {}), true});
    });
  }

  void hang_up(Id id) {
    if (SocketStream* stream = stream_of(id); stream != nullptr) stream->end();
  }

  void close_overdue() {
    const Clock::time_point now = Clock::now();
    for (auto one = connections.begin(); one != connections.end();) {
      const bool is_silent =
          one->phase == Connection::Phase::Asking && now - one->since > limits.request_patience;
      const bool is_stuck = !one->out.empty() && now - one->since > limits.reading_patience;
      if (is_silent || is_stuck) {
        hang_up(one->id);
        one = connections.erase(one);
      } else {
        ++one;
      }
    }
  }

  Control& control;
  node::Log& log;
  const SocketFile file;
  const AdminSocketLimits limits;
  const std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>();
  std::atomic<bool> is_ending{false};
  // The serving thread's.
  std::list<Connection> connections;  // the oldest first
  std::list<RunningStream> streams;
  std::vector<pollfd> polled;  // the listening socket, the mailbox, the connections
  Id last_id = 0;
  std::thread thread;
};

AdminSocket::AdminSocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminSocket::~AdminSocket() = default;

Result<std::unique_ptr<AdminSocket>, SocketFile::Error> AdminSocket::open(
    Control& control, node::Log& log, const std::string& path, AdminSocketLimits limits) {
  Result<SocketFile, SocketFile::Error> file = SocketFile::open(path);
  if (!file) return failure(file.error());
  return std::unique_ptr<AdminSocket>(
      new AdminSocket(std::make_unique<Impl>(control, log, std::move(*file), limits)));
}

}  // namespace vmq::control
