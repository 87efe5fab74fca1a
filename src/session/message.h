// A message: topic, payload and the v5 properties that travel with it, in one immutable allocation
// that queues and sockets share by counting. A message belongs to one shard (the count is a plain
// number); it crosses to another shard, to a node or to disk as a record of bytes
// (message_record.h) and is built anew there.
//
//   | refs | sizes | qos, retain | expires_at | stored_at | topic … | properties … | payload … |
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/time.h"

namespace vmq::session {

// What a message says, as views: of a packet, of a record, or of a Message.
struct MessageView {
  std::string_view topic;
  ByteView properties;  // encoded v5 properties to pass on unchanged
  ByteView payload;
  WallTime expires_at{0};  // expiry.h; 0: never
  std::uint8_t qos = 0;
  bool retain = false;
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

class Message {
 public:
  // Copies everything that `view` shows into one allocation.
  static MessageRef make(const MessageView& view);

  std::string_view topic() const { return {reinterpret_cast<const char*>(bytes()), topic_size_}; }
  ByteView properties() const { return {bytes() + topic_size_, properties_size_}; }
  ByteView payload() const { return {bytes() + topic_size_ + properties_size_, payload_size_}; }
  WallTime expires_at() const { return expires_at_; }
  std::uint8_t qos() const { return qos_; }
  bool retain() const { return retain_; }
  MessageView view() const {
    return {topic(), properties(), payload(), expires_at_, qos_, retain_};
  }
  // Bytes of memory that it takes.
  std::size_t footprint() const {
    return sizeof(Message) + topic_size_ + properties_size_ + payload_size_;
  }

 private:
  friend class MessageRef;
  Message() = default;
  const std::uint8_t* bytes() const { return reinterpret_cast<const std::uint8_t*>(this + 1); }

  std::uint32_t refs_ = 1;
  std::uint32_t payload_size_ = 0;
  std::uint32_t properties_size_ = 0;
  std::uint16_t topic_size_ = 0;
  std::uint8_t qos_ = 0;
  bool retain_ = false;
  WallTime expires_at_{0};
};

inline MessageRef::MessageRef(const MessageRef& other) : message_(other.message_) {
  if (message_ != nullptr) ++message_->refs_;
}
inline MessageRef::~MessageRef() {
  if (message_ != nullptr && --message_->refs_ == 0) std::free(message_);
}

}  // namespace vmq::session
