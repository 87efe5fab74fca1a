#include "http/connection.h"

#include <time.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
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

#include "http/event_stream.h"

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

std::string http_date() {
  const std::time_t now = ::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text.data(), size);
}

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

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::ip::tcp::socket socket, Door& door)
      : stream_(std::move(socket)),
        door_(door),
        buffer_(door.request_line_max + other_headers_max + (64 << 10)) {
    Error error;
    const auto peer = stream_.socket().remote_endpoint(error);
    if (!error) peer_ = peer.address().to_string();
    door_.connections.fetch_add(1, std::memory_order_relaxed);
    door_.open[this] = [this] { stream_.close(); };
  }
  ~Connection() {
    if (response_.events != nullptr) response_.events->close();
    door_.open.erase(this);
    door_.connections.fetch_sub(1, std::memory_order_relaxed);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Waits for the first byte of a request; a deadline for the rest begins with it.
  void begin() {
    parser_.emplace();
    parser_->header_limit(door_.request_line_max + other_headers_max);
    parser_->body_limit(boost::none);  // until admit() knows it; nothing of a body is read before
    if (buffer_.size() > 0) return read_header();
    stream_.expires_after(is_first_ ? first_byte_time : idle_time);
    stream_.async_read_some(buffer_.prepare(idle_read_size),
                            [self = shared_from_this()](Error error, std::size_t size) {
                              if (error) return;
                              self->buffer_.commit(size);
                              self->read_header();
                            });
  }

 private:
  using Parser = bhttp::request_parser<bhttp::string_body>;

  void read_header() {
    is_first_ = false;
    stream_.expires_after(header_time);
    bhttp::async_read_header(
        stream_, buffer_, *parser_,
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
    const bool has_body = !parser_->is_done();
    if (!has_body) {
      if (admission.refusal) return answer(std::move(*admission.refusal));
      return handle();
    }
    // A body that nobody wants is not read: the connection ends behind the answer.
    if (admission.refusal) return answer_last(std::move(*admission.refusal));
    const auto announced = parser_->content_length();
    if (announced && *announced > admission.body_max) return refuse(413);
    parser_->body_limit(admission.body_max);
    const auto expectation = parser_->get()[bhttp::field::expect];
    if (!expectation.empty() && beast::iequals(expectation, "100-continue")) {
      return write_continue();
    }
    read_body();
  }

  void write_continue() {
    static constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
    stream_.expires_after(write_time);
    asio::async_write(stream_, asio::buffer(text.data(), text.size()),
                      [self = shared_from_this()](Error error, std::size_t) {
                        if (!error) self->read_body();
                      });
  }

  void read_body() {
    stream_.expires_after(body_time);
    bhttp::async_read(stream_, buffer_, *parser_,
                      [self = shared_from_this()](Error error, std::size_t) {
                        if (error) return self->on_bad_request(error);
                        self->request_.body = std::move(self->parser_->get().body());
                        self->handle();
                      });
  }

  void handle() {
    stream_.expires_never();
    // Nothing else holds the connection while others work for it.
    door_.waiting.insert(shared_from_this());
    door_.router->handle(request_, door_.site,
                         [mailbox = door_.mailbox, weak = weak_from_this()](Response response) {
                           auto made = std::make_shared<Response>(std::move(response));
                           mailbox->post([weak, made] {
                             if (const auto self = weak.lock()) self->answer(std::move(*made));
                           });
                         });
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
    stream_.expires_after(write_time);
    if (is_head || response_.bytes().empty()) {
      prepare(head_.emplace());
      bhttp::async_write(stream_, *head_, written);
    } else {
      const std::string_view bytes = response_.bytes();
      prepare(full_.emplace());
      full_->body() = {bytes.data(), bytes.size()};
      bhttp::async_write(stream_, *full_, written);
    }
  }

  template <typename Message>
  void fill_head(Message& message) const {
    message.version(11);
    message.result(response_.status);
    message.keep_alive(!is_last_);
    message.set(bhttp::field::server, "vernemq");
    message.set(bhttp::field::date, http_date());
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
    stream_.expires_after(write_time);
    bhttp::async_write(stream_, *head_, [self = shared_from_this()](Error error, std::size_t) {
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
    stream_.expires_never();
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(idle_read_size),
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
    asio::async_write(stream_, asio::buffer(events_),
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
    stream_.close();
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
    Error ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    stream_.expires_after(linger_time);
    buffer_.clear();
    discard();
  }

  void discard() {
    stream_.async_read_some(buffer_.prepare(16 << 10),
                            [self = shared_from_this()](Error error, std::size_t) {
                              if (!error) self->discard();
                            });
  }

  beast::tcp_stream stream_;
  Door& door_;
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::string peer_;
  Request request_;
  Response response_;
  std::optional<bhttp::response<bhttp::empty_body>> head_;
  std::optional<bhttp::response<bhttp::span_body<const char>>> full_;
  std::string events_;
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
  std::make_shared<Connection>(std::move(socket), door)->begin();
}

}  // namespace vmq::http
