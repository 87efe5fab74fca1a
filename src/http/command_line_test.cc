#include "http/command_line.h"

#include <gtest/gtest.h>

namespace vmq::http {
namespace {

using Words = std::vector<std::string>;

TEST(Api, a_path_and_its_query_are_a_line_of_vmq_admin) {
  EXPECT_EQ(command_line_of("/session/show", "--client_id&--limit=5&--user=a%20b"),
            (Words{"session", "show", "--client_id", "--limit=5", "--user=a b", "--format=json"}));
  EXPECT_EQ(command_line_of("/set", "max_inflight_messages=5"),
            (Words{"set", "max_inflight_messages=5", "--format=json"}));
  EXPECT_EQ(command_line_of("/show/a%2Fb/", ""), (Words{"show", "a/b", "--format=json"}));
}

TEST(Api, verne_mqs_short_forms_stand_for_show) {
  EXPECT_EQ(command_line_of("/sessions", ""), (Words{"session", "show", "--format=json"}));
  EXPECT_EQ(command_line_of("/listeners", ""), (Words{"listener", "show", "--format=json"}));
  EXPECT_EQ(command_line_of("/sessions/disconnect", ""),
            (Words{"session", "disconnect", "--format=json"}));
  EXPECT_EQ(command_line_of("/cluster", ""), (Words{"cluster", "--format=json"}));
}

TEST(Api, the_answer_is_json_whatever_is_asked_for) {
  EXPECT_EQ(command_line_of("/a", "--format=csv"), (Words{"a", "--format=json"}));
}

TEST(Api, broken_addresses_are_none) {
  EXPECT_EQ(command_line_of("/a%", ""), std::nullopt);
  EXPECT_EQ(command_line_of("/a", "b=%x"), std::nullopt);
}

}  // namespace
}  // namespace vmq::http
