#include "cluster/members.h"

#include <gtest/gtest.h>

namespace vmq::cluster {
namespace {

TEST(Members, AreFoundByNumberAndByName) {
  Members members;
  members.self = 2;
  members.all = {{1, "a@10.0.0.1", "10.0.0.1:44053"}, {2, "b@10.0.0.2", "10.0.0.2:44053"}};
  ASSERT_NE(members.find(MemberNumber{2}), nullptr);
  EXPECT_EQ(members.find(MemberNumber{2})->name, "b@10.0.0.2");
  ASSERT_NE(members.find("a@10.0.0.1"), nullptr);
  EXPECT_EQ(members.find("a@10.0.0.1")->number, 1);
  EXPECT_EQ(members.find(MemberNumber{3}), nullptr);
  EXPECT_EQ(members.find("c@10.0.0.3"), nullptr);
}

TEST(Members, OneIsAlone) {
  Members members;
  EXPECT_TRUE(members.is_alone());
  members.all = {{1, "a@10.0.0.1", "10.0.0.1:44053"}};
  EXPECT_TRUE(members.is_alone());
  members.all.push_back({2, "b@10.0.0.2", "10.0.0.2:44053"});
  EXPECT_FALSE(members.is_alone());
}

}  // namespace
}  // namespace vmq::cluster
