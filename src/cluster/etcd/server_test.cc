#include "cluster/etcd/server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <mutex>
#include <string>

#include "cluster/etcd/authority.h"
#include "cluster/etcd/client.h"
#include "cluster/etcd/codec.h"
#include "cluster/etcd/files.h"
#include "cluster/etcd/test_etcd.h"

namespace vmq::cluster {

namespace {

bool runs(std::int64_t pid) { return ::kill(static_cast<pid_t>(pid), 0) == 0; }

template <typename Condition>
void await(const Condition& condition) {
  const Instant last = etcd::monotonic_now() + seconds(30);
  while (!condition()) {
    ASSERT_LT(etcd::monotonic_now(), last);
    ::poll(nullptr, 0, 5);
  }
}

void put(const EtcdServerOptions& options, const std::string& key) {
  const CasRequest request{.key = key, .value = "v"};
  const CasRequest* const requests[] = {&request};
  call_etcd(client_address(options), "/etcdserverpb.KV/Txn", etcd::encode_cas(requests, "", 0));
}

std::int64_t count_keys(const EtcdServerOptions& options) {
  const std::string all(1, '\0');
  const auto page = etcd::decode_page(call_etcd(client_address(options), "/etcdserverpb.KV/Range",
                                                etcd::encode_range({.key = all, .end = all})));
  return page ? page->count : -1;
}

TEST(EtcdServerTest, it_is_ready_after_its_start_and_gone_after_its_stop) {
  const TestFolder folder;
  EtcdServer server;
  EXPECT_EQ(server.status().state, EtcdServerState::Stopped);
  const EtcdServerOptions options = test_server_options(folder, "n1");
  server.start(options);
  await_state(server, EtcdServerState::Ready);
  const EtcdServerStatus status = server.status();
  EXPECT_TRUE(status.version.starts_with("3.")) << status.version;
  EXPECT_TRUE(runs(status.pid));
  put(options, "k");
  server.stop();
  EXPECT_FALSE(runs(status.pid));
  EXPECT_EQ(server.status().state, EtcdServerState::Stopped);
  server.start(options);
  await_state(server, EtcdServerState::Ready);
  EXPECT_EQ(count_keys(options), 1);
}

TEST(EtcdServerTest, it_is_started_again_when_it_dies) {
  TestEtcd etcd;
  put(etcd.options(0), "k");
  const std::int64_t pid = etcd.server(0).status().pid;
  ::kill(static_cast<pid_t>(pid), SIGKILL);
  await([&] { return etcd.server(0).status().starts == 2; });
  await_state(etcd.server(0), EtcdServerState::Ready);
  EXPECT_NE(etcd.server(0).status().pid, pid);
  EXPECT_EQ(count_keys(etcd.options(0)), 1);
}

TEST(EtcdServerTest, one_that_hangs_is_ended_by_force) {
  const TestFolder folder;
  EtcdServerOptions options = test_server_options(folder, "n1");
  options.stop_timeout = milliseconds(300);
  EtcdServer server;
  server.start(options);
  await_state(server, EtcdServerState::Ready);
  const std::int64_t pid = server.status().pid;
  ::kill(static_cast<pid_t>(pid), SIGSTOP);
  server.stop();
  EXPECT_FALSE(runs(pid));
}

TEST(EtcdServerTest, it_dies_with_the_process_that_started_it) {
  const TestFolder folder;
  const EtcdServerOptions options = test_server_options(folder, "n1");
  int told[2];
  ASSERT_EQ(::pipe(told), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    EtcdServer server;
    server.start(options);
    while (server.status().pid == 0) ::poll(nullptr, 0, 5);
    const std::int64_t pid = server.status().pid;
    [[maybe_unused]] const ssize_t written = ::write(told[1], &pid, sizeof pid);
    for (;;) ::pause();
  }
  std::int64_t pid = 0;
  ASSERT_EQ(::read(told[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  EXPECT_TRUE(runs(pid));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  // Nobody waits for the orphan where nothing reaps: a zombie is dead too.
  await([&] {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    return text.empty() || text.find(") Z") != std::string::npos;
  });
  ::close(told[0]);
  ::close(told[1]);
}

TEST(EtcdServerTest, what_is_wrong_is_said_in_words_that_help) {
  const TestFolder folder;
  EtcdServerOptions options = test_server_options(folder, "n1");
  options.program = "no-such-etcd";
  EtcdServer server;
  server.start(options);
  await_state(server, EtcdServerState::Waiting);
  EXPECT_NE(server.status().error.find("etcd is not installed: 'no-such-etcd'"), std::string::npos)
      << server.status().error;
  EXPECT_NE(server.status().error.find("etcd-server"), std::string::npos);
  server.stop();
  options.program = "/bin/echo";
  server.start(options);
  await_state(server, EtcdServerState::Waiting);
  EXPECT_NE(server.status().error.find("is not etcd 3.4 or later"), std::string::npos)
      << server.status().error;
  server.stop();
  options.program = "etcd";
  options.directory = folder.path("none/deeper");
  server.start(options);
  await_state(server, EtcdServerState::Waiting);
  EXPECT_NE(server.status().error.find("cannot be made"), std::string::npos);
}

TEST(EtcdServerTest, a_port_that_is_taken_is_its_last_word_and_tried_again) {
  TestEtcd etcd;
  const TestFolder folder;
  EtcdServerOptions options = test_server_options(folder, "n2");
  options.client_port = etcd.options(0).client_port;
  EtcdServer server;
  server.start(options);
  await([&] { return server.status().starts >= 2; });
  EXPECT_NE(server.status().error.find("address already in use"), std::string::npos)
      << server.status().error;
}

TEST(EtcdServerTest, only_certificates_of_its_authority_get_in) {
  const TestFolder folder;
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder.path(name)) << text;
    return folder.path(name);
  };
  const auto authority = make_authority("ours");
  const auto other = make_authority("theirs");
  const auto own = issue_certificate(*authority, "n1", {});
  const auto stranger = issue_certificate(*other, "n1", {});
  ASSERT_TRUE(own && stranger);
  EtcdServerOptions options = test_server_options(folder, "n1");
  options.tls = {write("ca.pem", authority->certificate), write("n1.pem", own->certificate),
                 write("n1.key", own->key)};
  EtcdServer server;
  server.start(options);
  await_state(server, EtcdServerState::Ready);
  const auto status_as = [&](const etcd::TlsTexts& tls) {
    return etcd::call_and_wait(client_address(options), tls, "/etcdserverpb.Maintenance/Status", {},
                               seconds(2))
        .status.code;
  };
  EXPECT_EQ(status_as({authority->certificate, own->certificate, own->key}), etcd::RpcCode::Ok);
  EXPECT_NE(status_as({authority->certificate, {}, {}}), etcd::RpcCode::Ok);
  EXPECT_NE(status_as({authority->certificate, stranger->certificate, stranger->key}),
            etcd::RpcCode::Ok);
  EXPECT_NE(status_as({other->certificate, own->certificate, own->key}), etcd::RpcCode::Ok);
  EXPECT_NE(status_as({}), etcd::RpcCode::Ok);
  EtcdMetadata metadata(EtcdOptions{.endpoints = {client_address(options)},
                                    .tls = {authority->certificate, own->certificate, own->key}});
  Answers answers;
  await([&] {
    metadata.poll(answers);
    return answers.has_quorum;
  });
}

}  // namespace

}  // namespace vmq::cluster
