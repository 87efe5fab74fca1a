// Memory of one index: counted, and given back through the epoch domain, because readers may still
// be looking at it.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

#include "base/epoch.h"

namespace vmq::topic {

// Threads: under the lock of its index.
class Heap {
 public:
  // Without a domain, memory is freed at once: for structures that are only used under a lock.
  explicit Heap(EpochDomain* domain) : domain_(domain) {}

  // An object of type T and `bytes` in all, of which the object is the beginning.
  template <typename T, typename... Args>
  T* make(std::size_t bytes, Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>);
    bytes = bytes < sizeof(T) ? sizeof(T) : bytes;
    void* const memory = std::malloc(bytes);
    if (memory == nullptr) throw std::bad_alloc();
    bytes_ += bytes;
    return new (memory) T(std::forward<Args>(args)...);
  }
  // REQUIRES: unlinked; `bytes` as it was given to make().
  template <typename T>
  void release(T* object, std::size_t bytes) {
    bytes_ -= bytes < sizeof(T) ? sizeof(T) : bytes;
    if (domain_ == nullptr) {
      std::free(object);
    } else {
      domain_->retire(object, &std::free);
    }
  }
  std::size_t bytes() const { return bytes_; }
  EpochDomain& domain() { return *domain_; }

 private:
  EpochDomain* domain_;
  std::size_t bytes_ = 0;
};

}  // namespace vmq::topic
