// The rule files as plugins of a shard: what they remember, and when they forget it.
#include "node/file_rules.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace vmq::node {
namespace {

using core::Answer;

auth::AclSnapshot acl_of(std::string_view text, std::uint64_t generation) {
  return std::make_shared<const auth::Acl>(*auth::parse_acl(text, generation));
}

class AclPluginTest : public ::testing::Test {
 protected:
  AclPluginTest() {
    plugin_.set(acl_of("topic all\nuser eve\ntopic eves\nuser bob\ntopic bobs\n", 1));
    client_.user_name = "eve";
    client_.memory = &memory_;
  }

  AclPlugin plugin_;
  core::HookMemory memory_;
  core::HookClient client_;
};

TEST_F(AclPluginTest, without_rules_says_nothing) {
  AclPlugin empty;
  EXPECT_EQ(empty.auth_on_publish(client_, "all"), Answer::Next);
  const std::array<std::string_view, 1> filters{"all"};
  EXPECT_EQ(empty.auth_on_subscribe(client_, filters), Answer::Next);
}

TEST_F(AclPluginTest, looks_a_user_up_once) {
  EXPECT_EQ(plugin_.auth_on_publish(client_, "eves"), Answer::Ok);
  client_.user_name = "bob";  // would be found if it were looked up
  EXPECT_EQ(plugin_.auth_on_publish(client_, "bobs"), Answer::Next);
  memory_ = {};
  EXPECT_EQ(plugin_.auth_on_publish(client_, "bobs"), Answer::Ok);
}

TEST_F(AclPluginTest, looks_a_user_up_again_when_the_rules_have_changed) {
  EXPECT_EQ(plugin_.auth_on_publish(client_, "eves"), Answer::Ok);
  plugin_.set(acl_of("user eve\ntopic other\n", 2));
  EXPECT_EQ(plugin_.auth_on_publish(client_, "eves"), Answer::Next);
  EXPECT_EQ(plugin_.auth_on_publish(client_, "other"), Answer::Ok);
}

TEST_F(AclPluginTest, does_not_take_what_another_plugin_remembers) {
  AclPlugin other;
  other.set(acl_of("user eve\ntopic strange\n", 1));
  EXPECT_EQ(other.auth_on_publish(client_, "strange"), Answer::Ok);
  EXPECT_EQ(plugin_.auth_on_publish(client_, "strange"), Answer::Next);
  EXPECT_EQ(plugin_.auth_on_publish(client_, "eves"), Answer::Ok);
}

TEST_F(AclPluginTest, works_for_a_client_without_memory) {
  client_.memory = nullptr;
  EXPECT_EQ(plugin_.auth_on_publish(client_, "eves"), Answer::Ok);
  EXPECT_EQ(plugin_.auth_on_publish(client_, "bobs"), Answer::Next);
}

TEST_F(AclPluginTest, allows_a_subscribe_only_if_every_filter_of_it_is_allowed) {
  const std::array<std::string_view, 2> both{"all", "eves"};
  const std::array<std::string_view, 2> mixed{"all", "bobs"};
  EXPECT_EQ(plugin_.auth_on_subscribe(client_, both), Answer::Ok);
  EXPECT_EQ(plugin_.auth_on_subscribe(client_, mixed), Answer::Next);
}

}  // namespace
}  // namespace vmq::node
