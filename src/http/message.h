// A request and its answer as plain values: what lies between the server, which knows sockets, and
// the modules, which know the node.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmq::http {

class EventStream;

enum class Method : std::uint8_t { Get, Head, Options, Post, Put, Other };

struct Header {
  std::string name;  // of requests: in lower case
  std::string value;
};

struct Request {
  Method method = Method::Get;
  std::string path;   // as it came, percent signs and all
  std::string query;  // behind the question mark
  std::vector<Header> headers;
  std::string body;
  std::string peer;  // address of the other end

  // The first one of that name, which is written in lower case; empty when there is none.
  std::string_view header(std::string_view name) const {
    for (const Header& one : headers) {
      if (one.name == name) return one.value;
    }
    return {};
  }
  bool has_header(std::string_view name) const {
    for (const Header& one : headers) {
      if (one.name == name) return true;
    }
    return false;
  }
};

struct Response {
  unsigned status = 200;
  std::string content_type;
  std::string body;
  std::string_view constant_body = {};  // instead of `body`: lives as long as the program
  std::vector<Header> headers;
  std::shared_ptr<EventStream> events = {};  // instead of a body: what comes, until it ends

  std::string_view bytes() const { return constant_body.empty() ? body : constant_body; }

  static Response empty(unsigned status) { return {status, {}, {}, {}, {}, {}}; }
  static Response json(std::string body, unsigned status = 200) {
    return {status, "application/json", std::move(body), {}, {}, {}};
  }
  static Response text(std::string body, unsigned status = 200) {
    return {status, "text/plain", std::move(body), {}, {}, {}};
  }
};

// Called exactly once, on any thread.
using Reply = std::function<void(Response)>;

}  // namespace vmq::http
