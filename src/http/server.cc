#include "http/server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "http/connection.h"
#include "http/graphite.h"
#include "http/history.h"
#include "http/management.h"
#include "http/node_facts.h"
#include "http/publish.h"
#include "http/router.h"

namespace vmq::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

// For want of file descriptors an accept fails at once, again and again.
constexpr std::chrono::milliseconds accept_rest{200};

// Accepts for one listener until it is closed. Opened and closed by the callers of ListenerServer,
// accepting on the server's thread; what is under way holds it.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(asio::io_context& io, Door& door, node::Log& log)
      : io_(io), door_(door), log_(log), acceptor_(io), rest_(io) {}

  Result<std::uint16_t, std::string> open(const config::ListenerConfig& listener, int backlog) {
    Error error;
    const char* step = "understand the address";
    const auto address = asio::ip::make_address(listener.address, error);
    const tcp::endpoint endpoint(address, listener.port);
    const auto then = [&](const char* next, auto action) {
      if (error) return;
      step = next;
      action();
    };
    then("open a socket for", [&] { acceptor_.open(endpoint.protocol(), error); });
    then("share", [&] { acceptor_.set_option(tcp::acceptor::reuse_address(true), error); });
    then("bind", [&] { acceptor_.bind(endpoint, error); });
    then("listen on", [&] { acceptor_.listen(backlog, error); });
    if (error) {
      return failure("cannot " + std::string(step) + ' ' + listener.address + ':' +
                     std::to_string(listener.port) + ": " + error.message());
    }
    return acceptor_.local_endpoint().port();
  }

  void accept() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!acceptor_.is_open()) return;
    acceptor_.async_accept([self = shared_from_this()](Error error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) return self->pause(error);
      self->take(std::move(socket));
      self->accept();
    });
  }

  // Nobody can connect any more when it returns.
  void close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    Error ignored;
    acceptor_.close(ignored);
  }

 private:
  void take(tcp::socket socket) {
    if (door_.connections.load(std::memory_order_relaxed) >= door_.connections_max) {
      log_.warning("http_connection_refused",
                   {{"listener", door_.name}, {"max_connections", door_.connections_max}});
      return;
    }
    Error error;
    const Family family = socket.local_endpoint(error).address().is_v6() ? Family::V6 : Family::V4;
    const int native = socket.release(error);
    if (!error) serve_connection(io_, native, family, door_);
  }

  void pause(Error error) {
    log_.warning("http_accept_paused", {{"listener", door_.name}, {"error", error.message()}});
    rest_.expires_after(accept_rest);
    rest_.async_wait([self = shared_from_this()](Error cancelled) {
      if (!cancelled) self->accept();
    });
  }

  asio::io_context& io_;
  Door& door_;
  node::Log& log_;
  std::mutex mutex_;
  tcp::acceptor acceptor_;
  asio::steady_timer rest_;
};

}  // namespace

// The order of the members is that of their lifetimes: connections live in `io` and know doors,
// doors know the router, and that knows the facts.
struct HttpServer::Impl : node::ListenerServer {
  explicit Impl(Setup setup_of)
      : setup(std::move(setup_of)),
        facts(facts_of(setup.node, setup.version)),
        history(facts),
        management(setup.control),
        router(facts, history, key_check(), handlers()) {}

  ~Impl() override {
    // First, as it asks this server for nothing more after it.
    static_cast<void>(setup.node.listeners().serve(
        {config::ListenerKind::Http, config::ListenerKind::Https}, nullptr));
    mailbox->close();
    io.stop();
    if (thread.joinable()) thread.join();
    for (auto& [index, door] : doors) door->waiting.clear();
  }

  KeyCheck key_check() {
    return [this](std::string_view key, std::string_view scope) {
      return setup.keys.is_good(key, scope, facts.now_ms() / 1000);
    };
  }

