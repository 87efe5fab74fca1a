#include "http/graphite.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "core/metrics.h"
#include "http/graphite_lines.h"

namespace vmq::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

// One step after the other: wait, connect where there is no connection, send, wait. A step that
// takes longer than graphite_connect_timeout is given up, and the connection with it.
struct Graphite::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& io, const Facts& facts_of, node::Log& log_of, Settings settings_of)
      : facts(facts_of),
        log(log_of),
        settings(std::move(settings_of)),
        resolver(io),
        socket(io),
        timer(io),
        deadline(io) {}

  void wait(Duration time) {
    timer.expires_after(std::chrono::milliseconds(time.ms));
    timer.async_wait([self = shared_from_this()](Error cancelled) {
      if (!cancelled) self->begin();
    });
  }

  void begin() {
    now = settings();
    if (!now.enabled) {
      close();
      return wait(seconds(1));
    }
    const bool is_elsewhere = now.host != host || now.port != port;
    if (is_elsewhere) close();
    limit();
    if (socket.is_open()) return send();
    host = now.host;
    port = now.port;
    resolver.async_resolve(
        host, std::to_string(port), [self = shared_from_this()](Error error, const auto& found) {
          if (error) return self->fail(error);
          asio::async_connect(self->socket, found, [self](Error failed, const tcp::endpoint&) {
            if (failed) return self->fail(failed);
            self->send();
          });
        });
  }

  void send() {
    lines = graphite_lines(core::metric_rows(), facts.value_of, facts.histogram_of, now,
                           facts.now_ms() / 1000);
    asio::async_write(socket, asio::buffer(lines),
                      [self = shared_from_this()](Error error, std::size_t) {
                        if (error) return self->fail(error);
                        self->deadline.cancel();
                        self->is_failing = false;
                        self->wait(self->now.interval);
                      });
  }

  void limit() {
    deadline.expires_after(std::chrono::milliseconds(now.connect_timeout.ms));
    deadline.async_wait([self = shared_from_this()](Error cancelled) {
      if (cancelled) return;
      self->resolver.cancel();
      self->close();
    });
  }

  void fail(Error error) {
    deadline.cancel();
    close();
    if (!is_failing) {
      log.warning("graphite_unreachable",
                  {{"host", host}, {"port", port}, {"error", error.message()}});
    }
    is_failing = true;
    wait(now.reconnect_timeout);
  }

  void close() {
    Error ignored;
    socket.close(ignored);
  }

  const Facts& facts;
  node::Log& log;
  const Settings settings;
  tcp::resolver resolver;
  tcp::socket socket;
  asio::steady_timer timer;
  asio::steady_timer deadline;
  config::GraphiteConfig now;
  std::string host;
  std::uint16_t port = 0;
  std::string lines;
  bool is_failing = false;
};

Graphite::Graphite(asio::io_context& io, const Facts& facts, node::Log& log, Settings settings)
    : impl_(std::make_shared<Impl>(io, facts, log, std::move(settings))) {
  impl_->wait({0});
}

Graphite::~Graphite() = default;

}  // namespace vmq::http
