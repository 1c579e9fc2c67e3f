// core/short_ids.hpp: message ids in eight bytes each. Peers number their messages (`<session>_<pid>_<n>`): what comes
// before the number is kept once for all of them.
// Thread: one. Owns: the beginnings, while an id has them. Errors: none; an id of another shape is a beginning by
// itself.
#pragma once
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/ids.hpp"
#include "core/names.hpp"

namespace camshaft {

struct ShortId {
  std::uint32_t beginning = 0;  // its number among the names
  std::uint32_t number = 0;     // what follows, less one; 0: nothing
  bool operator==(const ShortId&) const = default;
};

class ShortIds {
 public:
  /// The id in short, for one user more.
  ShortId take(std::string_view id) {
    const auto [beginning, number] = parts(id);
    return {beginnings_.take(beginning), number};
  }
  /// One user more of an id that has some.
  void share(ShortId id) { beginnings_.share(id.beginning); }
  /// One user less.
  void drop(ShortId id) { beginnings_.drop(id.beginning); }

  /// The id in short; nullopt when nobody can have it.
  std::optional<ShortId> find(std::string_view id) const {
    const auto [beginning, number] = parts(id);
    const auto known = beginnings_.find(beginning);
    return known ? std::optional(ShortId{*known, number}) : std::nullopt;
  }

  /// The id as it was taken; it has a user.
  MsgId text(ShortId id) const {
    const std::string& beginning = beginnings_[id.beginning];
    if (id.number == 0) return MsgId(beginning);
    char digits[10];
    const auto end = std::to_chars(digits, digits + sizeof digits, id.number - 1).ptr;
    std::string text;
    text.reserve(beginning.size() + sizeof digits);
    text.append(beginning).append(digits, end);
    return MsgId(std::move(text));
  }

  std::size_t beginnings() const { return beginnings_.size(); }

 private:
  /// A number is what to_chars() would write, and less than 10^9.
  static std::pair<std::string_view, std::uint32_t> parts(std::string_view id) {
    std::size_t at = id.size();
    while (at > 0 && id.size() - at < 10 && id[at - 1] >= '0' && id[at - 1] <= '9') --at;
    const std::size_t digits = id.size() - at;
    if (digits == 0 || digits > 9 || at == 0 || id[at - 1] != '_' || (digits > 1 && id[at] == '0')) return {id, 0};
    std::uint32_t number = 0;
    for (std::size_t i = at; i < id.size(); ++i) number = number * 10 + static_cast<std::uint32_t>(id[i] - '0');
    return {id.substr(0, at), number + 1};
  }

  Names beginnings_;
};

}  // namespace camshaft
