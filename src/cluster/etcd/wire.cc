#include "cluster/etcd/wire.h"

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <grpcpp/alarm.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <poll.h>
#include <time.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/expect.h"

namespace vmq::cluster::etcd {

namespace {

constexpr int events_a_turn_max = 64;

grpc::ByteBuffer to_buffer(std::string_view bytes) {
  const grpc::Slice slice(bytes.data(), bytes.size());
  return {&slice, 1};
}

std::string to_text(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Dump(&slices).ok()) return text;
  text.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

RpcStatus to_status(const grpc::Status& status) {
  return {static_cast<RpcCode>(status.error_code()), status.error_message()};
}

// Nobody's proxy, nobody's advice: the address is the server's. Calls are never repeated by the
// library, since only the caller knows what may be done twice.
grpc::ChannelArguments arguments() {
  grpc::ChannelArguments result;
  result.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  result.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  result.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  result.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  result.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  result.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  result.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // A page of values near their bound is large, and the server has no bound for answers.
  result.SetMaxReceiveMessageSize(256 << 20);
  return result;
}

std::shared_ptr<grpc::Channel> make_channel(const std::string& address, const TlsTexts& tls) {
  // The library writes to the standard error what the caller learns from the status.
  static std::once_flag silenced;
  std::call_once(silenced, [] { gpr_set_log_function([](gpr_log_func_args*) {}); });
  if (tls.authority.empty()) {
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments());
  }
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = tls.authority;
  options.pem_private_key = tls.key;
  options.pem_cert_chain = tls.certificate;
  return grpc::CreateCustomChannel(address, grpc::SslCredentials(options), arguments());
}

// Whatever the completion queue hands back.
class Tag {
 public:
  virtual ~Tag() = default;
  virtual void complete(bool ok) = 0;
};

}  // namespace

Instant monotonic_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return {static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000};
}

// Held by every call made on it: a call tells its maker nothing once the connection is no longer
// the Wire's.
struct Wire::Connection {
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<grpc::GenericStub> stub;
  bool is_current = true;
  std::vector<Call*> calls;
  Stream* stream = nullptr;
};

struct Wire::Queue {
  struct Kicked final : Tag {
    explicit Kicked(Queue& queue) : owner(queue) {}
    void complete(bool) override {
      const std::lock_guard guard(owner.mutex);
      owner.is_kicked = false;
    }
    Queue& owner;
  };
  grpc::CompletionQueue queue;
  std::mutex mutex;  // of the alarm, which is set by whoever kicks
  grpc::Alarm alarm;
  bool is_kicked = false;
  bool is_open = true;
  std::size_t streams = 0;  // that are not freed
  Kicked kick{*this};
};

class Wire::Call final : public Tag {
 public:
  Call(std::shared_ptr<Connection> connection, Done done)
      : connection_(std::move(connection)), done_(std::move(done)) {
    connection_->calls.push_back(this);
  }
  void start(std::string_view method, std::string_view request, Duration timeout,
             grpc::CompletionQueue& queue) {
    context_.set_deadline(
        gpr_time_from_millis(std::max<std::int64_t>(timeout.ms, 1), GPR_TIMESPAN));
    reader_ = connection_->stub->PrepareUnaryCall(&context_, std::string(method),
                                                  to_buffer(request), &queue);
    reader_->StartCall();
    reader_->Finish(&response_, &status_, this);
  }
  void cancel() { context_.TryCancel(); }
  void complete(bool) override {
    const std::unique_ptr<Call> self(this);
    std::erase(connection_->calls, this);
    if (!connection_->is_current) return;
    done_(to_status(status_), status_.ok() ? to_text(response_) : std::string());
  }

 private:
  std::shared_ptr<Connection> connection_;
  Done done_;
  grpc::ClientContext context_;
  grpc::ByteBuffer response_;
  grpc::Status status_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader_;
};

// At most one read and one write are under way. The stream ends when a read fails or it is
// cancelled, and is freed when nothing of it is under way any more.
class Wire::Stream final {
 public:
  Stream(Queue& queue, std::shared_ptr<Connection> connection, Message message, Ended ended)
      : queue_(queue),
        connection_(std::move(connection)),
        message_(std::move(message)),
        ended_(std::move(ended)) {
    connection_->stream = this;
    ++queue_.streams;
  }
  ~Stream() { --queue_.streams; }
  void start(std::string_view method) {
    stream_ = connection_->stub->PrepareCall(&context_, std::string(method), &queue_.queue);
    ++under_way_;
    stream_->StartCall(&started_);
  }
  void write(std::string_view message) {
    waiting_.push_back(to_buffer(message));
    write_next();
  }
  void read_next() {
    if (std::exchange(is_paused_, false)) read();
  }
  void cancel() {
    context_.TryCancel();
    if (std::exchange(is_paused_, false)) finish();
  }

 private:
  struct Step final : Tag {
    Step(Stream& owner, void (Stream::*handler)(bool)) : stream(owner), handle(handler) {}
    void complete(bool ok) override { stream.complete(handle, ok); }
    Stream& stream;
    void (Stream::*handle)(bool);
  };

  void complete(void (Stream::*handle)(bool), bool ok) {
    --under_way_;
    (this->*handle)(ok);
    if (!is_finished_ || under_way_ > 0) return;
    const std::unique_ptr<Stream> self(this);
    connection_->stream = nullptr;
    if (connection_->is_current) ended_(to_status(status_));
  }
  void on_started(bool ok) {
    is_started_ = ok;
    if (!ok) return finish();
    read();
    write_next();
  }
  void on_read(bool ok) {
    if (!ok || !connection_->is_current) return finish();
    const bool goes_on = message_(to_text(incoming_));
    incoming_.Clear();
    if (!connection_->is_current) return finish();
    if (goes_on) {
      read();
    } else {
      is_paused_ = true;
    }
  }
  void on_written(bool ok) {
    is_writing_ = false;
    if (ok) write_next();
  }
  void on_finished(bool) { is_finished_ = true; }

