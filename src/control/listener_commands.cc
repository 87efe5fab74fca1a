// listener: where clients connect, while the node runs.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/effective.h"
#include "config/listeners.h"
#include "config/load.h"
#include "config/value.h"
#include "control/control.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Cell;
using admin::Invocation;
using config::ListenerConfig;
using config::ListenerKind;
using node::ListenerStatus;
using node::ListenerView;

// As VerneMQ's tables name the kinds.
std::string_view type_of(ListenerKind kind) {
  switch (kind) {
    case ListenerKind::Tcp:
      return "mqtt";
    case ListenerKind::Ssl:
      return "mqtts";
    case ListenerKind::Ws:
      return "mqttws";
    case ListenerKind::Wss:
      return "mqttwss";
    default:
      return config::to_string(kind);
  }
}

bool is_mqtt(ListenerKind kind) {
  return kind == ListenerKind::Tcp || kind == ListenerKind::Ssl || kind == ListenerKind::Ws ||
         kind == ListenerKind::Wss;
}

std::string versions_text(const config::ProtocolVersions& versions) {
  std::string text;
  const auto add = [&text](bool is_allowed, std::string_view name) {
    if (!is_allowed) return;
    if (!text.empty()) text += ", ";
    text += name;
  };
  add(versions.v3, "mqtt 3.1");
  add(versions.v4, "mqtt 3.1.1");
  add(versions.v5, "mqtt 5");
  add(versions.bridge_v3, "mqtt 3.1 (bridge)");
  add(versions.bridge_v4, "mqtt 3.1.1 (bridge)");
  return text;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

void add_tls(const config::TlsConfig& tls, std::vector<Cell>& row) {
  row.emplace_back(joined(tls.versions));
  row.emplace_back(tls.certfile);
  row.emplace_back(tls.cafile);
  row.emplace_back(tls.keyfile);
  row.emplace_back(tls.require_certificate);
  row.emplace_back(tls.use_identity_as_username);
  row.emplace_back(tls.psk_support);
  row.emplace_back(tls.psk_support ? tls.pskfile : std::string());
}

Answer show(Context& context, const Invocation& invocation) {
  const bool with_tls = invocation.has("tls");
  const bool with_mqtt = invocation.has("mqtt");
  admin::Table table;
  table.columns = {"type",       "status",    "address",      "port",
                   "mountpoint", "max_conns", "active_conns", "all_conns"};
  if (with_tls) {
    table.columns.insert(table.columns.end(),
                         {"tls_version", "certfile", "cafile", "keyfile", "require_certificate",
                          "use_identity_as_username", "psk_support", "pskfile"});
  }
  if (with_mqtt) {
    table.columns.insert(table.columns.end(),
                         {"allowed_protocol_versions", "allow_anonymous_override"});
  }
  for (const ListenerView& view : context.node.listeners().views()) {
    if (view.status == ListenerStatus::NotServed) continue;
    const bool is_unbounded = view.config.connections_max == config::kNoLimit;
    const auto connections = static_cast<std::int64_t>(view.connections);
    std::vector<Cell> row = {
        std::string(type_of(view.config.kind)),
        std::string(view.status == ListenerStatus::Running ? "running" : "suspended"),
        view.address,
        std::to_string(view.port),
        view.config.mountpoint,
        is_unbounded ? Cell("infinity")
                     : Cell(static_cast<std::int64_t>(view.config.connections_max)),
        connections,
        connections};
    if (with_tls) add_tls(view.config.tls, row);
    if (with_mqtt) {
      row.emplace_back(versions_text(view.config.protocol_versions));
      row.emplace_back(view.config.allow_anonymous_override);
    }
    table.rows.push_back(std::move(row));
  }
  return Answer::of(std::move(table));
}

// --- start ---

ListenerKind kind_asked_for(const Invocation& invocation) {
  const auto is_on = [&](std::string_view name) {
    if (!invocation.has(name)) return false;
    const auto value = invocation.value(name);
    return !value || *value == "true" || *value == "on";
  };
  const bool over_tls = is_on("ssl");
  if (is_on("http")) return over_tls ? ListenerKind::Https : ListenerKind::Http;
  if (is_on("websocket")) return over_tls ? ListenerKind::Wss : ListenerKind::Ws;
  return over_tls ? ListenerKind::Ssl : ListenerKind::Tcp;
}

config::Entry entry_of(config::KeyWords words, std::string text) {
  return {std::move(words), {{false, std::move(text)}}, {}, {}};
}

// What is given on the line becomes what a file would say, so it is checked and resolved in the
// same way, over the file's own defaults for listeners.
Result<ListenerConfig, std::string> listener_of(const Context& context,
                                                const Invocation& invocation,
                                                const std::string& name) {
  const ListenerKind kind = kind_asked_for(invocation);
  const std::string word(config::to_string(kind));
  std::vector<config::Entry> entries;
  const config::Settings settings = context.node.settings();
  for (const auto& [key, value] : settings.all()) {
    const bool is_said = value.source != config::Source::Default;
    if (is_said) entries.push_back(entry_of(value.words, value.value.text));
  }
  const config::KeyWords line = {"listener", word, name};
  entries.push_back(entry_of(line, std::string(*invocation.value("address")) + ":" +
                                       std::string(*invocation.value("port"))));
  if (is_mqtt(kind) && !invocation.has("allowed_protocol_versions")) {
    entries.push_back(entry_of({"listener", word, name, "allowed_protocol_versions"}, "3,4"));
  }
  for (const admin::Given& given : invocation.given) {
    const bool is_option = given.name != "address" && given.name != "port" &&
                           given.name != "http" && given.name != "ssl" && given.name != "websocket";
    if (!is_option) continue;
    std::string text = given.value.value_or("on");
    if (text == "true") text = "on";
    if (text == "false") text = "off";
    entries.push_back(entry_of({"listener", word, name, given.name}, std::move(text)));
  }
  config::Settings all;
  std::vector<config::ConfigError> errors;
  all.take_entries(entries, errors);
  if (errors.empty()) {
    std::vector<ListenerConfig> listeners = config::make_listeners(all);
    config::check_listeners(all, listeners, errors);
    for (ListenerConfig& listener : listeners) {
      if (errors.empty() && listener.kind == kind && listener.name == name) return listener;
    }
  }
  std::string text;
  for (const config::ConfigError& error : errors) {
    const std::size_t dot = error.key.rfind('.');
    text += (text.empty() ? "" : "\n") +
            (error.key == config::to_string(line) ? "address, port" : error.key.substr(dot + 1)) +
            ": " + error.reason;
  }
  return failure(std::move(text));
}

std::optional<ListenerView> find(Context& context, const Invocation& invocation) {
  std::string_view address = *invocation.value("address");
  if (address.starts_with("local:")) address.remove_prefix(6);
  const std::uint64_t port = invocation.number("port", 0);
  for (ListenerView& view : context.node.listeners().views()) {
    if (view.address == address && view.port == port) return std::move(view);
  }
  return std::nullopt;
}

Answer start(Context& context, const Invocation& invocation) {
  const bool is_there = invocation.number("port", 0) != 0 && find(context, invocation);
  if (is_there) {
    return Answer::failed("can't start listener due to '{already_started," +
                          std::string(*invocation.value("address")) + "," +
                          std::string(*invocation.value("port")) + "}'");
  }
  const std::string name = "started" + std::to_string(context.node.config()->listeners.size() + 1);
  const auto listener = listener_of(context, invocation, name);
  if (!listener) return Answer::bad_usage(listener.error());
  auto added = context.node.add_listener(*listener);
  if (!added) return Answer::failed("can't start listener: " + added.error());
  return Answer::done();
}

Answer not_found(const Invocation& invocation) {
  return Answer::failed("There is no listener at " + std::string(*invocation.value("address")) +
                        ":" + std::string(*invocation.value("port")) +
                        "; `vmq-admin listener show` lists those there are.");
}

Answer answer_of(const node::Listeners::Done& done) {
  return done ? Answer::done() : Answer::failed(done.error());
}

// Who came over HTTP would find no way back. On the node itself there is always the admin socket.
std::optional<Answer> would_lock_out(Context& context, const ListenerView& going) {
  if (context.caller.via != "http" || !going.config.is_http()) return std::nullopt;
  for (const ListenerView& view : context.node.listeners().views()) {
    const bool is_running = view.status == ListenerStatus::Running;
    if (is_running && view.config.is_http() && view.index != going.index) return std::nullopt;
  }
  return Answer::failed(
      "This is the last HTTP listener that runs: without it you could not start it again from "
      "where you are. Start another one first, or use vmq-admin on the node.");
}

Answer stop(Context& context, const Invocation& invocation) {
  const auto view = find(context, invocation);
  if (!view) return not_found(invocation);
  if (auto refusal = would_lock_out(context, *view)) return std::move(*refusal);
  if (auto done = context.node.listeners().suspend(view->index); !done) return answer_of(done);
  if (invocation.has("kill_sessions")) context.node.disconnect_listener(view->index);
  return Answer::done();
}

Answer restart(Context& context, const Invocation& invocation) {
  const auto view = find(context, invocation);
  if (!view) return not_found(invocation);
  return answer_of(context.node.listeners().resume(view->index));
}

Answer remove(Context& context, const Invocation& invocation) {
  const auto view = find(context, invocation);
  if (!view) return not_found(invocation);
  if (auto refusal = would_lock_out(context, *view)) return std::move(*refusal);
  return answer_of(context.node.listeners().remove(view->index));
}

}  // namespace

void bind_listener_commands(Handlers& handlers) {
  handlers["listener show"] = show;
  handlers["listener start"] = start;
  handlers["listener stop"] = stop;
  handlers["listener restart"] = restart;
  handlers["listener delete"] = remove;
}

}  // namespace vmq::control
