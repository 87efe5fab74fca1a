#include "admin/invocation.h"

#include <gtest/gtest.h>

#include <set>

namespace vmq::admin {
namespace {

using Line = std::vector<std::string>;

// The line as a shell would split it.
Line words(std::string_view text) {
  Line line;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) line.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return line;
}

// "session show limit=5 topic" for a line that is understood, "! first line" for one that is not.
std::string outcome(const Line& line) {
  const Result<Invocation, UsageError> parsed = parse(line);
  if (!parsed) {
    const std::string& text = parsed.error().text;
    return (parsed.error().is_help ? "? " : "! ") + text.substr(0, text.find('\n'));
  }
  std::string shown(parsed->command->words);
  for (const std::string& word : parsed->free_words) shown += " " + word;
  for (const Given& given : parsed->given) {
    shown += " " + given.name;
    if (given.value) shown += "=" + *given.value;
  }
  if (parsed->format == Format::Json) shown += " (json)";
  if (parsed->format == Format::Csv) shown += " (csv)";
  return shown;
}

std::string outcome(std::string_view text) { return outcome(words(text)); }

std::string complaint(std::string_view text) {
  const Line line = words(text);
  const Result<Invocation, UsageError> parsed = parse(line);
  EXPECT_FALSE(parsed) << text;
  return parsed ? "" : parsed.error().text;
}

void expect_hint(std::string_view line, std::string_view hint) {
  EXPECT_NE(complaint(line).find(hint), std::string::npos) << line << "\n" << complaint(line);
}

TEST(Invocation, words_name_the_longest_command) {
  EXPECT_EQ(outcome("cluster show"), "cluster show");
  EXPECT_EQ(outcome("log show config"), "log show config");
  EXPECT_EQ(outcome("session disconnect client-id=a"), "session disconnect client-id=a");
  EXPECT_EQ(outcome("session disconnect clients client-ids=a,b"),
            "session disconnect clients client-ids=a,b");
}

TEST(Invocation, a_flag_with_a_value_has_five_forms) {
  for (const char* form : {"--timeout=7", "--timeout 7", "-t 7", "-t7", "-t=7"}) {
    EXPECT_EQ(outcome("cluster leave node=a " + std::string(form)),
              "cluster leave node=a timeout=7");
  }
}

TEST(Invocation, a_bare_flag_has_no_value) {
  EXPECT_EQ(outcome("session disconnect client-id=a -c"), "session disconnect client-id=a cleanup");
  EXPECT_EQ(outcome("session disconnect --cleanup client-id=a"),
            "session disconnect cleanup client-id=a");
  EXPECT_EQ(outcome("session disconnect client-id=a --cleanup=x"), "! Invalid value: \"x\"");
}

TEST(Invocation, a_bare_flag_may_be_true_and_is_not_given_when_false) {
  EXPECT_EQ(outcome("listener show --tls=true"), "listener show tls");
  EXPECT_EQ(outcome("listener show --tls true"), "listener show tls");
  EXPECT_EQ(outcome("listener show --tls=false"), "listener show");
}

TEST(Invocation, a_negative_number_is_a_value_and_no_flag) {
  EXPECT_EQ(outcome("route explain topic=-5"), "route explain topic=-5");
  EXPECT_EQ(outcome("session disconnect client-id=a -m -12"),
            "session disconnect client-id=a mountpoint=-12");
  EXPECT_EQ(outcome("session show --client_id -7"), "session show client_id=-7");
  EXPECT_EQ(outcome("set max_online_messages=-1"), "set max_online_messages=-1");
}

TEST(Invocation, fields_are_columns_conditions_and_expressions) {
  EXPECT_EQ(outcome("session show --client_id --topic=a/b --user=~^x.*=y$ --peer_host"),
            "session show client_id topic=a/b user=~^x.*=y$ peer_host");
  EXPECT_EQ(outcome("session show --limit=5 --rowtimeout 9 --order_by=queue-size"),
            "session show limit=5 rowtimeout=9 order_by=queue_size");
}

TEST(Invocation, dashes_and_underscores_in_names_count_as_the_same) {
  EXPECT_EQ(outcome("session show --client-id"), "session show client_id");
  EXPECT_EQ(outcome("session disconnect client_id=a"), "session disconnect client-id=a");
}

TEST(Invocation, a_flag_of_several_letters_has_a_short_form_too) {
  EXPECT_EQ(outcome("listener start address=1.2.3.4 port=1 -ws"),
            "listener start address=1.2.3.4 port=1 websocket");
  EXPECT_EQ(outcome("listener start -ws address=1.2.3.4 port=1"),
            "listener start websocket address=1.2.3.4 port=1");
}

TEST(Invocation, the_format_is_known_everywhere) {
  EXPECT_EQ(outcome("cluster show --format=json"), "cluster show (json)");
  EXPECT_EQ(outcome("cluster show --format csv"), "cluster show (csv)");
  EXPECT_EQ(outcome("cluster show --format=human"), "cluster show");
  EXPECT_EQ(outcome("cluster show --format=xml"), "! Invalid value: \"xml\"");
  EXPECT_EQ(outcome("cluster show --format"), "! Invalid value: \"\"");
  EXPECT_EQ(parse(words("nonsense --format=json")).error().format, Format::Json);
}

TEST(Invocation, settings_are_taken_whatever_their_names) {
  EXPECT_EQ(outcome("set a=1 b.c=2 --all"), "set a=1 b.c=2 all");
  EXPECT_EQ(outcome("show a b.c -n here"), "show a b.c node=here");
  const auto parsed = parse(words("set node=x --node=y"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->given[0].arg, nullptr);
  EXPECT_NE(parsed->given[1].arg, nullptr);
}

TEST(Invocation, the_last_value_counts) {
  const auto parsed = parse(words("session show --limit=5 --limit=7 --topic"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->value("limit"), "7");
  EXPECT_EQ(parsed->number("limit", 100), 7U);
  EXPECT_EQ(parsed->number("rowtimeout", 100), 100U);
  EXPECT_TRUE(parsed->has("topic"));
  EXPECT_EQ(parsed->value("topic"), std::nullopt);
}

TEST(Invocation, an_unknown_command_is_answered_with_the_longest_known_beginning) {
  EXPECT_EQ(outcome("session"), "! Usage: vmq-admin session COMMAND [KEY=VALUE…] [FLAGS]");
  EXPECT_EQ(outcome("session foo"), "! Usage: vmq-admin session COMMAND [KEY=VALUE…] [FLAGS]");
  EXPECT_EQ(outcome(""), "! Usage: vmq-admin COMMAND [KEY=VALUE…] [FLAGS]");
  EXPECT_EQ(outcome("xyz abc"), "! Usage: vmq-admin COMMAND [KEY=VALUE…] [FLAGS]");
  EXPECT_TRUE(outcome("session disconnect clinets").starts_with("! Usage: vmq-admin session disc"));
}

TEST(Invocation, the_nearest_command_is_named) {
  expect_hint("sesion show", "Did you mean this?\n  vmq-admin session show");
  expect_hint("session shwo", "Did you mean this?\n  vmq-admin session show");
  expect_hint("sessoin", "Did you mean this?\n  vmq-admin session");
  expect_hint("session disconnect clinets client-ids=a", "vmq-admin session disconnect clients");
  expect_hint("cluster status", "There is no command \"cluster status\"");
  EXPECT_EQ(complaint("qqqqqqq").find("Did you mean"), std::string::npos);
  EXPECT_NE(parse(Line{"session show"}).error().text.find("vmq-admin session show"),
            std::string::npos);
}

TEST(Invocation, the_nearest_key_and_flag_are_named) {
  EXPECT_EQ(outcome("session disconnect clientid=a"), "! Invalid arguments: clientid=a");
  expect_hint("session disconnect clientid=a", "Did you mean client-id=?");
  EXPECT_EQ(outcome("session show --client"), "! Invalid key: \"--client\"");
  expect_hint("session show --clientid", "Did you mean --client_id?");
  expect_hint("session show --fromat=json", "Did you mean --format?");
  expect_hint("session show client_id=a", "With dashes: --client_id=a");
  expect_hint("session disconnect --client-id=a", "Without dashes: client-id=ID");
  expect_hint("session show -client_id=a", "With two dashes: --client_id");
  expect_hint("session show --order_by=queuesize", "did you mean queue_size?");
}

TEST(Invocation, values_are_checked) {
  EXPECT_EQ(outcome("session show --limit=abc"), "! Invalid value: \"abc\"");
  EXPECT_EQ(outcome("session show --limit=-1"), "! Invalid value: \"-1\"");
  EXPECT_EQ(outcome("session show --limit=99999999999999999999"),
            "! Invalid value: \"99999999999999999999\"");
  EXPECT_EQ(outcome("session show --limit="), "! Invalid value: \"\"");
  EXPECT_EQ(outcome("session show --limit"), "! Invalid value: \"\"");
  EXPECT_EQ(outcome("session show --limit --topic"), "! Invalid value: \"\"");
  EXPECT_EQ(outcome("api-key create scope=root"), "! Invalid value: \"root\"");
  EXPECT_EQ(outcome("session disconnect client-id="), "! Invalid value: \"\"");
  EXPECT_EQ(outcome("session show --order_by=limit"), "! Invalid value: \"limit\"");
}

TEST(Invocation, what_a_command_needs_must_be_there) {
  EXPECT_TRUE(outcome("session disconnect").starts_with("! Usage: vmq-admin session disconnect"));
  expect_hint("session disconnect", "The key client-id=ID is missing.");
  expect_hint("retain delete", "The flag -t, --topic=T is missing.");
  expect_hint("set --all", "KEY=VALUE is missing.");
  expect_hint("show", "KEY… is missing.");
}

TEST(Invocation, odd_words_are_refused) {
  EXPECT_EQ(outcome("cluster show extra"), "! Invalid arguments: extra");
  EXPECT_EQ(outcome("cluster show =x"), "! Invalid arguments: =x");
  EXPECT_EQ(outcome("cluster show -"), "! Invalid arguments: -");
  EXPECT_EQ(outcome("cluster show --"), "! Invalid key: \"--\"");
  EXPECT_EQ(outcome("cluster show -5"), "! Invalid arguments: -5");
  EXPECT_EQ(outcome("cluster show --=x"), "! Invalid key: \"--\"");
  EXPECT_EQ(outcome(Line{"cluster", "show", ""}), "! Invalid arguments: ");
  EXPECT_TRUE(outcome(Line{""}).starts_with("! Usage: "));
}

TEST(Invocation, a_long_word_is_cut_in_the_complaint) {
  const std::string text = complaint("cluster show --" + std::string(100'000, 'x'));
  EXPECT_LT(text.size(), 400U);
  EXPECT_LT(complaint(std::string(100'000, 'x')).size(), 4000U);
}

TEST(Invocation, help_is_there_at_every_level_and_is_no_error) {
  EXPECT_EQ(outcome("--help"), "? Usage: vmq-admin COMMAND [KEY=VALUE…] [FLAGS]");
  EXPECT_EQ(outcome("session -h"), "? Usage: vmq-admin session COMMAND [KEY=VALUE…] [FLAGS]");
  EXPECT_TRUE(outcome("session show --help").starts_with("? Usage: vmq-admin session show"));
  EXPECT_TRUE(outcome("session show --limit=x --help").starts_with("? Usage: "));
  EXPECT_TRUE(outcome("help session show").starts_with("? Usage: vmq-admin session show"));
  EXPECT_TRUE(outcome("help").starts_with("? Usage: vmq-admin COMMAND"));
  EXPECT_TRUE(outcome("sesion --help").starts_with("! "));
  EXPECT_EQ(outcome("plugin enable -h on_publish --name=p"),
            "plugin enable hook=on_publish name=p");
}

// The table itself.

TEST(CommandTable, every_row_is_named_once_and_says_what_it_does) {
  std::set<std::string_view> seen;
  for (const Command& command : commands()) {
    EXPECT_TRUE(seen.insert(command.words).second) << command.words;
    EXPECT_TRUE(command.prose.ends_with('.')) << command.words;
    std::set<std::string_view> names;
    std::set<std::string_view> short_names;
    for (const Arg& arg : command.args) {
      EXPECT_TRUE(names.insert(arg.name).second) << command.words << " " << arg.name;
      EXPECT_FALSE(arg.prose.empty()) << command.words << " " << arg.name;
      if (arg.short_name.empty()) continue;
      EXPECT_TRUE(short_names.insert(arg.short_name).second) << command.words << " " << arg.name;
      EXPECT_TRUE(arg.short_name.size() == 1 || arg.value != Value::Required) << arg.name;
    }
  }
}

TEST(CommandTable, every_first_word_is_a_group_or_a_command) {
  for (const Command& command : commands()) {
    const std::string_view first = command.words.substr(0, command.words.find(' '));
    if (first == command.words) continue;
    bool is_there = false;
    for (const Group& group : groups()) is_there = is_there || group.words == first;
    EXPECT_TRUE(is_there) << first;
  }
}

}  // namespace
}  // namespace vmq::admin
