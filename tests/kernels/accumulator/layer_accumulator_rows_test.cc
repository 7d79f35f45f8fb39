// SPDX-License-Identifier: Apache-2.0
//
// One layer fed in every way that an engine may: by any number of threads, in any layout and alignment, in parts, and
// one row at a time while the keys grow. The whole state is the same, bit for bit.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/thread_runner.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr size_t kBatch = 3;
constexpr size_t kHeads = 5;
constexpr size_t kQueries = 21;
constexpr size_t kKeys = 70;
constexpr LayerConfig kConfig = {.heads = kHeads, .max_keys = kKeys, .max_batch = kBatch};

// Softmax rows and every other kind, some of them invalid.
std::vector<float> Weights() {
  std::vector<float> values = MixedRows(1, kBatch * kHeads * kQueries, kKeys);
  for (size_t i = 0; i < values.size(); i += 40 * kKeys + 3) values[i] = std::numeric_limits<float>::quiet_NaN();
  return values;
}

class LayerAccumulatorRowsTest : public TargetTest {
 protected:
  std::vector<double> StateAfter(const AttentionView& view, const Mask& mask = {}, const Runner& runner = {}) {
    LayerAccumulator layer = CreateLayer(kConfig);
    EXPECT_TRUE(layer.AddWeights(view, mask, runner).ok());
    return StateOf(layer);
  }

  const std::vector<float> values_ = Weights();
  const AttentionView view_ = ViewOf(values_, kBatch, kHeads, kQueries, kKeys);
};
ATTNSCOPE_FOR_EACH_TARGET(LayerAccumulatorRowsTest);

TEST_P(LayerAccumulatorRowsTest, AnyNumberOfThreads) {
  const int64_t lengths[kBatch] = {70, 0, 33};
  for (const Mask& mask : {Mask{}, Mask{.causal = true, .causal_offset = 40, .key_lengths = lengths}}) {
    const std::vector<double> expected = StateAfter(view_, mask);
    for (const size_t threads : {size_t{1}, size_t{2}, size_t{3}, size_t{8}}) {
      ThreadRunner pool;
      ASSERT_TRUE(ThreadRunner::Create(threads, &pool).ok());
      EXPECT_TRUE(SameBits(StateAfter(view_, mask, pool.runner()), expected)) << threads << " threads";
    }
  }
}

// A runner may run tasks in any order, and may promise any number of threads.
TEST_P(LayerAccumulatorRowsTest, AnyOrderOfTasks) {
  const auto backwards = [](void*, Task task, void* argument, size_t count) {
    for (size_t i = count; i-- > 0;) task(argument, i);
  };
  const std::vector<double> expected = StateAfter(view_);
  for (const size_t threads : {size_t{0}, size_t{1}, size_t{2}, size_t{1000}, SIZE_MAX}) {
    EXPECT_TRUE(SameBits(StateAfter(view_, {}, {.run = backwards, .threads = threads}), expected)) << threads;
  }
}

// Few rows of more heads than are swept together, as in decoding.
TEST_P(LayerAccumulatorRowsTest, ManyHeadsAtOnce) {
  constexpr size_t kMany = 75;
  const std::vector<float> values = MixedRows(2, kMany * 2, kKeys);
  const AttentionView all = ViewOf(values, 1, kMany, 2, kKeys);
  const LayerConfig config = {.heads = kMany, .max_keys = kKeys};
  LayerAccumulator together = CreateLayer(config);
  EXPECT_TRUE(together.AddWeights(all).ok());
  LayerAccumulator apart = CreateLayer(config);
  for (size_t head = 0; head < kMany; ++head) {
    AttentionView one = all;
    one.data = values.data() + head * 2 * kKeys;
    one.heads = 1;
    one.first_head = head;
    EXPECT_TRUE(apart.AddWeights(one).ok());
  }
  EXPECT_TRUE(SameBits(StateOf(together), StateOf(apart)));
}

// Copies the weights into another layout, whose gaps are NaN, `shift` floats behind an aligned address.
TEST_P(LayerAccumulatorRowsTest, AnyLayout) {
  const std::vector<double> expected = StateAfter(view_);
  struct Strides {
    const char* name;
    int64_t batch, head, query;
  };
  constexpr int64_t kPadded = kKeys + 3;
  const Strides layouts[] = {
      {"[batch, queries, heads, keys]", kQueries * kHeads * kKeys, kKeys, kHeads * kKeys},
      {"[queries, heads, batch, keys]", kKeys, kBatch * kKeys, kHeads * kBatch * kKeys},
      {"[heads, batch, queries, keys]", kQueries * kKeys, kBatch * kQueries * kKeys, kKeys},
      {"padded rows", kHeads * kQueries * kPadded, kQueries * kPadded, kPadded},
      {"rows backwards", kHeads * kQueries * kPadded, kQueries * kPadded, -kPadded},
      {"heads and rows backwards", kHeads * kQueries * kPadded, -static_cast<int64_t>(kQueries) * kPadded, -kPadded},
  };
  for (const Strides& layout : layouts) {
    for (const size_t shift : {size_t{0}, size_t{1}, size_t{7}}) {
      std::vector<float> memory(kBatch * kHeads * kQueries * kPadded + shift, std::numeric_limits<float>::quiet_NaN());
      AttentionView view = view_;
      view.batch_stride = layout.batch;
      view.head_stride = layout.head;
      view.query_stride = layout.query;
      int64_t first = static_cast<int64_t>(shift);
      if (layout.head < 0) first -= (static_cast<int64_t>(kHeads) - 1) * layout.head;
      if (layout.query < 0) first -= (static_cast<int64_t>(kQueries) - 1) * layout.query;
      float* data = memory.data() + first;
      view.data = data;
      for (size_t i = 0; i < kBatch * kHeads * kQueries; ++i) {
        const auto query = static_cast<int64_t>(i % kQueries);
        const auto head = static_cast<int64_t>(i / kQueries % kHeads);
        const auto sequence = static_cast<int64_t>(i / kQueries / kHeads);
        float* row = data + sequence * layout.batch + head * layout.head + query * layout.query;
        std::memcpy(row, &values_[i * kKeys], kKeys * sizeof(float));
      }
      EXPECT_TRUE(SameBits(StateAfter(view), expected)) << layout.name << " + " << shift;
    }
  }
}

