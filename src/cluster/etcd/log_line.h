// A line of etcd's log as one of ours: its message and what belongs to it as text for people, and
// how bad it is for an operator of the broker, which is often less than etcd thinks.
#pragma once

#include <string>
#include <string_view>

#include "cluster/etcd/report.h"

namespace vmq::cluster {

struct EtcdLogLine {
  Severity severity = Severity::Warning;
  std::string text;  // empty: it says nothing
};

// `is_stopping`: etcd was told to end, so that what it loses on the way is no news.
EtcdLogLine read_etcd_log(std::string_view line, bool is_stopping = false);

}  // namespace vmq::cluster
