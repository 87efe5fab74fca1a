// A message: topic, payload and the v5 properties that travel with it, in one immutable allocation
// that queues and sockets share by counting. A message belongs to one shard (the count is a plain
// number); it crosses to another shard, to a node or to disk as a record of bytes
// (message_record.h) and is built anew there.
//
//   | refs | sizes | qos, flags | expires_at | topic … | properties … | payload … | origin |
//
// The origin is there on nodes of a cluster only.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/time.h"

namespace vmq::session {

// Names a message in the whole cluster: the shard that took it from its publisher, and a stamp that
// grows with each message there.
struct Origin {
  std::uint64_t stamp = 0;   // 0: it has no name
  std::uint16_t member = 0;  // cluster::MemberNumber
  std::uint8_t shard = 0;
  bool is_known() const { return stamp != 0; }
  friend bool operator==(const Origin&, const Origin&) = default;
};
inline constexpr std::size_t origin_size = 11;  // in a message and in a record

// What a message says, as views: of a packet, of a record, or of a Message.
struct MessageView {
  std::string_view topic;
  ByteView properties;  // encoded v5 properties to pass on unchanged
  ByteView payload;
  WallTime expires_at{0};  // expiry.h; 0: never
  std::uint8_t qos = 0;
  bool retain = false;
  Origin origin = {};
};

class Message;

// Counted pointer to a message of this shard.
class MessageRef {
 public:
  MessageRef() = default;
  MessageRef(const MessageRef& other);
  MessageRef(MessageRef&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
  MessageRef& operator=(MessageRef other) noexcept {
    std::swap(message_, other.message_);
    return *this;
  }
  ~MessageRef();
  explicit operator bool() const { return message_ != nullptr; }
  const Message& operator*() const { return *message_; }
  const Message* operator->() const { return message_; }

 private:
  friend class Message;
  explicit MessageRef(Message* adopted) : message_(adopted) {}
  Message* message_ = nullptr;
};

// `to` has room for origin_size.
void write_origin(const Origin& origin, std::uint8_t* to);
Origin read_origin(const std::uint8_t* from);

class Message {
 public:
  // Copies everything that `view` shows into one allocation.
  static MessageRef make(const MessageView& view);

  std::string_view topic() const { return {reinterpret_cast<const char*>(bytes()), topic_size_}; }
  ByteView properties() const { return {bytes() + topic_size_, properties_size_}; }
  ByteView payload() const { return {bytes() + topic_size_ + properties_size_, payload_size_}; }
  WallTime expires_at() const { return expires_at_; }
  std::uint8_t qos() const { return qos_; }
  bool retain() const { return (flags_ & retain_flag) != 0; }
  Origin origin() const;
  MessageView view() const {
    return {topic(), properties(), payload(), expires_at_, qos_, retain(), origin()};
  }
  // Bytes of memory that it takes.
  std::size_t footprint() const {
    return sizeof(Message) + topic_size_ + properties_size_ + payload_size_ +
           ((flags_ & origin_flag) != 0 ? origin_size : 0);
  }

 private:
  friend class MessageRef;
  static constexpr std::uint8_t retain_flag = 1;
  static constexpr std::uint8_t origin_flag = 2;
  Message() = default;
  const std::uint8_t* bytes() const { return reinterpret_cast<const std::uint8_t*>(this + 1); }

  std::uint32_t refs_ = 1;
  std::uint32_t payload_size_ = 0;
  std::uint32_t properties_size_ = 0;
  std::uint16_t topic_size_ = 0;
  std::uint8_t qos_ = 0;
  std::uint8_t flags_ = 0;
  WallTime expires_at_{0};
};

inline MessageRef::MessageRef(const MessageRef& other) : message_(other.message_) {
  if (message_ != nullptr) ++message_->refs_;
}
inline MessageRef::~MessageRef() {
  if (message_ != nullptr && --message_->refs_ == 0) std::free(message_);
}

}  // namespace vmq::session
