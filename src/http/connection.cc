#include "http/connection.h"

#include <openssl/ssl.h>
#include <time.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "http/date.h"
#include "http/event_stream.h"
#include "net/proxy_protocol.h"
#include "net/tls_context.h"

namespace vmq::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using Error = boost::system::error_code;

// Each is for the whole step, however many small pieces it comes in.
constexpr std::chrono::seconds first_byte_time{10};
constexpr std::chrono::seconds idle_time{60};  // between two requests
constexpr std::chrono::seconds header_time{10};
constexpr std::chrono::seconds body_time{30};
constexpr std::chrono::seconds write_time{60};
constexpr std::chrono::seconds linger_time{2};

constexpr std::uint32_t other_headers_max = 32 << 10;  // beside the request line
constexpr std::size_t fields_max = 100;
constexpr std::size_t idle_read_size = 2048;

Method method_of(bhttp::verb verb) {
  switch (verb) {
    case bhttp::verb::get:
      return Method::Get;
    case bhttp::verb::head:
      return Method::Head;
    case bhttp::verb::options:
      return Method::Options;
    case bhttp::verb::post:
      return Method::Post;
    case bhttp::verb::put:
      return Method::Put;
    default:
      return Method::Other;
  }
}

std::string in_lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

std::string_view view(boost::core::string_view text) { return {text.data(), text.size()}; }

// The bytes of one connection, as Beast reads and writes them: of its socket, or through TLS.
class Channel {
 public:
  using Socket = beast::tcp_stream;
  using executor_type = Socket::executor_type;

