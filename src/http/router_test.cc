#include "http/router.h"

#include <gtest/gtest.h>

#include "http/test_facts.h"

namespace vmq::http {
namespace {

class RouterTest : public ::testing::Test {
 protected:
  Response ask(Request request) {
    Router::Admission admission = router.admit(request, site);
    if (admission.refusal) return std::move(*admission.refusal);
    std::optional<Response> answer;
    router.handle(request, site, [&](Response response) { answer = std::move(response); });
    return answer.value_or(Response::empty(0));
  }
  Response get(std::string path, std::vector<Header> headers = {}) {
    return ask({Method::Get, std::move(path), "", std::move(headers), "", ""});
  }
  static std::string header(const Response& response, std::string_view name) {
    for (const Header& one : response.headers) {
      if (one.name == name) return one.value;
    }
    return "";
  }

  static void answer_path(const Request&, std::string_view path, std::string_view,
                          const Reply& reply) {
    reply(Response::json(std::string(path)));
  }

  TestFacts node;
  History history{node.facts};
  Router router{node.facts,
                history,
                [](std::string_view key, std::string_view scope) {
                  return key == "good" && (scope == "metrics" || scope == "mgmt");
                },
                {answer_path, answer_path, {}}};
  Site site = site_of({}, {}).site;
};

TEST_F(RouterTest, every_module_is_found_by_its_path) {
  EXPECT_EQ(get("/metrics").content_type, "text/plain");
  EXPECT_EQ(get("/health").body, R"({"status":"OK"})");
  EXPECT_EQ(get("/health/ping/").status, 200u);
  EXPECT_EQ(get("/status.json").content_type, "application/json");
  EXPECT_EQ(get("/status").content_type, "text/html; charset=utf-8");
  EXPECT_EQ(get("/status/").status, 200u);
  EXPECT_NE(get("/status/node.json").body.find("clients_online"), std::string::npos);
  EXPECT_NE(get("/status/history.json").body.find("interval_ms"), std::string::npos);
}

TEST_F(RouterTest, unknown_paths_are_404_with_nothing_in_them) {
  for (const char* path : {"/", "/x", "/metricsx", "/metrics/x", "/health/x", "/statusx",
                           "/status/../metrics", "/status/nothing.js", "*"}) {
    const Response response = get(path);
    EXPECT_EQ(response.status, 404u) << path;
    EXPECT_EQ(response.bytes(), "") << path;
  }
}

TEST_F(RouterTest, a_module_that_is_not_served_is_not_there) {
  site[Module::Metrics].is_served = false;
  EXPECT_EQ(get("/metrics").status, 404u);
  EXPECT_EQ(get("/health").status, 200u);
}

TEST_F(RouterTest, other_methods_are_405_and_options_says_which_are_allowed) {
  for (const Method method : {Method::Post, Method::Put, Method::Other}) {
    const Response response = ask({method, "/metrics", "", {}, "", ""});
    EXPECT_EQ(response.status, 405u);
    EXPECT_EQ(header(response, "allow"), "GET, HEAD, OPTIONS");
  }
  EXPECT_EQ(ask({Method::Options, "/metrics", "", {}, "", ""}).status, 200u);
}

TEST_F(RouterTest, keys_are_taken_from_both_places_and_must_fit) {
  site[Module::Metrics].needs_key = true;
  const Response none = get("/metrics");
  EXPECT_EQ(none.status, 401u);
  EXPECT_EQ(none.body, "");
  EXPECT_EQ(header(none, "www-authenticate"), "Authorization realm=\"VerneMQ\"");
  EXPECT_EQ(get("/metrics", {{"x-api-key", "good"}}).status, 200u);
  EXPECT_EQ(get("/metrics", {{"x-api-key", "bad"}}).status, 401u);
  EXPECT_EQ(get("/metrics", {{"authorization", "Basic Z29vZDo="}}).status, 200u);   // good:
  EXPECT_EQ(get("/metrics", {{"authorization", "basic  Z29vZDo="}}).status, 200u);  // good:
  EXPECT_EQ(get("/metrics", {{"authorization", "Basic Z29vZDp4"}}).status, 401u);   // good:x
  EXPECT_EQ(get("/metrics", {{"authorization", "Basic Z29vZA=="}}).status, 401u);   // good
  EXPECT_EQ(get("/metrics", {{"authorization", "Basic !!!"}}).status, 401u);
  EXPECT_EQ(get("/metrics", {{"authorization", "Bearer good"}}).status, 401u);
  site[Module::Status].needs_key = true;
  EXPECT_EQ(get("/status.json", {{"x-api-key", "good"}}).status, 401u);  // of another scope
}

TEST_F(RouterTest, commands_need_a_key_and_are_found_below_their_path) {
  EXPECT_EQ(get("/api/v1/session/show").status, 401u);
  EXPECT_EQ(get("/api/v1/session/show", {{"x-api-key", "good"}}).body, "/session/show");
  EXPECT_EQ(get("/api/v2/client", {{"x-api-key", "good"}}).status, 401u);  // of another scope
  site[Module::Api2].needs_key = false;
  EXPECT_EQ(get("/api/v2/client").body, "/client");
  EXPECT_EQ(ask({Method::Post, "/api/v1/x", "", {{"x-api-key", "good"}}, "", ""}).status, 405u);
}

TEST_F(RouterTest, a_page_elsewhere_cannot_use_what_the_browser_remembers) {
  site[Module::Management].needs_key = false;
  const auto status = [&](std::vector<Header> headers) {
    return get("/api/v1/x", std::move(headers)).status;
  };
  EXPECT_EQ(status({{"sec-fetch-site", "cross-site"}}), 403u);
  EXPECT_EQ(status({{"origin", "http://evil"}, {"host", "us:8888"}}), 403u);
  EXPECT_EQ(status({{"origin", "null"}}), 403u);
  EXPECT_EQ(status({{"origin", "http://us:8888"}, {"host", "us:8888"}}), 200u);
  EXPECT_EQ(status({{"sec-fetch-site", "same-origin"}}), 200u);
  EXPECT_EQ(status({{"sec-fetch-site", "none"}}), 200u);
  EXPECT_EQ(status({{"sec-fetch-site", "cross-site"}, {"x-api-key", "any"}}), 200u);
  site[Module::Management].needs_key = true;
  EXPECT_EQ(status({{"authorization", "Basic Z29vZDo="}, {"origin", "http://evil"}}), 403u);
}

TEST_F(RouterTest, only_the_apis_answer_for_all_origins_and_never_with_credentials) {
  const Response options = ask({Method::Options, "/api/v1/x", "", {}, "", ""});
  EXPECT_EQ(options.status, 200u);
  EXPECT_EQ(header(options, "access-control-allow-origin"), "*");
  EXPECT_EQ(header(options, "access-control-allow-credentials"), "");
  const Response answer = get("/api/v1/x", {{"x-api-key", "good"}});
  EXPECT_EQ(header(answer, "access-control-allow-origin"), "*");
  EXPECT_EQ(header(get("/metrics"), "access-control-allow-origin"), "");
}

TEST_F(RouterTest, load_balancers_need_no_key) {
  site[Module::Health].needs_key = true;
  EXPECT_EQ(get("/health").status, 200u);
}

TEST_F(RouterTest, the_page_is_sent_packed_and_only_when_it_changed) {
  const Response plain = get("/status/");
  const Response packed = get("/status/", {{"accept-encoding", "br, gzip"}});
  EXPECT_EQ(header(packed, "content-encoding"), "gzip");
  EXPECT_EQ(packed.bytes().substr(0, 2), "\x1f\x8b");
  EXPECT_EQ(header(plain, "content-encoding"), "");
  EXPECT_NE(header(plain, "content-security-policy").find("default-src 'self'"), std::string::npos);
  const Response again = get("/status/", {{"if-none-match", header(plain, "etag")}});
  EXPECT_EQ(again.status, 304u);
  EXPECT_EQ(again.bytes(), "");
  EXPECT_EQ(get("/status/", {{"if-none-match", "\"old\""}}).status, 200u);
}

TEST_F(RouterTest, no_module_served_takes_a_body) {
  EXPECT_EQ(router.admit({Method::Get, "/metrics", "", {}, "", ""}, site).body_max, 0u);
}

}  // namespace
}  // namespace vmq::http
