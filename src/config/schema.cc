#include <deque>
#include <string>
#include <vector>

#include "config/settings.h"

namespace vmq::config {

namespace {

constexpr const Section* kSections[] = {
    &kMqttSection,   &kNodeSection,   &kStoreSection,   &kAuthSection,    &kSysTreeSection,
    &kLogSection,    &kHttpSection,   &kClusterSection, &kEtcdSection,    &kWebhookSection,
    &kScriptSection, &kBridgeSection, &kIgnoredSection, &kRemovedSection,
};

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    words.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return words;
}

// Owns the keys that are put together from a kind and an option.
struct Unfolded {
  std::deque<std::string> keys;
  std::vector<Setting> settings;

  void add(std::string key, const ListenerRow& row, std::optional<std::string_view> text) {
    keys.push_back(std::move(key));
    settings.push_back({keys.back(), row.type, text, row.flags | kHidden, row.built, row.prose,
                        row.words, row.unit, row.min, row.max});
  }
};

void unfold_row(const ListenerRow& row, Unfolded& out) {
  const std::string option(row.option);
  if (row.root_default) out.add("listener." + option, row, row.root_default);
  for (const std::string_view kind : split_words(row.kinds)) {
    out.add("listener." + std::string(kind) + "." + option, row, row.kind_default);
  }
  for (const std::string_view kind : split_words(row.name_kinds)) {
    out.add("listener." + std::string(kind) + ".$name." + option, row, row.name_default);
  }
}

void add_address_lines(Unfolded& out) {
  for (const std::string_view kind : {"tcp", "ssl", "ws", "wss", "vmq", "vmqs", "http", "https"}) {
    ListenerRow row;
    row.type = kind == "tcp" ? Type::AddressOrSocket : Type::Address;
    row.prose = "Address of a listener: IP:PORT. An IPv6 address stands there without brackets.";
    out.add("listener." + std::string(kind) + ".$name", row, std::nullopt);
  }
}

Unfolded unfold() {
  Unfolded out;
  for (const Section* section : kSections) {
    out.settings.insert(out.settings.end(), section->settings.begin(), section->settings.end());
  }
  add_address_lines(out);
  for (const ListenerRow& row : listener_rows()) unfold_row(row, out);
  return out;
}

}  // namespace

std::span<const Section* const> sections() { return kSections; }

std::span<const Setting> schema() {
  static const Unfolded kAll = unfold();
  return kAll.settings;
}

std::string_view to_string(Type type) {
  switch (type) {
    case Type::Flag:
      return "on or off";
    case Type::Int:
      return "number";
    case Type::Bytes:
      return "size";
    case Type::DurationText:
      return "duration";
    case Type::Percent:
      return "percent";
    case Type::Enum:
      return "one of";
    case Type::Address:
      return "IP:PORT";
    case Type::AddressOrSocket:
      return "IP:PORT or local:/path:0";
    case Type::File:
      return "file";
    case Type::Directory:
      return "directory";
    case Type::Text:
      return "text";
    case Type::List:
      return "list";
    case Type::IntTriple:
      return "three sizes";
    case Type::ProtocolLevels:
      return "list of 3 4 5 131 132";
    case Type::TlsVersions:
      return "list of TLS versions";
    case Type::Atom:
      return "word";
    case Type::TimeWord:
      return "time";
    case Type::Mountpoint:
      return "text or off";
  }
  return "";
}

std::string_view to_string(Built built) {
  switch (built) {
    case Built::Works:
      return "works";
    case Built::Mapped:
      return "mapped";
    case Built::NotBuilt:
      return "not built yet";
    case Built::Ignored:
      return "ignored";
    case Built::Removed:
      return "ignored, with a warning";
    case Built::Silent:
      return "ignored";
  }
  return "";
}

std::string_view to_string(Unit unit) {
  switch (unit) {
    case Unit::None:
      return "";
    case Unit::Milliseconds:
      return "milliseconds";
    case Unit::Seconds:
      return "seconds";
    case Unit::Minutes:
      return "minutes";
    case Unit::Days:
      return "days";
    case Unit::Bytes:
      return "bytes";
    case Unit::Messages:
      return "messages";
  }
  return "";
}

}  // namespace vmq::config
