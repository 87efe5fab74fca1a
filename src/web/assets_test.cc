#include "web/assets.h"

#include <gtest/gtest.h>

#include <set>

namespace vmq::web {
namespace {

TEST(Assets, the_page_is_found_by_its_names) {
  const Asset* index = find_asset("");
  ASSERT_NE(index, nullptr);
  EXPECT_EQ(index, find_asset("index.html"));
  EXPECT_EQ(index->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(find_asset("../etc/passwd"), nullptr);
  EXPECT_EQ(find_asset("index"), nullptr);
}

TEST(Assets, every_file_is_there_whole_and_packed) {
  std::set<std::string_view> paths;
  for (const Asset& asset : assets()) {
    EXPECT_TRUE(paths.insert(asset.path).second) << asset.path;
    EXPECT_FALSE(asset.bytes.empty()) << asset.path;
    EXPECT_EQ(asset.gzip.substr(0, 2), "\x1f\x8b") << asset.path;
    EXPECT_EQ(asset.etag.size(), 18u) << asset.path;
  }
}

TEST(Assets, bytes_are_those_of_the_files) {
  const Asset* page = find_asset("index.html");
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(page->bytes.substr(0, 15), "<!doctype html>");
  EXPECT_EQ(page->bytes.substr(page->bytes.size() - 8), "</html>\n");
}

TEST(Assets, the_page_without_a_slash_names_its_files_from_there) {
  const Asset* page = find_asset("status.html");
  ASSERT_NE(page, nullptr);
  EXPECT_NE(page->bytes.find("src=\"status/app.js\""), std::string_view::npos);
  EXPECT_EQ(page->bytes.find("src=\"app.js\""), std::string_view::npos);
}

TEST(Assets, works_of_others_come_with_their_licences) {
  const Asset* licences = find_asset("licences.txt");
  ASSERT_NE(licences, nullptr);
  for (const char* name : {"uplot", "preact", "htm"}) {
    EXPECT_NE(licences->bytes.find(std::string("---- ") + name), std::string_view::npos) << name;
  }
  EXPECT_NE(find_asset("vendor/uplot.js"), nullptr);
}

TEST(Assets, the_page_holds_nothing_inline_and_nothing_from_elsewhere) {
  for (const Asset& asset : assets()) {
    if (asset.content_type.substr(0, 9) != "text/html") continue;
    for (const char* banned : {"<style", " style=", " onclick=", "//cdn", "https://"}) {
      EXPECT_EQ(asset.bytes.find(banned), std::string_view::npos) << asset.path << ' ' << banned;
    }
  }
}

}  // namespace
}  // namespace vmq::web
