#include "ctl/place.h"

#include <gtest/gtest.h>

namespace vmq::ctl {
namespace {

config::FileLoader one_file(const std::string& text) {
  return {[text](const std::string& path) -> Result<std::string, std::string> {
            if (path != "/v.conf") return failure(std::string("No such file"));
            return text;
          },
          [](const std::string&) -> Result<std::vector<std::string>, std::string> {
            return std::vector<std::string>();
          }};
}

Place place_in(const std::string& text) {
  const auto place = place_of("/v.conf", one_file(text));
  EXPECT_TRUE(place) << place.error();
  return place.value_or(Place{});
}

TEST(Place, the_socket_is_in_the_data_directory) {
  EXPECT_EQ(place_in("platform_data_dir = /d\n").socket_path, "/d/admin.sock");
  EXPECT_EQ(place_in("nodename = a@b\n").node_name, "a@b");
}

TEST(Place, the_socket_may_be_elsewhere_or_off) {
  EXPECT_EQ(place_in("node.admin_socket = /run/x.sock\n").socket_path, "/run/x.sock");
  EXPECT_EQ(place_in("node.admin_socket = off\n").socket_path, "off");
}

TEST(Place, a_broken_configuration_still_says_where_the_node_is) {
  const Place place = place_in(
      "allow_anonymouss = on\n"
      "nodename = a@b\n"
      "  platform_data_dir=/d # here\n"
      "platform_data_dirs = /x\n"
      "no line\n");
  EXPECT_EQ(place.node_name, "a@b");
  EXPECT_EQ(place.socket_path, "/d/admin.sock");
}

TEST(Place, without_a_file_it_says_what_to_do) {
  const auto place = place_of("/none.conf", one_file(""));
  ASSERT_FALSE(place);
  EXPECT_NE(place.error().find("/none.conf: No such file"), std::string::npos) << place.error();
  EXPECT_NE(place.error().find("-c FILE"), std::string::npos);
  EXPECT_FALSE(place_of("/v.conf", one_file("bad\nnodename = $(no.such)\n")));
}

}  // namespace
}  // namespace vmq::ctl