// A head that all heads share, as a broadcast tensor has it.
TEST_P(LayerAccumulatorRowsTest, ZeroStrides) {
  AttentionView view = view_;
  view.head_stride = 0;
  std::vector<float> repeated;
  for (size_t sequence = 0; sequence < kBatch; ++sequence) {
    for (size_t head = 0; head < kHeads; ++head) {
      const float* from = &values_[sequence * kHeads * kQueries * kKeys];
      repeated.insert(repeated.end(), from, from + kQueries * kKeys);
    }
  }
  EXPECT_TRUE(SameBits(StateAfter(view), StateAfter(ViewOf(repeated, kBatch, kHeads, kQueries, kKeys))));
}

TEST_P(LayerAccumulatorRowsTest, AnyCutsOfRows) {
  Random random(2);
  const int64_t lengths[kBatch] = {70, 0, 33};
  const Mask mask = {.causal = true, .causal_offset = 11, .key_lengths = lengths};
  const std::vector<double> expected = StateAfter(view_, mask);
  for (int round = 0; round < 20; ++round) {
    LayerAccumulator layer = CreateLayer(kConfig);
    for (size_t first = 0, count = 0; first < kQueries; first += count) {
      count = round == 0 ? 1 : 1 + random.Below(kQueries - first);
      const Visibility visibility = VisibilityOfRows(mask, {kQueries, kKeys}, first, count);
      ASSERT_TRUE(layer.AddWeights(RowsOfView(view_, first, count), visibility).ok());
    }
    ASSERT_TRUE(SameBits(StateOf(layer), expected)) << "round " << round;
  }
}

TEST_P(LayerAccumulatorRowsTest, SequencesAndHeadsApart) {
  const std::vector<double> expected = StateAfter(view_);
  LayerAccumulator layer = CreateLayer(kConfig);
  for (size_t head = kHeads; head-- > 0;) {
    for (size_t sequence = 0; sequence < kBatch; ++sequence) {
      AttentionView one = view_;
      one.data = &values_[(sequence * kHeads + head) * kQueries * kKeys];
      one.batch = 1;
      one.heads = 1;
      one.first_head = head;
      one.first_sequence = sequence;
      ASSERT_TRUE(layer.AddWeights(one).ok());
    }
  }
  EXPECT_TRUE(SameBits(StateOf(layer), expected));
}

// Decoding: each call brings the next row, which sees one key more. The same as the causal matrix at once.
TEST_P(LayerAccumulatorRowsTest, DecodingEqualsTheCausalMatrix) {
  const size_t tokens = 70;
  const std::vector<float> values = SoftmaxRows(3, kHeads * tokens, tokens, 2.0);
  AttentionView all = ViewOf(values, 1, kHeads, tokens, tokens);
  LayerAccumulator whole = CreateLayer(kConfig);
  ASSERT_TRUE(whole.AddWeights(all, {.causal = true}).ok());
  LayerAccumulator decoded = CreateLayer(kConfig);
  for (size_t token = 0; token < tokens; ++token) {
    AttentionView row = RowsOfView(all, token, 1);
    row.keys = token + 1;
    ASSERT_TRUE(decoded.AddWeights(row).ok());
  }
  EXPECT_TRUE(SameBits(StateOf(decoded), StateOf(whole)));
  ExactLayer exact(kHeads);
  exact.Add(all, {.causal = true});
  exact.ExpectEqual(decoded.Stats(), "decoded");
}

// A prompt at once, then tokens one by one with a growing cache.
TEST_P(LayerAccumulatorRowsTest, PromptThenTokens) {
  constexpr size_t kTokens = 64, kPrompt = 37;
  const std::vector<float> values = SoftmaxRows(4, kHeads * kTokens, kTokens, 2.0);
  const AttentionView all = ViewOf(values, 1, kHeads, kTokens, kTokens);
  LayerAccumulator whole = CreateLayer(kConfig);
  ASSERT_TRUE(whole.AddWeights(all, {.causal = true}).ok());
  LayerAccumulator layer = CreateLayer(kConfig);
  AttentionView prompt = RowsOfView(all, 0, kPrompt);
  prompt.keys = kPrompt;
  ASSERT_TRUE(layer.AddWeights(prompt, {.causal = true}).ok());
  for (size_t token = kPrompt; token < kTokens; ++token) {
    AttentionView row = RowsOfView(all, token, 1);
    row.keys = token + 1;
    ASSERT_TRUE(layer.AddWeights(row, {.causal = true, .causal_offset = static_cast<int64_t>(token)}).ok());
  }
  EXPECT_TRUE(SameBits(StateOf(layer), StateOf(whole)));
}

}  // namespace
}  // namespace attnscope::test
