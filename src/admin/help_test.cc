#include "admin/help.h"

#include <gtest/gtest.h>

#include "admin/text.h"

namespace vmq::admin {
namespace {

TEST(Help, the_first_screen_names_every_first_word) {
  const std::string text = help_of_group("");
  EXPECT_TRUE(text.starts_with("Usage: vmq-admin COMMAND"));
  for (const Command& command : commands()) {
    const std::string first(command.words.substr(0, command.words.find(' ')));
    EXPECT_NE(text.find("\n  " + first + " "), std::string::npos) << first;
  }
}

TEST(Help, a_group_lists_the_commands_behind_it) {
  const std::string text = help_of_group("cluster");
  EXPECT_NE(text.find("\n  show "), std::string::npos) << text;
  EXPECT_NE(text.find("\n  join "), std::string::npos) << text;
  EXPECT_EQ(text.find("session"), std::string::npos) << text;
}

TEST(Help, a_command_shows_its_usage_its_keys_and_its_flags) {
  EXPECT_EQ(help_of_command(*find_command("session disconnect")),
            "Usage: vmq-admin session disconnect client-id=ID [--mountpoint=M] [--cleanup]\n"
            "\n"
            "Cuts the connection of a client.\n"
            "\n"
            "Keys:\n"
            "  client-id=ID  The client id.\n"
            "\n"
            "Flags:\n"
            "  -m, --mountpoint=M  The mountpoint of the client; the empty one unless given.\n"
            "  -c, --cleanup       Drop the session too: its subscriptions and what waits for it.\n"
            "\n"
            "Further commands:\n"
            "  clients  Cuts the connections of several clients.\n"
            "  batch    Cuts the connections of some clients, chosen by chance.");
}

TEST(Help, every_screen_fits_a_terminal) {
  for (const Command& command : commands()) {
    const std::string text = help_of_command(command);
    EXPECT_TRUE(text.starts_with("Usage: vmq-admin " + std::string(command.words)));
    EXPECT_FALSE(text.ends_with('\n')) << command.words;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      EXPECT_LE(character_count(text.substr(begin, end - begin)), 100U) << text;
      begin = end + 1;
    }
  }
}

}  // namespace
}  // namespace vmq::admin
