// Enhanced authentication (MQTT 5, section 4.12) with a plugin that asks one question and knows the
// answer; and the chain of plugins that decide about passwords.
#include "tests/scenarios/stage.h"
#include "tests/scenarios/talker.h"

namespace vmq::sim {
namespace {

using mqtt::ReasonCode;
using Lines = std::vector<std::string>;

// Method "riddle": any first word is answered with "why?"; "because" is right, "well" is asked on.
class Riddle : public core::Plugin {
 public:
  std::string_view name() const override { return "riddle"; }
  core::AuthStep on_auth(const core::HookClient& client, std::string_view method, ByteView data,
                         std::string& state) override {
    if (method != "riddle") return {};
    seen.push_back(std::string(client.client_id) + "/" +
                   std::string(client.user_name.value_or("nobody")) + "/" + state);
    const std::string_view word = as_text(data);
    if (state.empty() || word == "well") {
      state = "asked";
      return {core::AuthStep::Result::Continue, "why?", {}};
    }
    if (word == "because") return {core::AuthStep::Result::Success, "right", user};
    return {core::AuthStep::Result::Failure, {}, {}};
  }
  core::Answer auth_on_publish(const core::HookClient& client, std::string_view) override {
    publisher = client.user_name.value_or("nobody");
    return core::Answer::Ok;
  }

  std::string user;               // who somebody is who answers right
  std::vector<std::string> seen;  // client id/user name/state of every step
  std::string publisher;
};

class Auth : public ShardedStage {
 protected:
  Auth() {
    options.hooks.on_auth.push_back(&riddle_);
    options.hooks.auth_on_publish.push_back(&riddle_);
  }

  static mqtt::ConnectView connect_fields(std::string_view method) {
    mqtt::ConnectView fields;
    fields.client_id = "sphinx";
    fields.clean_start = true;
    fields.user_name = "oedipus";
    fields.authentication_method = method;
    fields.authentication_data = as_bytes(std::string_view("hello"));
    return fields;
  }
  Talker& begin(std::string_view method = "riddle") {
    talkers_.push_back(std::make_unique<Talker>(*node));
    talkers_.back()->say(connect_fields(method));
    run();
    return *talkers_.back();
  }
  static mqtt::AuthView auth(std::string_view data,
                             ReasonCode reason = ReasonCode::ContinueAuthentication,
                             std::string_view method = "riddle") {
    mqtt::AuthView fields;
    fields.reason = reason;
    fields.method = method;
    fields.data = as_bytes(data);
    return fields;
  }
  Lines say(Talker& talker, const mqtt::AuthView& fields) {
    talker.say(fields);
    run();
    return talker.hear();
  }
  Talker& admitted() {
    Talker& talker = begin();
    say(talker, auth("because"));
    return talker;
  }

