// The keys of the HTTP API: which there are, what each opens and until when.
//
// Kept whole in memory and written whole at each change: there are few. A file that cannot be read
// leaves no key good and refuses changes, so that nothing of it is lost by accident; the node
// serves its clients all the same.
//
// A member of a cluster shares its keys with the others. They are changed by all together, and what
// is here, in memory and in the file, is a copy: it is good also while the others cannot be
// reached.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace vmq::control {

struct ApiKey {
  std::string key;
  std::string scope;
  std::optional<std::int64_t> expires_s;  // since 1970; none: never

  bool is_expired(std::int64_t now_s) const { return expires_s && *expires_s <= now_s; }
  friend bool operator==(const ApiKey&, const ApiKey&) = default;
};

struct KeyList {
  std::vector<ApiKey> keys;
  std::uint64_t cluster = 0;  // they are a copy of this cluster's; 0: they are this node's own
};

// Where a node keeps its keys, or its copy of them.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  // The error is a sentence for the operator.
  [[nodiscard]] virtual Result<KeyList, std::string> load() = 0;
  // All of them or none, and durable when it returns.
  [[nodiscard]] virtual Result<void, std::string> save(const KeyList& list) = 0;
};

// Who changes the keys that all members of a cluster share.
class SharedKeys {
 public:
  virtual ~SharedKeys() = default;
  virtual bool is_member() const = 0;
  // As those of ApiKeys; seen by all members soon after they return.
  [[nodiscard]] virtual Result<void, std::string> add(const ApiKey& key) = 0;
  [[nodiscard]] virtual Result<void, std::string> remove(std::string_view key,
                                                         std::string_view scope) = 0;
};

// As rows of a table that members share (docs/formats/api-keys.md): SCOPE/KEY → what else there is.
using KeyRows = std::map<std::string, std::string, std::less<>>;
std::pair<std::string, std::string> row_of(const ApiKey& key);
// Nothing for what this program cannot read.
std::optional<ApiKey> key_of_row(std::string_view row, std::string_view value);

// What commands say.
inline constexpr std::string_view key_already_exists =
    "key_already_exists: delete it first to change it";
std::string key_not_found(std::string_view scope);

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

  // From now on `shared` is asked whether this node is a member, and if so for changes. REQUIRES:
  // it outlives the last change.
  void share(SharedKeys& shared);
  // The keys of the cluster that this node is a member of. Until the node has the copy of that
  // cluster, what the node brings along and the cluster does not have is good too: `missing`.
  struct Taken {
    KeyRows missing;
    std::optional<std::string> not_saved;  // why the file has others than those in force
  };
  Taken take(std::uint64_t cluster, const KeyRows& rows);

  // Why there are no keys, if the store could not be read and no cluster has told any.
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
  SharedKeys* shared_now() const;

  const std::unique_ptr<KeyStore> store_;
  const Limits limits_;
  mutable std::mutex mutex_;
  std::vector<ApiKey> keys_;
  std::uint64_t cluster_ = 0;  // as in KeyList
  SharedKeys* shared_ = nullptr;
  bool is_copy_ = false;                // of a cluster's, taken since the start
  std::optional<std::string> trouble_;  // with the store, at the start
};

// yyyy-mm-ddThh:mm:ss in the time zone of the process. Nothing for anything else.
std::optional<std::int64_t> parse_local_time(std::string_view text);
// yyyy-mm-dd hh:mm:ss
std::string utc_text(std::int64_t time_s);

}  // namespace vmq::control
