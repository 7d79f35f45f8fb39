// SPDX-License-Identifier: Apache-2.0
//
// What is read of what rows do not see: nothing of weights, logits and biases outside of the rows' ranges, nothing of
// keys that no row's range holds, be they in memory or come by a function. Unreadable pages stand where ranges end.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <set>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/thread_runner.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/exact_logits.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"
#include "tests/support/visibility_oracle.h"
#include "tests/support/visible_attention.h"

namespace attnscope::test {
namespace {

using VisibilityMemoryTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(VisibilityMemoryTest);

struct Case {
  const char* name;
  Visibility visibility;
};

const int64_t kLength[] = {70};
const int64_t kFirst[] = {33};
const int64_t kQueryLength[] = {11};
const int64_t kSegments[] = {0, 30, 30, 61, 80};

std::vector<Case> Cases() {
  return {
      {"causal", {.causal = true, .causal_offset = 3}},
      {"key length", {.key_lengths = kLength}},
      {"first key", {.causal = true, .first_keys = kFirst}},
      {"first key and length", {.key_lengths = kLength, .first_keys = kFirst}},
      {"query length", {.causal = true, .causal_offset = 5, .query_lengths = kQueryLength}},
      {"window", {.causal = true, .causal_offset = 31, .window = 9}},
      {"window of one", {.causal = true, .causal_offset = 31, .window = 1}},
      {"two-sided window", {.causal_offset = 25, .window = 3, .window_after = 4}},
      {"chunks", {.causal = true, .causal_offset = 40, .window = 16, .window_kind = WindowKind::kChunked}},
      {"segments", {.causal_offset = 30, .segments = kSegments, .num_segments = 4}},
      {"segments, causal", {.causal = true, .causal_offset = 15, .segments = kSegments, .num_segments = 4}},
  };
}

// Rows of `keys` elements of which memory holds the part from the first to the last element that a row sees; between
// them, what rows do not see is NaN. `at_end`: it is their last byte that stands before an unreadable page, else the
// first stands behind one.
class GuardedRows {
 public:
  GuardedRows(ElementType type, const Visibility& visibility, const MatrixSizes& sizes, bool at_end, double sigma)
      : memory_(sizes.queries * sizes.keys * sizeof(float)) {
    size_t first = SIZE_MAX, last = 0;
    for (size_t row = 0; row < sizes.queries; ++row) {
      for (const size_t key : SeenKeysOf(visibility, sizes, 0, 0, row).keys) {
        first = std::min(first, row * sizes.keys + key);
        last = row * sizes.keys + key;
      }
    }
    const size_t bytes = (last + 1 - first) * ElementBytes(type);
    auto* from = static_cast<uint8_t*>(at_end ? memory_.PlaceAtEnd(bytes) : memory_.PlaceAtFront(bytes));
    std::memset(from, 0xFF, bytes);
    Random random(17);
    data_ = from - first * ElementBytes(type);
    for (size_t row = 0; row < sizes.queries; ++row) {
      const SeenKeys seen = SeenKeysOf(visibility, sizes, 0, 0, row);
      std::vector<float> values(seen.keys.size());
      RowInputOf("sigma1").fill(random, values);
      for (size_t i = 0; i < values.size(); ++i) {
        const float value = sigma == 0.0 ? values[i] : static_cast<float>(sigma * random.Normal());
        StoreElement(type, value, data_, row * sizes.keys + seen.keys[i]);
      }
    }
  }

  uint8_t* data() const { return data_; }

