#pragma once
// Callback<R(Args...)>: a move-only callable (std::move_only_function is C++23).
// Threading: as the callable. Lifetime: owns the callable.

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include "common/base/contract.h"

namespace weir {

template <class Signature>
class Callback;

template <class R, class... Args>
class Callback<R(Args...)> {
 public:
  Callback() = default;
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Callback> &&
             std::is_invocable_r_v<R, F&, Args...>)
  Callback(F&& f)  // NOLINT(google-explicit-constructor): callables convert, as with std::function
      : target_(std::make_unique<Model<std::remove_cvref_t<F>>>(std::forward<F>(f))) {}

  explicit operator bool() const { return target_ != nullptr; }
  R operator()(Args... args) {
    WEIR_ASSERT(target_ != nullptr);
    return target_->call(std::forward<Args>(args)...);
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual R call(Args... args) = 0;
  };
  template <class F>
  struct Model final : Base {
    explicit Model(F f) : function(std::move(f)) {}
    R call(Args... args) override { return function(std::forward<Args>(args)...); }
    F function;
  };
  std::unique_ptr<Base> target_;
};

}  // namespace weir
