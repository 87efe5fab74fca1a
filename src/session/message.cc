#include "session/message.h"

#include <cstring>
#include <new>

#include "base/expect.h"

namespace vmq::session {

MessageRef Message::make(const MessageView& view) {
  VMQ_EXPECT(view.topic.size() <= 0xffff);
  const std::size_t size =
      sizeof(Message) + view.topic.size() + view.properties.size() + view.payload.size();
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  Message* message = new (memory) Message();
  message->topic_size_ = static_cast<std::uint16_t>(view.topic.size());
  message->properties_size_ = static_cast<std::uint32_t>(view.properties.size());
  message->payload_size_ = static_cast<std::uint32_t>(view.payload.size());
  message->qos_ = view.qos;
  message->retain_ = view.retain;
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
  return MessageRef(message);
}

}  // namespace vmq::session