 private:
  GuardedBuffer memory_;
  uint8_t* data_;
};

TEST_P(VisibilityMemoryTest, WeightsLogitsAndBiasesOutsideOfRanges) {
  const MatrixSizes sizes = {19, 80};
  for (const Case& one : Cases()) {
    for (const ElementType type : kAllTypes) {
      for (const bool at_end : {false, true}) {
        const GuardedRows weights(type, one.visibility, sizes, at_end, 0.0);
        const GuardedRows logits(type, one.visibility, sizes, at_end, 3.0);
        const GuardedRows bias(type, one.visibility, sizes, at_end, 1.0);
        AttentionView view = ContiguousAttention(weights.data(), type, 1, 1, sizes.queries, sizes.keys);
        const std::string what = std::string(one.name) + ", " + NameOf(type) + (at_end ? ", at end" : ", at front");
        for (const size_t threads : {size_t{1}, size_t{3}}) {
          ThreadRunner pool;
          ASSERT_TRUE(ThreadRunner::Create(threads, &pool).ok());
          LayerAccumulator from_weights = CreateLayer({.max_keys = sizes.keys});
          view.data = weights.data();
          ASSERT_TRUE(from_weights.AddWeights(view, one.visibility, pool.runner()).ok());
          ExactLayer exact_weights(1);
          exact_weights.Add(view, one.visibility);
          exact_weights.ExpectEqual(from_weights.Stats(), what);

          SoftmaxParams params = {.mask = one.visibility};
          params.bias = {.data = bias.data(), .type = type, .query_stride = static_cast<int64_t>(sizes.keys)};
          LayerAccumulator from_logits = CreateLayer({.max_keys = sizes.keys});
          view.data = logits.data();
          ASSERT_TRUE(from_logits.AddLogits(view, params, pool.runner()).ok());
          ExactLogitLayer exact_logits(1);
          exact_logits.Add(view, params);
          exact_logits.ExpectEqual(from_logits.Stats(), what);
        }
      }
    }
  }
}

// The keys that the rows' ranges hold, all of them together.
std::set<size_t> KeysOfRanges(const Visibility& visibility, const MatrixSizes& sizes) {
  std::set<size_t> keys;
  for (size_t row = 0; row < sizes.queries; ++row) {
    const SeenKeys seen = SeenKeysOf(visibility, sizes, 0, 0, row);
    keys.insert(seen.keys.begin(), seen.keys.end());
  }
  return keys;
}

TEST_P(VisibilityMemoryTest, KeysOutsideOfRanges) {
  constexpr size_t kDim = 20;
  for (const size_t queries : std::initializer_list<size_t>{1, 2, 19, 40}) {
    const MatrixSizes sizes = {queries, 80};
    for (const Case& one : Cases()) {
      if (one.visibility.query_lengths != nullptr && queries < static_cast<size_t>(kQueryLength[0])) continue;
      const std::set<size_t> keys = KeysOfRanges(one.visibility, sizes);
      for (const ElementType type : kAllTypes) {
        for (const bool at_end : {false, true}) {
          GuardedBuffer memory(sizes.keys * kDim * sizeof(float));
          const size_t bytes = (*keys.rbegin() + 1 - *keys.begin()) * kDim * ElementBytes(type);
          auto* from = static_cast<uint8_t*>(at_end ? memory.PlaceAtEnd(bytes) : memory.PlaceAtFront(bytes));
          std::memset(from, 0xFF, bytes);
          uint8_t* data = from - *keys.begin() * kDim * ElementBytes(type);
          Random random(4);
          for (const size_t key : keys) {
            for (size_t dim = 0; dim < kDim; ++dim) {
              StoreElement(type, static_cast<float>(random.Normal()), data, key * kDim + dim);
            }
          }
          std::vector<uint8_t> rows(queries * kDim * sizeof(float));
          for (size_t i = 0; i < queries * kDim; ++i)
            StoreElement(type, static_cast<float>(random.Normal()), rows.data(), i);
          const QueryKeyView view = ContiguousQueryKey(rows.data(), data, type, 1, 1, 1, queries, sizes.keys, kDim);
          const SoftmaxParams params = {.mask = one.visibility};
          LayerAccumulator layer = CreateLayer({.max_keys = sizes.keys});
          ASSERT_TRUE(layer.AddQueriesKeys(view, params).ok());
          ExactLogitLayer exact(1);
          exact.Add(view, params);
          exact.ExpectEqual(layer.Stats(), std::string(one.name) + ", " + NameOf(type) + ", " +
                                               std::to_string(queries) + " queries" +
                                               (at_end ? ", at end" : ", at front"));
        }
      }
    }
  }
}

}  // namespace
}  // namespace attnscope::test
