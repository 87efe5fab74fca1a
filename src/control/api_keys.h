// The keys of the HTTP API: which there are, what each opens and until when.
//
// Kept whole in memory and written whole at each change: there are few. A file that cannot be read
// leaves no key good and refuses changes, so that nothing of it is lost by accident; the node
// serves its clients all the same.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vmq::control {

struct ApiKey {
  std::string key;
  std::string scope;
  std::optional<std::int64_t> expires_s;  // since 1970; none: never

  bool is_expired(std::int64_t now_s) const { return expires_s && *expires_s <= now_s; }
};

// Where keys are kept: a file of a lone node, the cluster's metadata otherwise.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  // The error is a sentence for the operator.
  [[nodiscard]] virtual Result<std::vector<ApiKey>, std::string> load() = 0;
  // All of them or none, and durable when it returns.
  [[nodiscard]] virtual Result<void, std::string> save(const std::vector<ApiKey>& keys) = 0;
};

// A file that only its owner may read, replaced as a whole, with a checksum.
std::unique_ptr<KeyStore> make_key_file(std::string path);

class ApiKeys {
 public:
  static constexpr std::size_t keys_max = 1000;
  static constexpr std::size_t key_length_max = 256;
  static constexpr std::size_t key_length_made = 32;

  struct Limits {
    std::size_t length_min = 0;            // min_apikey_length
    std::optional<std::int64_t> days_max;  // max_apikey_expiry_days
  };

  ApiKeys(std::unique_ptr<KeyStore> store, Limits limits);

  // Why there are no keys, if the store could not be read.
  std::optional<std::string> trouble() const;

  // The errors are one word, VerneMQ's where it has one, a colon and a sentence.
  using Done = Result<void, std::string>;
  [[nodiscard]] Done add(const ApiKey& key, std::int64_t now_s);
  // A key of `key_length_made` letters and digits.
  [[nodiscard]] Result<std::string, std::string> create(std::string scope,
                                                        std::optional<std::int64_t> expires_s,
                                                        std::int64_t now_s);
  [[nodiscard]] Done remove(std::string_view key, std::string_view scope);
  std::vector<ApiKey> all() const;
  // Takes as long for a wrong key as for a right one.
  bool is_good(std::string_view key, std::string_view scope, std::int64_t now_s) const;

 private:
  Done check(const ApiKey& key, std::int64_t now_s) const;
  Done replace(std::vector<ApiKey> keys);

  const std::unique_ptr<KeyStore> store_;
  const Limits limits_;
  mutable std::mutex mutex_;
  std::vector<ApiKey> keys_;
  std::optional<std::string> trouble_;
};

// yyyy-mm-ddThh:mm:ss in the time zone of the process. Nothing for anything else.
std::optional<std::int64_t> parse_local_time(std::string_view text);
// yyyy-mm-dd hh:mm:ss
std::string utc_text(std::int64_t time_s);

}  // namespace vmq::control
