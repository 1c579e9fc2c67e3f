// sched/sorted.hpp: small vectors that are kept in ascending order, as sets.
// Thread: plain functions. Owns: nothing.
// Errors: none.
#pragma once
#include <algorithm>
#include <vector>

namespace camshaft::sched {

/// Puts the value in its place, once.
template <class T>
void insert_sorted(std::vector<T>& values, T value) {
  const auto at = std::lower_bound(values.begin(), values.end(), value);
  if (at == values.end() || *at != value) values.insert(at, value);
}

template <class T>
bool has_sorted(const std::vector<T>& values, const T& value) {
  return std::binary_search(values.begin(), values.end(), value);
}

}  // namespace camshaft::sched
