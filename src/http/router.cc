#include "http/router.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/expect.h"
#include "http/base64.h"
#include "http/health.h"
#include "http/prometheus.h"
#include "http/status.h"
#include "http/url.h"
#include "web/assets.h"

namespace vmq::http {
namespace {

constexpr std::size_t publish_body_max = 1 << 20;

enum class Match : std::uint8_t { Exact, Below };  // Below: the path itself, or what follows it

struct Route {
  std::string_view path;
  Match match;
  Module module;
};

// The first that matches counts.
constexpr Route routes[] = {
    {"/metrics", Match::Exact, Module::Metrics},
    {"/health", Match::Below, Module::Health},
    {"/status", Match::Below, Module::Status},
    {"/status.json", Match::Exact, Module::Status},
    {"/api/v1", Match::Below, Module::Management},
    {"/api/v2", Match::Below, Module::Api2},
    {"/restmqtt/api/v1/publish", Match::Exact, Module::Publish},
    {"/restapi/v1/publish", Match::Exact, Module::Publish},
};

const Route* find_route(std::string_view path, const Site& site) {
  for (const Route& route : routes) {
    if (!site[route.module].is_served || !path.starts_with(route.path)) continue;
    const std::string_view rest = path.substr(route.path.size());
    if (rest.empty() || rest == "/") return &route;
    if (route.match == Match::Below && rest.front() == '/') return &route;
  }
  return nullptr;
}

bool takes_body(Module module) { return module == Module::Publish; }

bool is_method_allowed(Module module, Method method) {
  if (takes_body(module)) return method == Method::Post || method == Method::Put;
  return method == Method::Get || method == Method::Head;
}

std::string allowed_methods(Module module) {
  return takes_body(module) ? "POST, PUT, OPTIONS" : "GET, HEAD, OPTIONS";
}

Response unauthorized() {
  Response response = Response::empty(401);
  response.headers.push_back({"www-authenticate", "Authorization realm=\"VerneMQ\""});
  return response;
}

std::int64_t number_or_zero(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

// Whether a list of entity tags, as If-None-Match has it, names this one.
bool has_tag(std::string_view list, std::string_view tag) {
  return list == "*" || list.find(tag) != std::string_view::npos;
}

Response asset_response(const web::Asset& asset, const Request& request) {
  Response response = Response::empty(200);
  response.headers = {{"etag", std::string(asset.etag)},
                      {"cache-control", "no-cache"},  // kept, but asked about each time
                      {"vary", "accept-encoding"},
                      {"referrer-policy", "no-referrer"},
                      {"content-security-policy", std::string(web::CONTENT_SECURITY_POLICY)}};
  if (has_tag(request.header("if-none-match"), asset.etag)) {
    response.status = 304;
    return response;
  }
  response.content_type = asset.content_type;
  response.constant_body = asset.bytes;
  const bool takes_gzip = request.header("accept-encoding").find("gzip") != std::string_view::npos;
  if (takes_gzip && !asset.gzip.empty()) {
    response.constant_body = asset.gzip;
    response.headers.push_back({"content-encoding", "gzip"});
  }
  return response;
}

// What stands behind the path of the route.
std::string_view rest_of(const Request& request, const Route& route) {
  return std::string_view(request.path).substr(route.path.size());
}

bool is_api(Module module) { return module == Module::Management || module == Module::Api2; }

// Pages of other origins may use the APIs with a key that they have: it goes with a header of its
// own, never with a cookie, so there is nothing that a browser would add by itself.
void allow_origins(Response& response) {
  response.headers.push_back({"access-control-allow-origin", "*"});
  response.headers.push_back({"access-control-allow-methods", "HEAD, GET"});
  response.headers.push_back(
      {"access-control-allow-headers", "content-type, authorization, x-api-key"});
  response.headers.push_back({"access-control-max-age", "1728000"});
}

Reply for_all_origins(const Reply& reply) {
  return [reply](Response response) {
    response.headers.push_back({"access-control-allow-origin", "*"});
    reply(std::move(response));
  };
}

// A page elsewhere makes a browser ask for an address of ours, and the browser adds what it
// remembers: a password of HTTP Basic, or nothing where no key is asked for. A key in x-api-key
// cannot be added like that.
bool is_foreign(const Request& request) {
  if (request.has_header("x-api-key")) return false;
  const std::string_view site = request.header("sec-fetch-site");
  if (!site.empty()) return site == "cross-site" || site == "same-site";
  const std::string_view origin = request.header("origin");
  const std::size_t host = origin.find("://");
  if (host == std::string_view::npos) return !origin.empty();
  return origin.substr(host + 3) != request.header("host");
}

Response uncached(Response response) {
  response.headers.push_back({"cache-control", "no-store"});
  return response;
}

}  // namespace

std::string key_of(const Request& request) {
  if (request.has_header("x-api-key")) return std::string(request.header("x-api-key"));
  std::string_view text = request.header("authorization");
  constexpr std::string_view scheme = "basic ";
  const auto is_same = [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b;
  };
  if (text.size() < scheme.size()) return {};
  if (!std::equal(scheme.begin(), scheme.end(), text.begin(),
                  [&](char b, char a) { return is_same(a, b); })) {
    return {};
  }
  text.remove_prefix(scheme.size());
  while (text.starts_with(' ')) text.remove_prefix(1);
  const std::optional<std::string> pair = base64_decoded(text);
  if (!pair || pair->find(':') != pair->size() - 1) return {};
  return pair->substr(0, pair->size() - 1);
}

Router::Admission Router::admit(const Request& request, const Site& site) const {
  const Route* route = find_route(request.path, site);
  if (route == nullptr) return {Response::empty(404)};
  const Module module = route->module;
  if (request.method == Method::Options) {
    Response response = Response::empty(200);
    response.headers.push_back({"allow", allowed_methods(module)});
    if (is_api(module)) allow_origins(response);
    return {std::move(response)};
  }
  if (!is_method_allowed(module, request.method)) {
    Response response = Response::empty(405);
    response.headers.push_back({"allow", allowed_methods(module)});
    return {std::move(response)};
  }
  if (site[module].needs_key && module != Module::Health) {
    const std::string key = key_of(request);
    if (key.empty() || !is_key_good_(key, scope_of(module))) return {unauthorized()};
  }
  if ((is_api(module) || takes_body(module)) && is_foreign(request)) {
    return {Response::json(R"({"alert":[{"text":"Pages of other origins need x-api-key.",)"
                           R"("type":"text"}],"type":"alert"})",
                           403)};
  }
  return {std::nullopt, takes_body(module) ? publish_body_max : 0,
          is_api(module) || takes_body(module)};
}

void Router::handle(const Request& request, const Site& site, const Reply& reply) const {
  const Route* route = find_route(request.path, site);
  VMQ_EXPECT(route != nullptr);
  switch (route->module) {
    case Module::Metrics:
      return reply(metrics());
    case Module::Health: {
      std::string_view what = rest_of(request, *route);
      if (what.starts_with('/')) what.remove_prefix(1);
      if (what.ends_with('/')) what.remove_suffix(1);
      return reply(uncached(health(what, facts_)));
    }
    case Module::Status:
      return reply(status(request));
    case Module::Management:
      return handlers_.management(request, rest_of(request, *route), key_of(request),
                                  for_all_origins(reply));
    case Module::Api2:
      return handlers_.api2(request, rest_of(request, *route), key_of(request),
                            for_all_origins(reply));
    case Module::Publish:
      return handlers_.publish(request, site, reply);
  }
}

Response Router::metrics() const {
  return Response::text(prometheus_text(core::metric_rows(), facts_.value_of, facts_.histogram_of,
                                        {facts_.metrics_prefix, facts_.node}));
}

Response Router::status(const Request& request) const {
  const std::string_view path = request.path;
  if (path == "/status.json") return uncached(Response::json(status_json(facts_)));
  if (path == "/status/node.json") return uncached(Response::json(node_json(facts_)));
  if (path == "/status/history.json") {
    std::int64_t since_ms = 0;
    for (const Parameter& one : parse_query(request.query).value_or(std::vector<Parameter>{})) {
      if (one.name == "since") since_ms = number_or_zero(one.value.value_or(""));
    }
    return uncached(Response::json(history_.json(since_ms)));
  }
  std::string_view file = path.substr(std::string_view("/status").size());
  if (file.empty()) file = "status.html";
  if (file.starts_with('/')) file.remove_prefix(1);
  const web::Asset* asset = web::find_asset(file);
  return asset == nullptr ? Response::empty(404) : asset_response(*asset, request);
}

}  // namespace vmq::http
