// Packets as an operator reads them in a trace. Never passwords, nor what an enhanced
// authentication exchanges.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"
#include "mqtt/decode.h"

namespace vmq::core {

// `payload`: of a PUBLISH whose payload does not stand in `body`.
std::string packet_text(mqtt::Version version, mqtt::Sender sender, const mqtt::FrameHead& head,
                        ByteView body, std::optional<ByteView> payload, std::size_t payload_max);

// 2026-01-31T12:00:00Z
std::string iso_seconds(WallTime time);

}  // namespace vmq::core
