#include "config/effective.h"

#include <fmt/format.h>

#include "base/expect.h"

namespace vmq::config {

namespace {

using Values = std::map<std::string, EffectiveValue, std::less<>>;

constexpr std::size_t kReferenceDepthMax = 64;
constexpr std::size_t kHelpedMax = 20;

// Pieces of a default's text; $(key) is the only thing in it that is not taken as it is.
std::vector<Piece> pieces_of_default(std::string_view text) {
  std::vector<Piece> pieces;
  if (text.starts_with("$(")) {
    const std::size_t close = text.find(')');
    pieces.push_back({true, std::string(text.substr(2, close - 2))});
    text.remove_prefix(close + 1);
  }
  if (!text.empty()) pieces.push_back({false, std::string(text)});
  return pieces;
}

// The table's defaults, judged once: most are the same whatever the files say.
struct Defaults {
  Values plain;
  std::vector<const Setting*> referring;  // those that lead to another key's value

  Defaults() {
    for (const Setting& setting : schema()) {
      if (!setting.default_text || is_pattern(setting)) continue;
      if (setting.default_text->starts_with("$(")) {
        referring.push_back(&setting);
        continue;
      }
      Result<Value, std::string> value = parse_value(setting, *setting.default_text);
      VMQ_EXPECT(value.has_value());
      plain[std::string(setting.key)] = {
          &setting, *parse_key(setting.key), std::move(*value), Source::Default, {}};
    }
  }
};

const Defaults& defaults() {
  static const Defaults kDefaults;
  return kDefaults;
}

// Turns entries into texts: follows references, finds cycles, keeps the first reason of each
// failure.
class Resolver {
 public:
  struct Node {
    const Setting* setting = nullptr;
    KeyWords words;
    std::vector<Piece> pieces;
    Origin origin;
    Origin value_origin;
    bool is_from_file = false;
    enum class State : std::uint8_t { Fresh, Active, Done, Failed } state = State::Fresh;
    std::string text;
  };

  explicit Resolver(std::vector<ConfigError>& errors) : errors_(errors) {}

  void add_default(const Setting& setting) {
    Node node;
    node.setting = &setting;
    node.words = *parse_key(setting.key);
    node.pieces = pieces_of_default(*setting.default_text);
    nodes_.insert_or_assign(std::string(setting.key), std::move(node));
  }

  void add_entry(const Entry& entry) {
    const std::string key = to_string(entry.words);
    const Setting* setting = find_setting(entry.words);
    if (setting == nullptr) {
      if (errors_.size() >= kErrorsMax) return;
      // Looking for near keys costs; a file with very many unknown ones is not a file of ours
      // anyway.
      const bool is_helped = ++unknown_count_ <= kHelpedMax;
      errors_.push_back({entry.origin, key, "this key is unknown",
                         is_helped ? nearest_keys(entry.words) : std::vector<std::string>()});
      return;
    }
    Node node;
    node.setting = setting;
    node.words = entry.words;
    node.pieces = entry.pieces;
    node.origin = entry.origin;
    node.value_origin = entry.value_origin;
    node.is_from_file = true;
    nodes_.insert_or_assign(key, std::move(node));
  }

  // Whether node.text is good. Depth is bounded, because files decide how far references lead.
  bool resolve(const std::string& key, Node& node, std::size_t depth) {
    if (node.state == Node::State::Done) return true;
    if (node.state == Node::State::Failed) return false;
    if (node.state == Node::State::Active) return fail(key, node, "its value leads back to itself");
    if (depth > kReferenceDepthMax) return fail(key, node, "references lead too far");
    node.state = Node::State::Active;
    for (const Piece& piece : node.pieces) {
      if (!append(key, node, piece, depth)) return false;
      if (node.text.size() > kValueBytesMax) return fail(key, node, "the value is too long");
    }
    node.state = Node::State::Done;
    return true;
  }

  std::map<std::string, Node, std::less<>>& nodes() { return nodes_; }

  bool fail(const std::string& key, Node& node, std::string reason) {
    node.state = Node::State::Failed;
    if (errors_.size() < kErrorsMax) {
      errors_.push_back({node.value_origin, key, std::move(reason), {}});
    }
    return false;
  }

