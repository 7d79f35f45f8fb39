// SPDX-License-Identifier: Apache-2.0
//
// Keys that come by a function: the bits of the same keys in memory, whatever rows see and however many threads there
// are; the function is asked for keys that a range holds, and for no others.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/thread_runner.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"
#include "tests/support/visibility_oracle.h"
#include "tests/support/visible_attention.h"

namespace attnscope::test {
namespace {

using KeyLoaderTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(KeyLoaderTest);

constexpr size_t kMostKeysOfACall = 1024;  // "a few hundred"

// Keys [batch, kv_heads, keys, head_dim], and how often the function was asked for each of [batch, kv_heads, keys].
class CountedKeys {
 public:
  CountedKeys(const AttentionSizes& sizes, const std::vector<float>& values)
      : sizes_(sizes), values_(values), calls_(sizes.batch * sizes.kv_heads * sizes.keys) {}

  KeyLoader loader() const { return {.load = Load, .context = this}; }
  size_t calls(size_t sequence, size_t kv_head, size_t key) const {
    return calls_[(sequence * sizes_.kv_heads + kv_head) * sizes_.keys + key];
  }
  void Forget() { std::fill(calls_.begin(), calls_.end(), size_t{0}); }

 private:
  static void Load(const void* context, size_t sequence, size_t kv_head, size_t first, size_t count, size_t head_dim,
                   float* to) {
    const CountedKeys& keys = *static_cast<const CountedKeys*>(context);
    const std::lock_guard<std::mutex> lock(keys.mutex_);
    EXPECT_EQ(head_dim, keys.sizes_.head_dim);
    EXPECT_LT(sequence, keys.sizes_.batch);
    EXPECT_LT(kv_head, keys.sizes_.kv_heads);
    EXPECT_LE(first + count, keys.sizes_.keys);
    EXPECT_GT(count, 0u);
    EXPECT_LE(count, kMostKeysOfACall);
    const size_t from = (sequence * keys.sizes_.kv_heads + kv_head) * keys.sizes_.keys + first;
    std::copy_n(&keys.values_[from * head_dim], count * head_dim, to);
    for (size_t i = 0; i < count; ++i) ++keys.calls_[from + i];
  }

