#include "http/management.h"

#include <atomic>
#include <utility>
#include <variant>

#include "admin/writers.h"
#include "http/event_stream.h"
#include "http/json_text.h"
#include "http/url.h"

namespace vmq::http {
namespace {

// VerneMQ's short forms: the word alone stands for its `show`.
constexpr std::string_view plurals[][2] = {
    {"sessions", "session"}, {"listeners", "listener"}, {"plugins", "plugin"}};

Response response_of(const admin::Answer& answer) {
  const unsigned status = answer.outcome == admin::Outcome::Done ? 200 : 400;
  Response response = Response::json(admin::to_json(answer), status);
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

std::optional<std::vector<std::string>> command_line_of(std::string_view path,
                                                        std::string_view query) {
  auto line = path_words(path);
  const auto parameters = parse_query(query);
  if (!line || !parameters) return std::nullopt;
  for (const auto& [plural, word] : plurals) {
    if (line->empty() || line->front() != plural) continue;
    line->front() = word;
    if (line->size() == 1) line->push_back("show");
  }
  for (const Parameter& one : *parameters) {
    if (one.name == "--format") continue;  // it is always JSON
    line->push_back(one.value ? one.name + '=' + *one.value : one.name);
  }
  line->push_back("--format=json");
  return line;
}

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
    Response response = response_of(admin::Answer::failed(
        "There are " + std::to_string(streams_max) + " streams already: end one of them."));
    response.status = 503;
    return reply(std::move(response));
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

// Whether the one row that `session show --is_online` gave says so; "unknown" without a row.
std::string_view status_of(const admin::Answer& answer) {
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

void write_topics(const admin::Answer& answer, JsonText& json) {
  json.key("topics").begin_array();
  for (const admin::Part& part : answer.parts) {
    const auto* table = std::get_if<admin::Table>(&part);
    if (table == nullptr) continue;
    for (const auto& row : table->rows) {
      const auto* topic = row.size() < 3 ? nullptr : std::get_if<std::string>(&row[1]);
      const auto* qos = row.size() < 3 ? nullptr : std::get_if<std::int64_t>(&row[2]);
      if (topic == nullptr) continue;
      json.begin_array().text(*topic).number(qos == nullptr ? 0 : *qos).end_array();
    }
  }
  json.end_array();
}

}  // namespace

void Management::handle_v2(const Request& request, std::string_view path, std::string_view key,
                           const Reply& reply) {
  const auto parameters = parse_query(request.query);
  std::optional<std::string> client_id;
  std::string mountpoint;
  bool wants_topics = false;
  bool cleans_up = false;
  for (const Parameter& one : parameters.value_or(std::vector<Parameter>{})) {
    if (one.name == "client_id") client_id = one.value;
    if (one.name == "mountpoint") mountpoint = one.value.value_or("");
    if (one.name == "topics") wants_topics = one.value.value_or("true") == "true";
    if (one.name == "cleanup") cleans_up = one.value.value_or("true") == "true";
  }
  const bool is_question = path == "/client";
  if ((!is_question && path != "/disconnect") || !client_id || !parameters) {
    return reply(Response::text("invalid_command", 400));
  }
  std::vector<std::string> line;
  if (is_question) {
    line = {"session", "show", "--client_id=" + *client_id, "--mountpoint=" + mountpoint,
            "--is_online"};
    if (wants_topics) line.insert(line.end(), {"--topic", "--qos", "--limit=100000"});
  } else {
    if (request.method == Method::Head) return reply(Response::empty(405));
    line = {"session", "disconnect", "client-id=" + *client_id};
    if (!mountpoint.empty()) line.push_back("mountpoint=" + mountpoint);
    if (cleans_up) line.push_back("--cleanup");
  }
  auto invocation = admin::parse(line);
  if (!invocation) return reply(response_of(admin::to_answer(invocation.error())));
  control_.submit(std::move(*invocation), caller_of(request, key),
                  [reply, is_question, wants_topics](const admin::Answer& answer) {
                    const bool is_done = answer.outcome == admin::Outcome::Done;
                    if (!is_question) {
                      return reply(Response::json(is_done ? R"("ok")" : R"("unknown")"));
                    }
                    if (!is_done) return reply(response_of(answer));
                    JsonText json;
                    json.begin_object().key("status").text(status_of(answer));
                    if (wants_topics) write_topics(answer, json);
                    json.end_object();
                    reply(Response::json(json.take()));
                  });
}

}  // namespace vmq::http