 private:
  bool append(const std::string& key, Node& node, const Piece& piece, std::size_t depth) {
    if (!piece.is_reference) {
      node.text += piece.text;
      return true;
    }
    const Result<KeyWords, KeyError> words = parse_key(piece.text);
    const std::string name = words ? to_string(*words) : std::string();
    const auto found = nodes_.find(name);
    if (found == nodes_.end()) {
      const auto plain = defaults().plain.find(name);
      if (plain != defaults().plain.end()) {
        node.text += *plain->second.setting->default_text;
        return true;
      }
      return fail(key, node, fmt::format("$({}) names no key that has a value", piece.text));
    }
    if (!resolve(found->first, found->second, depth + 1)) {
      // A cycle has failed this node already, on the way round.
      if (node.state == Node::State::Failed) return false;
      return fail(key, node, fmt::format("$({}) has no good value", piece.text));
    }
    node.text += found->second.text;
    return true;
  }

  std::vector<ConfigError>& errors_;
  std::size_t unknown_count_ = 0;
  std::map<std::string, Node, std::less<>> nodes_;
};

Values values_of(const std::vector<Entry>& entries, std::vector<ConfigError>& errors) {
  Resolver resolver(errors);
  for (const Setting* setting : defaults().referring) resolver.add_default(*setting);
  for (const Entry& entry : entries) resolver.add_entry(entry);
  Values values = defaults().plain;
  for (auto& [key, node] : resolver.nodes()) {
    if (!resolver.resolve(key, node, 0)) continue;
    Result<Value, std::string> value = parse_value(*node.setting, node.text);
    if (!value) {
      resolver.fail(key, node, value.error());
      continue;
    }
    const Source source = node.is_from_file ? Source::File : Source::Default;
    values[key] = {node.setting, node.words, std::move(*value), source, node.origin};
  }
  return values;
}

}  // namespace

Settings::Settings() {
  static const Values kDefaults = [] {
    std::vector<ConfigError> errors;
    Values values = values_of({}, errors);
    VMQ_EXPECT(errors.empty());
    return values;
  }();
  values_ = kDefaults;
}

void Settings::take_entries(const std::vector<Entry>& entries, std::vector<ConfigError>& errors) {
  values_ = values_of(entries, errors);
}

const EffectiveValue* Settings::get(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

Result<void, SetFailure> Settings::set(std::string_view key, std::string_view text) {
  const Result<KeyWords, KeyError> words = parse_key(key);
  const Setting* setting = words ? find_setting(*words) : nullptr;
  if (setting == nullptr) {
    return failure(SetFailure{SetError::UnknownKey, "this key is unknown"});
  }
  if (!setting->is(kLive)) {
    return failure(SetFailure{SetError::NotLive, "this key is read at start only"});
  }
  return set_fixed(key, text);
}

Result<void, SetFailure> Settings::set_fixed(std::string_view key, std::string_view text) {
  const Result<KeyWords, KeyError> words = parse_key(key);
  const Setting* setting = words ? find_setting(*words) : nullptr;
  if (setting == nullptr) {
    return failure(SetFailure{SetError::UnknownKey, "this key is unknown"});
  }
  Result<Value, std::string> value = parse_value(*setting, text);
  if (!value) return failure(SetFailure{SetError::BadValue, value.error()});
  values_[to_string(*words)] = {setting, *words, std::move(*value), Source::RunTime, {}};
  return {};
}

void Settings::reset(std::string_view key, const Settings& from) {
  const EffectiveValue* value = from.get(key);
  if (value != nullptr) {
    values_.insert_or_assign(std::string(key), *value);
  } else if (const auto found = values_.find(key); found != values_.end()) {
    values_.erase(found);
  }
}

const EffectiveValue& Settings::known(std::string_view key) const {
  const EffectiveValue* value = get(key);
  VMQ_EXPECT(value != nullptr);
  return *value;
}

bool Settings::flag(std::string_view key) const { return known(key).value.number == 1; }
std::int64_t Settings::number(std::string_view key) const { return known(key).value.number; }
const std::string& Settings::text(std::string_view key) const { return known(key).value.text; }

std::string shown_text(const EffectiveValue& value) {
  const bool is_hidden = value.setting->is(kSecret) && !value.value.text.empty();
  return is_hidden ? "********" : value.value.text;
}

}  // namespace vmq::config