  AttentionSizes sizes_;
  const std::vector<float>& values_;
  mutable std::mutex mutex_;
  mutable std::vector<size_t> calls_;
};

// Keys between the first and the last that a range of any row of the head's group holds.
void ExpectAskedForRangesAlone(const AttentionSizes& sizes, const Visibility& visibility, const CountedKeys& keys,
                               const std::string& what) {
  Visibility ranges = visibility;
  ranges.key_mask = {};
  for (size_t sequence = 0; sequence < sizes.batch; ++sequence) {
    size_t first = SIZE_MAX, end = 0;
    for (size_t row = 0; row < sizes.queries; ++row) {
      const SeenKeys seen = SeenKeysOf(ranges, sizes.matrix(), sequence, 0, row);
      if (seen.keys.empty()) continue;
      first = std::min(first, seen.keys.front());
      end = std::max(end, seen.keys.back() + 1);
    }
    for (size_t i = 0; i < sizes.kv_heads * sizes.keys; ++i) {
      const size_t key = i % sizes.keys;
      if (key >= first && key < end) continue;
      EXPECT_EQ(keys.calls(sequence, i / sizes.keys, key), 0u) << what << ", key " << key;
    }
  }
}

TEST_P(KeyLoaderTest, TheBitsOfTheSameKeysInMemory) {
  const int64_t lengths[] = {70, 300};
  const int64_t first[] = {11, 200};
  const Visibility visibilities[] = {
      {},
      {.causal = true},
      {.causal = true, .window = 20},
      {.causal_offset = 40, .window = 3, .window_after = 5},
      {.causal = true, .key_lengths = lengths, .first_keys = first},
      {.causal = true, .causal_offset = 250, .window = 64, .window_kind = WindowKind::kChunked},
  };
  for (const size_t queries : std::initializer_list<size_t>{1, 2, 3, 5, 40}) {
    for (const size_t head_dim : std::initializer_list<size_t>{1, 7, 64, 300}) {
      AttentionSizes sizes = {.queries = queries, .keys = 300, .head_dim = head_dim, .max_keys = 300};
      const std::vector<float> query = Normals(1, sizes.batch * sizes.heads * queries * head_dim);
      const std::vector<float> values = Normals(2, sizes.batch * sizes.kv_heads * sizes.keys * head_dim);
      const QueryKeyView in_memory = ContiguousQueryKey(query.data(), values.data(), ElementType::kFloat32, sizes.batch,
                                                        sizes.heads, sizes.kv_heads, queries, sizes.keys, head_dim);
      CountedKeys counted(sizes, values);
      QueryKeyView loaded = in_memory;
      loaded.key_loader = counted.loader();
      // None of these is used.
      loaded.key_data = nullptr;
      loaded.key_type = ElementType::kFloat16;
      loaded.key_stride = loaded.key_head_stride = loaded.key_batch_stride = loaded.key_dim_stride = INT64_MIN;
      for (const Visibility& visibility : visibilities) {
        const std::string what = std::to_string(queries) + " queries, head size " + std::to_string(head_dim) +
                                 TextOf(visibility, sizes.batch);
        LayerAccumulator expected = CreateLayer({.heads = sizes.heads, .max_keys = sizes.keys, .max_batch = 2});
        ASSERT_TRUE(expected.AddQueriesKeys(in_memory, {.mask = visibility}).ok());
        for (const size_t threads : {size_t{1}, size_t{3}}) {
          ThreadRunner pool;
          ASSERT_TRUE(ThreadRunner::Create(threads, &pool).ok());
          LayerAccumulator actual = CreateLayer({.heads = sizes.heads, .max_keys = sizes.keys, .max_batch = 2});
          counted.Forget();
          const Status status = actual.AddQueriesKeys(loaded, {.mask = visibility}, pool.runner());
          ASSERT_TRUE(status.ok()) << status.message();
          EXPECT_TRUE(SameBits(StateOf(actual), StateOf(expected))) << what << ", " << threads << " threads";
          ExpectAskedForRangesAlone(sizes, visibility, counted, what);
        }
      }
    }
  }
}

// A mean matrix, and decoding with a window: one row at a time.
TEST_P(KeyLoaderTest, MeanMatrixAndDecoding) {
  const AttentionSizes sizes = {.queries = 30, .keys = 90, .head_dim = 16, .max_keys = 90};
  const std::vector<float> query = Normals(3, sizes.batch * sizes.heads * sizes.queries * sizes.head_dim);
  const std::vector<float> values = Normals(4, sizes.batch * sizes.kv_heads * sizes.keys * sizes.head_dim);
  const QueryKeyView in_memory =
      ContiguousQueryKey(query.data(), values.data(), ElementType::kFloat32, sizes.batch, sizes.heads, sizes.kv_heads,
                         sizes.queries, sizes.keys, sizes.head_dim);
  const CountedKeys counted(sizes, values);
  for (const bool mean_matrix : {false, true}) {
    const LayerConfig config = {
        .heads = sizes.heads, .max_keys = sizes.keys, .max_batch = sizes.batch, .mean_matrix = mean_matrix};
    const SoftmaxParams params = {.mask = {.causal = true, .window = 25}};
    LayerAccumulator expected = CreateLayer(config);
    ASSERT_TRUE(expected.AddQueriesKeys(in_memory, params).ok());
    LayerAccumulator actual = CreateLayer(config);
    for (size_t row = 0; row < sizes.queries; ++row) {
      QueryKeyView step = in_memory;
      step.key_loader = counted.loader();
      step.query_data = query.data() + row * sizes.head_dim;
      step.queries = 1;
      const SoftmaxParams of_row = {.mask = VisibilityOfRows(params.mask, sizes.matrix(), row, 1)};
      ASSERT_TRUE(actual.AddQueriesKeys(step, of_row).ok());
    }
    EXPECT_TRUE(SameBits(StateOf(actual), StateOf(expected))) << mean_matrix;
  }
}

}  // namespace
}  // namespace attnscope::test
