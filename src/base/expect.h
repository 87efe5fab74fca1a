// Checks of our own invariants, on in every build. Never used on what a client, a file or a disk
// can cause.
#pragma once

namespace vmq {

// Prints the broken condition and aborts the process: its state may be poisoned.
[[noreturn]] void expect_failed(const char* condition, const char* file, int line);

}  // namespace vmq

#define VMQ_EXPECT(condition)                               \
  do {                                                      \
    if (!(condition)) [[unlikely]]                          \
      ::vmq::expect_failed(#condition, __FILE__, __LINE__); \
  } while (false)

// For checks that cost more than a comparison: on in debug and sanitizer builds only.
#ifdef NDEBUG
#define VMQ_DEBUG_EXPECT(condition) static_cast<void>(0)
#else
#define VMQ_DEBUG_EXPECT(condition) VMQ_EXPECT(condition)
#endif
