#include "tests/scenarios/damage.h"

#include <algorithm>
#include <array>
#include <memory>

#include "base/expect.h"
#include "core/byte_io.h"
#include "sim/client.h"
#include "sim/node.h"
#include "topic/subscriber.h"

namespace vmq::sim {

namespace {

constexpr const char* client_ids[] = {"away", "back", "busy", "old", "many", "pub"};

store::MemoryStore make_store() {
  return store::MemoryStore(store::MemoryStore::Options{.shards = topic::SessionHandle::shards_max,
                                                        .sync = store::SyncMode::Always,
                                                        .interval_steps = 10,
                                                        .retry_steps = 1,
                                                        .seed = 1,
                                                        .wake = {}});
}

NodeOptions small_node(std::uint8_t shards) {
  NodeOptions options;
  options.shards = shards;
  options.limits.window_max = 4;
  options.limits.window_offline_max = 2;
  options.limits.tail_max = 3;
  options.limits.block_max = 2;
  options.limits.load_ahead = 4;
  options.limits.journal_turns_max = 8;
  options.config.session.inflight_max = 3;
  options.config.allow_anonymous = true;
  options.config.systree.enabled = false;
  return options;
}

// The node that leaves the busy store behind.
class Builder {
 public:
  Builder() : node_(small_node(2), store_, now_) {
    for (const char* id : client_ids) {
      clients_.push_back(std::make_unique<Client>(
          id, std::string_view(id) == "old" ? mqtt::Version::V311 : mqtt::Version::V5));
    }
  }

  store::MemoryStore& work() {
    for (const auto& client : clients_) join(*client);
    subscribe();
    for (const char* id : {"away", "old"}) of(id).cut();
    of("back").answers = false;
    run();
    for (int i = 0; i < 40; ++i) {
      const std::string text = std::to_string(i);
      const std::string topic = "t/" + std::to_string(i % 3);
      of("pub").publish(topic, text, static_cast<std::uint8_t>(1 + i % 2), i % 5 == 0);
      run();
      if (i == 10) of("back").cut();
      if (i == 30) join(of("back"));
    }
    of("busy").publish({"t/expires", "soon", 2, true, false, of("busy").next_id++, 100});
    of("pub").publish("t/0", "", 1, true);
    of("busy").cut();
    run();
    leave_frames_on_their_way();
    store_.crash(store::CrashKind::Process);
    return store_;
  }

 private:
  Client& of(std::string_view id) {
    return **std::find_if(clients_.begin(), clients_.end(),
                          [&](const auto& client) { return client->id() == id; });
  }

  void join(Client& client) {
    mqtt::ConnectView fields = client.connect_fields();
    fields.clean_start = false;
    fields.session_expiry_interval = 3600;
    if (client.id() == "away") {
      fields.will.emplace();
      fields.will->topic = "t/will";
      fields.will->payload = as_bytes("gone");
      fields.will->delay_interval = 60;
      fields.will->qos = mqtt::Qos::AtLeastOnce;
    }
    client.connect(node_, fields);
    run();
  }

  void subscribe() {
    of("away").subscribe("t/#", 2, 7);
    of("away").subscribe("$share/g/t/+", 1);
    of("back").subscribe("t/+", 2);
    of("busy").subscribe("$share/g/t/+", 2, 9);
    of("old").subscribe("t/1", 1);
    for (int i = 0; i < 70; ++i) of("many").subscribe("m/" + std::to_string(i), 1);
    of("many").subscribe("t/2", 1);
    run();
    of("many").cut();
  }

  // Shards run and the disk keeps what they write, but no shard hears of another.
  void leave_frames_on_their_way() {
    for (int i = 0; i < 4; ++i) of("pub").publish("t/" + std::to_string(i), "late", 2);
    for (int i = 0; i < 4; ++i) {
      for (std::uint8_t shard = 0; shard < 2; ++shard) {
        node_.turn(shard, now_, {.read_max = 1000, .frames_max = 0});
      }
      store_.step();
    }
  }

  void run() {
    for (bool moved = true; moved;) {
      node_.settle(now_);
      moved = false;
      for (const auto& client : clients_) moved |= client->read();
    }
  }

