// From a request to the module that answers it: paths, methods, keys, and what each may send us.
//
// Thread: the server's.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "http/facts.h"
#include "http/history.h"
#include "http/message.h"
#include "http/modules.h"

namespace vmq::http {

// The modules that do more than look at facts.
struct Handlers {
  using Handler = std::function<void(const Request&, std::string_view path, std::string_view key,
                                     const Reply&)>;
  Handler management;
  Handler api2;
  std::function<void(const Request&, const Site&, const Reply&)> publish;
};

// Is `key` good for `scope`, now?
using KeyCheck = std::function<bool(std::string_view key, std::string_view scope)>;

class Router {
 public:
  // What is looked at once the header of a request is there, before its body is read.
  struct Admission {
    std::optional<Response> refusal;
    std::size_t body_max = 0;
    bool is_work = false;  // for other threads, so how much of it there is at once has a bound
  };

  Router(const Facts& facts, History& history, KeyCheck is_key_good, Handlers handlers)
      : facts_(facts),
        history_(history),
        is_key_good_(std::move(is_key_good)),
        handlers_(std::move(handlers)) {}

  Admission admit(const Request& request, const Site& site) const;
  // REQUIRES: admit() did not refuse it.
  void handle(const Request& request, const Site& site, const Reply& reply) const;

 private:
  Response metrics() const;
  Response status(const Request& request) const;

  const Facts& facts_;
  History& history_;
  KeyCheck is_key_good_;
  Handlers handlers_;
};

// The key of a request: the header x-api-key, or the user of HTTP Basic with an empty password.
// Empty: there is none.
std::string key_of(const Request& request);

}  // namespace vmq::http
