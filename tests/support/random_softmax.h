// SPDX-License-Identifier: Apache-2.0
//
// Attention in random sizes, and what a softmax may have besides a visibility: scale, soft cap, bias, masks by value
// and learned sinks.
#ifndef ATTNSCOPE_TESTS_SUPPORT_RANDOM_SOFTMAX_H_
#define ATTNSCOPE_TESTS_SUPPORT_RANDOM_SOFTMAX_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "attnscope/softmax_params.h"
#include "tests/support/elements.h"
#include "tests/support/row_inputs.h"
#include "tests/support/visible_attention.h"

namespace attnscope::test {

inline AttentionSizes RandomSizes(Random& random) {
  AttentionSizes sizes;
  sizes.batch = 1 + random.Below(3);
  sizes.kv_heads = 1 + random.Below(2);
  sizes.heads = sizes.kv_heads * (1 + random.Below(3));
  sizes.queries = 1 + random.Below(40);
  sizes.keys = 1 + random.Below(random.Below(4) == 0 ? 150 : 50);
  sizes.head_dim = 1 + random.Below(20);
  sizes.max_keys = sizes.keys + random.Below(60);
  return sizes;
}

// Some of a bias's elements are masks.
class RandomSoftmax {
 public:
  RandomSoftmax(const AttentionSizes& sizes, const Visibility& visibility, Random& random) {
    params_.mask = visibility;
    if (random.Below(3) == 0) params_.scale = 0.25 + random.Uniform();
    if (random.Below(4) == 0) params_.soft_cap = 2.0 + random.Uniform();
    if (random.Below(3) == 0) {
      for (size_t i = 0; i < sizes.heads; ++i) {
        sinks_.push_back(random.Below(4) == 0 ? -std::numeric_limits<float>::infinity()
                                              : static_cast<float>(3.0 * random.Normal()));
      }
      params_.sinks = sinks_.data();
    }
    if (random.Below(2) == 0) DrawBias(sizes, random);
  }

  const SoftmaxParams& params() const { return params_; }

 private:
  void DrawBias(const AttentionSizes& sizes, Random& random) {
    BiasView& bias = params_.bias;
    bias.type = kAllTypes[random.Below(3)];
    const auto step = static_cast<int64_t>(sizes.keys);
    if (random.Below(2) == 0) bias.query_stride = step;
    if (random.Below(2) == 0) bias.head_stride = step * static_cast<int64_t>(sizes.queries);
    if (random.Below(2) == 0) bias.batch_stride = step * static_cast<int64_t>(sizes.queries * sizes.heads);
    const size_t count = sizes.batch * sizes.heads * sizes.queries * sizes.keys;
    bias_.resize(count * ElementBytes(bias.type));
    const float masks[] = {-std::numeric_limits<float>::infinity(),
                           bias.type == ElementType::kFloat16 ? -65504.0f : -1e9f};
    for (size_t i = 0; i < count; ++i) {
      const float value = random.Below(6) == 0 ? masks[random.Below(2)] : static_cast<float>(2.0 * random.Normal());
      StoreElement(bias.type, value, bias_.data(), i);
    }
    bias.data = bias_.data();
    if (random.Below(2) != 0) return;
    for (size_t i = 0; i < sizes.heads; ++i) factors_.push_back(static_cast<float>(random.Normal()));
    bias.head_factors = factors_.data();
  }

  SoftmaxParams params_;
  std::vector<float> sinks_, factors_;
  std::vector<uint8_t> bias_;
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_RANDOM_SOFTMAX_H_
