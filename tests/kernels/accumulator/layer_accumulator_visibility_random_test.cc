// SPDX-License-Identifier: Apache-2.0
//
// Fields of Visibility, scales, soft caps, biases, masks by value and learned sinks in random combinations, from all
// inputs of every type: against the oracle, the same bits however rows are cut, and the same numbers however it is said
// which keys rows see.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/random_softmax.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"
#include "tests/support/visibility_oracle.h"
#include "tests/support/visible_attention.h"

namespace attnscope::test {
namespace {

using VisibilityRandomTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(VisibilityRandomTest);

constexpr int kRounds = kSlowBuild ? 20 : 150;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST_P(VisibilityRandomTest, Combinations) {
  Random random(11);
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    const AttentionSizes sizes = RandomSizes(random);
    const RandomVisibility visibility(sizes, random);
    const RandomSoftmax softmax(sizes, *visibility, random);
    const ElementType type = kAllTypes[random.Below(3)];
    VisibleAttention attention(sizes, softmax.params(), type, random.Bits());
    if (random.Below(2) == 0) {
      attention.MaskLogits({-kInfinity, type == ElementType::kFloat16 ? -65504.0f : -1e9f}, random.Bits());
    }
    for (const InputKind kind : kAllInputs) {
      const std::string what =
          "round " + std::to_string(round) + ", " + std::to_string(sizes.queries) + " x " + std::to_string(sizes.keys);
      attention.ExpectExact(kind, what);
      attention.ExpectCutsDoNotMatter(kind, random.Bits(),
                                      what + ", " + NameOf(kind) + TextOf(*visibility, sizes.batch));
    }
  }
}

// The keys that rows see, as bytes, and as a bias that hides the others by a value.
struct SaidOtherwise {
  SaidOtherwise(const AttentionSizes& sizes, const Visibility& visibility, float hidden) {
    const size_t rows = sizes.heads * sizes.queries;
    for (size_t i = 0; i < sizes.batch * rows * sizes.keys; ++i) {
      const size_t key = i % sizes.keys;
      const size_t row = i / sizes.keys % sizes.queries;
      const size_t head = i / sizes.keys / sizes.queries % sizes.heads;
      const bool sees = Sees(visibility, sizes.matrix(), i / sizes.keys / rows, head, row, key);
      bytes.push_back(sees ? 1 : 0);
      bias.push_back(sees ? 0.0f : hidden);
    }
    const auto step = static_cast<int64_t>(sizes.keys);
    as_bytes.mask.key_mask = {bytes.data(), step * static_cast<int64_t>(rows),
                              step * static_cast<int64_t>(sizes.queries), step, 1};
    as_bias.bias.data = bias.data();
    as_bias.bias.batch_stride = step * static_cast<int64_t>(rows);
    as_bias.bias.head_stride = step * static_cast<int64_t>(sizes.queries);
    as_bias.bias.query_stride = step;
    as_bytes.mask.first_keys = as_bias.mask.first_keys = visibility.first_keys;
  }

  std::vector<uint8_t> bytes;
  std::vector<float> bias;
  SoftmaxParams as_bytes;
  SoftmaxParams as_bias;
};

// Apart from `keys`, which ranges end, and bytes and biases do not.
void ExpectSameNumbers(const LayerStats& actual, const LayerStats& expected, const std::string& what) {
  const auto compare = [&what](const MetricValues& a, const MetricValues& b) {
    for (const MetricInfo& info : AllMetrics()) {
      if (info.metric == Metric::kKeys) continue;
      EXPECT_EQ(a.Has(info.metric), b.Has(info.metric)) << info.name << ", " << what;
      if (!b.Has(info.metric)) continue;
      const double expected_value = b[info.metric];
      EXPECT_TRUE(Within(a[info.metric], expected_value, 4e-6 * std::max(1.0, std::abs(expected_value))))
          << info.name << ", " << what;
    }
  };
  compare(actual.layer, expected.layer);
  ASSERT_EQ(actual.heads.size(), expected.heads.size());
  for (size_t i = 0; i < actual.heads.size(); ++i) compare(actual.heads[i], expected.heads[i]);
}

// Ranges, bytes, biases of -infinity and of large finite values are the same to every measure. No oracle needed.
TEST_P(VisibilityRandomTest, RangesBytesAndBiasesAgree) {
  Random random(12);
  for (int round = 0; round < kRounds / 2 && !HasFailure(); ++round) {
    AttentionSizes sizes = RandomSizes(random);
    sizes.max_keys = sizes.keys;
    const RandomVisibility drawn(sizes, random);
    Visibility visibility = *drawn;
    visibility.key_positions = nullptr;  // bytes and biases are of cells, columns of positions
    if (visibility.key_lengths != nullptr || visibility.first_keys != nullptr) visibility.segments = nullptr;
    if (visibility.segments == nullptr) visibility.num_segments = 0;
    const float hidden = random.Below(2) == 0 ? -kInfinity : std::numeric_limits<float>::lowest();
    const SaidOtherwise otherwise(sizes, visibility, hidden);
    const VisibleAttention ranges(sizes, {.mask = visibility}, ElementType::kFloat32,
                                  100 + static_cast<uint64_t>(round));
    const std::string what = "round " + std::to_string(round) + TextOf(visibility, sizes.batch);
    for (const InputKind kind : kAllInputs) {
      LayerAccumulator expected = CreateLayer(ranges.config());
      ASSERT_TRUE(ranges.AddAll(kind, expected).ok()) << what;
      for (const SoftmaxParams* params : {&otherwise.as_bytes, &otherwise.as_bias}) {
        LayerAccumulator actual = CreateLayer(ranges.config());
        if (kind == InputKind::kWeights) {
          if (params == &otherwise.as_bias) continue;
          ASSERT_TRUE(actual.AddWeights(ranges.weights(), params->mask).ok());
        } else if (kind == InputKind::kLogits) {
          ASSERT_TRUE(actual.AddLogits(ranges.logits(), *params).ok());
        } else {
          ASSERT_TRUE(actual.AddQueriesKeys(ranges.queries_keys(), *params).ok());
        }
        ExpectSameNumbers(actual.Stats(), expected.Stats(),
                          what + ", " + NameOf(kind) + (params == &otherwise.as_bytes ? ", as bytes" : ", as a bias"));
      }
    }
  }
}

}  // namespace
}  // namespace attnscope::test