  store::MemoryStore store_ = make_store();
  Now now_{{1000}, {1'700'000'000'000}};
  Node node_;
  std::vector<std::unique_ptr<Client>> clients_;
};

// Acknowledges what it gets, whatever that is: damage may have reached topics and properties.
class RawClient {
 public:
  RawClient(Node& node, std::string_view id) : node_(node), wire_(node.connect()) {
    mqtt::ConnectView fields;
    fields.version = mqtt::Version::V5;
    fields.client_id = id;
    fields.clean_start = false;
    fields.session_expiry_interval = 3600;
    std::vector<std::uint8_t> bytes(mqtt::size_of(fields));
    mqtt::write(fields, bytes.data());
    write(bytes);
  }

  void subscribe(std::string_view filter) {
    const mqtt::SubscriptionView subscription{filter, {.qos = mqtt::Qos::ExactlyOnce}};
    mqtt::SubscribeFields fields;
    fields.packet_id = next_id_++;
    fields.subscriptions = {&subscription, 1};
    std::vector<std::uint8_t> bytes(mqtt::size_of(mqtt::Version::V5, fields));
    mqtt::write(mqtt::Version::V5, fields, bytes.data());
    write(bytes);
  }

  void publish(std::string_view topic, std::uint8_t qos, bool retain) {
    mqtt::PublishHeader header;
    header.version = mqtt::Version::V5;
    header.qos = static_cast<mqtt::Qos>(qos);
    header.retain = retain;
    header.topic = topic;
    header.packet_id = next_id_++;
    header.payload_size = 1;
    std::vector<std::uint8_t> bytes(mqtt::publish_layout(header).packet_size);
    *mqtt::write_publish_header(header, bytes.data()) = 'x';
    write(bytes);
  }

  // Reads one batch of packets and answers them; the number of PUBLISH among them.
  std::size_t read() {
    if (!is_open()) return 0;
    Wire& wire = node_.wire(wire_);
    kept_.insert(kept_.end(), wire.to_client.begin(), wire.to_client.end());
    wire.to_client.clear();
    std::size_t received = 0;
    ByteView rest = kept_;
    while (!rest.empty()) {
      const mqtt::FrameResult frame = mqtt::read_frame_head(rest, {mqtt::Version::V5, 0xffffffff});
      if (frame.status != mqtt::FrameResult::Status::Head) break;
      if (rest.size() < frame.head.packet_size()) break;
      received += take(rest.subspan(0, frame.head.packet_size()), frame.head.header_size);
      rest = rest.subspan(frame.head.packet_size());
    }
    kept_.erase(kept_.begin(), kept_.end() - static_cast<std::ptrdiff_t>(rest.size()));
    return received;
  }

 private:
  bool is_open() const { return node_.has_wire(wire_) && !node_.wire(wire_).closed_by_broker; }
  void write(ByteView bytes) {
    if (!is_open()) return;
    Wire& wire = node_.wire(wire_);
    wire.to_broker.insert(wire.to_broker.end(), bytes.begin(), bytes.end());
  }

  std::size_t take(ByteView packet, std::size_t header_size) {
    const auto type = static_cast<mqtt::PacketType>(packet[0] >> 4);
    const std::uint8_t qos = (packet[0] >> 1) & 3;
    core::ByteReader body(packet.subspan(header_size));
    if (type == mqtt::PacketType::Publish) body.text16();
    const std::uint16_t id = body.u16();
    if (type == mqtt::PacketType::Publish && qos != 0) {
      answer(qos == 1 ? mqtt::PacketType::Puback : mqtt::PacketType::Pubrec, id);
    }
    if (type == mqtt::PacketType::Pubrec) answer(mqtt::PacketType::Pubrel, id);
    if (type == mqtt::PacketType::Pubrel) answer(mqtt::PacketType::Pubcomp, id);
    return type == mqtt::PacketType::Publish ? 1 : 0;
  }

  void answer(mqtt::PacketType type, std::uint16_t id) {
    const mqtt::AckFields fields{id, mqtt::ReasonCode::Success, std::nullopt, {}};
    std::uint8_t bytes[mqtt::ack_size_max];
    const std::uint8_t* end = mqtt::write(mqtt::Version::V5, type, fields, bytes);
    write({bytes, static_cast<std::size_t>(end - bytes)});
  }

