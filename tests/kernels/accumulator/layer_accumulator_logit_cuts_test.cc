// SPDX-License-Identifier: Apache-2.0
//
// Logits, and queries and keys, cut into calls, shards and threads: the same bits; decoding one row at a time, also
// from pages; mean-matrix mode; scratch that is asked for beforehand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/thread_runner.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/exact_logits.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

using LogitCutsTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(LogitCutsTest);

// Queries and keys of two sequences, four heads in two groups, with a bias.
class Attention {
 public:
  Attention(size_t queries, size_t keys, size_t head_dim)
      : queries_(Normals(1, queries * head_dim * 2 * 4)),
        keys_(Normals(2, keys * head_dim * 2 * 2)),
        bias_(Normals(3, queries * keys)) {
    view_ = ContiguousQueryKey(queries_.data(), keys_.data(), ElementType::kFloat32, 2, 4, 2, queries, keys, head_dim);
    params_.mask.causal = true;
    params_.mask.causal_offset = 2;
    params_.bias.data = bias_.data();
    params_.bias.query_stride = static_cast<int64_t>(keys);
  }

  const QueryKeyView& view() const { return view_; }
  const SoftmaxParams& params() const { return params_; }
  LayerConfig config() const { return {.heads = 4, .max_keys = view_.keys, .max_batch = 2}; }

  // The heads of one group of one sequence.
  void AddGroup(size_t sequence, size_t group, LayerAccumulator& layer) const {
    QueryKeyView view = view_;
    view.query_data = queries_.data() + (sequence * 4 + group * 2) * view.queries * view.head_dim;
    view.key_data = keys_.data() + (sequence * 2 + group) * view.keys * view.head_dim;
    view.batch = 1;
    view.heads = 2;
    view.kv_heads = 1;
    view.first_sequence = sequence;
    view.first_head = group * 2;
    ASSERT_TRUE(layer.AddQueriesKeys(view, params_).ok());
  }

  // Rows [first, first + count).
  void AddRows(size_t first, size_t count, LayerAccumulator& layer, const Runner& runner = {}) const {
    QueryKeyView view = view_;
    view.query_data = queries_.data() + first * view.head_dim;
    view.queries = count;
    SoftmaxParams params = params_;
    params.mask = VisibilityOfRows(params.mask, {view_.queries, view_.keys}, first, count);
    params.bias.data = bias_.data() + first * view.keys;
    ASSERT_TRUE(layer.AddQueriesKeys(view, params, runner).ok());
  }

 private:
  std::vector<float> queries_;
  std::vector<float> keys_;
  std::vector<float> bias_;
  QueryKeyView view_;
  SoftmaxParams params_;
};

TEST_P(LogitCutsTest, CutsDoNotMatter) {
  const Attention attention(75, 80, 20);
  LayerAccumulator whole = CreateLayer(attention.config());
  attention.AddRows(0, 75, whole);
  for (const size_t count : std::initializer_list<size_t>{1, 2, 7, 16, 17, 40}) {
    LayerAccumulator cut = CreateLayer(attention.config());
    for (size_t first = 0; first < 75; first += count) attention.AddRows(first, std::min(count, 75 - first), cut);
    EXPECT_TRUE(SameBits(StateOf(cut), StateOf(whole))) << "cut into " << count;
  }
}

TEST_P(LogitCutsTest, HeadsAndSequencesMayComeApart) {
  const Attention attention(20, 30, 16);
  LayerAccumulator whole = CreateLayer(attention.config());
  attention.AddRows(0, 20, whole);
  LayerAccumulator apart = CreateLayer(attention.config());
  for (const size_t sequence : {size_t{1}, size_t{0}}) {
    for (const size_t group : {size_t{1}, size_t{0}}) attention.AddGroup(sequence, group, apart);
  }
  EXPECT_TRUE(SameBits(StateOf(apart), StateOf(whole)));
}

TEST_P(LogitCutsTest, ThreadsDoNotMatter) {
  const Attention attention(300, 310, 8);
  LayerAccumulator whole = CreateLayer(attention.config());
  attention.AddRows(0, 300, whole);
  for (const size_t threads : std::initializer_list<size_t>{1, 2, 3, 5, 16}) {
    ThreadRunner runner;
    ASSERT_TRUE(ThreadRunner::Create(threads, &runner).ok());
    LayerAccumulator other = CreateLayer(attention.config());
    attention.AddRows(0, 77, other, runner.runner());
    attention.AddRows(77, 223, other, runner.runner());
    EXPECT_TRUE(SameBits(StateOf(other), StateOf(whole))) << threads << " threads";
  }
}

