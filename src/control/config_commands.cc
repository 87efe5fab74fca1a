// Settings of the running node: set, show, describe, config show, config reset.
#include <string>
#include <utility>
#include <vector>

#include "config/effective.h"
#include "config/load.h"
#include "config/load_files.h"
#include "config/lookup.h"
#include "control/control.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Cell;
using admin::Invocation;

// Longer values make a table unreadable.
constexpr std::size_t value_shown_max = 200;

// Another node than this one was asked for.
std::optional<Answer> elsewhere(const Context& context, const Invocation& invocation) {
  const auto node = invocation.value("node");
  if (!node || *node == context.node.config()->node.name) return std::nullopt;
  return Answer::failed(std::string(*node) + " is no member of this cluster.");
}

// A line behind the complaint about an unknown key; nothing when no valid one looks like it.
std::string hint(std::string_view key) {
  const auto words = config::parse_key(key);
  if (!words) return {};
  std::string text;
  for (const std::string& near : config::nearest_keys(*words)) {
    text += (text.empty() ? "\nDid you mean " : " or ") + near;
  }
  return text.empty() ? text : text + '?';
}

// All complaints of one kind of key together, as VerneMQ words them.
std::string complaint(const std::vector<node::SettingProblem>& problems) {
  std::string unknown;
  std::string fixed;
  std::string bad;
  for (const node::SettingProblem& problem : problems) {
    switch (problem.failure.error) {
      case config::SetError::UnknownKey:
        unknown += (unknown.empty() ? "" : "\n") + std::string("Unknown variable: ") + problem.key +
                   hint(problem.key);
        break;
      case config::SetError::NotLive:
        fixed += (fixed.empty() ? "" : ",") + std::string("\"") + problem.key + "\"";
        break;
      case config::SetError::BadValue:
        bad += (bad.empty() ? "" : "\n") + std::string("Error transforming datatype for: ") +
               problem.key + "\n" + problem.failure.reason;
        break;
    }
  }
  if (!fixed.empty()) fixed = "The following config keys are not settable: [" + fixed + "]";
  std::string text = std::move(unknown);
  for (const std::string& more : {fixed, bad}) {
    if (!more.empty()) text += (text.empty() ? "" : "\n") + more;
  }
  return text;
}

Answer set(Context& context, const Invocation& invocation) {
  if (auto answer = elsewhere(context, invocation)) return std::move(*answer);
  std::vector<node::SettingText> changes;
  std::string done_text;
  for (const admin::Given& given : invocation.given) {
    if (given.arg != nullptr) continue;  // --node, --all
    changes.emplace_back(given.name, given.value.value_or(""));
    if (!done_text.empty()) done_text += '\n';
    done_text += given.name + " set to \"" + given.value.value_or("") + "\"";
  }
  if (changes.empty()) return Answer::bad_usage("Which setting? set KEY=VALUE");
  const auto done = context.node.set(changes);
  if (!done) return Answer::bad_usage(complaint(done.error()));
  std::string keys;
  for (const auto& [key, text] : changes) keys += (keys.empty() ? "" : " ") + key;
  context.log.info("settings_changed", {{"keys", keys}});
  if (!invocation.has("all")) return Answer::text(std::move(done_text));
  Answer answer = Answer::text("Setting config across the cluster");
  answer.parts.emplace_back(
      admin::Table{{"Node", "Node Down/Unreachable", "Result"},
                   {{context.node.config()->node.name, false, std::move(done_text)}}});
  return answer;
}

const config::Setting* setting_of(std::string_view key) {
  const auto words = config::parse_key(key);
  return words ? config::find_setting(*words) : nullptr;
}

// The keys that are none, as VerneMQ complains of them.
std::optional<Answer> complain_of_unknown(const std::vector<std::string>& keys) {
  if (keys.empty()) return Answer::bad_usage("Which setting?");
  std::string unknown;
  std::string hints;
  for (const std::string& key : keys) {
    if (setting_of(key) != nullptr) continue;
    unknown += key + " ";
    hints += hint(key);
  }
  if (unknown.empty()) return std::nullopt;
  return Answer::bad_usage("Invalid config keys: " + unknown + hints);
}

Cell shown(const config::Settings& settings, std::string_view key) {
  const config::EffectiveValue* value = settings.get(key);
  if (value == nullptr) return {};
  return config::shown_text(*value);
}

