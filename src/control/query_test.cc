#include "control/query.h"

#include <gtest/gtest.h>

#include <sstream>

namespace vmq::control {
namespace {

constexpr std::string_view columns[] = {"client_id", "queue_size"};
// Of the cells and the text of a row of make_row(), roughly.
constexpr std::size_t row_bytes = 300;

Query query_of(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream in("session show " + line);
  for (std::string word; in >> word;) words.push_back(word);
  auto invocation = admin::parse(words);
  EXPECT_TRUE(invocation) << line;
  auto query = Query::of(*invocation, columns);
  EXPECT_TRUE(query) << line;
  return std::move(*query);
}

std::vector<admin::Cell> make_row(std::int64_t number) {
  std::string id = std::to_string(1'000'000 + number);
  id.resize(200, '.');
  return {std::move(id), number};
}

TEST(QueryRows, the_largest_numbers_stay_whatever_the_order_they_come_in) {
  const Query query = query_of("--order_by=queue_size --limit=3");
  Query::Rows rows(query);
  for (std::int64_t i = 0; i < 20'000; ++i) rows.add(make_row(i * 7919 % 20'000));
  const auto table = rows.take();
  ASSERT_TRUE(table);
  ASSERT_EQ(table->rows.size(), 3U);
  for (std::int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(table->rows[static_cast<std::size_t>(i)][1], admin::Cell(19'999 - i));
  }
}

TEST(QueryRows, the_greatest_limit_sorts_all_rows_once) {
  const Query query = query_of("--order_by=queue_size --limit=999999999999999999");
  Query::Rows rows(query);
  // Sorting at each of them would take hours.
  for (std::int64_t i = 0; i < 200'000; ++i) rows.add(make_row(i * 7919 % 200'000));
  const auto table = rows.take();
  ASSERT_TRUE(table);
  EXPECT_EQ(table->rows.size(), 200'000U);
  EXPECT_EQ(table->rows.front()[1], admin::Cell(std::int64_t{199'999}));
}

TEST(QueryRows, rows_beyond_the_memory_of_an_answer_are_refused_with_what_to_ask_instead) {
  for (const char* order : {"", "--order_by=queue_size"}) {
    const Query query = query_of(std::string("--limit=1000000 ") + order);
    Query::Rows rows(query, 1000 * row_bytes);
    std::size_t taken = 0;
    for (; taken < 5000 && !rows.is_full(); ++taken) {
      rows.add(make_row(static_cast<std::int64_t>(taken)));
    }
    EXPECT_LT(taken, 1500U) << order;
    const auto table = rows.take();
    ASSERT_FALSE(table) << order;
    EXPECT_NE(table.error().find("--limit"), std::string::npos) << table.error();
  }
}

TEST(QueryRows, few_of_many_rows_fit_however_many_are_looked_at) {
  const Query query = query_of("--order_by=queue_size --limit=10");
  Query::Rows rows(query, 1000 * row_bytes);
  for (std::int64_t i = 0; i < 5000; ++i) rows.add(make_row(i));
  const auto table = rows.take();
  ASSERT_TRUE(table);
  ASSERT_EQ(table->rows.size(), 10U);
  EXPECT_EQ(table->rows.front()[1], admin::Cell(std::int64_t{4999}));
}

}  // namespace
}  // namespace vmq::control
