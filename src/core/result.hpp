// core/result.hpp: Result<T>, the value-or-error that everything a peer, a user or the network can cause comes back as.
// Member names are those of std::expected, which g++ 12 has only under C++23.
// Errors: value() on an error throws std::logic_error, because that is our own fault.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace camshaft {

enum class Errc : std::uint8_t {
  truncated,      // fewer frames than the protocol asks for
  bad_signature,  // missing or wrong HMAC
  replayed,       // a signature seen before
  bad_json,       // not JSON, or not of the expected shape
  unknown_type,   // a message type nobody handles
  not_found,      // a file, an id or an engine that is not there
  bad_value,      // an option or argument with a value that cannot be used
  timed_out,
  unavailable,  // the peer is gone or was never there
};

/// What went wrong, in one line that says what to do.
struct Error {
  Errc code;
  std::string message;
  bool operator==(const Error&) const = default;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    require();
    return std::get<0>(state_);
  }
  const T& value() const& {
    require();
    return std::get<0>(state_);
  }
  T&& value() && {
    require();
    return std::get<0>(std::move(state_));
  }
  T& operator*() { return std::get<0>(state_); }
  const T& operator*() const { return std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const Error& error() const { return std::get<1>(state_); }

  template <class F>
  auto and_then(F&& f) const -> std::invoke_result_t<F, const T&> {
    if (has_value()) return std::forward<F>(f)(**this);
    return error();
  }
  template <class U>
  T value_or(U&& fallback) const {
    return has_value() ? **this : static_cast<T>(std::forward<U>(fallback));
  }

 private:
  void require() const {
    if (!has_value()) throw std::logic_error("value() of a failed Result: " + error().message);
  }
  std::variant<T, Error> state_;
};

/// A result that carries nothing when all is well.
struct Done {
  bool operator==(const Done&) const = default;
};

}  // namespace camshaft
