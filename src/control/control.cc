#include "control/control.h"

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "base/expect.h"

namespace vmq::control {
namespace {

constexpr std::size_t waiting_max = 64;

}  // namespace

struct Control::Impl {
  struct Job {
    admin::Invocation invocation;
    Caller caller;
    Done done;
  };

  // Commands that are carried out one after the other.
  struct Lane {
    std::condition_variable changed;
    std::deque<Job> jobs;
    std::thread thread;
  };

  Impl(node::Node& node_of, node::Log& log_of, Handlers handlers_of)
      : node(node_of), log(log_of), handlers(std::move(handlers_of)) {
    for (const admin::Command& command : admin::commands()) {
      VMQ_EXPECT(handlers.contains(command.words));
    }
    for (Lane& lane : lanes) lane.thread = std::thread([this, &lane] { serve(lane); });
  }

  ~Impl() {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      is_ending = true;
    }
    for (Lane& lane : lanes) lane.changed.notify_all();
    for (Lane& lane : lanes) lane.thread.join();
    for (Lane& lane : lanes) {
      for (Job& job : lane.jobs) job.done(admin::Answer::failed("The node is stopping."));
    }
  }

  Lane& lane_of(const admin::Command& command) { return lanes[command.takes_long ? 1 : 0]; }

  void serve(Lane& lane) {
    std::unique_lock<std::mutex> lock(mutex);
    while (true) {
      lane.changed.wait(lock, [&] { return is_ending || !lane.jobs.empty(); });
      if (is_ending) return;
      Job job = std::move(lane.jobs.front());
      lane.jobs.pop_front();
      lock.unlock();
      job.done(carry_out(job.invocation, job.caller, nullptr));
      lock.lock();
    }
  }

  admin::Answer carry_out(const admin::Invocation& invocation, const Caller& caller,
                          Stream* stream) {
    const admin::Command& command = *invocation.command;
    Context context{node, log, caller, stream, [this] { return is_ending.load(); }};
    admin::Answer answer = handlers.find(command.words)->second(context, invocation);
    if (command.effect == admin::Effect::Changes) {
      log.info("command",
               {{"words", command.words},
                {"via", caller.via},
                {"by", caller.name},
                {"outcome", answer.outcome == admin::Outcome::Done ? "done" : "failed"}});
    }
    return answer;
  }

  node::Node& node;
  node::Log& log;
  const Handlers handlers;
  std::mutex mutex;
  std::array<Lane, 2> lanes;           // the second one for what takes long
  std::atomic<bool> is_ending{false};  // changed under the mutex
};

Control::Control(node::Node& node, node::Log& log, Handlers handlers)
    : impl_(std::make_unique<Impl>(node, log, std::move(handlers))) {}

Control::~Control() = default;

void Control::submit(admin::Invocation invocation, Caller caller, Done done) {
  VMQ_EXPECT(!invocation.command->streams);
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    Impl::Lane& lane = impl_->lane_of(*invocation.command);
    if (lane.jobs.size() < waiting_max && !impl_->is_ending) {
      lane.jobs.push_back({std::move(invocation), std::move(caller), std::move(done)});
      lane.changed.notify_one();
      return;
    }
  }
  done(admin::Answer::busy("The node is busy with other commands: try again."));
}

admin::Answer Control::run(admin::Invocation invocation, Caller caller) {
  std::promise<admin::Answer> answer;
  std::future<admin::Answer> ready = answer.get_future();
  submit(std::move(invocation), std::move(caller),
         [&answer](admin::Answer made) { answer.set_value(std::move(made)); });
  return ready.get();
}

admin::Answer Control::run_stream(const admin::Invocation& invocation, Caller caller,
                                  Stream& stream) {
  VMQ_EXPECT(invocation.command->streams);
  return impl_->carry_out(invocation, caller, &stream);
}

}  // namespace vmq::control
