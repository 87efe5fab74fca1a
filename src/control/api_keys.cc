#include "control/api_keys.h"

#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <utility>

#include "base/expect.h"

namespace vmq::control {
namespace {

constexpr std::array<std::string_view, 6> scopes = {"status", "mgmt", "metrics",
                                                    "health", "api2", "httppub"};
constexpr std::int64_t day_s = 86400;

std::string random_key() {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string key;
  while (key.size() < ApiKeys::key_length_made) {
    std::uint8_t byte = 0;
    VMQ_EXPECT(::getrandom(&byte, 1, 0) == 1);
    // Bytes above the last whole round would favour the first letters.
    if (byte < 256 / digits.size() * digits.size()) key += digits[byte % digits.size()];
  }
  return key;
}

// Looks at every byte, whether there is a difference or not.
bool is_same(std::string_view given, std::string_view known) {
  unsigned difference = given.size() == known.size() ? 0 : 1;
  for (std::size_t i = 0; i < known.size(); ++i) {
    const char other = given.empty() ? '\0' : given[i % given.size()];
    difference |= static_cast<unsigned char>(known[i] ^ other);
  }
  return difference == 0;
}

// What can stand in a header, before the colon of HTTP Basic and in the file.
bool is_key_text(std::string_view key) {
  return std::all_of(key.begin(), key.end(),
                     [](char c) { return c > ' ' && c < 0x7F && c != ':' && c != '"'; });
}

Result<void, std::string> too_many() {
  return failure("too_many_keys: there are " + std::to_string(ApiKeys::keys_max) + "; delete some");
}

}  // namespace

std::string key_not_found(std::string_view scope) {
  return "key_not_found: there is no such key of the scope " + std::string(scope);
}

std::pair<std::string, std::string> row_of(const ApiKey& key) {
  return {key.scope + '/' + key.key,
          "v1 " + (key.expires_s ? std::to_string(*key.expires_s) : "never")};
}

// Words behind those that are known here are left alone: a later version may append some.
std::optional<ApiKey> key_of_row(std::string_view row, std::string_view value) {
  const std::size_t slash = row.find('/');
  if (slash == std::string_view::npos || !value.starts_with("v1 ")) return std::nullopt;
  ApiKey key{std::string(row.substr(slash + 1)), std::string(row.substr(0, slash)), std::nullopt};
  if (!is_key_text(key.key) || key.key.empty() || key.key.size() > ApiKeys::key_length_max) {
    return std::nullopt;
  }
  if (std::find(scopes.begin(), scopes.end(), key.scope) == scopes.end()) return std::nullopt;
  const std::string_view expiry = value.substr(3, value.find(' ', 3) - 3);
  if (expiry == "never") return key;
  std::int64_t expires_s = 0;
  const auto [end, error] =
      std::from_chars(expiry.data(), expiry.data() + expiry.size(), expires_s);
  if (error != std::errc() || end != expiry.data() + expiry.size()) return std::nullopt;
  key.expires_s = expires_s;
  return key;
}

ApiKeys::ApiKeys(std::unique_ptr<KeyStore> store, Limits limits)
    : store_(std::move(store)), limits_(limits) {
  auto loaded = store_->load();
  if (loaded) {
    keys_ = std::move(loaded->keys);
    cluster_ = loaded->cluster;
  } else {
    trouble_ = loaded.error();
  }
}

std::optional<std::string> ApiKeys::trouble() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return is_copy_ ? std::nullopt : trouble_;
}

ApiKeys::Done ApiKeys::check(const ApiKey& key, std::int64_t now_s) const {
  if (std::find(scopes.begin(), scopes.end(), key.scope) == scopes.end()) {
    return failure("invalid_scope: it is one of status, mgmt, metrics, health, api2 and httppub");
  }
  const std::size_t length_min = std::max<std::size_t>(1, limits_.length_min);
  if (key.key.size() < length_min || key.key.size() > key_length_max) {
    return failure("invalid_key_length: a key has " + std::to_string(length_min) + " to " +
                   std::to_string(key_length_max) + " characters");
  }
  if (!is_key_text(key.key)) {
    return failure("invalid_key: visible ASCII characters except colon and quote");
  }
  if (key.is_expired(now_s)) return failure("invalid_expiry_date: it is in the past");
  if (limits_.days_max) {
    const std::string most = std::to_string(*limits_.days_max) + " days (max_apikey_expiry_days)";
    if (!key.expires_s) return failure("invalid_expiry_date: expires=… of at most " + most);
    if (*key.expires_s > now_s + *limits_.days_max * day_s) {
      return failure("invalid_expiry_date: it is further away than " + most);
    }
  }
  return {};
}

