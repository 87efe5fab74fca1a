#include "control/admin_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include "admin/wire.h"
#include "control/api_keys.h"
#include "node/node_fixture.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::FrameType;
using admin::Invocation;

// What `trace client` is in these tests: lines until somebody says stop.
struct FakeStream {
  Answer run(Context& context, const Invocation&) {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      ++running;
    }
    changed.notify_all();
    std::size_t lines = 0;
    while (context.stream->write({"line " + std::to_string(lines)}) && ++lines < lines_max) {
    }
    {
      const std::lock_guard<std::mutex> lock(mutex);
      --running;
      written = lines;
    }
    changed.notify_all();
    return Answer::text("over");
  }
  void wait_until_running(int count) {
    std::unique_lock<std::mutex> lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return running == count; }));
  }
  std::atomic<std::size_t> lines_max{1'000'000'000};
  std::mutex mutex;
  std::condition_variable changed;
  int running = 0;
  std::size_t written = 0;
};

class AdminSocketTest : public node::NodeTest {
 protected:
  void SetUp() override {
    node::NodeTest::SetUp();
    path_ = folder_ + "/admin.sock";
    start();
    Handlers handlers = all_handlers(keys_);
    handlers["trace client"] = [this](Context& context, const Invocation& invocation) {
      return stream_.run(context, invocation);
    };
    handlers["node history"] = [this](Context&, const Invocation&) {
      entered_.set_value();
      release_.get_future().wait();
      return Answer::text("released");
    };
    control_ = std::make_unique<Control>(*node_, *log_, std::move(handlers));
  }
  void TearDown() override {
    socket_.reset();
    control_.reset();
    node::NodeTest::TearDown();
  }
  void open(AdminSocketLimits limits = {}) {
    auto opened = AdminSocket::open(*control_, *log_, path_, limits);
    ASSERT_TRUE(opened) << opened.error().reason;
    socket_ = std::move(*opened);
  }
  net::Fd connect() {
    net::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval limit{20, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    const auto* raw = reinterpret_cast<const sockaddr*>(&address);
    EXPECT_EQ(::connect(fd.get(), raw, sizeof address), 0) << std::strerror(errno);
    return fd;
  }
  net::Fd ask(const std::vector<std::string>& line) {
    net::Fd fd = connect();
    const std::string bytes = admin::encode({line, true});
    const ssize_t sent = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    // Who is refused may find the node gone before it has asked; the answer lies there to be read.
    EXPECT_TRUE(sent == static_cast<ssize_t>(bytes.size()) || errno == EPIPE)
        << std::strerror(errno);
    return fd;
  }
  // Until `frames_max` have come or the connection ends: "2:text" for output, "4:0" for the end.
  static std::string read(const net::Fd& fd, std::size_t frames_max = 1'000'000) {
    admin::FrameReader reader(1 << 20);
    std::string seen;
    std::size_t frames = 0;
    std::array<char, 4096> buffer;
    while (frames < frames_max) {
      const ssize_t size = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
      // A reset stands behind the answer to a request that was not read.
      if (size < 0 && errno != ECONNRESET) ADD_FAILURE() << "nothing came for a long time";
      if (size <= 0) break;
      reader.feed({buffer.data(), static_cast<std::size_t>(size)});
      while (const auto frame = reader.next()) {
        ++frames;
        const bool is_end = frame->type == FrameType::End;
        seen += std::to_string(static_cast<int>(frame->type)) + ":" +
                (is_end ? std::to_string(static_cast<int>(frame->body[0])) : frame->body);
      }
    }
    return seen;
  }

  std::string path_;
  ApiKeys keys_{make_key_file("nowhere/api_keys"), {}};
  FakeStream stream_;
  std::promise<void> entered_;
  std::promise<void> release_;
  std::unique_ptr<Control> control_;
  std::unique_ptr<AdminSocket> socket_;
};

TEST_F(AdminSocketTest, a_command_is_answered_and_the_connection_closed) {
  open();
  EXPECT_EQ(read(ask({"metrics", "reset"})), "2:Done\n4:0");
  EXPECT_EQ(read(ask({"webui", "install"})).substr(0, 10), "3:There is");
}

TEST_F(AdminSocketTest, a_stream_comes_line_by_line_and_ends_with_an_exit_code) {
  open();
  stream_.lines_max = 3;
  EXPECT_EQ(read(ask({"trace", "client", "client-id=a"})),
            "2:line 0\n2:line 1\n2:line 2\n2:over\n4:0");
}

TEST_F(AdminSocketTest, a_stream_ends_when_its_reader_hangs_up) {
  open();
  net::Fd fd = ask({"trace", "client", "client-id=a"});
  EXPECT_EQ(read(fd, 1).substr(0, 8), "2:line 0");
  fd.close();
  stream_.wait_until_running(0);
}

TEST_F(AdminSocketTest, a_reader_that_takes_nothing_holds_only_its_own_stream_up) {
  open();
  const net::Fd slow = ask({"trace", "client", "client-id=a"});
  stream_.wait_until_running(1);
  EXPECT_EQ(read(ask({"metrics", "reset"})), "2:Done\n4:0");
  socket_.reset();  // ends it
  stream_.wait_until_running(0);
  EXPECT_LT(stream_.written, 500'000U);  // some hundred KiB, and what the system keeps
}

TEST_F(AdminSocketTest, streams_have_a_largest_number) {
  AdminSocketLimits limits;
  limits.streams = 2;
  open(limits);
  const net::Fd first = ask({"trace", "client", "client-id=a"});
  net::Fd second = ask({"trace", "client", "client-id=b"});
  stream_.wait_until_running(2);
  const std::string refused = read(ask({"trace", "client", "client-id=c"}));
  EXPECT_TRUE(refused.starts_with("3:Too many")) << refused;
  EXPECT_TRUE(refused.ends_with("4:1")) << refused;
  second.close();
  stream_.wait_until_running(1);
}

TEST_F(AdminSocketTest, a_client_that_says_nothing_is_closed_after_a_while) {
  AdminSocketLimits limits;
  limits.request_patience = std::chrono::milliseconds(1);
  open(limits);
  EXPECT_EQ(read(connect()), "");
}

TEST_F(AdminSocketTest, a_command_under_way_is_answered_before_the_socket_goes) {
  open();
  const net::Fd fd = ask({"node", "history"});
  entered_.get_future().wait();
  std::thread stopping([this] { socket_.reset(); });
  release_.set_value();
  EXPECT_EQ(read(fd), "2:released\n4:0");
  stopping.join();
}

TEST_F(AdminSocketTest, with_every_place_taken_by_commands_the_next_is_told_to_wait) {
  AdminSocketLimits limits;
  limits.connections = 2;
  open(limits);
  const net::Fd first = ask({"node", "history"});
  entered_.get_future().wait();
  const net::Fd second = ask({"metrics", "reset"});
  EXPECT_TRUE(read(ask({"cluster", "show"})).starts_with("3:The node is busy"));
  release_.set_value();
  EXPECT_EQ(read(first), "2:released\n4:0");
  EXPECT_EQ(read(second), "2:Done\n4:0");
}

TEST_F(AdminSocketTest, the_file_is_for_user_and_group_and_goes_with_the_socket) {
  open();
  struct stat found {};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0660U);
  EXPECT_NE(::stat((path_ + ".new").c_str(), &found), 0);
  socket_.reset();
  EXPECT_NE(::stat(path_.c_str(), &found), 0);
}

TEST_F(AdminSocketTest, a_living_socket_is_not_replaced_and_no_other_file_either) {
  open();
  const auto second = AdminSocket::open(*control_, *log_, path_);
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is_in_use);
  EXPECT_EQ(read(ask({"metrics", "reset"})), "2:Done\n4:0");
  const std::string file = folder_ + "/file";
  std::ofstream(file) << "x";
  const auto third = AdminSocket::open(*control_, *log_, file);
  ASSERT_FALSE(third);
  EXPECT_FALSE(third.error().is_in_use);
  const auto fourth = AdminSocket::open(*control_, *log_, folder_ + std::string(200, 'x'));
  ASSERT_FALSE(fourth);
  EXPECT_NE(fourth.error().reason.find("shorter"), std::string::npos);
}

TEST_F(AdminSocketTest, a_dead_socket_is_replaced) {
  {
    const net::Fd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    const auto* raw = reinterpret_cast<const sockaddr*>(&address);
    ASSERT_EQ(::bind(dead.get(), raw, sizeof address), 0);
  }
  open();
  EXPECT_EQ(read(ask({"metrics", "reset"})), "2:Done\n4:0");
}

}  // namespace
}  // namespace vmq::control
