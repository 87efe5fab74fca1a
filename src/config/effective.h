// Every effective key and its value: what the files say, over the defaults of the settings table.
// The typed Config is made from it; `config show` reads it; `vmq-admin set` changes it and makes a
// new Config.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/parser.h"
#include "config/value.h"

namespace vmq::config {

enum class Source : std::uint8_t { Default, File, RunTime };

struct EffectiveValue {
  const Setting* setting = nullptr;
  KeyWords words;
  Value value;
  Source source = Source::Default;
  Origin origin;  // where the file says so; empty otherwise
};

enum class SetError : std::uint8_t { UnknownKey, NotLive, BadValue };
struct SetFailure {
  SetError error = SetError::UnknownKey;
  std::string reason;
};

class Settings {
 public:
  // All defaults of keys without $.
  Settings();

  // Nothing for a key that has no value, known or not.
  const EffectiveValue* get(std::string_view key) const;

  // Changes a key that may change while the broker runs; anything else is refused and changes
  // nothing. The change is not kept across a restart.
  [[nodiscard]] Result<void, SetFailure> set(std::string_view key, std::string_view text);
  // The same for a key that only a command of its own may change.
  [[nodiscard]] Result<void, SetFailure> set_fixed(std::string_view key, std::string_view text);

  // Gives the key the value that it has in `from`.
  void reset(std::string_view key, const Settings& from);

  // By key. Values of secrets are in there: show them with shown_text().
  const std::map<std::string, EffectiveValue, std::less<>>& all() const { return values_; }

  // Of keys without $ that have a default; asking for others is an error of ours.
  bool flag(std::string_view key) const;
  std::int64_t number(std::string_view key) const;
  const std::string& text(std::string_view key) const;

  // Takes what files say, the later entry over the earlier, resolves $(key) and checks every value.
  // Errors are appended; a key with an error keeps its default.
  void take_entries(const std::vector<Entry>& entries, std::vector<ConfigError>& errors);

 private:
  const EffectiveValue& known(std::string_view key) const;

  std::map<std::string, EffectiveValue, std::less<>> values_;
};

// The value's text, or stars for a secret that is set.
std::string shown_text(const EffectiveValue& value);

}  // namespace vmq::config
