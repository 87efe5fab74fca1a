// What the codec costs a packet. The counters of allocations and instructions are taken with perf
// or callgrind; this gives time.
#include <benchmark/benchmark.h>

#include <vector>

#include "mqtt/decode.h"
#include "mqtt/encode.h"
#include "mqtt/utf8.h"

namespace vmq::mqtt {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::string_view topic = "sensors/42/temp/room";  // 20 bytes

Bytes publish(Version version, Qos qos, bool with_properties) {
  Bytes section;
  if (with_properties) {
    MessageProperties properties;
    properties.content_type = "application/json";
    append_message_properties(properties, section);
    append_user_property("trace", "0123456789abcdef", section);
  }
  PublishHeader header;
  header.version = version;
  header.qos = qos;
  header.topic = topic;
  header.packet_id = 7;
  header.forwardable = section;
  if (with_properties) header.message_expiry_interval = 60;
  header.payload_size = 256;
  Bytes bytes(publish_layout(header).packet_size);
  write_publish_header(header, bytes.data());
  return bytes;
}

void decode_publish_packet(benchmark::State& state, Version version, Qos qos,
                           bool with_properties) {
  const Bytes packet = publish(version, qos, with_properties);
  Bytes scratch;
  for (auto _ : state) {
    ByteView input = packet;
    benchmark::DoNotOptimize(input);
    const FrameResult frame = read_frame_head(input, {version});
    const auto view =
        decode_publish(version, frame.head.flags, input.subspan(frame.head.header_size), scratch);
    benchmark::DoNotOptimize(view->topic);
    benchmark::DoNotOptimize(view->payload);
  }
}
BENCHMARK_CAPTURE(decode_publish_packet, v311_qos0, Version::V311, Qos::AtMostOnce, false);
BENCHMARK_CAPTURE(decode_publish_packet, v311_qos1, Version::V311, Qos::AtLeastOnce, false);
BENCHMARK_CAPTURE(decode_publish_packet, v5_qos0, Version::V5, Qos::AtMostOnce, false);
BENCHMARK_CAPTURE(decode_publish_packet, v5_qos1_properties, Version::V5, Qos::AtLeastOnce, true);

void write_publish(benchmark::State& state, Version version, Qos qos) {
  PublishHeader header;
  header.version = version;
  header.qos = qos;
  header.topic = topic;
  header.packet_id = 7;
  header.payload_size = 256;
  std::uint8_t buffer[64];
  for (auto _ : state) {
    benchmark::DoNotOptimize(header);
    benchmark::DoNotOptimize(write_publish_header(header, buffer));
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(write_publish, v311_qos0, Version::V311, Qos::AtMostOnce);
BENCHMARK_CAPTURE(write_publish, v5_qos1, Version::V5, Qos::AtLeastOnce);

void decode_puback(benchmark::State& state, Version version) {
  const Bytes packet = {0x40, 2, 0, 7};
  for (auto _ : state) {
    ByteView input = packet;
    benchmark::DoNotOptimize(input);
    const FrameResult frame = read_frame_head(input, {version});
    const auto ack = decode_ack(version, frame.head.type, frame.head.flags, input.subspan(2));
    benchmark::DoNotOptimize(ack->packet_id);
  }
}
BENCHMARK_CAPTURE(decode_puback, v311, Version::V311);
BENCHMARK_CAPTURE(decode_puback, v5, Version::V5);

void write_puback(benchmark::State& state, Version version) {
  AckFields fields;
  fields.packet_id = 7;
  std::uint8_t buffer[64];
  for (auto _ : state) {
    benchmark::DoNotOptimize(fields);
    benchmark::DoNotOptimize(write(version, PacketType::Puback, fields, buffer));
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(write_puback, v311, Version::V311);
BENCHMARK_CAPTURE(write_puback, v5, Version::V5);

void decode_connect_packet(benchmark::State& state, Version version) {
  ConnectView view;
  view.version = version;
  view.clean_start = true;
  view.client_id = "bench-client-000001";
  view.user_name = "user";
  view.password = as_bytes("password");
  view.session_expiry_interval = 60;
  Bytes packet(size_of(view));
  write(view, packet.data());
  Bytes scratch;
  for (auto _ : state) {
    ByteView input = packet;
    benchmark::DoNotOptimize(input);
    const auto connect = decode_connect(0, input.subspan(2), scratch);
    benchmark::DoNotOptimize(connect->client_id);
  }
}
BENCHMARK_CAPTURE(decode_connect_packet, v311, Version::V311);
BENCHMARK_CAPTURE(decode_connect_packet, v5, Version::V5);

void inspect(benchmark::State& state) {
  const std::string text(static_cast<std::size_t>(state.range(0)), 'a');
  for (auto _ : state) {
    std::string_view view = text;
    benchmark::DoNotOptimize(view);
    benchmark::DoNotOptimize(inspect_text(view));
  }
}
BENCHMARK(inspect)->Arg(5)->Arg(20)->Arg(64)->Arg(1000);

}  // namespace
}  // namespace vmq::mqtt

BENCHMARK_MAIN();
