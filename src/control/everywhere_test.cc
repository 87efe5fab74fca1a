#include "control/everywhere.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "control/member_traces.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Cell;
using admin::Table;

Answer sample() {
  Table table;
  table.columns = {"client_id", "queue_size", "user", "is_online", "load"};
  table.rows.push_back({std::string("a"), std::int64_t{-5}, {}, true, 0.5});
  table.rows.push_back({std::string("b\0c", 3), std::int64_t{1} << 40, std::string(), false, 2.0});
  Answer answer = Answer::of(std::move(table));
  answer.parts.emplace_back(admin::Text{"and a text"});
  return answer;
}

TEST(member_answers, come_back_as_they_were) {
  const Answer answer = sample();
  const auto decoded = decode_answer(encode_answer(answer));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->outcome, answer.outcome);
  ASSERT_EQ(decoded->parts.size(), 2u);
  const Table& table = std::get<Table>(decoded->parts[0]);
  EXPECT_EQ(table.columns, std::get<Table>(answer.parts[0]).columns);
  EXPECT_EQ(table.rows, std::get<Table>(answer.parts[0]).rows);
  EXPECT_EQ(std::get<admin::Text>(decoded->parts[1]).text, "and a text");
  EXPECT_EQ(decode_answer(encode_answer(Answer::busy("x")))->outcome, admin::Outcome::Busy);
}

TEST(member_answers, that_are_damaged_are_refused_or_sound) {
  const std::string sound = encode_answer(sample());
  for (std::size_t size = 0; size < sound.size(); ++size) {
    EXPECT_FALSE(decode_answer(std::string_view(sound).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_answer(sound + "x"));
  Rng rng(1);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = sound;
    for (int n = 0; n < 3; ++n) bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
    const auto decoded = decode_answer(bytes);
    if (!decoded) continue;
    EXPECT_TRUE(decode_answer(encode_answer(*decoded)));
  }
}

TEST(added_metrics, stand_name_by_name_in_the_order_of_the_first) {
  EXPECT_EQ(add_up_metrics("gauge.b = 2\ncounter.a = 1",
                           {"counter.a = 10\ngauge.b = 20", "counter.new = 7\ncounter.a = 100"}),
            "gauge.b = 22\ncounter.a = 111\ncounter.new = 7");
  EXPECT_EQ(add_up_metrics("# text of a = 3\ncounter.a{x=\"y\"} = 1\n\n# b\ngauge.b = 5",
                           {"# text of a = 3\ncounter.a{x=\"y\"} = 2\n\n# b\ngauge.b = no"}),
            "# text of a = 3\ncounter.a{x=\"y\"} = 3\n\n# b\ngauge.b = 5");
}

TEST(member_traces, that_a_client_is_absent_is_told_only_if_it_is_nowhere) {
  using Lines = std::vector<std::string>;
  const std::string no = "No sessions found for client \"a\"";
  EXPECT_EQ(without_needless({no, "n2: " + no, "n3: x"}), (Lines{no, "n3: x"}));
  EXPECT_EQ(without_needless({no, "n2: Starting trace for 1 existing sessions", "n3: " + no}),
            (Lines{"n2: Starting trace for 1 existing sessions"}));
}

}  // namespace
}  // namespace vmq::control
