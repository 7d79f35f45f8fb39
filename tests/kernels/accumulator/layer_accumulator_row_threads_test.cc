// SPDX-License-Identifier: Apache-2.0
//
// Few matrices, whose rows several threads share: the same state and the same outputs of rows, bit for bit, as by one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/row_outputs.h"
#include "attnscope/thread_runner.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/row_inputs.h"
#include "tests/support/row_output_checks.h"
#include "tests/support/target_test.h"
#include "tests/support/visibility_oracle.h"
#include "tests/support/visible_attention.h"

namespace attnscope::test {
namespace {

using RowThreadsTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(RowThreadsTest);

constexpr std::initializer_list<size_t> kThreads = {1, 2, 3, 8};
constexpr size_t kLeastShared = size_t{1} << 18;  // weights of a call, below which matrices are not shared

// Rows of every kind. Some are invalid, some for the careful path: negative zeros, and weights near the largest finite
// one of each type.
std::vector<float> UnusualRows(uint64_t seed, size_t rows, size_t keys, ElementType type) {
  std::vector<float> values = MixedRows(seed, rows, keys);
  const float large = type == ElementType::kFloat16 ? 65504.0f : 0x1p100f;
  const float unusual[] = {std::numeric_limits<float>::quiet_NaN(), -0.0f, large,
                           std::numeric_limits<float>::infinity(), -1.0f};
  size_t kind = 0;
  for (size_t row = 5; row < rows; row += 7, ++kind) values[row * keys + row % keys] = unusual[kind % 5];
  return values;
}

struct Stored {
  Stored(ElementType type, const std::vector<float>& values) : bytes(values.size() * ElementBytes(type)) {
    StoreElements(type, values, bytes.data());
  }
  std::vector<uint8_t> bytes;
};

// The state of a layer, and the outputs of all rows.
struct Measured {
  Measured(const LayerConfig& config, const AttentionView& view, const Visibility& visibility, const Runner& runner,
           const std::vector<size_t>& cuts)
      : rows({view.batch, view.heads, view.queries}) {
    LayerAccumulator layer = CreateLayer(config);
    for (size_t i = 0, first = 0; first < view.queries; ++i) {
      const size_t count = i < cuts.size() ? std::min(cuts[i], view.queries - first) : view.queries - first;
      std::vector<int64_t> lengths(view.batch);
      const Visibility seen = VisibilityOfRows(visibility, {view.queries, view.keys}, first, count, lengths);
      const RowOutputs outputs = rows.From(first);
      const Status status = layer.AddWeights(RowsOfView(view, first, count), seen, runner, &outputs);
      EXPECT_TRUE(status.ok()) << status.message();
      first += count;
    }
    state = StateOf(layer);
  }
  RowBuffers rows;
  std::vector<double> state;
};

// By any number of threads, in one call and in several.
void ExpectThreadsDoNotMatter(const LayerConfig& config, const AttentionView& view, const Visibility& visibility,
                              const std::string& what) {
  const Measured expected(config, view, visibility, {}, {});
  for (const size_t threads : kThreads) {
    ThreadRunner pool;
    ASSERT_TRUE(ThreadRunner::Create(threads, &pool).ok());
    for (const std::vector<size_t>& cuts : {std::vector<size_t>{}, {5, 40, 48, 3}}) {
      const Measured measured(config, view, visibility, pool.runner(), cuts);
      const std::string how = what + ", " + std::to_string(threads) + " threads" + (cuts.empty() ? "" : ", cut");
      EXPECT_TRUE(SameBits(measured.state, expected.state)) << how;
      ExpectSameRows(measured.rows, expected.rows, false, how);
    }
  }
}

TEST_P(RowThreadsTest, OneMatrix) {
  for (const ElementType type : kAllTypes) {
    for (const size_t keys : {size_t{1}, size_t{70}, size_t{700}, size_t{5000}}) {
      if (kSlowBuild && type != ElementType::kFloat32) continue;
      const size_t rows = keys == 1 ? 333 : kLeastShared / keys + 5;
      const Stored stored(type, UnusualRows(keys, rows, keys, type));
      const AttentionView view = ContiguousAttention(stored.bytes.data(), type, 1, 1, rows, keys);
      ExpectThreadsDoNotMatter({.max_keys = keys + 9}, view, {},
                               std::string(NameOf(type)) + ", " + std::to_string(keys) + " keys");
    }
  }
}

// Many more chunks than there is room for at once.
TEST_P(RowThreadsTest, ManyChunks) {
  const std::vector<float> values = UnusualRows(3, 9000, 30, ElementType::kFloat32);
  const AttentionView heads = ViewOf(values, 1, 3, 3000, 30);
  ExpectThreadsDoNotMatter({.heads = 3, .max_keys = 30}, heads, {.causal = true, .causal_offset = -2900}, "3 heads");
  ExpectThreadsDoNotMatter({.max_keys = 30}, ViewOf(values, 1, 1, 9000, 30), {}, "1 head");
}

// Keys that are hidden one by one: what is copied for the sweep is gone when slow rows are added to the columns.
TEST_P(RowThreadsTest, HiddenKeys) {
  constexpr size_t kRows = 100, kKeys = 1400;
  Random random(4);
  std::vector<uint8_t> shown(kRows * kKeys);
  for (uint8_t& key : shown) key = random.Below(4) != 0;
  std::fill_n(shown.begin() + 20 * kKeys, kKeys, uint8_t{0});
  std::vector<int64_t> positions(kKeys);
  for (size_t i = 0; i < kKeys; ++i) positions[i] = static_cast<int64_t>((i + 30) % kKeys);
  Visibility bytes = {.key_mask = {shown.data(), 0, 0, kKeys, 1}};
  Visibility cells = {.causal = true, .key_positions = positions.data()};
  for (const ElementType type : kAllTypes) {
    if (kSlowBuild && type == ElementType::kBFloat16) continue;
    const Stored stored(type, UnusualRows(5, 2 * kRows, kKeys, type));
    const AttentionView view = ContiguousAttention(stored.bytes.data(), type, 2, 1, kRows, kKeys);
    const LayerConfig config = {.max_keys = kKeys, .max_batch = 2};
    ExpectThreadsDoNotMatter(config, view, bytes, std::string(NameOf(type)) + ", bytes");
    ExpectThreadsDoNotMatter(config, view, cells, std::string(NameOf(type)) + ", cells");
  }
}

TEST_P(RowThreadsTest, AnyVisibility) {
  Random random(6);
  for (int round = 0; round < (kSlowBuild ? 4 : 25) && !HasFailure(); ++round) {
    AttentionSizes sizes;
    sizes.batch = 1 + random.Below(2);
    sizes.heads = 1 + random.Below(3);
    sizes.kv_heads = 1;
    sizes.queries = 32 + random.Below(120);
    sizes.keys = kLeastShared / (sizes.batch * sizes.heads * sizes.queries) + 1 + random.Below(150);
    sizes.max_keys = sizes.keys + random.Below(60);
    RandomVisibility visibility(sizes, random);
    // Rows that are cut cannot name their offset.
    if (visibility->key_positions_stride != 0 || visibility->causal_offset > 1000) continue;
    const ElementType type = kAllTypes[random.Below(3)];
    const VisibleAttention attention(sizes, {.mask = *visibility}, type, random.Bits());
    ExpectThreadsDoNotMatter(attention.config(), attention.weights(), *visibility,
                             std::to_string(sizes.queries) + " x " + std::to_string(sizes.keys) + " " + NameOf(type) +
                                 TextOf(*visibility, sizes.batch));
  }
}

// Heads whose blocks in progress do not begin together, and rows without keys.
TEST_P(RowThreadsTest, UnevenHeads) {
  constexpr size_t kKeys = 1400;
  const std::vector<float> values = UnusualRows(8, 3 * 64, kKeys, ElementType::kFloat32);
  const AttentionView view = ViewOf(values, 1, 3, 64, kKeys);
  AttentionView second = RowsOfView(view, 0, 7);
  second.data = values.data() + 64 * kKeys;
  second.heads = 1;
  second.first_head = 1;
  std::vector<double> expected;
  for (const size_t threads : kThreads) {
    ThreadRunner pool;
    ASSERT_TRUE(ThreadRunner::Create(threads, &pool).ok());
    LayerAccumulator layer = CreateLayer({.heads = 3, .max_keys = kKeys});
    EXPECT_TRUE(layer.AddWeights(second, {}, pool.runner()).ok());
    EXPECT_TRUE(layer.AddWeights(view, {}, pool.runner()).ok());
    AttentionView none = view;
    none.data = nullptr;
    none.keys = 0;
    EXPECT_TRUE(layer.AddWeights(none, {.keys_were_evicted = true}, pool.runner()).ok());
    if (threads == 1) expected = StateOf(layer);
    EXPECT_TRUE(SameBits(StateOf(layer), expected)) << threads << " threads";
  }
}

// Every task of a runner gets rows of the one matrix there is; few rows, or few weights, are left to the caller.
TEST_P(RowThreadsTest, RowsAreShared) {
  const std::vector<float> values = MixedRows(9, 64, 9000);
  struct Calls {
    size_t runs = 0;
    size_t most = 0;
  };
  const auto run = [](void* opaque, Task task, void* argument, size_t count) {
    Calls& calls = *static_cast<Calls*>(opaque);
    ++calls.runs;
    calls.most = std::max(calls.most, count);
    for (size_t i = count; i-- > 0;) task(argument, i);
  };
  for (const auto& [rows, keys] :
       {std::pair<size_t, size_t>{1, 9000}, {31, 9000}, {32, 9000}, {64, 9000}, {64, 4000}}) {
    Calls calls;
    AttentionView view = RowsOfView(ViewOf(values, 1, 1, 64, 9000), 0, rows);
    view.keys = keys;
    LayerAccumulator layer = CreateLayer({.max_keys = keys});
    ASSERT_TRUE(layer.AddWeights(view, {}, {&calls, run, 2}).ok());
    EXPECT_EQ(calls.most, rows < 32 || keys < 9000 ? 0u : 2u) << rows << " x " << keys;
  }
}

// Few rows of many heads' logits: the heads are shared, though they are no multiple of the threads.
TEST_P(RowThreadsTest, HeadsAreSharedWhileDecoding) {
  const std::vector<float> logits = Normals(10, 8 * 30);
  size_t most = 0;
  const auto run = [](void* opaque, Task task, void* argument, size_t count) {
    *static_cast<size_t*>(opaque) = std::max(*static_cast<size_t*>(opaque), count);
    for (size_t i = 0; i < count; ++i) task(argument, i);
  };
  LayerAccumulator shared = CreateLayer({.heads = 8, .max_keys = 30});
  ASSERT_TRUE(shared.AddLogits(ViewOf(logits, 1, 8, 1, 30), {}, {&most, run, 3}).ok());
  EXPECT_EQ(most, 3u);
  LayerAccumulator alone = CreateLayer({.heads = 8, .max_keys = 30});
  ASSERT_TRUE(alone.AddLogits(ViewOf(logits, 1, 8, 1, 30)).ok());
  EXPECT_TRUE(SameBits(StateOf(shared), StateOf(alone)));
}

}  // namespace
}  // namespace attnscope::test
