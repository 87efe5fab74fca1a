// The file of API keys:
//
//   vernemq-api-keys 1
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

std::string to_text(const std::vector<ApiKey>& keys) {
  std::string text(first_line);
  for (const ApiKey& key : keys) {
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

std::optional<std::vector<ApiKey>> parse(std::string_view text) {
  const std::size_t size = checksum_line("").size();
  if (!text.starts_with(first_line) || text.size() < first_line.size() + size) return std::nullopt;
  const std::string_view body = text.substr(0, text.size() - size);
  if (text.substr(body.size()) != checksum_line(body)) return std::nullopt;
  std::vector<ApiKey> keys;
  for (std::string_view rest = body.substr(first_line.size()); !rest.empty();) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    std::optional<ApiKey> key = parse_line(rest.substr(0, end));
    if (!key) return std::nullopt;
    keys.push_back(std::move(*key));
    rest.remove_prefix(end + 1);
  }
  return keys;
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

  Result<std::vector<ApiKey>, std::string> load() override {
    const File file(path_, O_RDONLY);
    if (!file.is_open()) {
      if (errno == ENOENT) return std::vector<ApiKey>{};
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
    auto keys = parse(text);
    if (keys) return std::move(*keys);
    return failure(path_ + " is damaged; restore it, or move it away and make new keys");
  }

  Result<void, std::string> save(const std::vector<ApiKey>& keys) override {
    const std::string fresh = path_ + ".new";
    if (!write(fresh, to_text(keys)) || ::rename(fresh.c_str(), path_.c_str()) != 0) {
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
