#include "session/message.h"

#include <cstring>
#include <new>

#include "base/expect.h"

namespace vmq::session {

void write_origin(const Origin& origin, std::uint8_t* to) {
  store_be64(to, origin.stamp);
  store_be16(to + 8, origin.member);
  to[10] = origin.shard;
}

Origin read_origin(const std::uint8_t* from) {
  return {load_be64(from), load_be16(from + 8), from[10]};
}

Origin Message::origin() const {
  if ((flags_ & origin_flag) == 0) return {};
  return read_origin(bytes() + topic_size_ + properties_size_ + payload_size_);
}

MessageRef Message::make(const MessageView& view) {
  VMQ_EXPECT(view.topic.size() <= 0xffff);
  const std::size_t size = sizeof(Message) + view.topic.size() + view.properties.size() +
                           view.payload.size() + (view.origin.is_known() ? origin_size : 0);
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  Message* message = new (memory) Message();
  message->topic_size_ = static_cast<std::uint16_t>(view.topic.size());
  message->properties_size_ = static_cast<std::uint32_t>(view.properties.size());
  message->payload_size_ = static_cast<std::uint32_t>(view.payload.size());
  message->qos_ = view.qos;
  message->flags_ = static_cast<std::uint8_t>((view.retain ? retain_flag : 0) |
                                              (view.origin.is_known() ? origin_flag : 0));
  message->expires_at_ = view.expires_at;
  std::uint8_t* to = reinterpret_cast<std::uint8_t*>(message + 1);
  // memcpy of nothing from a null view is not defined.
  if (!view.topic.empty()) std::memcpy(to, view.topic.data(), view.topic.size());
  to += view.topic.size();
  if (!view.properties.empty()) {
    std::memcpy(to, view.properties.data(), view.properties.size());
  }
  to += view.properties.size();
  if (!view.payload.empty()) std::memcpy(to, view.payload.data(), view.payload.size());
  to += view.payload.size();
  if (view.origin.is_known()) write_origin(view.origin, to);
  return MessageRef(message);
}

}  // namespace vmq::session
