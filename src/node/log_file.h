// A log file that is cut when it grows too long: FILE is written, FILE.0 is the last one that was
// full, FILE.1 the one before, as VerneMQ names them.
#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <cstdint>
#include <fstream>
#include <string>

#include "config/config.h"

namespace vmq::node {

// Threads: one at a time.
class LogFile final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  // Makes the folder and appends to what is there. Throws spdlog_ex when the file cannot be opened,
  // as spdlog's own do.
  LogFile(std::string path, const config::LogRotation& rotation);

 private:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override;
  void open();
  void rotate();

  const std::string path_;
  const config::LogRotation rotation_;
  std::ofstream file_;
  std::uint64_t size_ = 0;
};

}  // namespace vmq::node