Answer show(Context& context, const Invocation& invocation) {
  if (auto answer = elsewhere(context, invocation)) return std::move(*answer);
  if (auto answer = complain_of_unknown(invocation.free_words)) return std::move(*answer);
  const config::Settings settings = context.node.settings();
  admin::Table table;
  table.columns = {"node"};
  table.rows = {{context.node.config()->node.name}};
  for (const std::string& key : invocation.free_words) {
    table.columns.push_back(key);
    table.rows.front().push_back(shown(settings, key));
  }
  return Answer::of(std::move(table));
}

Answer describe(Context&, const Invocation& invocation) {
  if (auto answer = complain_of_unknown(invocation.free_words)) return std::move(*answer);
  std::string text;
  for (const std::string& key : invocation.free_words) {
    const config::Setting& setting = *setting_of(key);
    if (!text.empty()) text += '\n';
    text += key + ":\n  " + std::string(setting.prose);
    if (setting.default_text) text += "\n  Default: " + std::string(*setting.default_text);
    text += setting.is(config::kLive) ? "\n  May be changed while the node runs."
                                      : "\n  Read at the start only.";
  }
  return Answer::text(std::move(text));
}

// Keys of a plugin begin with its name; all others are the server's.
bool is_of_app(std::string_view key, std::string_view app) {
  if (app.empty()) return true;
  if (app != "vmq_server") return key.starts_with(app) && key.substr(app.size()).starts_with('.');
  return !key.starts_with("vmq_");
}

Cell cut(Cell cell) {
  const auto* text = std::get_if<std::string>(&cell);
  if (text != nullptr && text->size() > value_shown_max) return std::string("too_complex");
  return cell;
}

Answer config_show(Context& context, const Invocation& invocation) {
  const config::Settings now = context.node.settings();
  const config::Settings start = context.node.settings_at_start();
  const std::string_view app = invocation.value("app").value_or("");
  if (const auto key = invocation.value("key")) {
    const config::EffectiveValue* value = now.get(*key);
    if (value == nullptr || !is_of_app(*key, app)) {
      return Answer::failed("Invalid config keys: " + std::string(*key) + " ");
    }
    const bool is_set = value->source == config::Source::RunTime;
    return Answer::text(std::string("Scope: ") + (is_set ? "node" : "env") +
                        "\nValue: " + config::shown_text(*value));
  }
  admin::Table table;
  table.columns = {"Config", "Env", "Node", "Global"};
  for (const auto& [key, value] : now.all()) {
    if (!is_of_app(key, app)) continue;
    const bool is_set = value.source == config::Source::RunTime;
    table.rows.push_back(
        {key, cut(shown(start, key)), is_set ? cut(shown(now, key)) : Cell(), Cell()});
  }
  return Answer::of(std::move(table));
}

Answer set_one(Context& context, const std::string& key, std::string value) {
  const auto done = context.node.set({{key, std::move(value)}});
  return done ? Answer::done() : Answer::bad_usage(complaint(done.error()));
}

Answer config_reset(Context& context, const Invocation& invocation) {
  const std::string key(invocation.value("key").value_or(""));
  if (!key.empty() && setting_of(key) == nullptr) {
    return Answer::bad_usage("Invalid config keys: " + key + " ");
  }
  if (const auto value = invocation.value("config-val")) {
    if (key.empty()) return Answer::bad_usage("--config-val: which setting? --key=K");
    return set_one(context, key, std::string(*value));
  }
  if (const auto file = invocation.value("config-file")) {
    if (key.empty()) return Answer::bad_usage("--config-file: which setting? --key=K");
    const auto loaded = config::load(std::string(*file), config::real_files());
    if (!loaded) return Answer::failed(config::format_errors(loaded.error()));
    const config::EffectiveValue* value = loaded->settings.get(key);
    if (value == nullptr) return Answer::failed(std::string(*file) + " does not say " + key + ".");
    return set_one(context, key, value->value.text);
  }
  const std::string_view app = invocation.value("app").value_or("");
  std::vector<std::string> keys;
  const config::Settings settings = context.node.settings();
  for (const auto& [name, value] : settings.all()) {
    if (value.source != config::Source::RunTime || !is_of_app(name, app)) continue;
    if (key.empty() || key == name) keys.push_back(name);
  }
  if (!keys.empty()) context.node.reset(keys);
  return Answer::done();
}

}  // namespace

void bind_config_commands(Handlers& handlers) {
  handlers["set"] = set;
  handlers["config set"] = set;
  handlers["show"] = show;
  handlers["describe"] = describe;
  handlers["config show"] = config_show;
  handlers["config reset"] = config_reset;
}

}  // namespace vmq::control
