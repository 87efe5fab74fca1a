#include "node/log_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace vmq::node {

LogFile::LogFile(std::string path, const config::LogRotation& rotation)
    : path_(std::move(path)), rotation_(rotation) {
  open();
  if (!file_.is_open()) {
    throw spdlog::spdlog_ex("cannot open " + path_ + ": " + std::strerror(errno));
  }
}

void LogFile::open() {
  // A folder that cannot be made shows in the file that cannot be opened.
  std::error_code ignored;
  const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, ignored);
  file_.clear();
  file_.open(path_, std::ios::out | std::ios::app | std::ios::binary);
  const auto end = file_.is_open() ? std::streamoff(file_.tellp()) : std::streamoff(0);
  size_ = end > 0 ? static_cast<std::uint64_t>(end) : 0;
}

void LogFile::sink_it_(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  formatter_->format(message, line);
  const bool is_full = rotation_.bytes_max != 0 && size_ + line.size() > rotation_.bytes_max;
  if (is_full && size_ > 0) rotate();
  if (!file_.is_open()) open();  // a full or missing disk may be back
  file_.clear();
  file_.write(line.data(), static_cast<std::streamsize>(line.size()));
  size_ += line.size();
}

void LogFile::flush_() { file_.flush(); }

void LogFile::rotate() {
  file_.close();
  const auto name = [this](std::uint32_t number) { return path_ + "." + std::to_string(number); };
  if (rotation_.keep == 0) {
    std::remove(path_.c_str());
  } else {
    // The oldest is overwritten.
    for (std::uint32_t i = rotation_.keep - 1; i > 0; --i) {
      std::rename(name(i - 1).c_str(), name(i).c_str());
    }
    std::rename(path_.c_str(), name(0).c_str());
  }
  open();
}

}  // namespace vmq::node
