// A callable for the time of one call: two words, no allocation, no ownership.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

namespace vmq::topic {

template <typename Signature>
class FunctionView;

template <typename R, typename... Args>
class FunctionView<R(Args...)> {
 public:
  // Implicit, so that a lambda can stand where a FunctionView is asked for.
  template <typename F>
  requires(!std::same_as<std::remove_cvref_t<F>, FunctionView>)
      FunctionView(F&& callable)  // NOLINT(google-explicit-constructor)
      : object_(const_cast<void*>(static_cast<const void*>(&callable))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<Args>(args)...);
        }) {}

  R operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

}  // namespace vmq::topic