TEST_P(LogitCutsTest, ThreadsDoNotMatterForLogitsOfOneMatrix) {
  const size_t rows = 333, keys = 200;
  std::vector<float> logits = Normals(5, rows * keys, 3.0);
  logits[40 * keys + 7] = NAN;                                                     // an invalid row
  std::fill_n(logits.begin() + 50 * static_cast<int64_t>(keys), keys, -INFINITY);  // one that sees nothing
  LayerAccumulator whole = CreateLayer({.max_keys = keys});
  ASSERT_TRUE(whole.AddLogits(ViewOf(logits, 1, 1, rows, keys)).ok());
  for (const size_t threads : std::initializer_list<size_t>{2, 3, 7}) {
    ThreadRunner runner;
    ASSERT_TRUE(ThreadRunner::Create(threads, &runner).ok());
    LayerAccumulator other = CreateLayer({.max_keys = keys});
    ASSERT_TRUE(other.AddLogits(ViewOf(logits, 1, 1, rows, keys), {}, runner.runner()).ok());
    EXPECT_TRUE(SameBits(StateOf(other), StateOf(whole))) << threads << " threads";
    EXPECT_EQ(other.Stats().layer[Metric::kInvalidRows], 1.0);
  }
}

// Ranks with other rows of the same sequences: adding and taking maxima of the flat arrays is enough.
TEST_P(LogitCutsTest, ShardsOfRowsMerge) {
  const Attention attention(64, 70, 12);
  LayerAccumulator whole = CreateLayer(attention.config());
  attention.AddRows(0, 64, whole);
  LayerAccumulator first = CreateLayer(attention.config());
  LayerAccumulator second = CreateLayer(attention.config());
  attention.AddRows(0, 32, first);
  attention.AddRows(32, 32, second);
  for (size_t i = 0; i < first.sums().size(); ++i) first.sums()[i] += second.sums()[i];
  for (size_t i = 0; i < first.maxima().size(); ++i) {
    first.maxima()[i] = std::max(first.maxima()[i], second.maxima()[i]);
  }
  first.EndSequence();
  whole.EndSequence();
  const std::vector<double> merged = NumbersOf(first.Stats());
  const std::vector<double> expected = NumbersOf(whole.Stats());
  ASSERT_EQ(merged.size(), expected.size());
  for (size_t i = 0; i < merged.size(); ++i) {
    if (std::isnan(expected[i])) {
      EXPECT_TRUE(std::isnan(merged[i]));
    } else {
      EXPECT_TRUE(Within(merged[i], expected[i], 1e-12L * std::abs(expected[i]))) << "number " << i;
    }
  }
}

// One query a step against a cache that grows, in one piece and in pages.
TEST_P(LogitCutsTest, DecodingIsACausalMask) {
  const size_t tokens = 50, head_dim = 10, heads = 4, kv_heads = 2;
  const std::vector<float> queries = Normals(7, heads * tokens * head_dim);
  const std::vector<float> keys = Normals(8, kv_heads * tokens * head_dim);
  const LayerConfig config = {.heads = heads, .max_keys = tokens};
  LayerAccumulator whole = CreateLayer(config);
  const QueryKeyView all = ContiguousQueryKey(queries.data(), keys.data(), ElementType::kFloat32, 1, heads, kv_heads,
                                              tokens, tokens, head_dim);
  ASSERT_TRUE(whole.AddQueriesKeys(all, {.mask = {.causal = true}}).ok());
  for (const size_t page_keys : {size_t{0}, size_t{1}, size_t{16}}) {
    LayerAccumulator decoded = CreateLayer(config);
    for (size_t token = 0; token < tokens; ++token) {
      QueryKeyView step = all;
      step.query_data = queries.data() + token * head_dim;
      step.queries = 1;
      step.keys = token + 1;
      std::vector<KeyPage> pages;
      for (size_t key = 0; page_keys != 0 && key < step.keys; key += page_keys) {
        pages.push_back({keys.data() + key * head_dim, std::min(page_keys, step.keys - key)});
      }
      step.pages = page_keys == 0 ? nullptr : pages.data();
      step.num_pages = pages.size();
      ASSERT_TRUE(decoded.AddQueriesKeys(step).ok());
    }
    EXPECT_TRUE(SameBits(StateOf(decoded), StateOf(whole))) << "pages of " << page_keys;
  }
}

