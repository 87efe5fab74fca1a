#include "migrate/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "auth/acl.h"
#include "auth/hash.h"
#include "auth/lines.h"
#include "auth/password_file.h"
#include "migrate/directives.h"

namespace vmq::migrate {

namespace {

constexpr std::string_view kAnyUser = "";

enum class Kind { General, User, Pattern };

struct Rule {
  Kind kind = Kind::General;
  std::string user;
  std::string access;  // read, write, readwrite, deny or empty
  std::string topic;
  std::size_t line = 0;
};

std::string_view take_level(std::string_view& rest, bool& is_last) {
  const std::size_t slash = rest.find('/');
  const std::string_view level = rest.substr(0, slash);
  is_last = slash == rest.npos;
  rest.remove_prefix(is_last ? rest.size() : slash + 1);
  return level;
}

bool is_any_level(std::string_view level) { return level == "+" || level == "%u" || level == "%c"; }

// `topic` and `pattern` lines: an access word counts only if something follows it.
Rule rule_of(Kind kind, const std::string& user, std::string_view rest, std::size_t line) {
  std::string_view after = rest;
  const std::string_view word = take_word(after);
  const bool is_access = !after.empty() && (word == "read" || word == "write" ||
                                            word == "readwrite" || word == "deny");
  return {kind, user, std::string(is_access ? word : std::string_view{}),
          std::string(is_access ? after : rest), line};
}

// Our rules know no deny, so what a deny takes away must not be given in the first place. A user's
// own rule is only taken back by that user's deny; a rule for many, by anybody's.
bool is_touched(const Rule& rule, const Rule& deny) {
  const bool is_own = deny.kind == Kind::User && deny.user == rule.user;
  return (rule.kind != Kind::User || is_own) && filters_meet(rule.topic, deny.topic);
}

std::string text_of(const Rule& rule) {
  const std::string_view word = rule.kind == Kind::Pattern ? "pattern" : "topic";
  const bool is_both = rule.access.empty() || rule.access == "readwrite";
  return fmt::format("{} {}{}{}", word, is_both ? "" : rule.access, is_both ? "" : " ", rule.topic);
}

class AclConverter {
 public:
  AclConverter(const std::string& file, bool are_anonymous_admitted, Remarks& remarks)
      : file_(file), are_anonymous_admitted_(are_anonymous_admitted), remarks_(remarks) {}

  std::string convert(std::string_view text) {
    read(text);
    for (const Rule& rule : rules_) {
      if (rule.access == "deny") {
        remark(rule.line, fmt::format("`deny {}` has no counterpart: rules that would allow any of "
                                      "it are left out",
                                      rule.topic));
      }
    }
    std::string out = "# Made from " + file_ + ".\n";
    std::string current(kAnyUser);
    for (const Rule& rule : rules_) write(rule, current, out);
    return out;
  }

 private:
  void remark(std::size_t line, std::string text) {
    remarks_.push_back({file_, line, std::move(text)});
  }

  void read(std::string_view text) {
    std::string user(kAnyUser);
    bool is_general = true;
    auth::Lines lines(text);
    for (std::string_view line; lines.next(line);) {
      std::string_view rest = auth::trim(line);
      if (rest.empty() || rest.front() == '#') continue;
      const std::string_view word = take_word(rest);
      if (word == "user" && !rest.empty()) {
        user = rest;
        is_general = false;
      } else if (word == "topic" && !rest.empty()) {
        const Kind kind = is_general ? Kind::General : Kind::User;
        rules_.push_back(rule_of(kind, user, rest, lines.number()));
      } else if (word == "pattern" && !rest.empty()) {
        rules_.push_back(rule_of(Kind::Pattern, {}, rest, lines.number()));
      } else {
        remark(lines.number(), fmt::format("`{}` is no rule and is left out", word));
      }
    }
  }

