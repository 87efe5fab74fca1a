// An answer without an end: lines that a command writes on its thread and the server sends as
// events, until either has enough. What a slow reader does not take in time is left out and
// counted, so nobody waits for it and memory stays bounded.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace vmq::http {

class EventStream {
 public:
  static constexpr std::size_t waiting_max = 256 << 10;

  // --- for who writes ---
  // False: nobody listens any more.
  bool write(std::string_view lines);
  // A last event of that name; nothing is written after it.
  void finish(std::string_view name, std::string_view data);
  bool is_over() const;

  // --- for who sends ---
  // `changed` is called, on any thread, whenever there is something new to take.
  void listen(std::function<void()> changed);
  struct Taken {
    std::string bytes;
    bool is_last = false;
  };
  Taken take();
  // Nobody listens any more.
  void close();

 private:
  void tell();

  mutable std::mutex mutex_;
  std::string waiting_;
  std::uint64_t left_out_ = 0;
  bool is_finished_ = false;
  bool is_closed_ = false;
  std::function<void()> changed_;
};

// `data: LINE` for each line, and an empty one.
std::string event_text(std::string_view name, std::string_view data);

}  // namespace vmq::http