// Heads of keys one after the other, or those of a key side by side, which few rows read together: as many as divide
// among the threads, in one piece, in pages and by a loader.
TEST_P(LogitCutsTest, DecodingOfHeadsSideBySide) {
  constexpr size_t kSequences = 2, kHeads = 22, kKvHeads = 11, kKeys = 37, kHeadDim = 12, kKeyRow = kKvHeads * kHeadDim;
  const std::vector<float> queries = Normals(7, kSequences * kHeads * kHeadDim);
  const std::vector<float> keys = Normals(8, kSequences * kKvHeads * kKeys * kHeadDim);
  std::vector<float> side_by_side(keys.size());
  const QueryKeyView apart = ContiguousQueryKey(queries.data(), keys.data(), ElementType::kFloat32, kSequences, kHeads,
                                                kKvHeads, 1, kKeys, kHeadDim);
  for (size_t i = 0; i < keys.size(); ++i) {
    const size_t dim = i % kHeadDim, key = i / kHeadDim % kKeys, head = i / kHeadDim / kKeys % kKvHeads;
    const size_t sequence = i / kHeadDim / kKeys / kKvHeads;
    side_by_side[(sequence * kKeys + key) * kKeyRow + head * kHeadDim + dim] = keys[i];
  }
  QueryKeyView beside = apart;
  beside.key_data = side_by_side.data();
  beside.key_stride = kKeyRow;
  beside.key_head_stride = kHeadDim;
  QueryKeyView loaded = apart;
  loaded.key_data = nullptr;
  loaded.key_loader.context = keys.data();
  loaded.key_loader.load = [](const void* context, size_t sequence, size_t kv_head, size_t first, size_t count,
                              size_t head_dim, float* to) {
    const float* from =
        static_cast<const float*>(context) + ((sequence * kKvHeads + kv_head) * kKeys + first) * head_dim;
    std::copy_n(from, count * head_dim, to);
  };
  const LayerConfig config = {.heads = kHeads, .max_keys = kKeys, .max_batch = kSequences};
  LayerAccumulator expected = CreateLayer(config);
  for (int step = 0; step < 3; ++step) ASSERT_TRUE(expected.AddQueriesKeys(apart).ok());
  for (const size_t threads : std::initializer_list<size_t>{1, 2, 3, 7, 16, 40}) {
    ThreadRunner runner;
    ASSERT_TRUE(ThreadRunner::Create(threads, &runner).ok());
    for (const QueryKeyView& view : {apart, beside, loaded}) {
      LayerAccumulator layer = CreateLayer(config);
      for (int step = 0; step < 3; ++step) ASSERT_TRUE(layer.AddQueriesKeys(view, {}, runner.runner()).ok());
      EXPECT_TRUE(SameBits(StateOf(layer), StateOf(expected))) << threads << " threads";
    }
    // Pages hold one sequence.
    LayerAccumulator layer = CreateLayer(config);
    for (int step = 0; step < 3; ++step) {
      for (size_t sequence = 0; sequence < kSequences; ++sequence) {
        const float* first = side_by_side.data() + sequence * kKeys * kKeyRow;
        const KeyPage pages[] = {{first, 5}, {first + 5 * kKeyRow, 16}, {first + 21 * kKeyRow, 16}};
        QueryKeyView view = beside;
        view.query_data = queries.data() + sequence * kHeads * kHeadDim;
        view.batch = 1;
        view.first_sequence = sequence;
        view.pages = pages;
        view.num_pages = 3;
        ASSERT_TRUE(layer.AddQueriesKeys(view, {}, runner.runner()).ok());
      }
    }
    EXPECT_TRUE(SameBits(StateOf(layer), StateOf(expected))) << threads << " threads, pages";
  }
}

// Weights, logits, and queries and keys may follow one another in one sequence.
TEST_P(LogitCutsTest, InputsMayMix) {
  const size_t keys = 40;
  const std::vector<float> weights = SoftmaxRows(1, 16, keys, 1.0);
  const std::vector<float> logits = Normals(2, 16 * keys);
  LayerAccumulator mixed = CreateLayer({.max_keys = keys});
  ASSERT_TRUE(mixed.AddWeights(ViewOf(weights, 1, 1, 16, keys)).ok());
  ASSERT_TRUE(mixed.AddLogits(ViewOf(logits, 1, 1, 16, keys)).ok());
  LayerAccumulator alone = CreateLayer({.max_keys = keys});
  ASSERT_TRUE(alone.AddLogits(ViewOf(logits, 1, 1, 16, keys)).ok());
  const MetricValues values = mixed.Stats().layer;
  EXPECT_EQ(values[Metric::kRows], 32.0);
  EXPECT_EQ(values[Metric::kMatrices], 1.0);
  EXPECT_EQ(values[Metric::kLogitMean], alone.Stats().layer[Metric::kLogitMean]) << "of the rows that had logits";
}

