#include "config/load_files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config/load.h"

namespace vmq::config {
namespace {

// A folder of one test, gone with it.
class Folder {
 public:
  Folder() {
    std::string pattern = ::testing::TempDir() + "vmq_config_XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(RealFiles, includes_and_file_values_are_read) {
  const Folder folder;
  const std::string path =
      folder.write("vernemq.conf", "nodename = $(<name)\ninclude conf.d/*.conf\n");
  folder.write("name", "n@h\n");
  folder.write("conf.d/2.conf", "retry_interval = 2\n");
  folder.write("conf.d/1.conf", "retry_interval = 1\n");
  folder.write("conf.d/3.off", "retry_interval = 3\n");
  const Result<Loaded, std::vector<ConfigError>> loaded = load(path, real_files());
  ASSERT_TRUE(loaded.has_value()) << format_errors(loaded.error());
  EXPECT_EQ(loaded->config.node.name, "n@h");
  EXPECT_EQ(loaded->config.session.retry_interval, seconds(2));
  EXPECT_EQ(loaded->files.size(), 3u);
}

TEST(RealFiles, what_is_no_file_is_refused) {
  const Folder folder;
  EXPECT_FALSE(real_files().read(folder.path()).has_value());
  EXPECT_FALSE(real_files().read(folder.path() + "/none").has_value());
  EXPECT_FALSE(real_files().read("/dev/zero").has_value());
}

TEST(RealFiles, a_file_that_is_too_long_is_cut_just_above_the_bound) {
  const Folder folder;
  const std::string path = folder.write("long", std::string(kFileBytesMax + 100000, '#'));
  EXPECT_GT(real_files().read(path)->size(), kFileBytesMax);
  EXPECT_FALSE(load(path, real_files()).has_value());
}

TEST(RealFiles, the_shipped_example_loads_without_a_warning) {
  const Result<Loaded, std::vector<ConfigError>> loaded =
      load(std::string(VMQ_ETC) + "/vernemq.conf", real_files());
  ASSERT_TRUE(loaded.has_value()) << format_errors(loaded.error());
  for (const ConfigWarning& warning : loaded->warnings) ADD_FAILURE() << format_warning(warning);
}

}  // namespace
}  // namespace vmq::config