  void read() {
    ++under_way_;
    stream_->Read(&incoming_, &read_);
  }
  void write_next() {
    if (!is_started_ || is_writing_ || is_finishing_ || waiting_.empty()) return;
    is_writing_ = true;
    ++under_way_;
    const grpc::ByteBuffer message = std::move(waiting_.front());
    waiting_.pop_front();
    stream_->Write(message, &written_);
  }
  void finish() {
    if (std::exchange(is_finishing_, true)) return;
    ++under_way_;
    stream_->Finish(&status_, &finished_);
  }

  Queue& queue_;
  std::shared_ptr<Connection> connection_;
  Message message_;
  Ended ended_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::ByteBuffer incoming_;
  grpc::Status status_;
  std::deque<grpc::ByteBuffer> waiting_;
  std::size_t under_way_ = 0;
  bool is_started_ = false;
  bool is_writing_ = false;
  bool is_paused_ = false;
  bool is_finishing_ = false;
  bool is_finished_ = false;
  Step started_{*this, &Stream::on_started};
  Step read_{*this, &Stream::on_read};
  Step written_{*this, &Stream::on_written};
  Step finished_{*this, &Stream::on_finished};
};

Wire::Wire() : queue_(std::make_unique<Queue>()) {}

Wire::~Wire() {
  disconnect();
  {
    const std::lock_guard guard(queue_->mutex);
    queue_->is_open = false;
  }
  void* tag = nullptr;
  bool ok = false;
  // A stream that was cancelled has steps to take yet, and a queue that is shut down takes none.
  while (queue_->streams > 0 && queue_->queue.Next(&tag, &ok)) {
    static_cast<Tag*>(tag)->complete(ok);
  }
  queue_->queue.Shutdown();
  while (queue_->queue.Next(&tag, &ok)) static_cast<Tag*>(tag)->complete(ok);
}

void Wire::connect(const std::string& address, const TlsTexts& tls) {
  disconnect();
  connection_ = std::make_shared<Connection>();
  connection_->channel = make_channel(address, tls);
  connection_->stub = std::make_unique<grpc::GenericStub>(connection_->channel);
}

void Wire::disconnect() {
  if (!connection_) return;
  connection_->is_current = false;
  for (Call* call : connection_->calls) call->cancel();
  if (connection_->stream != nullptr) connection_->stream->cancel();
  connection_.reset();
}

void Wire::call(std::string_view method, std::string_view request, Duration timeout, Done done) {
  VMQ_EXPECT(connection_);
  // Frees itself when the completion queue hands it back, which every call's end does.
  auto* call = new Call(connection_, std::move(done));
  call->start(method, request, timeout, queue_->queue);
}

void Wire::open_stream(std::string_view method, Message message, Ended ended) {
  VMQ_EXPECT(connection_ && connection_->stream == nullptr);
  auto* stream = new Stream(*queue_, connection_, std::move(message), std::move(ended));
  stream->start(method);
}

void Wire::write_stream(std::string_view message) {
  VMQ_EXPECT(connection_ && connection_->stream != nullptr);
  connection_->stream->write(message);
}

void Wire::read_next() {
  if (connection_ && connection_->stream != nullptr) connection_->stream->read_next();
}

void Wire::turn(Instant until) {
  void* tag = nullptr;
  bool ok = false;
  const std::int64_t wait_ms = std::max<std::int64_t>(0, (until - monotonic_now()).ms);
  const auto deadline =
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(wait_ms, GPR_TIMESPAN));
  auto wait_until = deadline;
  for (int i = 0; i < events_a_turn_max; ++i) {
    const auto status = queue_->queue.AsyncNext(&tag, &ok, wait_until);
    if (status != grpc::CompletionQueue::GOT_EVENT) return;
    static_cast<Tag*>(tag)->complete(ok);
    wait_until = gpr_time_0(GPR_CLOCK_MONOTONIC);
  }
}

void Wire::kick() {
  const std::lock_guard guard(queue_->mutex);
  if (!queue_->is_open || std::exchange(queue_->is_kicked, true)) return;
  queue_->alarm.Set(&queue_->queue, gpr_time_0(GPR_CLOCK_MONOTONIC), &queue_->kick);
}

WaitedCall Caller::call(const std::string& address, const TlsTexts& tls, std::string_view method,
                        std::string_view request, Duration timeout) {
  if (!wire_) wire_ = std::make_unique<Wire>();
  if (address != address_) wire_->connect(address, tls);
  address_ = address;
  std::optional<WaitedCall> result;
  wire_->call(method, request, timeout, [&](const RpcStatus& status, std::string_view response) {
    result = WaitedCall{status, std::string(response)};
  });
  while (!result) wire_->turn(monotonic_now() + seconds(1));
  return std::move(*result);
}

WaitedCall call_and_wait(const std::string& address, const TlsTexts& tls, std::string_view method,
                         std::string_view request, Duration timeout) {
  return Caller().call(address, tls, method, request, timeout);
}

bool await_threads_end(Duration patience) {
  const Instant last = monotonic_now() + patience;
  while (grpc_is_initialized() != 0) {
    if (monotonic_now() >= last) return false;
    ::poll(nullptr, 0, 2);  // the library tells nobody
  }
  return true;
}

}  // namespace vmq::cluster::etcd
