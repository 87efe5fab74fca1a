// mosquitto's listeners and bridges as lines of vernemq.conf.
#pragma once

#include <set>
#include <string>

#include "migrate/conf_text.h"
#include "migrate/directives.h"

namespace vmq::migrate {

class ListenerConverter {
 public:
  ListenerConverter(const Directives& directives, ConfText& out)
      : directives_(directives), out_(out) {}

  void convert();

 private:
  void convert_one(const Block& block);
  void convert_address(const Block& block, const std::string& kind, const std::string& name);
  void convert_options(const Block& block, const std::string& kind, const std::string& name);
  void convert_tls(const Block& block, const std::string& kind, const std::string& name);
  std::string name_for(std::string_view port);

  const Directives& directives_;
  ConfText& out_;
  std::set<std::string> names_;
};

// As comments, since nothing would run them.
void convert_bridge(const Block& block, ConfText& out);

}  // namespace vmq::migrate
