#include "admin/writers.h"

#include <gtest/gtest.h>

#include <limits>

namespace vmq::admin {
namespace {

Answer cluster() {
  return Answer::of({{"Node", "Running"}, {{std::string("vqref@127.0.0.1"), true}}});
}

TEST(HumanForm, a_table_has_borders_rules_and_bold_headers) {
  EXPECT_EQ(to_human(cluster(), Header::Bold),
            "+-----------------+---------+\n"
            "| \x1b[1mNode\x1b[0m            | \x1b[1mRunning\x1b[0m |\n"
            "+-----------------+---------+\n"
            "| vqref@127.0.0.1 | true    |\n"
            "+-----------------+---------+\n");
}

TEST(HumanForm, every_row_ends_with_a_rule_and_null_is_a_word) {
  const Answer answer =
      Answer::of({{"a", "b"}, {{std::int64_t{1}, std::monostate()}, {2.5, std::string("x\ny\n")}}});
  EXPECT_EQ(to_human(answer, Header::Plain),
            "+-----+------+\n"
            "| a   | b    |\n"
            "+-----+------+\n"
            "| 1   | null |\n"
            "+-----+------+\n"
            "| 2.5 | x    |\n"
            "|     | y    |\n"
            "|     |      |\n"
            "+-----+------+\n");
}

TEST(HumanForm, an_empty_table_prints_nothing) {
  EXPECT_EQ(to_human(Answer::of({{"a"}, {}}), Header::Bold), "");
  EXPECT_EQ(to_human(Answer::done(), Header::Bold), "Done\n");
}

TEST(HumanForm, columns_are_as_wide_as_characters_not_bytes) {
  EXPECT_EQ(to_human(Answer::of({{"t"}, {{std::string("grün")}}}), Header::Plain),
            "+------+\n"
            "| t    |\n"
            "+------+\n"
            "| grün |\n"
            "+------+\n");
}

TEST(HumanForm, what_a_client_chose_cannot_move_the_cursor) {
  const Answer answer = Answer::of({{"t"},
                                    {{std::string("a\x1b[2Jb\r\x9b\xc2\x9b"
                                                  "1m\x7f")}}});
  const std::string text = to_human(answer, Header::Plain);
  EXPECT_NE(text.find("| a\\x1b[2Jb\\x0d\\x9b\\xc2\\x9b1m\\x7f |"), std::string::npos) << text;
  EXPECT_EQ(harmless("x\ty\n"), "x\ty\n");
  EXPECT_EQ(harmless("\xc0\x80\xed\xa0\x80\xf5 \xe2\x82"),
            "\\xc0\\x80\\xed\\xa0\\x80\\xf5 \\xe2\\x82");
}

TEST(JsonForm, tables_texts_and_complaints_have_their_shapes) {
  EXPECT_EQ(to_json(cluster()),
            "{\"table\":[{\"Node\":\"vqref@127.0.0.1\",\"Running\":true}],\"type\":\"table\"}");
  EXPECT_EQ(to_json(Answer::of({{"a"}, {}})), "{\"table\":[],\"type\":\"table\"}");
  EXPECT_EQ(to_json(Answer::done()), "{\"text\":\"Done\",\"type\":\"text\"}");
  EXPECT_EQ(to_json(Answer::failed("no")),
            "{\"type\":\"alert\",\"alert\":[{\"text\":\"no\",\"type\":\"text\"}]}");
  EXPECT_EQ(to_json({Outcome::Done, {Text{"a"}, Text{"b"}}}),
            "[{\"text\":\"a\",\"type\":\"text\"},{\"text\":\"b\",\"type\":\"text\"}]");
  EXPECT_EQ(to_json({Outcome::Done, {}}), "[]");
}

TEST(JsonForm, values_keep_their_types) {
  const Answer answer = Answer::of({{"a", "b", "c", "d", "e"},
                                    {{std::int64_t{-7}, 0.25, false, std::monostate(),
                                      std::numeric_limits<double>::quiet_NaN()}}});
  EXPECT_EQ(to_json(answer),
            "{\"table\":[{\"a\":-7,\"b\":0.25,\"c\":false,\"d\":null,\"e\":null}],"
            "\"type\":\"table\"}");
}

TEST(JsonForm, strings_are_valid_whatever_the_bytes) {
  EXPECT_EQ(json_string("a\"\\\n\x01\x7f"), "\"a\\\"\\\\\\n\\u0001\\u007f\"");
  EXPECT_EQ(json_string("grün €𝄞"), "\"grün €𝄞\"");
  EXPECT_EQ(json_string(std::string_view("\0", 1)), "\"\\u0000\"");
}

TEST(JsonForm, what_is_not_utf8_is_replaced_byte_by_byte) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(json_string("\xff"), '"' + bad + '"');
  EXPECT_EQ(json_string("\xC0\x80"), '"' + bad + bad + '"');            // too long
  EXPECT_EQ(json_string("\xED\xA0\x80"), '"' + bad + bad + bad + '"');  // a surrogate
  EXPECT_EQ(json_string("\xE2\x82"), '"' + bad + bad + '"');            // cut
  EXPECT_EQ(json_string("\xF4\x90\x80\x80"), '"' + bad + bad + bad + bad + '"');
}

TEST(CsvForm, cells_are_quoted_where_they_must_be) {
  const Answer answer = Answer::of(
      {{"a", "b", "c", "d"},
       {{std::string("x,y"), std::string("say \"hi\""), std::monostate(), std::string("")},
        {std::int64_t{5}, true, std::string("two\nlines"), std::string("\x1b")}}});
  EXPECT_EQ(to_csv(answer),
            "a,b,c,d\r\n"
            "\"x,y\",\"say \"\"hi\"\"\",,\"\"\r\n"
            "5,true,\"two\nlines\",\\x1b\r\n");
  EXPECT_EQ(to_csv(Answer::of({{"a"}, {}})), "a\r\n");
}

TEST(Written, complaints_go_to_standard_error_but_in_json) {
  const Written human = write(Answer::failed("no"), Format::Human);
  EXPECT_EQ(human.out, "");
  EXPECT_EQ(human.err, "no\n");
  EXPECT_EQ(write(Answer::failed("no"), Format::Csv).err, "no\n");
  EXPECT_TRUE(write(Answer::failed("no"), Format::Json).out.starts_with("{\"type\":\"alert\""));
  EXPECT_EQ(write(Answer::done(), Format::Human).out, "Done\n");
}

TEST(Written, only_what_was_done_ends_with_0) {
  EXPECT_EQ(exit_code(Outcome::Done), 0);
  EXPECT_EQ(exit_code(Outcome::Failed), 1);
  EXPECT_EQ(exit_code(Outcome::BadUsage), 1);
  EXPECT_EQ(to_answer({"help", true, Format::Human}).outcome, Outcome::Done);
  EXPECT_EQ(to_answer({"no", false, Format::Human}).outcome, Outcome::BadUsage);
}

}  // namespace
}  // namespace vmq::admin
