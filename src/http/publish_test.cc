#include "http/publish.h"

#include <gtest/gtest.h>

namespace vmq::http {
namespace {

struct Parsed {
  core::HttpPublish publish;
  unsigned status = 200;
  std::string text;
};

Parsed parse(const Request& request, const config::HttpPublishConfig& config = {}) {
  auto result = parse_publish(request, config);
  if (!result) return {{}, result.error().status, result.error().body};
  return {*result, 200, ""};
}
Parsed json(std::string body, std::string query = "") {
  return parse({Method::Post,
                "",
                std::move(query),
                {{"content-type", "application/json; charset=utf-8"}},
                std::move(body),
                "peer"});
}
Parsed raw(std::vector<Header> headers, std::string query, std::string body = "x") {
  headers.push_back({"content-type", "application/octet-stream"});
  return parse({Method::Post, "", std::move(query), std::move(headers), std::move(body), ""});
}

TEST(Publish, a_json_body_says_all) {
  const Parsed all =
      json(R"({"topic":"a/b","payload":"grün","qos":1,"retain":true,"user":"u","password":"p",)"
           R"("client_id":"c","user_properties":[{"k":"v"},{"k":"w"}]})");
  ASSERT_EQ(all.status, 200u) << all.text;
  EXPECT_EQ(all.publish.topic, "a/b");
  EXPECT_EQ(all.publish.payload, "grün");
  EXPECT_EQ(all.publish.qos, 1);
  EXPECT_TRUE(all.publish.retain);
  EXPECT_EQ(all.publish.user_name, "u");
  EXPECT_EQ(all.publish.password, "p");
  EXPECT_EQ(all.publish.client_id, "c");
  EXPECT_EQ(all.publish.user_properties.size(), 2u);
  EXPECT_EQ(all.publish.peer, "peer");
}

TEST(Publish, headers_and_queries_carry_the_same_fields) {
  const Parsed header =
      raw({{"topic", "a"}, {"qos", "2"}, {"user_properties", R"([{"k":"v"}])"}}, "");
  ASSERT_EQ(header.status, 200u) << header.text;
  EXPECT_EQ(header.publish.qos, 2);
  EXPECT_EQ(header.publish.payload, "x");
  EXPECT_EQ(header.publish.user_properties.size(), 1u);
  const Parsed query = raw({}, "topic=a%2Fb&retain=true&user=me");
  ASSERT_EQ(query.status, 200u) << query.text;
  EXPECT_EQ(query.publish.topic, "a/b");
  EXPECT_TRUE(query.publish.retain);
  EXPECT_EQ(raw({{"topic", "a"}}, "qos=1").text,
            "Parameters found in header as well as url-encoded");
}

TEST(Publish, base64_payloads_are_decoded) {
  EXPECT_EQ(json(R"({"topic":"a","payload":"Zm9v"})", "encoding=base64").publish.payload, "foo");
  EXPECT_EQ(json(R"({"topic":"a","payload":"Zm9"})", "encoding=base64").status, 400u);
  EXPECT_EQ(json(R"({"topic":"a","payload":"x"})", "encoding=hex").status, 400u);
}

TEST(Publish, what_is_wrong_is_said) {
  EXPECT_EQ(json("").text, "Content is not a valid json");
  EXPECT_EQ(json("[1]").text, "Content is not a valid json");
  EXPECT_EQ(json(R"({"topic":"a")").text, "Content is not a valid json");
  EXPECT_EQ(json("[[[[[[[[[[[[[[[[").text, "Content is not a valid json");
  EXPECT_EQ(json("{}").text, "Invalid topic");
  EXPECT_EQ(json(R"({"topic":{"a":1}})").text, "Invalid topic");
  EXPECT_EQ(json(R"({"topic":"a","qos":3})").text, "Invalid QoS value. Must be in range 0..2");
  EXPECT_EQ(json(R"({"topic":"a","qos":-1})").status, 400u);
  EXPECT_EQ(json(R"({"topic":"a","retain":1})").text, "Invalid retain flag. Must be true or false");
  EXPECT_EQ(json(R"({"topic":"a","user_properties":{"k":"v"}})").status, 400u);
  EXPECT_EQ(raw({{"topic", "a"}, {"user_properties", "nope"}}, "").status, 400u);
  EXPECT_EQ(raw({}, "topic=%").status, 400u);
}

TEST(Publish, other_content_types_are_415) {
  for (const char* type : {"", "text/plain", "application/jsonx"}) {
    EXPECT_EQ(parse({Method::Post, "", "", {{"content-type", type}}, "{}", ""}).status, 415u);
  }
}

TEST(Publish, a_predefined_identity_is_not_the_requests) {
  config::HttpPublishConfig config;
  config.mode = "predefined";
  config.user = "house";
  config.client_id = "door";
  config.mountpoint = "m";
  const Parsed own = parse({Method::Post,
                            "",
                            "topic=a&user=me&password=x&client_id=mine",
                            {{"content-type", "application/octet-stream"}},
                            "x",
                            ""},
                           config);
  EXPECT_EQ(own.publish.user_name, "house");
  EXPECT_EQ(own.publish.password, std::nullopt);
  EXPECT_EQ(own.publish.client_id, "door");
  EXPECT_EQ(own.publish.mountpoint, "m");
}

}  // namespace
}  // namespace vmq::http