  explicit Channel(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  executor_type get_executor() { return socket_.get_executor(); }
  // Carries the deadlines: what is read and written through TLS is bound by them too.
  Socket& socket() { return socket_; }
  bool is_encrypted() const { return tls_.has_value(); }

  // From here on all bytes are of TLS. REQUIRES: nothing is under way. False: no memory for it.
  bool encrypt(std::shared_ptr<const net::TlsContext> context) {
    SSL* ssl = SSL_new(context->native());
    if (ssl == nullptr) return false;
    context_ = std::move(context);
    tls_.emplace(socket_, ssl);
    return true;
  }
  // REQUIRES: encrypted.
  template <typename Handler>
  void async_handshake(Handler&& handler) {
    tls_->async_handshake(asio::ssl::stream_base::server, std::forward<Handler>(handler));
  }
  // Tells the peer that nothing follows, and waits until it says the same, which it may never do.
  template <typename Handler>
  void async_goodbye(Handler&& handler) {
    tls_->async_shutdown(std::forward<Handler>(handler));
  }
  // What is wrong with the peer's certificate; empty: nothing, or it has shown none.
  std::string certificate_trouble() {
    const long verified = tls_ ? SSL_get_verify_result(tls_->native_handle()) : X509_V_OK;
    return verified == X509_V_OK ? std::string() : X509_verify_cert_error_string(verified);
  }

  template <typename Buffers, typename Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_) return tls_->async_read_some(buffers, std::forward<Handler>(handler));
    socket_.async_read_some(buffers, std::forward<Handler>(handler));
  }
  template <typename Buffers, typename Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_) return tls_->async_write_some(buffers, std::forward<Handler>(handler));
    socket_.async_write_some(buffers, std::forward<Handler>(handler));
  }

 private:
  Socket socket_;
  std::shared_ptr<const net::TlsContext> context_;  // longer than the connection made from it
  std::optional<asio::ssl::stream<Socket&>> tls_;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::ip::tcp::socket socket, Door& door)
      : channel_(std::move(socket)),
        timer_(channel_.get_executor()),
        door_(door),
        buffer_(door.request_line_max + other_headers_max + (64 << 10)) {
    Error error;
    const auto peer = channel_.socket().socket().remote_endpoint(error);
    if (!error) peer_ = peer.address().to_string();
    door_.connections.fetch_add(1, std::memory_order_relaxed);
    door_.open[this] = [this] { channel_.socket().close(); };
  }
  ~Connection() {
    if (response_.events != nullptr) response_.events->close();
    give_back();
    door_.open.erase(this);
    door_.connections.fetch_sub(1, std::memory_order_relaxed);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Takes what its listener has before HTTP, all of it under one deadline.
  void open() {
    const net::Transport* transport = door_.transport.get();
    if (transport == nullptr) return begin();
    if (transport->opening_max) {
      set_deadline(std::chrono::milliseconds(transport->opening_max->ms));
    }
    if (transport->takes_proxy_header) return take_proxy_header();
    if (transport->tls != nullptr) return shake_hands();
    begin();
  }

 private:
  using Parser = bhttp::request_parser<bhttp::string_body>;

  void set_deadline(std::chrono::steady_clock::duration time) {
    channel_.socket().expires_after(time);
  }

  // What the client was told is worth arriving.
  void turn_away(const char* stage, const std::string& why) {
    if (door_.refused) door_.refused(stage, why, peer_);
    half_close();
  }

  // REQUIRES: no TLS, which no listener has behind a PROXY header.
  void take_proxy_header() {
    channel_.async_read_some(buffer_.prepare(net::proxy_header_max),
                             [self = shared_from_this()](Error error, std::size_t size) {
                               if (error == beast::error::timeout) {
                                 return self->turn_away("proxy", "no PROXY header in time");
                               }
                               if (error) return;
                               self->buffer_.commit(size);
                               self->on_proxy_bytes();
                             });
  }

  void on_proxy_bytes() {
    const auto bytes = buffer_.cdata();
    const net::ProxyHeader header =
        net::read_proxy_header({static_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    switch (header.status) {
      case net::ProxyHeader::Status::NeedMore:
        return take_proxy_header();
      case net::ProxyHeader::Status::Error:
        return turn_away("proxy", "PROXY header: " + std::string(header.error));
      case net::ProxyHeader::Status::Done:
        break;
    }
    buffer_.consume(header.size);
    if (header.source) peer_ = header.source->substr(0, header.source->rfind(':'));
    begin();
  }

  void shake_hands() {
    if (!channel_.encrypt(door_.transport->tls->current())) return;
    channel_.async_handshake([self = shared_from_this()](Error error) {
      if (!error) return self->begin();
      std::string why = error == beast::error::timeout ? "no handshake in time" : error.message();
      const std::string trouble = self->channel_.certificate_trouble();
      if (!trouble.empty()) why += " (" + trouble + ")";
      self->turn_away("tls", why);
    });
  }

  // Waits for the first byte of a request; a deadline for the rest begins with it.
  void begin() {
    parser_.emplace();
    parser_->header_limit(door_.request_line_max + other_headers_max);
    parser_->body_limit(boost::none);  // until admit() knows it; nothing of a body is read before
    if (buffer_.size() > 0) return read_header();
    set_deadline(is_first_ ? first_byte_time : idle_time);
    channel_.async_read_some(buffer_.prepare(idle_read_size),
                             [self = shared_from_this()](Error error, std::size_t size) {
                               if (error) return;
                               self->buffer_.commit(size);
                               self->read_header();
                             });
  }

  void read_header() {
    is_first_ = false;
    set_deadline(header_time);
    bhttp::async_read_header(
        channel_, buffer_, *parser_,
        [self = shared_from_this()](Error error, std::size_t) { self->on_header(error); });
  }

  void on_header(Error error) {
    if (error) return on_bad_request(error);
    const Parser::value_type& message = parser_->get();
    if (const unsigned status = complaint_of(message); status != 0) return refuse(status);
    request_ = {};
    request_.method = method_of(message.method());
    const std::string_view target = view(message.target());
    const std::size_t mark = target.find('?');
    request_.path = target.substr(0, mark);
    if (mark != std::string_view::npos) request_.query = target.substr(mark + 1);
    for (const auto& field : message) {
      request_.headers.push_back(
          {in_lower_case(view(field.name_string())), std::string(view(field.value()))});
    }
    request_.peer = peer_;
    admit();
  }

  // The status of the answer when a header is readable and yet not taken; 0 when it is.
  unsigned complaint_of(const Parser::value_type& message) const {
    constexpr std::size_t around_target = 10;  // two blanks and the version
    const std::size_t line =
        message.method_string().size() + message.target().size() + around_target;
    if (line > door_.request_line_max) return 414;
    std::size_t fields = 0;
    std::size_t hosts = 0;
    for (const auto& field : message) {
      if (++fields > fields_max || field.value().size() > door_.header_value_max) return 431;
      if (field.name() == bhttp::field::host) ++hosts;
    }
    const bool is_host_wrong = message.version() >= 11 ? hosts != 1 : hosts > 1;
    if (is_host_wrong || message.version() < 10) return 400;
    return 0;
  }

  void admit() {
    Router::Admission admission = door_.router->admit(request_, door_.site);
    is_for_others_ = admission.is_work;
    const bool has_body = !parser_->is_done();
    if (!has_body) {
      if (admission.refusal) return answer(std::move(*admission.refusal));
      return handle();
    }
    // A body that nobody wants is not read: the connection ends behind the answer.
    if (admission.refusal) return answer_last(std::move(*admission.refusal));
    const auto announced = parser_->content_length();
    if (announced && *announced > admission.body_max) return refuse(413);
    body_size_ = static_cast<std::size_t>(announced ? *announced : admission.body_max);
    door_.bodies += body_size_;
    if (door_.bodies > door_.bodies_max) return answer_last(busy());
    parser_->body_limit(admission.body_max);
    const auto expectation = parser_->get()[bhttp::field::expect];
    if (!expectation.empty() && beast::iequals(expectation, "100-continue")) {
      return write_continue();
    }
    read_body();
  }

  static Response busy() {
    Response response = Response::text("The node is busy with other requests: try again.", 503);
    response.headers.push_back({"retry-after", "1"});
    return response;
  }

  // Its share of what all connections may have at once.
  void give_back() {
    if (is_working_) --door_.work;
    is_working_ = false;
    door_.bodies -= body_size_;
    body_size_ = 0;
  }

  void write_continue() {
    static constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
    set_deadline(write_time);
    asio::async_write(channel_, asio::buffer(text.data(), text.size()),
                      [self = shared_from_this()](Error error, std::size_t) {
                        if (!error) self->read_body();
                      });
  }

  void read_body() {
    set_deadline(body_time);
    bhttp::async_read(channel_, buffer_, *parser_,
                      [self = shared_from_this()](Error error, std::size_t) {
                        if (error) return self->on_bad_request(error);
                        self->request_.body = std::move(self->parser_->get().body());
                        self->handle();
                      });
  }

  void handle() {
    if (is_for_others_) {
      if (door_.work >= door_.work_max) return answer(busy());
      ++door_.work;
      is_working_ = true;
    }
    channel_.socket().expires_never();
    // Nothing else holds the connection while others work for it.
    door_.waiting.insert(shared_from_this());
    const std::uint64_t number = ++asked_;
    timer_.expires_after(std::chrono::milliseconds(door_.answer_time.ms));
    timer_.async_wait([weak = weak_from_this(), number](Error cancelled) {
      const auto self = weak.lock();
      if (!cancelled && self != nullptr) self->give_up(number);
    });
    door_.router->handle(
        request_, door_.site,
        [mailbox = door_.mailbox, weak = weak_from_this(), number](Response response) {
          auto made = std::make_shared<Response>(std::move(response));
          mailbox->post([weak, made, number] {
            const auto self = weak.lock();
            if (self != nullptr && self->asked_ == number) return self->on_reply(std::move(*made));
            if (made->events != nullptr) made->events->close();
          });
        });
  }

  void on_reply(Response response) {
    ++asked_;
    timer_.cancel();
    answer(std::move(response));
  }

  // Whoever works for it goes on; what it says is thrown away.
  void give_up(std::uint64_t number) {
    if (number != asked_) return;
    ++asked_;
    answer_last(Response::text(
        "The node has not answered in time. What was asked for may be done all the same.", 504));
  }

  void on_bad_request(Error error) {
    // Anything that is no error of HTTP is one of the connection: nobody is left to answer.
    if (error == bhttp::error::end_of_stream || error == bhttp::error::partial_message) return;
    if (error.category() != make_error_code(bhttp::error::bad_method).category()) return;
    if (error == bhttp::error::body_limit) return refuse(413);
    if (error == bhttp::error::header_limit || error == bhttp::error::buffer_overflow) {
      const auto bytes = buffer_.cdata();
      const std::string_view text(static_cast<const char*>(bytes.data()), bytes.size());
      const bool is_in_line = parser_->get().target().empty() &&
                              text.substr(0, door_.request_line_max).find('\n') == text.npos;
      return refuse(is_in_line ? 414 : 431);
    }
    refuse(400);
  }

  void refuse(unsigned status) { answer_last(Response::empty(status)); }

  // For requests that were not read to their end: the connection cannot be used again.
  void answer_last(Response response) {
    is_last_ = true;
    answer(std::move(response));
  }

  void answer(Response response) {
    give_back();
    if (response.events != nullptr && request_.method != Method::Head) {
      return begin_events(std::move(response));
    }
    door_.waiting.erase(shared_from_this());
    response_ = std::move(response);
    const bool is_head = request_.method == Method::Head;
    is_last_ = is_last_ || !parser_->get().keep_alive();
    const auto prepare = [this](auto& message) {
      fill_head(message);
      if (response_.status != 304) message.content_length(response_.bytes().size());
    };
    const auto written = [held = shared_from_this()](Error error, std::size_t) {
      held->on_written(error);
    };
    set_deadline(write_time);
    if (is_head || response_.bytes().empty()) {
      prepare(head_.emplace());
      bhttp::async_write(channel_, *head_, written);
    } else {
      const std::string_view bytes = response_.bytes();
      prepare(full_.emplace());
      full_->body() = {bytes.data(), bytes.size()};
      bhttp::async_write(channel_, *full_, written);
    }
  }

  template <typename Message>
  void fill_head(Message& message) const {
    message.version(11);
    message.result(response_.status);
    message.keep_alive(!is_last_);
    message.set(bhttp::field::server, "vernemq");
    message.set(bhttp::field::date, http_date(::time(nullptr)));
    message.set("x-content-type-options", "nosniff");
    if (!response_.content_type.empty()) {
      message.set(bhttp::field::content_type, response_.content_type);
    }
    for (const Header& header : response_.headers) message.set(header.name, header.value);
  }

  // From here on the connection is for events only: what ends it ends them, and the other way
  // round. Nothing that still comes from the client is listened to.
  void begin_events(Response response) {
    door_.waiting.erase(shared_from_this());
    response_ = std::move(response);
    is_last_ = true;
    fill_head(head_.emplace());
    set_deadline(write_time);
    bhttp::async_write(channel_, *head_, [self = shared_from_this()](Error error, std::size_t) {
      if (error) return self->end_events();
      self->is_sending_ = false;
      self->await_hangup();
      self->listen();
    });
    is_sending_ = true;
  }

  void listen() {
    response_.events->listen([mailbox = door_.mailbox, weak = weak_from_this()] {
      mailbox->post([weak] {
        if (const auto self = weak.lock()) self->send_events();
      });
    });
  }

  // Also holds the connection while nothing is sent.
  void await_hangup() {
    channel_.socket().expires_never();
    buffer_.clear();
    channel_.async_read_some(buffer_.prepare(idle_read_size),
                             [self = shared_from_this()](Error error, std::size_t) {
                               if (error) return self->end_events();
                               self->await_hangup();
                             });
  }

  void send_events() {
    if (is_sending_ || response_.events == nullptr) return;
    EventStream::Taken taken = response_.events->take();
    if (taken.bytes.empty()) {
      if (taken.is_last) end_events();
      return;
    }
    events_ = std::move(taken.bytes);
    is_sending_ = true;
    asio::async_write(channel_, asio::buffer(events_),
                      [self = shared_from_this()](Error error, std::size_t) {
                        self->is_sending_ = false;
                        if (error) return self->end_events();
                        self->send_events();
                      });
  }

  void end_events() {
    if (response_.events == nullptr) return;
    response_.events->close();
    response_.events.reset();
    if (!channel_.is_encrypted()) return channel_.socket().close();
    // Without a goodbye the client would have to take the end for an attack.
    timer_.expires_after(linger_time);
    timer_.async_wait([self = shared_from_this()](Error cancelled) {
      if (!cancelled) self->channel_.socket().close();
    });
    channel_.async_goodbye([self = shared_from_this()](Error) {
      self->timer_.cancel();
      self->channel_.socket().close();
    });
  }

  void on_written(Error error) {
    head_.reset();
    full_.reset();
    response_ = {};
    request_ = {};
    if (error) return;
    if (is_last_) return linger();
    begin();
  }

  // Closing with unread bytes would reset the connection and take the answer with it; so what still
  // comes is thrown away for a moment.
  void linger() {
    buffer_.clear();
    set_deadline(linger_time);
    if (!channel_.is_encrypted()) return half_close();
    channel_.async_goodbye([self = shared_from_this()](Error error) {
      if (error != beast::error::timeout) self->half_close();
    });
  }

  void half_close() {
    Error ignored;
    buffer_.clear();
    channel_.socket().socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    set_deadline(linger_time);
    discard();
  }

  // What comes behind the end is not even decrypted.
  void discard() {
    channel_.socket().async_read_some(buffer_.prepare(16 << 10),
                                      [self = shared_from_this()](Error error, std::size_t) {
                                        if (!error) self->discard();
                                      });
  }

  Channel channel_;
  asio::steady_timer timer_;
  Door& door_;
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::string peer_;
  Request request_;
  Response response_;
  std::optional<bhttp::response<bhttp::empty_body>> head_;
  std::optional<bhttp::response<bhttp::span_body<const char>>> full_;
  std::string events_;
  std::size_t body_size_ = 0;  // counted in Door::bodies
  bool is_for_others_ = false;
  bool is_working_ = false;  // counted in Door::work
  std::uint64_t asked_ = 0;  // counts questions to others, and their ends
  bool is_sending_ = false;
  bool is_first_ = true;
  bool is_last_ = false;
};

}  // namespace

void Mailbox::post(std::function<void()> task) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (io_ != nullptr) asio::post(*io_, std::move(task));
}

void Mailbox::close() {
  const std::lock_guard<std::mutex> lock(mutex_);
  io_ = nullptr;
}

void serve_connection(asio::io_context& io, int native, Family family, Door& door) {
  const auto protocol = family == Family::V6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4();
  asio::ip::tcp::socket socket(io);
  Error error;
  socket.assign(protocol, native, error);
  if (error) {
    ::close(native);
    return;
  }
  socket.set_option(asio::ip::tcp::no_delay(true), error);
  std::make_shared<Connection>(std::move(socket), door)->open();
}

}  // namespace vmq::http