TEST_P(LogitCutsTest, MeanMatrix) {
  const Attention attention(37, 45, 6);
  std::vector<std::vector<long double>> mean(37);
  for (size_t sequence = 0; sequence < 2; ++sequence) {
    for (size_t head = 0; head < 4; ++head) {
      long double error = 0.0L;
      const auto logits = ExactLogitsOf(attention.view(), attention.params(), sequence, head, &error);
      for (size_t row = 0; row < 37; ++row) {
        const ExactSoftmax softmax = ExactSoftmaxOf(logits[row]);
        mean[row].resize(softmax.weights.size());
        for (size_t key = 0; key < softmax.weights.size(); ++key) mean[row][key] += softmax.weights[key] / 8.0L;
      }
    }
  }
  const std::vector<ExactMatrix> exact = {ExactMatrixOf(mean)};
  LayerConfig config = attention.config();
  config.mean_matrix = true;
  LayerAccumulator layer = CreateLayer(config);
  attention.AddRows(0, 37, layer);
  const LayerStats stats = layer.Stats();
  ASSERT_EQ(stats.heads.size(), 1u);
  const MetricValues expected = ExactMetrics(exact, 1e-3);
  for (const MetricInfo& info : AllMetrics()) {
    if (info.group != MetricGroup::kAttention || !expected.Has(info.metric)) continue;
    EXPECT_TRUE(Within(stats.heads[0][info.metric], expected[info.metric],
                       4e-6L * std::max(1.0L, std::abs(static_cast<long double>(expected[info.metric])))))
        << info.name;
  }
  EXPECT_TRUE(stats.layer.Has(Metric::kLogitMean));

  for (const size_t cut : {size_t{1}, size_t{5}, size_t{16}}) {
    LayerAccumulator parts = CreateLayer(config);
    for (size_t row = 0; row < 37; row += cut) attention.AddRows(row, std::min<size_t>(cut, 37 - row), parts);
    EXPECT_TRUE(SameBits(StateOf(parts), StateOf(layer))) << "cut into " << cut << " rows";
  }
}

TEST_P(LogitCutsTest, ScratchIsKnownBeforehand) {
  const Attention attention(40, 64, 8);
  LayerAccumulator layer = CreateLayer(attention.config());
  ThreadRunner runner;
  ASSERT_TRUE(ThreadRunner::Create(3, &runner).ok());
  const size_t one = layer.ScratchBytes();
  EXPECT_GT(one, sizeof(float) * 16 * 64) << "less than a block of rows";
  // Several tasks may share the rows of one matrix, for which each has room of its own; one task never does.
  ThreadRunner two;
  ASSERT_TRUE(ThreadRunner::Create(2, &two).ok());
  EXPECT_GT(layer.ScratchBytes(two.runner()), 2 * one);
  EXPECT_EQ(2 * layer.ScratchBytes(runner.runner()), 3 * layer.ScratchBytes(two.runner()));
  ASSERT_TRUE(layer.Reserve(runner.runner()).ok());
  attention.AddRows(0, 40, layer, runner.runner());
  EXPECT_EQ(LayerAccumulator().ScratchBytes(), 0u);
  EXPECT_EQ(LayerAccumulator().Reserve().code(), StatusCode::kInvalidArgument);
}

// 0.0 and -0.0 are the same largest logit, whichever comes first.
TEST_P(LogitCutsTest, ZerosOfBothSigns) {
  std::vector<float> logits(3 * 20, -0.0f);
  std::fill_n(logits.begin() + 20, 20, 0.0f);
  std::fill_n(logits.begin() + 40, 20, -1.0f);
  const AttentionView all = ContiguousAttention(logits.data(), ElementType::kFloat32, 1, 1, 3, 20);
  for (const double soft_cap : {0.0, 5.0}) {
    const LayerConfig config = {.max_keys = 20};
    LayerAccumulator at_once = CreateLayer(config);
    LayerAccumulator in_rows = CreateLayer(config);
    ASSERT_TRUE(at_once.AddLogits(all, {.soft_cap = soft_cap}).ok());
    for (size_t row = 0; row < 3; ++row) {
      AttentionView one = all;
      one.data = logits.data() + row * 20;
      one.queries = 1;
      ASSERT_TRUE(in_rows.AddLogits(one, {.soft_cap = soft_cap}).ok());
    }
    EXPECT_TRUE(SameBits(StateOf(in_rows), StateOf(at_once))) << soft_cap;
    EXPECT_FALSE(std::signbit(at_once.Stats().layer[Metric::kMaxLogit])) << soft_cap;
  }
}

}  // namespace
}  // namespace attnscope::test
