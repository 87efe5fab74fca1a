#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "store/rocks/rocks_store.h"
#include "store/rocks/test_directory.h"

namespace vmq::store {
namespace {

constexpr std::size_t line_size = 13;

// Runs the writer until it has reported `reports` times, kills it, and returns the last number it
// reported.
std::uint64_t write_and_kill(const std::string& path, std::uint64_t first, const char* sync,
                             int reports) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) std::abort();
  const std::string first_text = std::to_string(first);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe_ends[1], STDOUT_FILENO);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    ::execl(VMQ_CRASH_WRITER, VMQ_CRASH_WRITER, path.c_str(), first_text.c_str(), sync,
            static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(pipe_ends[1]);
  std::string reported;
  char buffer[4096];
  const auto read_more = [&] {
    const ssize_t size = ::read(pipe_ends[0], buffer, sizeof buffer);
    if (size > 0) reported.append(buffer, static_cast<std::size_t>(size));
    return size > 0;
  };
  while (reported.size() < static_cast<std::size_t>(reports) * line_size && read_more()) {
  }
  ::kill(child, SIGKILL);
  while (read_more()) {
  }
  ::close(pipe_ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself: " << status;
  if (reported.size() < line_size) return 0;
  const std::size_t lines = reported.size() / line_size;
  return std::strtoull(reported.c_str() + (lines - 1) * line_size, nullptr, 10);
}

class CrashTest : public testing::TestWithParam<const char*> {};

TEST_P(CrashTest, what_was_reported_durable_survives_kill_9) {
  TestDirectory directory;
  std::uint64_t written = 0;
  for (int round = 0; round < 5; ++round) {
    const std::uint64_t reported =
        write_and_kill(directory.path(), written, GetParam(), 20 + 60 * round);
    ASSERT_GT(reported, written);
    auto opened = open_rocks_store(directory.path(), {});
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
    std::uint64_t rows[space_count] = {};
    std::string last;
    for (const Space space : {Space::Journal, Space::Queue, Space::Meta}) {
      const auto scanned = (*opened)->scan(space, "", "", [&](const Row& row) {
        EXPECT_EQ(row.state, RowState::Value);
        ++rows[index_of(space)];
        // No batch is missing between others.
        if (space == Space::Queue) {
          EXPECT_EQ(std::strtoull(std::string(as_text(row.key)).c_str(), nullptr, 10),
                    rows[index_of(space)]);
        }
        if (space == Space::Meta) last = as_text(row.value);
        return true;
      });
      ASSERT_TRUE(scanned.has_value());
    }
    EXPECT_GE(rows[index_of(Space::Queue)], reported);
    EXPECT_EQ(rows[index_of(Space::Queue)], rows[index_of(Space::Journal)]);
    EXPECT_EQ(std::strtoull(last.c_str(), nullptr, 10), rows[index_of(Space::Queue)]);
    written = rows[index_of(Space::Queue)];
  }
}

INSTANTIATE_TEST_SUITE_P(EverySyncMode, CrashTest, testing::Values("always", "interval", "off"));

}  // namespace
}  // namespace vmq::store
