// The figures of `node status`, which the status page shows too.
#pragma once

#include <string_view>

namespace vmq::control {

struct NodeFigure {
  std::string_view name;
  std::string_view metric;  // each is the sum of this one over the shards
};

inline constexpr NodeFigure node_figures[] = {
    {"msg_in", "mqtt_publish_received"},
    {"msg_out", "mqtt_publish_sent"},
    {"queue_in", "queue_message_in"},
    {"queue_out", "queue_message_out"},
    {"queue_drop", "queue_message_drop"},
    {"queue_unhandled", "queue_message_unhandled"},
    {"num_subscriptions", "router_subscriptions"},
    {"num_retained", "retain_messages"},
    {"matches_local", "router_matches_local"},
    {"matches_remote", "router_matches_remote"},
};

}  // namespace vmq::control
