#include "http/management.h"

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "admin/writers.h"
#include "http/command_line.h"
#include "http/event_stream.h"
#include "http/json_text.h"
#include "http/url.h"

namespace vmq::http {
namespace {

unsigned status_of(admin::Outcome outcome) {
  switch (outcome) {
    case admin::Outcome::Done:
      return 200;
    case admin::Outcome::Busy:
      return 503;
    case admin::Outcome::Late:
      return 504;
    default:
      return 400;
  }
}

Response response_of(const admin::Answer& answer) {
  Response response = Response::json(admin::to_json(answer), status_of(answer.outcome));
  response.headers.push_back({"cache-control", "no-store"});
  return response;
}

Response bad_request(std::string why) {
  return response_of(admin::Answer::bad_usage(std::move(why)));
}

control::Caller caller_of(const Request& request, std::string_view key) {
  constexpr std::size_t shown = 4;
  return {"http",
          request.peer + (key.empty() ? "" : " key " + std::string(key.substr(0, shown)) + "…")};
}

class LineStream : public control::Stream {
 public:
  LineStream(std::shared_ptr<EventStream> events, const std::atomic<bool>& is_stopping)
      : events_(std::move(events)), is_stopping_(is_stopping) {}
  bool write(const admin::Text& lines) override { return events_->write(lines.text); }
  bool is_over() const override { return is_stopping_ || events_->is_over(); }

 private:
  const std::shared_ptr<EventStream> events_;
  const std::atomic<bool>& is_stopping_;
};

}  // namespace

struct Management::Running {
  std::atomic<bool> is_stopping{false};
  std::atomic<bool> is_over{false};
  std::thread thread;

  ~Running() {
    is_stopping = true;
    if (thread.joinable()) thread.join();
  }
};

Management::Management(control::Control& control) : control_(control) {}

Management::~Management() {
  for (auto& one : running_) one->is_stopping = true;
}

void Management::handle(const Request& request, std::string_view path, std::string_view key,
                        const Reply& reply) {
  const auto line = command_line_of(path, request.query);
  if (!line) return reply(bad_request("The address is not encoded as addresses are."));
  auto invocation = admin::parse(*line);
  if (!invocation) return reply(response_of(admin::to_answer(invocation.error())));
  // Looking is all that HEAD may do.
  const bool is_head = request.method == Method::Head;
  const bool reads = invocation->command->effect == admin::Effect::Reads;
  if (is_head && (!reads || invocation->command->streams)) return reply(Response::empty(405));
  control::Caller caller = caller_of(request, key);
  if (invocation->command->streams) return stream(std::move(*invocation), std::move(caller), reply);
  control_.submit(std::move(*invocation), std::move(caller),
                  [reply](admin::Answer answer) { reply(response_of(answer)); });
}

void Management::stream(admin::Invocation invocation, control::Caller caller, const Reply& reply) {
  running_.remove_if([](const auto& one) { return one->is_over.load(); });
  if (running_.size() >= streams_max) {
    return reply(response_of(admin::Answer::busy("There are " + std::to_string(streams_max) +
                                                 " streams already: end one of them.")));
  }
  running_.push_back(std::make_unique<Running>());
  Running& running = *running_.back();
  auto events = std::make_shared<EventStream>();
  Response response;
  response.content_type = "text/event-stream";
  response.headers.push_back({"cache-control", "no-store"});
  response.events = events;
  reply(std::move(response));
  running.thread = std::thread(
      [this, &running, events, invocation = std::move(invocation), caller = std::move(caller)] {
        LineStream lines(events, running.is_stopping);
        const admin::Answer answer = control_.run_stream(invocation, caller, lines);
        events->finish(answer.outcome == admin::Outcome::Done ? "end" : "error",
                       admin::to_json(answer));
        running.is_over = true;
      });
}

namespace {

// For a condition of `session show`, which takes what begins with a tilde for an expression.
std::string exactly(std::string_view text) {
  if (!text.starts_with('~')) return std::string(text);
  constexpr std::string_view special = "\\^$.|?*+()[]{}";
  std::string expression = "~^";
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) expression += '\\';
    expression += c;
  }
  return expression + '$';
}

// Whether the one row that `session show --is_online` gave says so; "unknown" without a row.
std::string_view presence_of(const admin::Answer& answer) {
  for (const admin::Part& part : answer.parts) {
    const auto* table = std::get_if<admin::Table>(&part);
    if (table == nullptr) continue;
    for (const auto& row : table->rows) {
      const bool* is_online = row.empty() ? nullptr : std::get_if<bool>(&row.front());
      return is_online != nullptr && *is_online ? "online" : "offline";
    }
  }
  return "unknown";
}

