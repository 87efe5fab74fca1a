// Lines of input are filters and topic names. Whatever the validator lets through goes into the
// indexes, which must agree with the plainest matcher there is; what it refuses must not break
// anything.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/expect.h"
#include "topic/naive_match.h"
#include "topic/retained_index.h"
#include "topic/subscription_index.h"
#include "topic/validate.h"

namespace vmq::topic {
namespace {

constexpr std::uint32_t depth_max = 12;
constexpr std::size_t lines_max = 64;

struct Line {
  std::string_view text;
  FilterId id;
  bool is_filter = false;
};

class Run {
 public:
  explicit Run(std::string_view input) {
    while (!input.empty() && lines_.size() < lines_max) {
      const std::size_t end = std::min(input.find('\n'), input.size());
      lines_.push_back({.text = input.substr(0, end), .id = {}});
      input.remove_prefix(std::min(end + 1, input.size()));
    }
  }

  void carry_out() {
    for (std::uint32_t i = 0; i < lines_.size(); ++i) subscribe(i);
    for (const Line& line : lines_) {
      if (!check_name(line.text, depth_max)) continue;
      names_.insert(line.text);
      retained_.put("", line.text, as_bytes(line.text), WallTime{});
    }
    for (const std::string_view name : names_) check_match(name);
    for (const Line& line : lines_) {
      if (line.is_filter) check_scan(parse_filter(line.text, depth_max)->filter);
    }
    for (std::uint32_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].is_filter) VMQ_EXPECT(index_.unsubscribe(lines_[i].id, session(i)));
    }
    VMQ_EXPECT(index_.subscription_count() == 0);
    VMQ_EXPECT(index_.filter_count() == 0);
  }

 private:
  static SessionHandle session(std::uint32_t number) { return {ShardId{0}, number}; }

  void subscribe(std::uint32_t number) {
    Line& line = lines_[number];
    const auto parsed = parse_filter(line.text, depth_max);
    line.is_filter = parsed.has_value();
    if (!parsed) return;
    line.id =
        index_
            .subscribe(
                {.mountpoint = {}, .filter = parsed->filter, .share_group = parsed->share_group},
                Subscriber(session(number), {}))
            .id;
    std::string filter, group;
    index_.filter_text(line.id, filter, group);
    VMQ_EXPECT(filter == parsed->filter);
    VMQ_EXPECT(group == parsed->share_group);
  }

  void check_match(std::string_view name) {
    index_.match("", name, matches_);
    std::vector<std::uint32_t> found, expected;
    for (const Subscriber plain : matches_.plain) found.push_back(plain.handle().slot());
    for (const Subscriber member : matches_.members) found.push_back(member.handle().slot());
    for (std::uint32_t i = 0; i < lines_.size(); ++i) {
      if (!lines_[i].is_filter) continue;
      if (naive::matches(parse_filter(lines_[i].text, depth_max)->filter, name)) {
        expected.push_back(i);
      }
    }
    std::sort(found.begin(), found.end());
    VMQ_EXPECT(found == expected);
  }

  void check_scan(std::string_view filter) {
    std::set<std::string, std::less<>> found;
    RetainedCursor cursor;
    while (!cursor.done()) {
      retained_.scan("", filter, cursor, 3, [&](const RetainedView& view) {
        VMQ_EXPECT(found.emplace(view.topic).second);
        VMQ_EXPECT(as_text(view.blob) == view.topic);
      });
    }
    for (const std::string_view name : names_) {
      VMQ_EXPECT(found.contains(name) == naive::matches(filter, name));
    }
  }

  std::vector<Line> lines_;
  std::set<std::string_view> names_;
  EpochDomain domain_;
  SubscriptionIndex index_{domain_, HashKey{1}};
  RetainedIndex retained_{HashKey{1}};
  Matches matches_;
};

}  // namespace
}  // namespace vmq::topic

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  vmq::topic::Run(std::string_view(reinterpret_cast<const char*>(data), size)).carry_out();
  return 0;
}
