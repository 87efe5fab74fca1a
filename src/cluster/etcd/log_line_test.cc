#include "cluster/etcd/log_line.h"

#include <gtest/gtest.h>

namespace vmq::cluster {
namespace {

TEST(EtcdLog, a_line_is_told_with_its_message_and_how_bad_it_is) {
  const EtcdLogLine warning = read_etcd_log(
      R"({"level":"warn","ts":"2026","caller":"x.go:1","msg":"slow \"fdatasync\"","took":"2s"})");
  EXPECT_EQ(warning.severity, Severity::Warning);
  EXPECT_EQ(warning.text, R"(slow "fdatasync": took 2s)");
  EXPECT_EQ(read_etcd_log(R"({"level":"fatal","msg":"gone"})").severity, Severity::Error);
  EXPECT_EQ(read_etcd_log(R"({"level":"info","msg":"up"})").severity, Severity::Info);
  const EtcdLogLine nested = read_etcd_log(
      R"({"level":"warn","msg":"m","list":["a","b"],"object":{"c":[1,2]},"number":3,"yes":true})");
  EXPECT_EQ(nested.text, R"(m: list ["a","b"], object {"c":[1,2]}, number 3, yes true)");
}

TEST(EtcdLog, what_is_no_object_is_told_as_it_is) {
  EXPECT_EQ(read_etcd_log("panic: oh\r\n").text, "panic: oh");
  EXPECT_EQ(read_etcd_log("panic: oh").severity, Severity::Error);
  EXPECT_EQ(read_etcd_log("WARNING: 2026/11/23 [core] no").severity, Severity::Warning);
  EXPECT_EQ(read_etcd_log("INFO: 2026/11/23 [core] yes").severity, Severity::Info);
  EXPECT_EQ(read_etcd_log("goroutine 1 [running]:").severity, Severity::Warning);
  const std::string whole = R"({"level":"warn","msg":"a\"b","c":{"d":1}})";
  for (std::size_t size = 1; size < whole.size(); ++size) {
    EXPECT_EQ(read_etcd_log(whole.substr(0, size)).text, whole.substr(0, size));
  }
  EXPECT_EQ(read_etcd_log(std::string(5000, 'x')).text.size(), 1000u);
  EXPECT_EQ(read_etcd_log("").text, "");
}

TEST(EtcdLog, what_an_orderly_start_says_is_no_warning) {
  for (const char* message :
       {"exceeded recommended request limit", "simple token is not cryptographically signed",
        "established TCP streaming connection with remote peer",
        "rejecting member add request; local member has not been connected to all peers"}) {
    const std::string line = std::string(R"({"level":"warn","msg":")") + message + "\"}";
    EXPECT_EQ(read_etcd_log(line).severity, Severity::Info) << message;
    const std::string worse = std::string(R"({"level":"error","msg":")") + message + "\"}";
    EXPECT_EQ(read_etcd_log(worse).severity, Severity::Error) << message;
  }
  EXPECT_EQ(read_etcd_log(R"({"level":"warn","msg":"lost TCP streaming connection"})").severity,
            Severity::Warning);
}

TEST(EtcdLog, what_it_loses_when_it_was_told_to_end_is_no_warning) {
  const char* lost = R"({"level":"warn","msg":"lost TCP streaming connection"})";
  EXPECT_EQ(read_etcd_log(lost, true).severity, Severity::Info);
  EXPECT_EQ(read_etcd_log(R"({"level":"error","msg":"x"})", true).severity, Severity::Error);
}

}  // namespace
}  // namespace vmq::cluster
