// Sends all metrics to Carbon, as long as graphite_enabled says so. The settings are looked at
// before every report, so a change at run time counts from the next one on.
//
// Thread: the server's.
#pragma once

#include <functional>
#include <memory>

#include "config/http_config.h"
#include "http/facts.h"
#include "node/log.h"

namespace boost::asio {
class io_context;
}

namespace vmq::http {

class Graphite {
 public:
  using Settings = std::function<config::GraphiteConfig()>;

  Graphite(boost::asio::io_context& io, const Facts& facts, node::Log& log, Settings settings);
  // Before the io_context goes, and not while it runs.
  ~Graphite();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace vmq::http
