#include "config/lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/edit_distance.h"

namespace vmq::config {

namespace {

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

struct Pattern {
  std::vector<std::string_view> words;
  const Setting* setting;
};

std::vector<std::string_view> split_dots(std::string_view key) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t end = key.find('.');
    words.push_back(key.substr(0, end));
    if (end == std::string_view::npos) return words;
    key.remove_prefix(end + 1);
  }
}

// The table, arranged for finding. No fixed row has a dot inside a word, so its key is its
// canonical text.
struct Index {
  std::unordered_map<std::string_view, const Setting*> fixed;
  std::unordered_map<std::size_t, std::vector<Pattern>> patterns;  // by the number of words
  std::vector<Pattern> all;

  Index() {
    for (const Setting& setting : schema()) {
      Pattern pattern{split_dots(setting.key), &setting};
      if (is_pattern(setting)) {
        patterns[pattern.words.size()].push_back(pattern);
      } else {
        fixed.emplace(setting.key, &setting);
      }
      all.push_back(std::move(pattern));
    }
  }
};

const Index& index() {
  static const Index kIndex;
  return kIndex;
}

bool is_variable(std::string_view word) { return word.starts_with('$'); }

bool matches(const Pattern& pattern, const KeyWords& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!is_variable(pattern.words[i]) && pattern.words[i] != words[i]) return false;
  }
  return true;
}

// Whether `a` has its first variable word further right than `b`, both of one length.
bool is_more_fixed(const Pattern& a, const Pattern& b) {
  for (std::size_t i = 0; i < a.words.size(); ++i) {
    if (is_variable(a.words[i]) != is_variable(b.words[i])) return is_variable(b.words[i]);
  }
  return false;
}

// The row's key with the operator's own words where it is open. Nothing for an open row with many
// more or fewer words: which of the operator's words stands for which there is anybody's guess.
std::string filled_in(const Pattern& pattern, const KeyWords& words) {
  if (!is_pattern(*pattern.setting)) return std::string(pattern.setting->key);
  const std::size_t count = pattern.words.size();
  if (count > words.size() + 1 || words.size() > count + 1) return {};
  KeyWords filled;
  for (std::size_t i = 0; i < count; ++i) {
    const bool takes_word = is_variable(pattern.words[i]) && i < words.size();
    filled.push_back(takes_word ? words[i] : std::string(pattern.words[i]));
  }
  return to_string(filled);
}

}  // namespace

bool is_pattern(const Setting& setting) { return setting.key.find('$') != std::string_view::npos; }

Result<KeyWords, KeyError> take_key(std::string_view& text) {
  KeyWords words(1);
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (is_word_char(c)) {
      words.back().push_back(c);
    } else if (c == '\\' && at + 1 < text.size() && text[at + 1] == '.') {
      words.back().push_back('.');
      ++at;
    } else if (c == '.') {
      if (words.back().empty()) break;
      words.emplace_back();
    } else {
      break;
    }
    if (at > kKeyBytesMax) return failure(KeyError{0, "the key is too long"});
  }
  if (words.back().empty()) {
    return failure(KeyError{
        at, words.size() == 1 ? "a key is expected here" : "the key has an empty word here"});
  }
  text.remove_prefix(at);
  return words;
}

Result<KeyWords, KeyError> parse_key(std::string_view text) {
  std::string_view rest = text;
  Result<KeyWords, KeyError> words = take_key(rest);
  if (words && !rest.empty()) {
    return failure(KeyError{text.size() - rest.size(), "this character is not part of a key"});
  }
  return words;
}

std::string to_string(const KeyWords& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text.push_back('.');
    for (const char c : word) {
      if (c == '.') text.push_back('\\');
      text.push_back(c);
    }
  }
  return text;
}

const Setting* find_setting(const KeyWords& words) {
  const std::string key = to_string(words);
  if (const auto found = index().fixed.find(key); found != index().fixed.end()) {
    return found->second;
  }
  const auto candidates = index().patterns.find(words.size());
  if (candidates == index().patterns.end()) return nullptr;
  const Pattern* best = nullptr;
  for (const Pattern& pattern : candidates->second) {
    if (!matches(pattern, words)) continue;
    if (best == nullptr || is_more_fixed(pattern, *best)) best = &pattern;
  }
  return best == nullptr ? nullptr : best->setting;
}

std::vector<std::string> nearest_keys(const KeyWords& words) {
  const std::string key = to_string(words);
  const std::size_t distance_max = std::max<std::size_t>(3, key.size() / 4);
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const Pattern& pattern : index().all) {
    if (pattern.setting->built == Built::Removed || pattern.setting->built == Built::Silent)
      continue;
    std::string candidate = filled_in(pattern, words);
    if (candidate.empty()) continue;
    // A distance is at least the difference in length; most rows need no closer look.
    const std::size_t longer = std::max(candidate.size(), key.size());
    if (longer - std::min(candidate.size(), key.size()) > distance_max) continue;
    const std::size_t distance = edit_distance(key, candidate, distance_max);
    if (distance <= distance_max) near.emplace_back(distance, std::move(candidate));
  }
  std::sort(near.begin(), near.end());
  near.erase(std::unique(near.begin(), near.end()), near.end());
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < near.size() && i < 3; ++i) keys.push_back(std::move(near[i].second));
  return keys;
}

}  // namespace vmq::config