  Handlers handlers() {
    Handlers made;
    made.management = [this](const Request& request, std::string_view path, std::string_view key,
                             const Reply& reply) { management.handle(request, path, key, reply); };
    made.api2 = [this](const Request& request, std::string_view path, std::string_view key,
                       const Reply& reply) { management.handle_v2(request, path, key, reply); };
    made.publish = [this](const Request& request, const Site& site, const Reply& reply) {
      auto publish = parse_publish(request, site.publish);
      if (!publish) return reply(std::move(publish.error()));
      setup.node.publish(std::move(*publish),
                         [reply](core::HttpOutcome outcome) { reply(publish_response(outcome)); });
    };
    return made;
  }

  Result<std::uint16_t, std::string> open(
      std::size_t index, const config::ListenerConfig& listener,
      std::shared_ptr<const net::Transport> transport) override {
    const std::lock_guard<std::mutex> lock(mutex);
    std::unique_ptr<Door>& door = doors[index];
    if (door == nullptr) door = make_door(listener, std::move(transport));
    const auto acceptor = std::make_shared<Acceptor>(io, *door, setup.log);
    const auto backlog = static_cast<int>(setup.node.config()->node.accept_backlog);
    auto port = acceptor->open(listener, backlog);
    if (!port) return failure(port.error());
    acceptors[index] = acceptor;
    asio::post(io, [acceptor] { acceptor->accept(); });
    return *port;
  }

  void close(std::size_t index, bool kill) override {
    const std::lock_guard<std::mutex> lock(mutex);
    if (const auto found = acceptors.find(index); found != acceptors.end()) {
      found->second->close();
      acceptors.erase(found);
    }
    const auto door = doors.find(index);
    if (!kill || door == doors.end()) return;
    asio::post(io, [open = door->second.get()] {
      for (const auto& [connection, end] : open->open) end();
    });
  }

  std::uint32_t connections(std::size_t index) const override {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto door = doors.find(index);
    return door == doors.end() ? 0 : door->second->connections.load(std::memory_order_relaxed);
  }

  std::unique_ptr<Door> make_door(const config::ListenerConfig& listener,
                                  std::shared_ptr<const net::Transport> transport) const {
    auto door = std::make_unique<Door>();
    door->name = listener.name;
    door->request_line_max = listener.request_line_max;
    door->header_value_max = listener.header_value_max;
    door->connections_max = listener.connections_max;
    door->transport = std::move(transport);
    door->refused = [this, name = listener.name](const char* stage, const std::string& why,
                                                 const std::string& peer) {
      setup.log.warning(std::string("http_") + stage + "_refused",
                        {{"listener", name}, {"peer", peer}, {"reason", why}});
    };
    door->router = &router;
    door->mailbox = mailbox;
    SiteOfListener site = site_of(*setup.node.config(), listener);
    door->site = std::move(site.site);
    for (const std::string& name : site.unknown) {
      setup.log.warning(
          "http_module_not_served",
          {{"listener", door->name}, {"module", name}, {"reason", "unknown or its plugin is off"}});
    }
    return door;
  }

  Result<void, std::string> run() {
    thread = std::thread([this] { io.run(); });
    asio::post(io, [this] { sample(); });
    return setup.node.listeners().serve({config::ListenerKind::Http, config::ListenerKind::Https},
                                        this);
  }

  void sample() {
    history.sample();
    timer.expires_after(std::chrono::milliseconds(History::interval_ms));
    timer.async_wait([this](Error cancelled) {
      if (!cancelled) sample();
    });
  }

  const Setup setup;
  const Facts facts;
  History history;
  Management management;
  const Router router;
  mutable std::mutex mutex;                            // of doors and acceptors
  std::map<std::size_t, std::unique_ptr<Door>> doors;  // by the listener's index, kept for ever
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>(io);
  std::map<std::size_t, std::shared_ptr<Acceptor>> acceptors;
  asio::steady_timer timer{io};
  Graphite graphite{io, facts, setup.log, [this] { return setup.node.config()->graphite; }};
  std::thread thread;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>, std::string> HttpServer::start(Setup setup) {
  auto impl = std::make_unique<Impl>(std::move(setup));
  if (auto serves = impl->run(); !serves) return failure(serves.error());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

}  // namespace vmq::http
