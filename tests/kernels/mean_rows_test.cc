// SPDX-License-Identifier: Apache-2.0
//
// Rows of the mean matrix against a long-double oracle: any number of heads and sequences, any strides, masks, and bad
// weights that another head could hide.
#include "kernels/mean_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/view_rows.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr size_t kMostBytes = size_t{1} << 21;

class MeanRowsTest : public TargetTest {
 protected:
  MeanRowsTest() : weights_memory_(kMostBytes), mean_memory_(8192 * sizeof(float)) {}

  // A contiguous view [batch, heads, queries, keys] that ends at unreadable memory.
  AttentionView Place(ElementType type, size_t batch, size_t heads, size_t queries, size_t keys,
                      const std::vector<float>& values) {
    void* data = weights_memory_.PlaceAtEnd(values.size() * ElementBytes(type));
    StoreElements(type, values, data);
    return ContiguousAttention(data, type, batch, heads, queries, keys);
  }

  const float* Mean(const AttentionView& view, const Mask& mask, size_t row) {
    auto* mean = static_cast<float*>(mean_memory_.PlaceAtEnd(view.keys * sizeof(float)));
    MeanOfRows(view, mask, row, mean);
    EXPECT_TRUE(mean_memory_.SlackIntact());
    return mean;
  }

  void Check(const AttentionView& view, const Mask& mask, const std::string& what) {
    for (size_t row = 0; row < view.queries; ++row) {
      std::vector<long double> sums(view.keys);
      for (size_t sequence = 0; sequence < view.batch; ++sequence) {
        for (size_t head = 0; head < view.heads; ++head) {
          const RowRange range = RowsOf(view, mask, sequence, head);
          for (size_t i = 0; i < range.visible.Range(row).end; ++i)
            sums[i] += LoadElement(view.type, range.Row(row), i);
        }
      }
      const float* mean = Mean(view, mask, row);
      for (size_t i = 0; i < view.keys; ++i) {
        const long double exact = sums[i] / static_cast<long double>(view.batch * view.heads);
        // Besides, a float32 as small as this has no more bits.
        record_.Add(static_cast<double>(mean[i]), exact, 5e-7L * exact + 0x1p-149L,
                    what + ", row " + std::to_string(row) + ", key " + std::to_string(i));
      }
    }
  }

  GuardedBuffer weights_memory_;
  GuardedBuffer mean_memory_;
  ErrorRecord record_{"mean_weight"};
};
ATTNSCOPE_FOR_EACH_TARGET(MeanRowsTest);

TEST_P(MeanRowsTest, HeadsAndSequences) {
  for (const ElementType type : kAllTypes) {
    for (size_t heads = 1; heads <= 20; ++heads) {
      for (const size_t batch : {size_t{1}, size_t{2}, size_t{5}}) {
        for (const size_t keys : {size_t{1}, size_t{17}, size_t{70}}) {
          const std::vector<float> values = MixedRows(heads + keys, batch * heads * 2, keys);
          Check(Place(type, batch, heads, 2, keys, values), {}, std::to_string(heads) + " heads");
        }
      }
    }
  }
  record_.Report(1e-2);
}

TEST_P(MeanRowsTest, EveryLength) {
  for (const ElementType type : kAllTypes) {
    for (size_t keys = 0; keys <= 300; ++keys) {
      Check(Place(type, 1, 3, 1, keys, MixedRows(keys, 3, keys)), {}, std::to_string(keys) + " keys");
    }
    // Around the columns that are summed at once.
    for (const size_t keys : {size_t{1023}, size_t{1024}, size_t{1025}, size_t{2048}, size_t{5000}}) {
      Check(Place(type, 2, 9, 1, keys, MixedRows(keys, 18, keys)), {}, std::to_string(keys) + " keys");
    }
  }
  record_.Report(1e-2);
}

TEST_P(MeanRowsTest, Masks) {
  const size_t keys = 1100;
  const std::vector<float> values = SoftmaxRows(2, size_t{3} * 10 * 5, keys, 1.0);
  const AttentionView view = Place(ElementType::kFloat32, 3, 10, 5, keys, values);
  for (const int64_t offset : {int64_t{-3}, int64_t{0}, int64_t{30}, int64_t{1021}, int64_t{5000}}) {
    Check(view, {.causal = true, .causal_offset = offset}, "offset " + std::to_string(offset));
  }
  const int64_t lengths[3] = {1100, 0, 1026};
  Check(view, {.key_lengths = lengths}, "key lengths");
  Check(view, {.causal = true, .causal_offset = 1023, .key_lengths = lengths}, "causal with key lengths");
}