  // Why a rule is left out; nothing when it is kept.
  std::optional<std::string> fault_of(const Rule& rule) const {
    if (rule.kind == Kind::General && !are_anonymous_admitted_) {
      return std::string(
          "is for clients without a user name, and none are admitted; here it would hold for "
          "everybody, so it is left out");
    }
    const std::string user = rule.kind == Kind::User ? fmt::format("user {}\n", rule.user) : "";
    if (const auto parsed = auth::parse_acl(user + text_of(rule)); !parsed) {
      return fmt::format("is left out: {}", parsed.error().reason);
    }
    for (const Rule& deny : rules_) {
      if (deny.access != "deny" || !is_touched(rule, deny)) continue;
      return fmt::format(
          "would allow some of what line {} denies, so it is left out; name what is "
          "allowed more closely",
          deny.line);
    }
    return std::nullopt;
  }

  void write(const Rule& rule, std::string& current, std::string& out) {
    if (rule.access == "deny") {
      out += fmt::format("# deny {}\n", rule.topic);
      return;
    }
    const auto fault = fault_of(rule);
    if (fault) {
      remark(rule.line, fmt::format("`{}` {}", rule.topic, *fault));
      out += fmt::format("# {}\n", text_of(rule));
      return;
    }
    if (rule.kind == Kind::User && rule.user != current) {
      out += fmt::format("\nuser {}\n", rule.user);
      current = rule.user;
    }
    out += text_of(rule) + "\n";
    if (rule.kind == Kind::General && !was_general_said_) {
      was_general_said_ = true;
      remark(rule.line,
             "rules before the first `user` are for clients without a user name in mosquitto, and "
             "for everybody here");
    }
  }

  const std::string& file_;
  bool are_anonymous_admitted_;
  Remarks& remarks_;
  std::vector<Rule> rules_;
  bool was_general_said_ = false;
};

}  // namespace

bool filters_meet(std::string_view left, std::string_view right) {
  bool is_left_last = false;
  bool is_right_last = false;
  while (true) {
    const std::string_view one = take_level(left, is_left_last);
    const std::string_view other = take_level(right, is_right_last);
    if (one == "#" || other == "#") return true;
    if (one != other && !is_any_level(one) && !is_any_level(other)) return false;
    // `a/#` matches `a` too.
    if (is_left_last && is_right_last) return true;
    if (is_left_last) return right == "#";
    if (is_right_last) return left == "#";
  }
}

std::string migrate_acl(std::string_view text, const std::string& file, bool are_anonymous_admitted,
                        Remarks& remarks) {
  return AclConverter(file, are_anonymous_admitted, remarks).convert(text);
}

std::string migrate_passwords(std::string_view text, const std::string& file, Remarks& remarks) {
  std::string out = "# Made from " + file + ".\n";
  auth::Lines lines(text);
  for (std::string_view line; lines.next(line);) {
    if (auth::trim(line).empty() || line.front() == '#') continue;
    const std::size_t colon = line.find(':');
    const auto drop = [&](std::string_view why) {
      // Never the text behind the colon: it may be a password.
      const std::string_view user = line.substr(0, colon);
      remarks.push_back(
          {file, lines.number(),
           fmt::format("user {} is left out: {}; add it with vmq-passwd", user, why)});
      out += fmt::format("# left out: {}\n", user);
    };
    if (colon == line.npos || colon == 0) {
      remarks.push_back({file, lines.number(), "no line of the form user:hash; left out"});
      continue;
    }
    if (line.size() > auth::password_line_bytes_max) {
      drop("the line is too long");
      continue;
    }
    const auto hash = auth::parse_hash(auth::trim(line.substr(colon + 1)));
    if (!hash && hash.error() == auth::HashError::NotAHash) {
      drop("the password is not hashed (mosquitto_passwd -U hashes it)");
    } else if (!hash) {
      drop(auth::describe(hash.error()));
    } else {
      out += fmt::format("{}:{}\n", line.substr(0, colon), auth::trim(line.substr(colon + 1)));
    }
  }
  return out;
}

}  // namespace vmq::migrate