  const Lines question_{R"(AUTH reason=0x18 method="riddle" data="why?")"};
  Riddle riddle_;
  std::vector<std::unique_ptr<Talker>> talkers_;
};
INSTANTIATE_TEST_SUITE_P(Shards, Auth, testing::Values(1, 4));

TEST_P(Auth, the_exchange_goes_on_until_the_plugin_says_yes) {
  Talker& talker = begin();
  EXPECT_EQ(talker.hear(), question_);
  EXPECT_EQ(say(talker, auth("well")), question_);
  // The method and the plugin's last word stand in CONNACK.
  EXPECT_EQ(say(talker, auth("because")), (Lines{R"(CONNACK method="riddle" data="right")"}));
  EXPECT_TRUE(talker.is_open());
}

TEST_P(Auth, every_step_knows_the_client_and_the_plugins_own_state) {
  Talker& talker = begin();
  say(talker, auth("well"));
  say(talker, auth("because"));
  EXPECT_EQ(riddle_.seen, (std::vector<std::string>{"sphinx/oedipus/", "sphinx/oedipus/asked",
                                                    "sphinx/oedipus/asked"}));
}

TEST_P(Auth, the_plugin_may_say_who_the_client_is) {
  riddle_.user = "king";
  Talker& talker = admitted();
  talker.say_bytes(std::vector<std::uint8_t>{0x30, 4, 0, 1, 't', 0});
  run();
  EXPECT_EQ(riddle_.publisher, "king");
}

TEST_P(Auth, a_wrong_answer_is_refused) {
  Talker& talker = begin();
  talker.hear();
  EXPECT_EQ(say(talker, auth("no idea")), (Lines{"CONNACK reason=0x87"}));
  EXPECT_FALSE(talker.is_open());
}

TEST_P(Auth, an_unknown_method_is_refused) {
  Talker& talker = begin("KERBEROS");
  EXPECT_EQ(talker.hear(), (Lines{"CONNACK reason=0x8c"}));
  EXPECT_FALSE(talker.is_open());
}

TEST_P(Auth, the_method_may_not_change_during_the_exchange) {
  Talker& talker = begin();
  talker.hear();
  const Lines lines = say(talker, auth("because", ReasonCode::ContinueAuthentication, "KERBEROS"));
  EXPECT_EQ(lines, (Lines{R"(CONNACK reason=0x82 reason_string="authentication method changed")"}));
  EXPECT_FALSE(talker.is_open());
}

TEST_P(Auth, reauthentication_may_not_begin_before_the_first_one_ends) {
  Talker& talker = begin();
  talker.hear();
  EXPECT_EQ(say(talker, auth("hello", ReasonCode::ReAuthenticate)),
            (Lines{R"(CONNACK reason=0x82 reason_string="unexpected AUTH")"}));
  EXPECT_FALSE(talker.is_open());
}

TEST_P(Auth, nothing_but_auth_is_taken_during_the_exchange) {
  Talker& talker = begin();
  talker.hear();
  talker.say_bytes(std::vector<std::uint8_t>{0xc0, 0});
  run();
  EXPECT_EQ(talker.hear(), (Lines{R"(CONNACK reason=0x82 reason_string="unexpected packet")"}));
  EXPECT_FALSE(talker.is_open());
}

TEST_P(Auth, a_client_that_says_no_more_is_closed_in_time) {
  Talker& talker = begin();
  talker.hear();
  pass(options.config.session.connect_timeout);
  EXPECT_FALSE(talker.is_open());
}

TEST_P(Auth, a_client_may_leave_during_the_exchange) {
  Talker& talker = begin();
  talker.hear();
  talker.say(mqtt::DisconnectView{});
  run();
  EXPECT_FALSE(talker.is_open());
  EXPECT_EQ(talker.hear(), Lines{});
}

TEST_P(Auth, an_admitted_client_may_authenticate_again_while_it_works_on) {
  Talker& talker = admitted();
  EXPECT_EQ(say(talker, auth("hello", ReasonCode::ReAuthenticate)), question_);
  talker.say_bytes(std::vector<std::uint8_t>{0xc0, 0});
  run();
  EXPECT_EQ(talker.hear(), (Lines{"PINGRESP"}));
  EXPECT_EQ(say(talker, auth("because")), (Lines{R"(AUTH method="riddle" data="right")"}));
  EXPECT_EQ(say(talker, auth("hello", ReasonCode::ReAuthenticate)), question_);
  EXPECT_TRUE(talker.is_open());
}

TEST_P(Auth, a_failed_reauthentication_closes) {
  Talker& talker = admitted();
  say(talker, auth("hello", ReasonCode::ReAuthenticate));
  EXPECT_EQ(say(talker, auth("no idea")), (Lines{"DISCONNECT reason=0x87"}));
  EXPECT_FALSE(talker.is_open());
}

TEST_P(Auth, reauthentication_keeps_the_method) {
  Talker& talker = admitted();
  EXPECT_EQ(say(talker, auth("hello", ReasonCode::ReAuthenticate, "KERBEROS")),
            (Lines{R"(DISCONNECT reason=0x82 reason_string="authentication method changed")"}));
  EXPECT_FALSE(talker.is_open());
}

TEST_P(Auth, an_answer_without_a_question_is_a_protocol_error) {
  Talker& talker = admitted();
  EXPECT_EQ(say(talker, auth("because")),
            (Lines{R"(DISCONNECT reason=0x82 reason_string="unexpected AUTH")"}));
  EXPECT_FALSE(talker.is_open());
}

TEST_P(Auth, who_named_no_method_gets_none_and_may_not_begin) {
  talkers_.push_back(std::make_unique<Talker>(*node));
  Talker& talker = *talkers_.back();
  mqtt::ConnectView fields = connect_fields("riddle");
  fields.authentication_method.reset();
  fields.authentication_data.reset();
  talker.say(fields);
  run();
  EXPECT_EQ(talker.hear(), (Lines{"CONNACK"}));
  EXPECT_EQ(say(talker, auth("hello", ReasonCode::ReAuthenticate)),
            (Lines{R"(DISCONNECT reason=0x82 reason_string="authentication method changed")"}));
  EXPECT_TRUE(riddle_.seen.empty());
}

// Answers for passwords as it is told, and counts the questions.
class Asked : public core::Plugin {
 public:
  explicit Asked(core::Answer answer) : answer_(answer) {}
  std::string_view name() const override { return "asked"; }
  core::Answer auth_on_register(const core::HookClient&, std::optional<ByteView>) override {
    ++questions;
    return answer_;
  }
  int questions = 0;

