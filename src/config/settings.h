// The settings table: every key that vernemq.conf may hold, with its type, default, bounds and
// meaning. One row a key; the parser, the documents, `vmq-admin set` and `config show` all read
// this table and nothing else.
//
// A `$word` in a key stands for one word of the operator's choice. The 249 listener keys are not
// written one by one: settings_listener.cc holds one row an option and the levels it exists at, and
// schema() unfolds them.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace vmq::config {

enum class Type : std::uint8_t {
  Flag,             // on, off
  Int,              // decimal
  Bytes,            // number with KB, MB, GB
  DurationText,     // sum of parts, 1h30m
  Percent,          // 10%
  Enum,             // one of the words
  Address,          // IP:PORT, split at the last colon
  AddressOrSocket,  // the same, or local:/path:0
  File,
  Directory,
  Text,
  List,            // comma separated, brackets optional
  IntTriple,       // three sizes, comma separated
  ProtocolLevels,  // list of 3 4 5 131 132
  TlsVersions,     // list of tlsv1 tlsv1.1 tlsv1.2 tlsv1.3
  Atom,            // one word
  TimeWord,        // 3d, or never, or client
  Mountpoint,      // text, off is the empty one
};

// What a number counts. DurationText is rounded up to it.
enum class Unit : std::uint8_t { None, Milliseconds, Seconds, Minutes, Days, Bytes, Messages };

enum class Built : std::uint8_t {
  Works,
  Mapped,    // taken as the key of ours that the prose names
  NotBuilt,  // accepted, checked, kept; a warning names it
  Ignored,   // tunes a part this broker does not have; one warning lists them
  Removed,   // of older releases or the vendor's packages; a warning names it
  Silent,    // accepted without a word
};

using Flags = unsigned;
inline constexpr Flags kPlain = 0;
inline constexpr Flags kHidden = 1;     // legal, but not in the example file
inline constexpr Flags kCommented = 2;  // in the example file as a comment
inline constexpr Flags kLive = 4;       // may change while the broker runs
inline constexpr Flags kOurs = 8;       // not a key of VerneMQ
inline constexpr Flags kSecret = 16;    // never shown

inline constexpr std::nullopt_t kUnset = std::nullopt;
inline constexpr std::int64_t kAnyMin = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t kAnyMax = std::numeric_limits<std::int64_t>::max();

struct Setting {
  std::string_view key;
  Type type = Type::Text;
  std::optional<std::string_view> default_text;  // none: unset unless the file says so
  Flags flags = kPlain;
  Built built = Built::Works;
  std::string_view prose;
  std::string_view words = {};  // separated by |: all of an Enum's, or words taken beside the type
  Unit unit = Unit::None;
  std::int64_t min = kAnyMin;  // of Int and Bytes
  std::int64_t max = kAnyMax;

  bool is(Flags flag) const { return (flags & flag) != 0; }
};

struct Section {
  std::string_view title;
  std::string_view intro;
  std::span<const Setting> settings;
};

extern const Section kMqttSection;
extern const Section kNodeSection;
extern const Section kStoreSection;
extern const Section kAuthSection;
extern const Section kSysTreeSection;
extern const Section kLogSection;
extern const Section kHttpSection;
extern const Section kClusterSection;
extern const Section kEtcdSection;
extern const Section kWebhookSection;
extern const Section kScriptSection;
extern const Section kBridgeSection;
extern const Section kIgnoredSection;
extern const Section kRemovedSection;

// Every section but the listeners, in the order of the documents.
std::span<const Section* const> sections();

// One option of listeners and the levels it exists at: listener.OPT, listener.KIND.OPT,
// listener.KIND.NAME.OPT. The kinds are words separated by blanks.
struct ListenerRow {
  std::string_view option;
  Type type = Type::Text;
  std::optional<std::string_view> root_default;  // none: no root level
  std::string_view kinds;                        // that have the kind level
  std::optional<std::string_view> kind_default;
  std::string_view name_kinds;  // that have the name level
  std::optional<std::string_view> name_default;
  Built built = Built::Works;  // for kinds that are built themselves
  std::string_view prose;
  std::string_view words = {};
  Unit unit = Unit::None;
  std::int64_t min = kAnyMin;
  std::int64_t max = kAnyMax;
  Flags flags = kPlain;
};

std::span<const ListenerRow> listener_rows();

// All settings, the listener keys unfolded. Made at the first call, then constant.
std::span<const Setting> schema();

std::string_view to_string(Type type);
std::string_view to_string(Built built);
std::string_view to_string(Unit unit);

}  // namespace vmq::config
