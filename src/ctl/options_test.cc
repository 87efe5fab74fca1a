#include "ctl/options.h"

#include <gtest/gtest.h>

namespace vmq::ctl {
namespace {

using Words = std::vector<std::string>;

Result<Options, std::string> options_of(const Words& words) { return take_options(words); }

TEST(Options, everything_else_is_the_command) {
  const auto options = options_of({"session", "show", "--limit", "-5"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->line, (Words{"session", "show", "--limit", "-5"}));
  EXPECT_EQ(options->config_file, "/etc/vernemq/vernemq.conf");
  EXPECT_EQ(options->patience, std::chrono::seconds(60));
}

TEST(Options, the_configuration_stands_in_front_of_the_command) {
  for (const Words& words :
       {Words{"-c", "/x", "a"}, Words{"--config=/x", "a"}, Words{"--config", "/x", "a"}}) {
    const auto options = options_of(words);
    ASSERT_TRUE(options);
    EXPECT_EQ(options->config_file, "/x");
    EXPECT_EQ(options->line, Words{"a"});
  }
  const auto options = options_of({"session", "disconnect", "client-id=a", "-c"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->line.back(), "-c");
}

TEST(Options, the_time_to_wait_stands_anywhere) {
  EXPECT_EQ(options_of({"-rpctimeout", "5", "a"})->patience, std::chrono::seconds(5));
  EXPECT_EQ(options_of({"a", "-rpctimeout", "infinity"})->patience, std::nullopt);
  EXPECT_EQ(options_of({"a", "-rpctimeout", "5", "b"})->line, (Words{"a", "b"}));
}

TEST(Options, bad_ones_are_told) {
  for (const Words& words :
       {Words{"-rpctimeout"}, Words{"-rpctimeout", "x"}, Words{"-rpctimeout", "0"},
        Words{"-rpctimeout", "-1"}, Words{"-rpctimeout", "99999999999"}, Words{"-rpctimeout", "5s"},
        Words{"-c"}, Words{"--config"}}) {
    EXPECT_FALSE(options_of(words)) << words.front();
  }
}

}  // namespace
}  // namespace vmq::ctl
