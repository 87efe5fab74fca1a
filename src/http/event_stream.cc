#include "http/event_stream.h"

#include <utility>

namespace vmq::http {

std::string event_text(std::string_view name, std::string_view data) {
  std::string text;
  if (!name.empty()) text += "event: " + std::string(name) + '\n';
  while (true) {
    const std::size_t end = data.find('\n');
    std::string line(data.substr(0, end));
    // A carriage return would end the line for the reader, and let a client's bytes begin a field.
    for (char& c : line) {
      if (c == '\r') c = ' ';
    }
    text += "data: " + line + '\n';
    if (end == std::string_view::npos) break;
    data.remove_prefix(end + 1);
  }
  return text + '\n';
}

bool EventStream::write(std::string_view lines) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (is_closed_ || is_finished_) return false;
    std::string event = event_text({}, lines);
    if (waiting_.size() + event.size() > waiting_max) {
      ++left_out_;
      return true;
    }
    waiting_ += event;
  }
  tell();
  return true;
}

void EventStream::finish(std::string_view name, std::string_view data) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (is_finished_) return;
    waiting_ += event_text(name, data);
    is_finished_ = true;
  }
  tell();
}

bool EventStream::is_over() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return is_closed_ || is_finished_;
}

void EventStream::listen(std::function<void()> changed) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    changed_ = std::move(changed);
  }
  tell();
}

EventStream::Taken EventStream::take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  Taken taken{std::exchange(waiting_, {}), is_finished_};
  if (left_out_ > 0 && !taken.bytes.empty()) {
    taken.bytes += event_text("left_out", std::to_string(std::exchange(left_out_, 0)));
  }
  return taken;
}

void EventStream::close() {
  const std::lock_guard<std::mutex> lock(mutex_);
  is_closed_ = true;
  waiting_.clear();
  changed_ = {};
}

// Not with the mutex held: what is told may take at once.
void EventStream::tell() {
  std::function<void()> changed;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    changed = changed_;
  }
  if (changed) changed();
}

}  // namespace vmq::http
