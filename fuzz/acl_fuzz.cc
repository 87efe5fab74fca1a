// The ACL grammar and its questions. The input is an ACL file and, after zero bytes, a user, a
// client id and a filter. What must hold: whoever may subscribe a filter may subscribe each of the
// topics that it matches, and a file that was read reads the same again.
#include <cstdlib>
#include <string>
#include <string_view>

#include "auth/acl.h"
#include "auth/file_reload.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

std::string_view take_part(std::string_view& rest) {
  const std::size_t end = rest.find('\0');
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  return part;
}

// One topic that the filter matches: `+` and `#` stand for a level that no rule is likely to name.
// Empty when the text is no filter.
std::string some_topic(std::string_view filter) {
  std::string topic;
  while (true) {
    const std::size_t slash = filter.find('/');
    const std::string_view level = filter.substr(0, slash);
    if (level == "#") return slash == filter.npos ? topic + "zz/zz" : std::string();
    if (level != "+" && level.find_first_of("+#") != level.npos) return {};
    topic += level == "+" ? "zz" : level;
    if (slash == filter.npos) return topic;
    topic += '/';
    filter.remove_prefix(slash + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace vmq::auth;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view file = take_part(rest);
  const std::string_view user = take_part(rest);
  const std::string_view client_id = take_part(rest);
  const std::string_view filter = take_part(rest);

  const auto first = reload_acl(nullptr, "f", file);
  require((first.current != nullptr) != first.error.has_value());
  if (!first.current) return 0;
  require(!reload_acl(first.current, "f", file).changed);

  const Acl& acl = *first.current;
  const AclSubject subject{user, client_id, ""};
  const UserRules* rules = acl.rules_of(user);
  static_cast<void>(acl.may_publish(subject, filter));
  const bool allowed = acl.may_subscribe(subject, filter);
  require(allowed == acl.may_subscribe(subject, rules, filter));
  if (acl.rule_count() == 0) require(!allowed);
  const std::string topic = some_topic(filter);
  if (allowed && !topic.empty()) require(acl.may_subscribe(subject, topic));
  return 0;
}
