// What stands under a prefix of the metadata, as its watch has told it so far.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "cluster/metadata.h"

namespace vmq::cluster {

class PrefixView {
 public:
  using Values = std::map<std::string, std::string, std::less<>>;

  // News of the watch, in their order.
  void take(const News& news);

  const Values& values() const { return now_.values; }
  // All up to it has been told.
  Revision revision() const { return now_.revision; }
  // All of it has been told once. It stays so while the watch tells everything anew: until that is
  // complete, what was there before is what is known.
  bool is_complete() const { return now_.is_complete; }

 private:
  struct State {
    Values values;
    Revision revision = 0;
    bool is_complete = false;
  };
  State now_;
  State fresh_;
  bool is_restarting_ = false;
};

}  // namespace vmq::cluster