// Masked elements are not read: here they are NaN.
TEST_P(MeanRowsTest, MaskedElementsMayBeAnything) {
  std::vector<float> values = SoftmaxRows(3, 24, 40, 1.0);
  for (size_t row = 0; row < 24; ++row) {
    for (size_t key = row % 6 + 1; key < 40; ++key) values[row * 40 + key] = std::numeric_limits<float>::quiet_NaN();
  }
  Check(Place(ElementType::kFloat32, 1, 4, 6, 40, values), {.causal = true, .causal_offset = 0},
        "NaN behind the diagonal");
}

TEST_P(MeanRowsTest, AnyStrides) {
  // [batch, queries, heads, keys], every other row of it, backwards.
  constexpr int64_t kQueryStride = 99;
  const std::vector<float> values = SoftmaxRows(4, 36, 33, 1.0);
  AttentionView view = Place(ElementType::kFloat32, 2, 3, 3, 33, values);
  view.batch_stride = 6 * kQueryStride;
  view.head_stride = 33;
  view.data = static_cast<const float*>(view.data) + 5 * kQueryStride;
  view.query_stride = -2 * kQueryStride;
  Check(view, {}, "strides");
}

bool Invalid(const float* mean, size_t keys) {
  return std::any_of(mean, mean + keys, [](float weight) { return !(weight >= 0.0f) || std::isinf(weight); });
}

// A bad weight in one head makes the mean row invalid, also where other heads outweigh it or masks end early.
TEST_P(MeanRowsTest, BadWeightsAreNotHidden) {
  constexpr size_t kHeads = 9;
  for (const size_t keys : {size_t{1}, size_t{16}, size_t{19}, size_t{1030}}) {
    for (const float bad : {-1e-6f, -FLT_TRUE_MIN, -FLT_MAX, std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
      for (size_t head = 0; head < kHeads; ++head) {
        for (const size_t position : {size_t{0}, keys / 2, keys - 1}) {
          std::vector<float> values = SoftmaxRows(5, kHeads * 3, keys, 1.0);
          values[(head * 3 + 1) * keys + position] = bad;
          const AttentionView view = Place(ElementType::kFloat32, 1, kHeads, 3, keys, values);
          EXPECT_FALSE(Invalid(Mean(view, {}, 0), keys)) << bad << " in head " << head << " at " << position;
          EXPECT_TRUE(Invalid(Mean(view, {}, 1), keys)) << bad << " in head " << head << " at " << position;
          EXPECT_FALSE(Invalid(Mean(view, {}, 2), keys)) << bad << " in head " << head << " at " << position;
        }
      }
    }
  }
}

// One head's NaN must not wipe out what another head's negative weight in the same column showed.
TEST_P(MeanRowsTest, SeveralBadWeights) {
  constexpr size_t kKeys = 64;
  std::vector<float> values = SoftmaxRows(6, 8, kKeys, 1.0);
  values[3] = -0.5f;
  values[kKeys + 35] = std::numeric_limits<float>::quiet_NaN();
  const AttentionView view = Place(ElementType::kFloat32, 1, 8, 1, kKeys, values);
  EXPECT_TRUE(Invalid(Mean(view, {}, 0), kKeys));
}

TEST_P(MeanRowsTest, NegativeZeroIsValid) {
  const std::vector<float> values(320, -0.0f);
  const AttentionView view = Place(ElementType::kFloat32, 1, 8, 1, 40, values);
  EXPECT_FALSE(Invalid(Mean(view, {}, 0), 40));
}

TEST_P(MeanRowsTest, HugeWeights) {
  for (const size_t keys : {size_t{5}, size_t{64}}) {
    const std::vector<float> values(12 * keys, FLT_MAX / 8.0f);
    Check(Place(ElementType::kFloat32, 1, 12, 1, keys, values), {}, "FLT_MAX / 8");
  }
}

}  // namespace
}  // namespace attnscope::test
