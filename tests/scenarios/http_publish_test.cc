// Messages over HTTP: the answer 200 means to a caller what PUBACK means to a client.
#include "tests/scenarios/stage.h"

namespace vmq::sim {
namespace {

using core::HttpOutcome;
using Outcomes = std::vector<HttpOutcome>;

// An authentication plugin that needs time for every question.
class Slow final : public core::Plugin {
 public:
  std::string_view name() const override { return "slow"; }
  core::Answer auth_on_register(const core::HookClient& client, std::optional<ByteView>) override {
    asked.emplace_back(client.user_name.value_or("nobody"));
    return core::Answer::Later;
  }
  core::Answer auth_on_publish(const core::HookClient&, std::string_view topic) override {
    return topic == "forbidden" ? core::Answer::Error : core::Answer::Ok;
  }
  std::vector<std::string> asked;
};

class HttpPublishing : public ShardedStage {
 protected:
  core::HttpPublish message(std::string payload, std::uint8_t qos, std::string topic = "t") {
    core::HttpPublish made;
    made.id = ++last_id;
    made.client_id = "caller";
    made.topic = std::move(topic);
    made.payload = std::move(payload);
    made.qos = qos;
    return made;
  }
  // At a shard that is not the one of "sub", where there is another.
  void publish(core::HttpPublish made) { node->publish(now, 0, std::move(made)); }
  Outcomes outcomes() const {
    Outcomes all;
    for (const core::HttpAnswer& answer : node->http_answers) all.push_back(answer.outcome);
    return all;
  }
  void use_disk(bool stall, bool full) {
    store::MemoryFaults faults;
    faults.stall = stall;
    faults.full_disk = full;
    store.set_faults(faults);
  }
  void ask_first() {
    options.config.allow_anonymous = false;
    options.hooks.auth_on_register = {&slow};
    options.hooks.auth_on_publish = {&slow};
    crash();
  }
  // Clients that connect are answered at once; only messages over HTTP wait.
  Slow slow;
  std::uint64_t last_id = 0;
};
INSTANTIATE_TEST_SUITE_P(Shards, HttpPublishing, testing::Values(1, 4));

TEST_P(HttpPublishing, what_nobody_keeps_is_answered_at_once) {
  publish(message("x", 0));
  publish(message("x", 2));
  EXPECT_EQ(outcomes(), (Outcomes{HttpOutcome::Published, HttpOutcome::Published}));
}

TEST_P(HttpPublishing, a_connected_subscriber_gets_it_with_its_properties) {
  Client& sub = online("sub");
  sub.subscribe("t", 1);
  run();
  publish(message("x", 1));
  run();
  EXPECT_EQ(outcomes(), Outcomes{HttpOutcome::Published});
  EXPECT_EQ(payloads(sub), std::vector<std::string>{"x"});
}

TEST_P(HttpPublishing, the_answer_waits_for_the_disk_of_whoever_keeps_it) {
  absent_subscriber(1);
  for (std::uint8_t shard = 0; shard < node->shard_count(); ++shard) {
    const std::size_t before = outcomes().size();
    use_disk(true, false);
    node->publish(now, shard, message("x", 1));
    run();
    EXPECT_EQ(outcomes().size(), before);
    use_disk(false, false);
    run();
    ASSERT_EQ(outcomes().size(), before + 1);
    EXPECT_EQ(outcomes().back(), HttpOutcome::Published);
  }
}

TEST_P(HttpPublishing, what_was_answered_survives_a_power_cut) {
  Client& sub = absent_subscriber(2);
  for (int i = 0; i < 5; ++i) {
    publish(message(std::to_string(i), 2));
    run();
  }
  EXPECT_EQ(outcomes(), Outcomes(5, HttpOutcome::Published));
  crash(store::CrashKind::MachineLosesAll);
  join(sub);
  EXPECT_EQ(payloads(sub), (std::vector<std::string>{"0", "1", "2", "3", "4"}));
}

TEST_P(HttpPublishing, a_retained_message_is_on_disk_when_it_is_answered) {
  core::HttpPublish made = message("kept", 0);
  made.retain = true;
  use_disk(true, false);
  publish(std::move(made));
  run();
  EXPECT_TRUE(outcomes().empty());
  use_disk(false, false);
  run();
  EXPECT_EQ(outcomes(), Outcomes{HttpOutcome::Published});
  crash(store::CrashKind::MachineLosesAll);
  Client& late = online("late");
  late.subscribe("t", 0);
  run();
  EXPECT_EQ(payloads(late), std::vector<std::string>{"kept"});
}

TEST_P(HttpPublishing, a_full_disk_refuses_what_would_have_to_be_kept_and_nothing_else) {
  Client& sub = absent_subscriber(1);
  use_disk(false, true);
  publish(message("before it was known", 1));
  for (int i = 0; i < 5; ++i) {
    store.step();
    for (std::uint8_t s = 0; s < node->shard_count(); ++s) node->turn(s, now);
  }
  EXPECT_TRUE(outcomes().empty());
  publish(message("x", 1));
  core::HttpPublish retained = message("x", 0);
  retained.retain = true;
  publish(std::move(retained));
  publish(message("x", 0, "elsewhere"));
  const Outcomes refused = {HttpOutcome::Unavailable, HttpOutcome::Unavailable,
                            HttpOutcome::Published};
  EXPECT_EQ(outcomes(), refused);
  use_disk(false, false);
  run();
  ASSERT_EQ(outcomes().size(), 4u);
  EXPECT_EQ(outcomes().back(), HttpOutcome::Published);
  join(sub);
  EXPECT_EQ(payloads(sub), std::vector<std::string>{"before it was known"});
}

TEST_P(HttpPublishing, who_may_not_is_told_so) {
  ask_first();
  node->verdict = core::Verdict::Reject;
  publish(message("x", 1));
  run();
  node->verdict = core::Verdict::Accept;
  publish(message("x", 1, "forbidden"));
  run();
  publish(message("x", 1, "$SYS/x"));
  run();
  publish(message("x", 1));
  run();
  EXPECT_EQ(outcomes(), (Outcomes{HttpOutcome::NotAuthenticated, HttpOutcome::NotAuthorized,
                                  HttpOutcome::NotAuthorized, HttpOutcome::Published}));
  EXPECT_EQ(slow.asked.size(), 4u);
}

TEST_P(HttpPublishing, of_too_many_that_wait_the_oldest_are_given_up) {
  options.limits.http_asking_max = 2;
  ask_first();
  for (int i = 0; i < 4; ++i) publish(message("x", 1));
  EXPECT_EQ(outcomes(), (Outcomes{HttpOutcome::Unavailable, HttpOutcome::Unavailable}));
  run();
  EXPECT_EQ(outcomes().size(), 4u);
  EXPECT_EQ(outcomes().back(), HttpOutcome::Published);
}

TEST_P(HttpPublishing, what_is_too_large_or_has_no_name_is_refused_before_anybody_is_asked) {
  options.config.session.message_size_max = 3;
  ask_first();
  publish(message("four", 1));
  publish(message("x", 1, "a/#"));
  EXPECT_EQ(outcomes(), (Outcomes{HttpOutcome::TooLarge, HttpOutcome::BadTopic}));
  EXPECT_TRUE(slow.asked.empty());
}

}  // namespace
}  // namespace vmq::sim