 private:
  core::Answer answer_;
};

class Chain : public ShardedStage {
 protected:
  Chain() {
    options.config.allow_anonymous = false;
    options.hooks.auth_on_register = {&first, &second, &third};
  }
  ReasonCode connect() {
    Client& made = client("client");
    made.connect(*node, made.connect_fields());
    run();
    return made.connack.value_or(ReasonCode::UnspecifiedError);
  }

  Asked first{core::Answer::Next};
  Asked second{core::Answer::Later};
  Asked third{core::Answer::Ok};
};
INSTANTIATE_TEST_SUITE_P(Shards, Chain, testing::Values(1, 4));

TEST_P(Chain, a_verdict_that_decides_ends_it) {
  for (const auto& [verdict, reason] :
       {std::pair{core::Verdict::Accept, ReasonCode::Success},
        std::pair{core::Verdict::Reject, ReasonCode::BadUserNameOrPassword}}) {
    node->verdict = verdict;
    EXPECT_EQ(connect(), reason);
  }
  EXPECT_EQ(second.questions, 2);
  EXPECT_EQ(third.questions, 0);
}

TEST_P(Chain, a_verdict_that_does_not_goes_on_behind_the_plugin_it_is_of) {
  node->verdict = core::Verdict::Next;
  EXPECT_EQ(connect(), ReasonCode::Success);
  EXPECT_EQ(first.questions, 1);
  EXPECT_EQ(second.questions, 1);
  EXPECT_EQ(third.questions, 1);
}

TEST_P(Chain, a_second_plugin_may_need_time_too) {
  options.hooks.auth_on_register = {&second, &second, &first};
  crash();
  node->verdict = core::Verdict::Next;
  EXPECT_EQ(connect(), ReasonCode::BadUserNameOrPassword);
  EXPECT_EQ(second.questions, 2);
  EXPECT_EQ(first.questions, 1);
}

TEST_P(Chain, where_nobody_answers_nobody_may_publish_or_subscribe) {
  options.config.allow_anonymous = true;
  options.hooks = {};
  crash();
  Client& client = online("client");
  client.subscribe("t", 1);
  client.publish("t", "x", 1);
  run();
  EXPECT_EQ(client.subacks.back(), (std::vector<std::uint8_t>{0x87}));
  EXPECT_EQ(client.acks.back().reason, ReasonCode::NotAuthorized);
}

}  // namespace
}  // namespace vmq::sim
