// vmq-passwd: makes and changes the password file of the broker.
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "auth/hash.h"
#include "auth/password_file.h"
#include "passwd/edit.h"
#include "passwd/prompt.h"
#include "passwd/replace_file.h"

namespace vmq::passwd {
namespace {

constexpr int exit_done = 0;
constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

constexpr std::string_view usage_text =
    "usage: vmq-passwd [--sha512] -c FILE USER    make FILE with USER; FILE must not exist or be "
    "empty\n"
    "       vmq-passwd [--sha512] -cf FILE USER   the same, whatever FILE holds now\n"
    "       vmq-passwd [--sha512] FILE USER       add USER or change the password\n"
    "       vmq-passwd -D FILE USER               delete USER\n"
    "       vmq-passwd [--sha512] -U FILE         hash all plain-text passwords of FILE\n"
    "\n"
    "The password is asked for twice; when standard input is no terminal, its first two lines are\n"
    "taken. New hashes are Argon2id, which is slow to guess and takes the broker about 50 ms and\n"
    "16 MiB a log-in. --sha512 writes the fast $6$ form instead, for a file that a VerneMQ or a\n"
    "mosquitto reads too.\n";

enum class Action { Create, Overwrite, Update, Delete, HashAll };

struct Arguments {
  Action action = Action::Update;
  auth::HashKind kind = auth::HashKind::Argon2id;
  std::string file;
  std::string user;
};

using Outcome = Result<std::string, std::string>;  // what to say, good or bad

Outcome parse_arguments(const std::vector<std::string_view>& words, Arguments& out) {
  std::vector<std::string_view> names;
  bool action_seen = false;
  bool names_only = false;
  for (std::string_view word : words) {
    if (names_only || word.substr(0, 1) != "-") {
      names.push_back(word);
    } else if (word == "--") {
      names_only = true;
    } else if (word == "--sha512") {
      out.kind = auth::HashKind::Sha512;
    } else if (word == "-c" || word == "-cf" || word == "-D" || word == "-U") {
      if (action_seen) return failure(std::string("one of -c, -cf, -D and -U, please"));
      action_seen = true;
      out.action = word == "-c"    ? Action::Create
                   : word == "-cf" ? Action::Overwrite
                   : word == "-D"  ? Action::Delete
                                   : Action::HashAll;
    } else {
      return failure("unknown option " + std::string(word));
    }
  }
  const std::size_t wanted = out.action == Action::HashAll ? 1 : 2;
  if (names.size() != wanted) {
    return failure(std::string(wanted == 1 ? "expected FILE" : "expected FILE and USER"));
  }
  out.file = names[0];
  if (wanted == 2) out.user = names[1];
  return std::string();
}

Result<std::string, auth::HashError> new_hash(auth::HashKind kind, std::string_view password) {
  std::array<std::uint8_t, auth::argon2_salt_bytes> random;
  static_assert(auth::sha512_salt_bytes <= auth::argon2_salt_bytes);
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    std::fprintf(stderr, "vmq-passwd: no random bytes: %s\n", strerror(errno));
    std::exit(exit_failed);
  }
  const ByteView salt(random);
  return kind == auth::HashKind::Sha512
             ? auth::hash_sha512(password, salt.first(auth::sha512_salt_bytes))
             : auth::hash_argon2id(password, salt);
}

// Reads the file; for a new one, makes sure that nothing is lost.
Result<std::string, std::string> text_to_change(const Arguments& arguments) {
  VMQ_TRY(text, read_file(arguments.file));
  switch (arguments.action) {
    case Action::Overwrite:
      return std::string();
    case Action::Create:
      // An empty file, as packages install it, holds nothing that could be lost.
      if (text && !text->empty()) {
        return failure(std::string("exists already; -cf overwrites it"));
      }
      return std::string();
    case Action::Update:
      if (!text) return failure(std::string("no such file; -c makes it"));
      return std::move(*text);
    case Action::Delete:
    case Action::HashAll:
      if (!text) return failure(std::string("no such file"));
      return std::move(*text);
  }
  return std::string();
}

Outcome set_user(const Arguments& arguments) {
  if (const std::string_view fault = user_fault(arguments.user); !fault.empty()) {
    return failure(std::string(fault));
  }
  // What would fail after the question should fail before it.
  VMQ_TRY(before, text_to_change(arguments));
  VMQ_TRY(password, ask_new_password());
  const auto hash = new_hash(arguments.kind, password);
  explicit_bzero(password.data(), password.size());
  if (!hash) return failure(std::string(auth::describe(hash.error())));
  if (arguments.user.size() + 1 + hash->size() > auth::password_line_bytes_max) {
    return failure(std::string("the user name is too long"));
  }
  const FolderLock lock(arguments.file);
  VMQ_TRY(text, text_to_change(arguments));
  VMQ_TRY(done, replace_file(arguments.file, with_user(text, arguments.user, *hash)));
  static_cast<void>(done);
  return std::string();
}

Outcome delete_user(const Arguments& arguments) {
  const FolderLock lock(arguments.file);
  VMQ_TRY(text, text_to_change(arguments));
  const std::optional<std::string> shorter = without_user(text, arguments.user);
  if (!shorter) return failure("no user " + arguments.user);
  VMQ_TRY(done, replace_file(arguments.file, *shorter));
  static_cast<void>(done);
  return std::string();
}

Outcome hash_all(const Arguments& arguments) {
  const FolderLock lock(arguments.file);
  VMQ_TRY(text, text_to_change(arguments));
  const auto hashed = with_passwords_hashed(
      text, [&](std::string_view password) { return new_hash(arguments.kind, password); });
  if (!hashed) {
    return failure("line " + std::to_string(hashed.error().line) + ": " + hashed.error().reason);
  }
  if (hashed->count == 0) return std::string("no plain-text passwords");
  VMQ_TRY(done, replace_file(arguments.file, hashed->text));
  static_cast<void>(done);
  return std::to_string(hashed->count) +
         (hashed->count == 1 ? " password hashed" : " passwords hashed");
}

Outcome run(const Arguments& arguments) {
  switch (arguments.action) {
    case Action::Delete:
      return delete_user(arguments);
    case Action::HashAll:
      return hash_all(arguments);
    default:
      return set_user(arguments);
  }
}

int main_of(const std::vector<std::string_view>& words) {
  if (words.size() == 1 && (words[0] == "-h" || words[0] == "--help")) {
    std::fwrite(usage_text.data(), 1, usage_text.size(), stdout);
    return exit_done;
  }
  Arguments arguments;
  if (const Outcome parsed = parse_arguments(words, arguments); !parsed) {
    std::fprintf(stderr, "vmq-passwd: %s\n%.*s", parsed.error().c_str(),
                 static_cast<int>(usage_text.size()), usage_text.data());
    return exit_usage;
  }
  const std::string named = arguments.file;
  arguments.file = resolved(arguments.file);
  const Outcome outcome = run(arguments);
  if (!outcome) {
    std::fprintf(stderr, "vmq-passwd: %s: %s\n", named.c_str(), outcome.error().c_str());
    return exit_failed;
  }
  if (!outcome->empty()) std::printf("%s: %s\n", named.c_str(), outcome->c_str());
  return exit_done;
}

}  // namespace
}  // namespace vmq::passwd

int main(int count, char** words) {
  return vmq::passwd::main_of(std::vector<std::string_view>(words + (count > 0), words + count));
}
