// Expected failures are values. This header is the only place that names the library behind Result,
// so that std::expected can take its place once every compiler of ours has it: use only what both
// offer.
#pragma once

#include <tl/expected.hpp>
#include <utility>

namespace vmq {

template <typename T, typename E>
using Result = tl::expected<T, E>;  // declare functions that return one [[nodiscard]]

template <typename E>
auto failure(E error) {
  return tl::unexpected<E>(std::move(error));
}

}  // namespace vmq

// Unpacks a Result into `name`, or returns its error from the enclosing function.
#define VMQ_TRY(name, expression)                                   \
  auto name##_result = (expression);                                \
  if (!name##_result) return ::vmq::failure(name##_result.error()); \
  auto name = std::move(*name##_result)
