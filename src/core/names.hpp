// core/names.hpp: names that many tasks share, kept once each: who submitted a task, for instance.
// Thread: one. Owns: each name while somebody has its number. Errors: none.
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
    if (last_ < entries_.size() && entries_[last_].users > 0 && *entries_[last_].name == name) {
      ++entries_[last_].users;  // most come many at a time
      return last_;
    }
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
    if (last_ < entries_.size() && entries_[last_].users > 0 && *entries_[last_].name == name) return last_;
    const auto at = numbers_.find(name);
    return at == numbers_.end() ? std::nullopt : std::optional(at->second);
  }

  /// One user more of a name that has some.
  void share(std::uint32_t number) { ++entries_[number].users; }

  /// One user less.
  void drop(std::uint32_t number) {
    Entry& entry = entries_[number];
    if (--entry.users > 0) return;
    numbers_.erase(numbers_.find(*entry.name));
    entry.name = nullptr;
    free_.push_back(number);
  }

  const std::string& operator[](std::uint32_t number) const { return *entries_[number].name; }
  std::size_t size() const { return numbers_.size(); }

 private:
  struct Entry {
    const std::string* name = nullptr;  // the key in numbers_, which stays where it is
    std::uint64_t users = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> numbers_;
  std::vector<Entry> entries_;  // by number
  std::vector<std::uint32_t> free_;
  std::uint32_t last_ = 0;
};

}  // namespace camshaft
