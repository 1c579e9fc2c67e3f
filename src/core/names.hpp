// core/names.hpp: names that many tasks share, kept once each: who submitted a task, for instance.
// Thread: one. Owns: each name while somebody has its number, and the one that was taken last. Errors: none.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace camshaft {

class Names {
 public:
  /// The number of the name, for one user more.
  std::uint32_t take(std::string_view name) {
    if (is_last(name)) {
      ++entries_[last_].users;  // most come many at a time
      return last_;
    }
    if (last_kept()) forget(last_);
    auto at = numbers_.find(name);
    const bool fresh = at == numbers_.end();
    if (fresh) at = numbers_.emplace(std::string(name), 0).first;
    if (fresh && free_.empty()) {
      at->second = static_cast<std::uint32_t>(entries_.size());
      entries_.push_back({});
    } else if (fresh) {
      at->second = free_.back();
      free_.pop_back();
    }
    last_ = at->second;
    entries_[last_].name = &at->first;
    ++entries_[last_].users;
    return last_;
  }

  /// The number of the name, if somebody has it.
  std::optional<std::uint32_t> find(std::string_view name) const {
    if (is_last(name)) return entries_[last_].users > 0 ? std::optional(last_) : std::nullopt;
    const auto at = numbers_.find(name);
    return at == numbers_.end() ? std::nullopt : std::optional(at->second);
  }

  /// One user more of a name that has some.
  void share(std::uint32_t number) { ++entries_[number].users; }

  /// One user less.
  void drop(std::uint32_t number) {
    // The last one is likely to be wanted next, where one task at a time comes and goes.
    if (--entries_[number].users == 0 && number != last_) forget(number);
  }

  const std::string& operator[](std::uint32_t number) const { return *entries_[number].name; }
  std::size_t size() const { return numbers_.size() - (last_kept() ? 1 : 0); }

 private:
  struct Entry {
    const std::string* name = nullptr;  // the key in numbers_, which stays where it is
    std::uint64_t users = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  bool is_last(std::string_view name) const {
    return last_ < entries_.size() && entries_[last_].name != nullptr && *entries_[last_].name == name;
  }
  // Whether the last name has no user.
  bool last_kept() const {
    return last_ < entries_.size() && entries_[last_].name != nullptr && entries_[last_].users == 0;
  }
  void forget(std::uint32_t number) {
    numbers_.erase(numbers_.find(*entries_[number].name));
    entries_[number].name = nullptr;
    free_.push_back(number);
  }

  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> numbers_;
  std::vector<Entry> entries_;  // by number
  std::vector<std::uint32_t> free_;
  std::uint32_t last_ = 0;
};

}  // namespace camshaft