ApiKeys::Done ApiKeys::replace(std::vector<ApiKey> keys) {
  if (trouble_) return failure("keys_unreadable: " + *trouble_);
  if (auto saved = store_->save({keys, 0}); !saved) {
    return failure("keys_not_saved: " + saved.error());
  }
  keys_ = std::move(keys);
  cluster_ = 0;
  return {};
}

void ApiKeys::share(SharedKeys& shared) {
  const std::lock_guard<std::mutex> lock(mutex_);
  shared_ = &shared;
}

SharedKeys* ApiKeys::shared_now() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return shared_ != nullptr && shared_->is_member() ? shared_ : nullptr;
}

// A file that could not be read is left as it is: the cluster's keys are good all the same.
ApiKeys::Taken ApiKeys::take(std::uint64_t cluster, const KeyRows& rows) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Taken taken;
  KeyList list{{}, cluster};
  for (const auto& [row, value] : rows) {
    if (std::optional<ApiKey> key = key_of_row(row, value)) list.keys.push_back(*std::move(key));
  }
  if (cluster_ != cluster) {
    for (const ApiKey& key : keys_) {
      auto row = row_of(key);
      if (rows.contains(row.first)) continue;
      list.keys.push_back(key);
      taken.missing.insert(std::move(row));
    }
    if (!taken.missing.empty()) list.cluster = cluster_;
  }
  is_copy_ = true;
  if (list.keys == keys_ && list.cluster == cluster_) return taken;
  if (!trouble_) {
    if (auto saved = store_->save(list); !saved) taken.not_saved = saved.error();
  }
  keys_ = std::move(list.keys);
  cluster_ = list.cluster;
  return taken;
}

ApiKeys::Done ApiKeys::add(const ApiKey& key, std::int64_t now_s) {
  if (auto checked = check(key, now_s); !checked) return checked;
  if (SharedKeys* const shared = shared_now()) {
    if (all().size() >= keys_max) return too_many();
    return shared->add(key);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const ApiKey& known : keys_) {
    if (known.key == key.key && known.scope == key.scope) {
      return failure(std::string(key_already_exists));
    }
  }
  if (keys_.size() >= keys_max) return too_many();
  std::vector<ApiKey> keys = keys_;
  keys.push_back(key);
  return replace(std::move(keys));
}

Result<std::string, std::string> ApiKeys::create(std::string scope,
                                                 std::optional<std::int64_t> expires_s,
                                                 std::int64_t now_s) {
  // One that is long enough whatever the operator asks of others.
  std::string key = random_key();
  while (key.size() < limits_.length_min) key += random_key();
  key.resize(std::max(key_length_made, limits_.length_min));
  if (auto added = add({key, std::move(scope), expires_s}, now_s); !added) {
    return failure(added.error());
  }
  return key;
}

ApiKeys::Done ApiKeys::remove(std::string_view key, std::string_view scope) {
  if (SharedKeys* const shared = shared_now()) return shared->remove(key, scope);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (trouble_) return failure("keys_unreadable: " + *trouble_);
  std::vector<ApiKey> keys = keys_;
  const auto is_it = [&](const ApiKey& one) { return one.key == key && one.scope == scope; };
  const auto end = std::remove_if(keys.begin(), keys.end(), is_it);
  if (end == keys.end()) return failure(key_not_found(scope));
  keys.erase(end, keys.end());
  return replace(std::move(keys));
}

std::vector<ApiKey> ApiKeys::all() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return keys_;
}

bool ApiKeys::is_good(std::string_view key, std::string_view scope, std::int64_t now_s) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  bool is_known = false;
  for (const ApiKey& one : keys_) {
    const bool is_open = one.scope == scope && !one.is_expired(now_s);
    if (is_same(key, one.key) && is_open) is_known = true;
  }
  return is_known;
}

std::optional<std::int64_t> parse_local_time(std::string_view text) {
  std::tm parts{};
  int end = 0;
  const std::string copy(text);
  const int read =
      std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &end);
  if (read != 6 || static_cast<std::size_t>(end) != text.size()) return std::nullopt;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  parts.tm_isdst = -1;
  const std::tm asked = parts;
  const std::time_t time = ::mktime(&parts);
  // The 31st of a shorter month comes back as another day: there is no such date.
  const bool is_date = parts.tm_mday == asked.tm_mday && parts.tm_mon == asked.tm_mon &&
                       parts.tm_year == asked.tm_year && asked.tm_hour < 24 && asked.tm_min < 60 &&
                       asked.tm_sec < 60;
  if (!is_date || time < 0) return std::nullopt;
  return time;
}

std::string utc_text(std::int64_t time_s) {
  const std::time_t time = time_s;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return std::string(text.data(), size);
}

}  // namespace vmq::control