// Null: there is no such column, or something else in it.
template <typename T>
const T* cell(const admin::Table& table, const std::vector<admin::Cell>& row,
              std::string_view name) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i] == name) return std::get_if<T>(&row[i]);
  }
  return nullptr;
}

void write_topics(const admin::Answer& answer, JsonText& json) {
  json.key("topics").begin_array();
  for (const admin::Part& part : answer.parts) {
    const auto* table = std::get_if<admin::Table>(&part);
    if (table == nullptr) continue;
    for (const auto& row : table->rows) {
      const auto* topic = cell<std::string>(*table, row, "topic");
      const auto* qos = cell<std::int64_t>(*table, row, "qos");
      if (topic == nullptr || qos == nullptr) continue;
      json.begin_array().text(*topic).number(*qos).end_array();
    }
  }
  json.end_array();
}

// A request below /api/v2.
struct ClientRequest {
  bool disconnects = false;
  bool wants_topics = false;
  bool cleans_up = false;
  std::string client_id;
  std::string mountpoint;
  control::Caller caller;
};

std::optional<ClientRequest> client_request_of(std::string_view path, std::string_view query) {
  ClientRequest asked;
  asked.disconnects = path == "/disconnect";
  if (!asked.disconnects && path != "/client") return std::nullopt;
  const auto is_set = [](const Parameter& one) { return one.value.value_or("true") == "true"; };
  for (const Parameter& one : parse_query(query).value_or(std::vector<Parameter>{})) {
    if (one.name == "client_id") asked.client_id = one.value.value_or("");
    if (one.name == "mountpoint") asked.mountpoint = one.value.value_or("");
    if (one.name == "topics") asked.wants_topics = is_set(one);
    if (one.name == "cleanup") asked.cleans_up = is_set(one);
  }
  if (asked.client_id.empty()) return std::nullopt;
  return asked;
}

// `then` gets the answer of a command that was done; `reply` what went wrong with one that was not.
void run(control::Control& control, const ClientRequest& asked,
         const std::vector<std::string>& line, const Reply& reply,
         std::function<void(const admin::Answer&)> then) {
  auto invocation = admin::parse(line);
  if (!invocation) return reply(response_of(admin::to_answer(invocation.error())));
  control.submit(std::move(*invocation), asked.caller,
                 [reply, then = std::move(then)](const admin::Answer& answer) {
                   if (answer.outcome != admin::Outcome::Done) return reply(response_of(answer));
                   then(answer);
                 });
}

std::vector<std::string> question_about(const ClientRequest& asked) {
  return {"session", "show", "--client_id=" + exactly(asked.client_id),
          "--mountpoint=" + exactly(asked.mountpoint)};
}

void tell_topics(control::Control& control, const ClientRequest& asked, std::string_view status,
                 const Reply& reply) {
  std::vector<std::string> line = question_about(asked);
  line.insert(line.end(), {"--topic", "--qos", "--limit=100000"});
  run(control, asked, line, reply, [status, reply](const admin::Answer& answer) {
    JsonText json;
    json.begin_object().key("status").text(status);
    write_topics(answer, json);
    json.end_object();
    reply(Response::json(json.take()));
  });
}

void disconnect(control::Control& control, const ClientRequest& asked, const Reply& reply) {
  std::vector<std::string> line = {"session", "disconnect", "client-id=" + asked.client_id};
  if (!asked.mountpoint.empty()) line.push_back("mountpoint=" + asked.mountpoint);
  if (asked.cleans_up) line.push_back("--cleanup");
  run(control, asked, line, reply,
      [reply](const admin::Answer&) { reply(Response::json(R"("ok")")); });
}

}  // namespace

void Management::handle_v2(const Request& request, std::string_view path, std::string_view key,
                           const Reply& reply) {
  auto asked = client_request_of(path, request.query);
  if (!asked) return reply(Response::text("invalid_command", 400));
  if (asked->disconnects && request.method == Method::Head) return reply(Response::empty(405));
  asked->caller = caller_of(request, key);
  std::vector<std::string> line = question_about(*asked);
  line.push_back("--is_online");
  // The question may outlive this server, but not those who answer it.
  run(control_, *asked, line, reply,
      [&control = control_, asked = *asked, reply](const admin::Answer& answer) {
        const std::string_view status = presence_of(answer);
        const bool is_known = status != "unknown";
        if (asked.disconnects && is_known) return disconnect(control, asked, reply);
        if (asked.disconnects) return reply(Response::json(R"("unknown")"));
        if (asked.wants_topics && is_known) return tell_topics(control, asked, status, reply);
        JsonText json;
        json.begin_object().key("status").text(status);
        if (asked.wants_topics) json.key("topics").begin_array().end_array();
        json.end_object();
        reply(Response::json(json.take()));
      });
}

}  // namespace vmq::http
