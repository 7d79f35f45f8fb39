// SPDX-License-Identifier: Apache-2.0
//
// The values of k of a row's top-k masses, the sums of its k largest weights.
#ifndef ATTNSCOPE_TOP_K_H_
#define ATTNSCOPE_TOP_K_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "attnscope/limits.h"

namespace attnscope {

// Up to kMaxTopMasses values, 1 to kMaxTopK each, in ascending order:
//
//   attnscope::LayerConfig config = {.heads = 32, .max_keys = 4096, .top_k = {1, 5, 128}};
//
// It takes whatever it is given; who measures by it refuses what is out of order or beyond the limits. Never allocates.
class TopKValues {
 public:
  constexpr TopKValues() = default;  // none
  // Meant to be implicit, so that a list is all that has to be written: NOLINTNEXTLINE(google-explicit-constructor)
  constexpr TopKValues(std::initializer_list<uint32_t> values) : TopKValues(std::span(values.begin(), values.size())) {}
  constexpr explicit TopKValues(std::span<const uint32_t> values) : num_given_(values.size()) {
    std::copy_n(values.begin(), size(), values_.begin());
  }

  // How many it was given, and how many of these it holds: the first kMaxTopMasses.
  constexpr size_t num_given() const { return num_given_; }
  constexpr size_t size() const { return std::min(num_given_, kMaxTopMasses); }
  constexpr bool empty() const { return num_given_ == 0; }
  constexpr uint32_t operator[](size_t i) const { return values_[i]; }
  constexpr const uint32_t* begin() const { return values_.data(); }
  constexpr const uint32_t* end() const { return values_.data() + size(); }

  friend constexpr bool operator==(const TopKValues&, const TopKValues&) = default;

 private:
  size_t num_given_ = 0;
  std::array<uint32_t, kMaxTopMasses> values_ = {};
};

// What is measured unless something else is asked for.
inline constexpr TopKValues kDefaultTopK = {5, 10, 50};

}  // namespace attnscope

#endif  // ATTNSCOPE_TOP_K_H_