  Node& node_;
  WireId wire_;
  std::uint16_t next_id_ = 100;
  std::vector<std::uint8_t> kept_;
};

// One life of a node: its clients come, take what they are owed, and go on.
std::size_t live(Node& node, Now& now) {
  std::size_t received = 0;
  std::vector<RawClient> clients;
  const auto run = [&] {
    constexpr int rounds_max = 200;
    for (int i = 0; i < rounds_max; ++i) {
      node.settle(now);
      std::size_t got = 0;
      for (RawClient& client : clients) got += client.read();
      received += got;
      if (got == 0 && i > 2) break;
    }
    node.check_invariants();
  };
  run();
  for (const char* id : client_ids) clients.emplace_back(node, id);
  run();
  RawClient& client = clients.back();
  client.subscribe("#");
  for (std::uint8_t qos = 0; qos <= 2; ++qos) {
    client.publish("t/1", qos, false);
    client.publish("t/2", qos, true);
  }
  run();
  now.instant = now.instant + seconds(7200);
  now.wall = now.wall + seconds(7200);
  run();
  return received;
}

// Numbers at which something overflows, wraps or is refused.
constexpr std::array<std::uint64_t, 12> numbers = {
    0,
    1,
    2,
    255,
    65535,
    65536,
    core::counter_max,
    core::counter_max + 1,
    (std::uint64_t{1} << 56) - 1,
    std::uint64_t{1} << 63,
    ~std::uint64_t{0} - 1,
    ~std::uint64_t{0},
};

void set_number(std::string& text, std::size_t at, std::size_t size, std::uint64_t number) {
  for (std::size_t i = 0; i < size && at + i < text.size(); ++i) {
    text[at + i] = static_cast<char>(number >> (8 * (size - 1 - i)));
  }
}

}  // namespace

std::vector<StoredRecord> records_of(store::MemoryStore& store) {
  std::vector<StoredRecord> records;
  for (std::size_t i = 0; i < store::space_count; ++i) {
    const auto space = static_cast<store::Space>(i);
    const auto scanned =
        store.scan(space, std::string_view(), std::string_view(), [&](const store::Row& row) {
          records.push_back({space, std::string(as_text(row.key)), std::string(as_text(row.value)),
                             row.version, row.state == store::RowState::Erased});
          return true;
        });
    VMQ_EXPECT(scanned.has_value());
  }
  return records;
}

std::vector<StoredRecord> busy_store() {
  Builder builder;
  return records_of(builder.work());
}

void damage(std::vector<StoredRecord>& records, ByteView choices) {
  for (; choices.size() >= 8 && !records.empty(); choices = choices.subspan(8)) {
    StoredRecord& record = records[choices[1] % records.size()];
    const StoredRecord& other = records[choices[2] % records.size()];
    const std::size_t at = load_be16(&choices[3]) % (record.value.size() + 1);
    const std::uint64_t number = numbers[choices[5] % numbers.size()];
    switch (choices[0] % 9) {
      case 0:
        records.erase(records.begin() + (&record - records.data()));
        break;
      case 1:
        if (at < record.value.size()) record.value[at] = static_cast<char>(choices[5]);
        break;
      case 2:
        record.value.resize(at);
        break;
      case 3:
        set_number(record.value, at, std::size_t{1} << (choices[6] % 4), number);
        break;
      case 4:
        record.value = other.value;
        break;
      case 5:
        record.value += other.value;
        break;
      case 6:  // under another key
        set_number(record.key, at % (record.key.size() + 1), 1, choices[5]);
        break;
      case 7:
        set_number(record.key, 8 * (choices[6] % 2) + choices[6] % 3, 8, number);
        break;
      default:
        record.version = number;
        break;
    }
  }
}

Lived live_with(const std::vector<StoredRecord>& records, std::uint8_t shards,
                const StoredRecord* broken) {
  store::MemoryStore store = make_store();
  store::Batch batch;
  for (const StoredRecord& record : records) {
    if (record.is_erased) {
      batch.erase_newer(record.space, record.key, record.version);
    } else if (record.version != 0) {
      batch.put_newer(record.space, record.key, record.version, record.value);
    } else {
      batch.put(record.space, record.key, record.value);
    }
  }
  store.submit(ShardId{0}, std::move(batch), StoreTicket{1});
  VMQ_EXPECT(store.sync().has_value());
  if (broken != nullptr) VMQ_EXPECT(store.corrupt(broken->space, broken->key));
  Now now{{1000}, {1'700'000'100'000}};
  Lived lived;
  for (int life = 0; life < 2; ++life) {
    store.crash(store::CrashKind::Process);
    Node node(small_node(shards), store, now);
    if (life == 0) lived.corrupted = node.recovered().corrupted;
    lived.received += live(node, now);
  }
  return lived;
}

}  // namespace vmq::sim
