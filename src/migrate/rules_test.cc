#include "migrate/rules.h"

#include <gtest/gtest.h>

#include "auth/acl.h"
#include "auth/password_file.h"

namespace vmq::migrate {
namespace {

struct Outcome {
  std::string text;
  Remarks remarks;
};

Outcome acl_of(std::string_view text, bool are_anonymous_admitted = false) {
  Outcome outcome;
  outcome.text = migrate_acl(text, "acl", are_anonymous_admitted, outcome.remarks);
  EXPECT_TRUE(auth::parse_acl(outcome.text).has_value()) << outcome.text;
  return outcome;
}

Outcome passwords_of(std::string_view text) {
  Outcome outcome;
  outcome.text = migrate_passwords(text, "passwd", outcome.remarks);
  EXPECT_TRUE(auth::parse_password_file(outcome.text).has_value()) << outcome.text;
  return outcome;
}

constexpr std::string_view kHeader = "# Made from acl.\n";

TEST(MigrateAcl, users_and_patterns_are_carried_over) {
  const Outcome outcome = acl_of(
      "# comment\nuser alice\ntopic readwrite home/#\ntopic read $SYS/#\n\nuser bob b\n"
      "topic write out/bob\ntopic both words here\npattern write dev/%c/up\npattern home/%u/#\n");
  EXPECT_EQ(outcome.text,
            std::string(kHeader) +
                "\nuser alice\ntopic home/#\ntopic read $SYS/#\n\nuser bob b\n"
                "topic write out/bob\ntopic both words here\npattern write dev/%c/up\n"
                "pattern home/%u/#\n");
  EXPECT_TRUE(outcome.remarks.empty());
}

TEST(MigrateAcl, a_topic_that_is_called_read_stays_a_topic) {
  EXPECT_EQ(acl_of("user a\ntopic read\n").text, std::string(kHeader) + "\nuser a\ntopic read\n");
}

TEST(MigrateAcl, rules_for_clients_without_a_name_do_not_become_rules_for_everybody) {
  const Outcome outcome = acl_of("topic read news/#\nuser a\ntopic x\n");
  EXPECT_NE(outcome.text.find("# topic read news/#\n"), std::string::npos);
  ASSERT_EQ(outcome.remarks.size(), 1u);
  EXPECT_EQ(outcome.remarks[0].line, 1u);
}

TEST(MigrateAcl, where_such_clients_are_admitted_they_are_kept_and_remarked_on) {
  const Outcome outcome = acl_of("topic read news/#\ntopic b\nuser a\ntopic x\n", true);
  EXPECT_NE(outcome.text.find("\ntopic read news/#\ntopic b\n"), std::string::npos);
  ASSERT_EQ(outcome.remarks.size(), 1u);
  EXPECT_NE(outcome.remarks[0].text.find("everybody"), std::string::npos);
}

TEST(MigrateAcl, what_a_deny_takes_away_is_not_given) {
  const Outcome outcome = acl_of(
      "user a\ntopic deny secret/#\ntopic #\ntopic open\nuser b\ntopic #\n"
      "pattern secret/%u\npattern public/%u\n");
  EXPECT_EQ(outcome.text, std::string(kHeader) +
                              "# deny secret/#\n# topic #\n\nuser a\ntopic open\n\nuser b\n"
                              "topic #\n# pattern secret/%u\npattern public/%u\n");
  ASSERT_EQ(outcome.remarks.size(), 3u);
  EXPECT_EQ(outcome.remarks[0].line, 2u);
  EXPECT_EQ(outcome.remarks[1].line, 3u);
  EXPECT_EQ(outcome.remarks[2].line, 7u);
}

TEST(MigrateAcl, lines_that_are_no_rules_are_remarked_on) {
  const Outcome outcome = acl_of("user a\nallow everything\ntopic\n");
  ASSERT_EQ(outcome.remarks.size(), 2u);
  EXPECT_EQ(outcome.remarks[0].line, 2u);
  EXPECT_EQ(outcome.remarks[1].line, 3u);
}

TEST(MigrateAcl, a_rule_that_we_would_refuse_does_not_spoil_the_others) {
  std::string deep = "a";
  for (int i = 0; i < 200; ++i) deep += "/a";
  const Outcome outcome = acl_of("user a\ntopic " + deep + "\ntopic b\n");
  EXPECT_NE(outcome.text.find("\ntopic b\n"), std::string::npos);
  ASSERT_EQ(outcome.remarks.size(), 1u);
  EXPECT_EQ(outcome.remarks[0].line, 2u);
}

TEST(FiltersMeet, where_one_topic_matches_both) {
  EXPECT_TRUE(filters_meet("a/b", "a/b"));
  EXPECT_TRUE(filters_meet("a/+", "a/b"));
  EXPECT_TRUE(filters_meet("+/b", "a/+"));
  EXPECT_TRUE(filters_meet("#", "a/b/c"));
  EXPECT_TRUE(filters_meet("a/#", "a"));
  EXPECT_TRUE(filters_meet("a", "a/#"));
  EXPECT_TRUE(filters_meet("a/%u/c", "a/x/c"));
}

TEST(FiltersMeet, not_where_no_topic_does) {
  EXPECT_FALSE(filters_meet("a/b", "a/c"));
  EXPECT_FALSE(filters_meet("a", "a/b"));
  EXPECT_FALSE(filters_meet("a/+", "a"));
  EXPECT_FALSE(filters_meet("a/+/c", "a/b/d"));
  EXPECT_FALSE(filters_meet("a/#", "b/#"));
}

constexpr std::string_view kSha512 =
    "$6$AQIDBAUGBwgJCgsM$k4h6DJTPKKgPqwiLW87w0j5t6eo2nkDOCc72xNQ6goxbMrAMEDvsnYteF9SSd1cyXtc8SuF5I0"
    "GVPt7YRi6Wdw==";

constexpr std::string_view kPbkdf2 =
    "$7$101$AQIDBAUGBwgJCgsM$mIOMyf0G01/LkKvFuu6raA+sJydkdh2qDZD+cyTDcrMk08Rnc3N+vIiTgRJqnolJL9"
    "TU+/R/F+mbz31mQG16jg==";

TEST(MigratePasswords, hashes_are_taken_as_they_are) {
  const Outcome outcome = passwords_of("old:" + std::string(kSha512) +
                                       "\r\n# note\n\nnew:" + std::string(kPbkdf2) + "\n");
  EXPECT_EQ(outcome.text, "# Made from passwd.\nold:" + std::string(kSha512) +
                              "\nnew:" + std::string(kPbkdf2) + "\n");
  EXPECT_TRUE(outcome.remarks.empty());
}

TEST(MigratePasswords, what_we_cannot_check_is_left_out_and_never_repeated) {
  const Outcome outcome = passwords_of("plain:geheim\nodd:$5$abc$def\nbroken\n:x\ncut:$6$AQID\n");
  ASSERT_EQ(outcome.remarks.size(), 5u);
  for (const Remark& remark : outcome.remarks) {
    EXPECT_EQ(remark.text.find("geheim"), std::string::npos);
    EXPECT_EQ(remark.text.find("AQID"), std::string::npos);
  }
  EXPECT_NE(outcome.remarks[0].text.find("not hashed"), std::string::npos);
  EXPECT_EQ(outcome.text.find("geheim"), std::string::npos);
}

}  // namespace
}  // namespace vmq::migrate
