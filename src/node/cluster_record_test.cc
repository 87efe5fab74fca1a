#include "node/cluster_record.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "cluster/member_record.h"

namespace vmq::node {
namespace {

class ClusterRecord : public testing::Test {
 protected:
  ClusterRecord() {
    std::string name = testing::TempDir() + "vmq-record-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    data_ = name;
    std::filesystem::create_directories(cluster_folder(data_));
  }
  ~ClusterRecord() override { std::filesystem::remove_all(data_); }
  void write(const std::string& text) { std::ofstream(cluster_record_path(data_)) << text; }

  std::string data_;
};

TEST_F(ClusterRecord, a_node_without_one_is_in_no_cluster) {
  const auto known = read_cluster_record(data_, "a@h");
  ASSERT_TRUE(known);
  EXPECT_FALSE(*known);
}

TEST_F(ClusterRecord, the_members_are_those_of_the_last_run) {
  write("v1 42 2\nmember 1 4 a@h h:1\nmember 2 8 b@h h:2\n");
  const auto known = read_cluster_record(data_, "b@h");
  ASSERT_TRUE(known);
  ASSERT_TRUE(*known);
  EXPECT_EQ((*known)->self, 2);
  EXPECT_EQ((*known)->all.size(), 2u);
  EXPECT_FALSE((*known)->has_quorum);
}

TEST_F(ClusterRecord, one_that_is_damaged_stops_the_start) {
  write("v1 42 2\nmember 1 4 a@h h:1\nmember 2 8 b@");
  const auto known = read_cluster_record(data_, "b@h");
  ASSERT_FALSE(known);
  EXPECT_NE(known.error().find("is damaged"), std::string::npos);
}

TEST_F(ClusterRecord, a_member_keeps_its_name) {
  write("v1 42 1\nmember 1 4 a@h h:1\n");
  const auto known = read_cluster_record(data_, "other@h");
  ASSERT_FALSE(known);
  EXPECT_NE(known.error().find("belongs to a@h"), std::string::npos);
}

}  // namespace
}  // namespace vmq::node
