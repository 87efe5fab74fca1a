// The file of API keys:
//
//   vernemq-api-keys 1
//   cluster HEX             only of a copy: the cluster whose keys they are
//   KEY SCOPE EXPIRY        one line a key; EXPIRY is seconds since 1970, or never
//   checksum HEX            of every byte before this line
//
// A change writes a new file, makes it durable and takes the old one's place with it, so that a
// crash leaves the one or the other.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/hash.h"
#include "control/api_keys.h"

namespace vmq::control {
namespace {

constexpr std::string_view first_line = "vernemq-api-keys 1\n";
constexpr std::size_t file_bytes_max = 1 << 20;

std::string checksum_line(std::string_view text) {
  return fmt::format("checksum {:016x}\n", keyed_hash(HashKey{0}, text));
}

std::string to_text(const KeyList& list) {
  std::string text(first_line);
  // Two words, unlike a key's line.
  if (list.cluster != 0) text += fmt::format("cluster {:016x}\n", list.cluster);
  for (const ApiKey& key : list.keys) {
    const std::string expiry = key.expires_s ? std::to_string(*key.expires_s) : "never";
    text += key.key + ' ' + key.scope + ' ' + expiry + '\n';
  }
  return text + checksum_line(text);
}

std::optional<ApiKey> parse_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = line.find(' ', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  ApiKey key{std::string(line.substr(0, first)),
             std::string(line.substr(first + 1, second - first - 1)), std::nullopt};
  const std::string_view expiry = line.substr(second + 1);
  if (expiry == "never") return key;
  std::int64_t expires_s = 0;
  const auto [end, error] =
      std::from_chars(expiry.data(), expiry.data() + expiry.size(), expires_s);
  if (error != std::errc() || end != expiry.data() + expiry.size()) return std::nullopt;
  key.expires_s = expires_s;
  return key;
}

// 0: it is no line of a cluster.
std::uint64_t parse_cluster(std::string_view line) {
  constexpr std::string_view word = "cluster ";
  if (!line.starts_with(word)) return 0;
  line.remove_prefix(word.size());
  std::uint64_t cluster = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), cluster, 16);
  return error == std::errc() && end == line.data() + line.size() ? cluster : 0;
}

std::optional<KeyList> parse(std::string_view text) {
  const std::size_t size = checksum_line("").size();
  if (!text.starts_with(first_line) || text.size() < first_line.size() + size) return std::nullopt;
  const std::string_view body = text.substr(0, text.size() - size);
  if (text.substr(body.size()) != checksum_line(body)) return std::nullopt;
  KeyList list;
  for (std::string_view rest = body.substr(first_line.size()); !rest.empty();) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (const std::uint64_t cluster = parse_cluster(line); cluster != 0) {
      list.cluster = cluster;
      continue;
    }
    std::optional<ApiKey> key = parse_line(line);
    if (!key) return std::nullopt;
    list.keys.push_back(std::move(*key));
  }
  return list;
}

// A descriptor that closes itself.
class File {
 public:
  File(const std::string& path, int flags, mode_t mode = 0)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

 private:
  int fd_;
};

class KeyFile : public KeyStore {
 public:
  explicit KeyFile(std::string path) : path_(std::move(path)) {}

  Result<KeyList, std::string> load() override {
    const File file(path_, O_RDONLY);
    if (!file.is_open()) {
      if (errno == ENOENT) return KeyList{};
      return failure("cannot open " + path_ + ": " + std::strerror(errno));
    }
    std::string text(file_bytes_max, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
      const ssize_t got = ::read(file.fd(), text.data() + size, text.size() - size);
      if (got < 0) return failure("cannot read " + path_ + ": " + std::strerror(errno));
      if (got == 0) break;
      size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    auto list = parse(text);
    if (list) return std::move(*list);
    return failure(path_ + " is damaged; restore it, or move it away and make new keys");
  }

  Result<void, std::string> save(const KeyList& list) override {
    const std::string fresh = path_ + ".new";
    if (!write(fresh, to_text(list)) || ::rename(fresh.c_str(), path_.c_str()) != 0) {
      const std::string reason = std::strerror(errno);
      ::unlink(fresh.c_str());
      return failure("cannot write " + path_ + ": " + reason);
    }
    // The new name is durable with its folder.
    const std::size_t slash = path_.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
    const File opened(folder, O_RDONLY | O_DIRECTORY);
    if (!opened.is_open() || ::fsync(opened.fd()) != 0) {
      return failure("cannot make " + path_ + " durable: " + std::strerror(errno));
    }
    return {};
  }

 private:
  static bool write(const std::string& path, std::string_view text) {
    const File file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!file.is_open() || ::fchmod(file.fd(), 0600) != 0) return false;
    while (!text.empty()) {
      const ssize_t put = ::write(file.fd(), text.data(), text.size());
      if (put < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(put));
    }
    return ::fsync(file.fd()) == 0;
  }

  const std::string path_;
};

}  // namespace

std::unique_ptr<KeyStore> make_key_file(std::string path) {
  return std::make_unique<KeyFile>(std::move(path));
}

}  // namespace vmq::control
