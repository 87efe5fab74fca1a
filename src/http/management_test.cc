// Commands over HTTP that cannot be carried out now.
#include "http/management.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "node/node_fixture.h"

namespace vmq::http {
namespace {

class ManagementTest : public node::NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    start();
    control::Handlers handlers;
    for (const admin::Command& command : admin::commands()) {
      handlers.try_emplace(std::string(command.words),
                           [](control::Context&, const admin::Invocation&) {
                             return admin::Answer::late("A shard sleeps.");
                           });
    }
    handlers["cluster show"] = [this](control::Context&, const admin::Invocation&) {
      if (!has_begun_.exchange(true)) begun_.set_value();
      gate_.wait();
      return admin::Answer::done();
    };
    control_ = std::make_unique<control::Control>(*node_, *log_, std::move(handlers));
    management_ = std::make_unique<Management>(*control_);
  }
  void TearDown() override {
    management_.reset();
    control_.reset();
    NodeTest::TearDown();
  }
  std::future<Response> ask(const std::string& path) {
    auto answer = std::make_shared<std::promise<Response>>();
    management_->handle({}, path, "",
                        [answer](Response response) { answer->set_value(std::move(response)); });
    return answer->get_future();
  }

  std::promise<void> begun_;
  std::atomic<bool> has_begun_{false};
  std::promise<void> opener_;
  std::shared_future<void> gate_ = opener_.get_future().share();
  std::unique_ptr<control::Control> control_;
  std::unique_ptr<Management> management_;
};

TEST_F(ManagementTest, behind_a_command_that_hangs_so_many_wait_and_the_next_is_503_at_once) {
  std::vector<std::future<Response>> waiting;
  waiting.push_back(ask("/cluster/show"));
  begun_.get_future().wait();
  for (int i = 0; i < 64; ++i) waiting.push_back(ask("/cluster/show"));
  auto refused = ask("/cluster/show");
  ASSERT_EQ(refused.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  const Response response = refused.get();
  EXPECT_EQ(response.status, 503u);
  EXPECT_NE(response.body.find("busy"), std::string::npos);
  opener_.set_value();
  for (auto& one : waiting) EXPECT_EQ(one.get().status, 200u);
  EXPECT_EQ(ask("/cluster/show").get().status, 200u);
}

TEST_F(ManagementTest, a_shard_that_does_not_answer_is_504_with_the_reason) {
  const Response response = ask("/session/show").get();
  EXPECT_EQ(response.status, 504u);
  EXPECT_NE(response.body.find("A shard sleeps."), std::string::npos);
}

TEST_F(ManagementTest, what_is_no_command_is_400) {
  EXPECT_EQ(ask("/sesion/show").get().status, 400u);
}

}  // namespace
}  // namespace vmq::http
