// mosquitto's files as ours: mosquitto.conf with everything it includes, the password file and the
// ACL file that it names. Where both brokers differ, what comes out admits no more than mosquitto
// did, and a remark says what was left out and why.
//
//   mosquitto.conf ──▶ directives ──▶ vernemq.conf  ┐
//                         │                         ├─ each with remarks, FILE:LINE
//                         ├─ acl_file ──▶ vmq.acl   │
//                         └─ password_file ──▶ vmq.passwd
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/parser.h"

namespace vmq::migrate {

// What somebody should look at.
struct Remark {
  std::string file;
  std::size_t line = 0;
  std::string text;
};
using Remarks = std::vector<Remark>;

// Where the converted files will lie.
struct Places {
  std::string password_file;
  std::string acl_file;
};

struct Migrated {
  std::string config;
  std::string passwords;
  std::string acl;
  Remarks remarks;
  std::size_t carried = 0;  // directives with a counterpart
};

// The error is a sentence: a file could not be read.
[[nodiscard]] Result<Migrated, std::string> migrate_mosquitto(const std::string& path,
                                                              const config::FileLoader& files,
                                                              const Places& places);

// FILE:LINE: text
std::string format_remark(const Remark& remark);

}  // namespace vmq::migrate
