// SPDX-License-Identifier: Apache-2.0
//
// What each row measures, beyond the combinations that VisibleAttention compares in every test of visibility: rows that
// are no distributions, rows of every length around tiles, equal weights, long rows that threads share, mean-matrix
// mode, guard pages around the outputs, and errors.
#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/row_outputs.h"
#include "attnscope/thread_runner.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/row_inputs.h"
#include "tests/support/row_output_checks.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

using RowOutputsTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(RowOutputsTest);

struct Stored {
  Stored(ElementType of, const std::vector<float>& values, size_t heads, size_t queries, size_t keys)
      : bytes(values.size() * ElementBytes(of) + 1) {
    StoreElements(of, values, bytes.data());
    view = ContiguousAttention(bytes.data(), of, 1, heads, queries, keys);
  }
  std::vector<uint8_t> bytes;
  AttentionView view;
};

// Against the oracle, by an accumulator and without one.
void ExpectExact(const AttentionView& view, const Visibility& visibility, const std::string& what) {
  RowBuffers rows({view.batch, view.heads, view.queries});
  const Status status = MeasureRows(view, visibility, rows.All());
  ASSERT_TRUE(status.ok()) << status.message() << ", " << what;
  ExpectExactRows(view, visibility, rows, what);
  LayerAccumulator layer =
      CreateLayer({.heads = view.heads, .max_keys = std::max<size_t>(view.keys, 1), .max_batch = view.batch});
  RowBuffers of_layer({view.batch, view.heads, view.queries});
  const RowOutputs outputs = of_layer.All();
  ASSERT_TRUE(layer.AddWeights(view, visibility, {}, &outputs).ok()) << what;
  ExpectSameRows(of_layer, rows, false, what);
}

TEST_P(RowOutputsTest, RowsOfEveryLength) {
  constexpr size_t kQueries = 19;
  std::vector<size_t> lengths = {255, 256, 257, 300, 1000, 1024, 4095, 4096, 4097, 4133, 9000};
  for (size_t keys = 1; keys <= 70; ++keys) lengths.push_back(keys);
  if (kSlowBuild) lengths = {1, 2, 15, 16, 17, 64, 65, 256, 257, 4133};
  for (const size_t keys : lengths) {
    for (const ElementType type : kAllTypes) {
      const Stored stored(type, MixedRows(keys, kQueries, keys), 1, kQueries, keys);
      const std::string what = std::to_string(keys) + " keys of " + NameOf(type);
      ExpectExact(stored.view, {}, what);
      ExpectExact(stored.view, {.causal = true}, what + ", causal");
      ExpectExact(stored.view, {.causal = true, .window = static_cast<int64_t>(keys / 3 + 1)}, what + ", window");
    }
  }
}

// The largest weight at every place of the row, alone and with equals behind it.
TEST_P(RowOutputsTest, ArgmaxIsTheFirstOfEquals) {
  for (const size_t keys : {size_t{1}, size_t{17}, size_t{70}, size_t{257}, size_t{1029}, size_t{4096 + 67}}) {
    for (const ElementType type : kAllTypes) {
      std::vector<float> values(keys, 0.25f / static_cast<float>(keys));
      Stored stored(type, values, 1, 1, keys);
      const size_t step = kSlowBuild ? keys / 7 + 1 : keys < 300 ? 1 : 13;
      for (size_t place = 0; place < keys; place += step) {
        StoreElement(type, 0.5f, stored.bytes.data(), place);
        if (place + 5 < keys) StoreElement(type, 0.5f, stored.bytes.data(), place + 5);
        StoreElement(type, 0.5f, stored.bytes.data(), keys - 1);
        int64_t argmax = -7;
        RowOutputs outputs;
        outputs.argmax = &argmax;
        ASSERT_TRUE(MeasureRows(stored.view, {}, outputs).ok());
        EXPECT_EQ(argmax, static_cast<int64_t>(place)) << keys << " keys of " << NameOf(type);
        StoreElements(type, values, stored.bytes.data());
      }
    }
  }
}

TEST_P(RowOutputsTest, RowsThatAreNoDistributions) {
  const float special[] = {kNaN, -kNaN, kInfinity, -kInfinity, -1.0f, -0x1p-24f, -0.0f, 0.0f, 0x1p10f, 0x1p70f, 1e-40f};
  for (const size_t keys : {size_t{1}, size_t{7}, size_t{64}, size_t{300}, size_t{4096 + 37}}) {
    constexpr size_t kQueries = 35;
    for (const ElementType type : kAllTypes) {
      std::vector<float> values = MixedRows(keys, kQueries, keys);
      Random random(keys);
      for (size_t row = 0; row < kQueries; row += 1 + random.Below(2)) {
        values[row * keys + random.Below(keys)] = special[random.Below(std::size(special))];
        if (row % 8 == 0) std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(row * keys), keys, -0.0f);
      }
      const Stored stored(type, values, 1, kQueries, keys);
      ExpectExact(stored.view, {}, std::to_string(keys) + " keys of " + NameOf(type));
    }
  }
}

TEST_P(RowOutputsTest, RowsWithoutKeys) {
  const AttentionView view = ContiguousAttention(nullptr, ElementType::kFloat32, 2, 3, 50, 0);
  RowBuffers rows({2, 3, 50});
  ASSERT_TRUE(MeasureRows(view, {}, rows.All()).ok());
  ExpectExactRows(view, {}, rows, "no keys");
  LayerAccumulator layer = CreateLayer({.heads = 3, .max_keys = 8, .max_batch = 2});
  RowBuffers of_layer({2, 3, 50});
  const RowOutputs outputs = of_layer.All();
  ASSERT_TRUE(layer.AddLogits(view, {}, {}, &outputs).ok());
  ExpectSameRows(of_layer, rows, false, "logits without keys");
  EXPECT_EQ(layer.Stats().layer[Metric::kMaskedRows], 300.0);
}

// Also where tasks share the rows of one matrix: whole blocks are swept apart.
TEST(RowOutputsOfNoRows, AreLeftAlone) {
  constexpr size_t kSizes[][3] = {{2, 3, 0}, {0, 3, 4}, {2, 0, 4}, {0, 0, 0}};
  const std::vector<float> weights(2 * 3 * 4 * 5, 0.2f);
  for (const auto& [batch, heads, queries] : kSizes) {
    const AttentionView view = ContiguousAttention(weights.data(), ElementType::kFloat32, batch, heads, queries, 5);
    double entropy = 7.0;
    RowOutputs outputs;
    outputs.entropy = &entropy;
    const Status measured = MeasureRows(view, {}, outputs);
    EXPECT_TRUE(measured.ok()) << measured.message();
    LayerAccumulator layer = CreateLayer({.heads = 3, .max_keys = 5, .max_batch = 2});
    const Status added = layer.AddLogits(view, {}, {}, &outputs);
    EXPECT_TRUE(added.ok()) << added.message();
    EXPECT_EQ(entropy, 7.0);
  }
}

TEST_P(RowOutputsTest, ThreadsDoNotMatter) {
  constexpr size_t kQueries = 150, kKeys = 700, kHeadDim = 8;
  Random random(7);
  std::vector<float> logits(kQueries * kKeys), queries(kQueries * kHeadDim), keys(kKeys * kHeadDim);
  for (std::vector<float>* values : {&logits, &queries, &keys}) {
    for (float& value : *values) value = static_cast<float>(2.0 * random.Normal());
  }
  logits[20 * kKeys + 3] = kNaN;
  std::fill_n(logits.begin() + 40 * kKeys, kKeys, -kInfinity);
  const AttentionView view = ContiguousAttention(logits.data(), ElementType::kFloat32, 1, 1, kQueries, kKeys);
  const QueryKeyView products =
      ContiguousQueryKey(queries.data(), keys.data(), ElementType::kFloat32, 1, 1, 1, kQueries, kKeys, kHeadDim);
  const float sink = 0.5f;
  const SoftmaxParams params = {.mask = {.causal = true, .window = 500}, .sinks = &sink};
  RowBuffers of_logits({1, 1, kQueries}), of_products({1, 1, kQueries});
  ASSERT_TRUE(MeasureLogitRows(view, params, of_logits.All()).ok());
  ExpectExactRowsOfLogits(view, params, of_logits, "logits");
  ASSERT_TRUE(MeasureQueryKeyRows(products, params, of_products.All()).ok());
  ExpectExactRows(products, params, of_products, "queries and keys");
  for (const size_t threads : {size_t{2}, size_t{3}, size_t{5}}) {
    ThreadRunner pool;
    ASSERT_TRUE(ThreadRunner::Create(threads, &pool).ok());
    RowBuffers rows({1, 1, kQueries}, false, random);
    ASSERT_TRUE(MeasureLogitRows(view, params, rows.All(), pool.runner()).ok());
    ExpectSameRows(rows, of_logits, false, "logits");
    RowBuffers kept({1, 1, kQueries}, false, random);
    ASSERT_TRUE(MeasureQueryKeyRows(products, params, kept.All(), pool.runner()).ok());
    ExpectSameRows(kept, of_products, false, "queries and keys");
  }
}

// The mean of equal matrices, four of them, is that matrix to the last digit.
TEST_P(RowOutputsTest, MeanMatrix) {
  constexpr size_t kQueries = 40, kKeys = 50;
  const std::vector<float> one = SoftmaxRows(3, kQueries, kKeys, 2.0);
  std::vector<float> all;
  for (size_t i = 0; i < 4; ++i) all.insert(all.end(), one.begin(), one.end());
  const AttentionView view = ContiguousAttention(all.data(), ElementType::kFloat32, 2, 2, kQueries, kKeys);
  const AttentionView matrix = ContiguousAttention(one.data(), ElementType::kFloat32, 1, 1, kQueries, kKeys);
  for (const Visibility& visibility :
       {Visibility(), Visibility{.causal = true}, Visibility{.causal = true, .window = 9}}) {
    LayerAccumulator layer = CreateLayer({.heads = 2, .max_keys = kKeys, .max_batch = 2, .mean_matrix = true});
    RowBuffers rows({1, 1, kQueries});
    const RowOutputs outputs = rows.All();
    ASSERT_TRUE(layer.AddWeights(view, visibility, {}, &outputs).ok());
    ExpectExactRows(matrix, visibility, rows, "mean of weights");
  }
  // Of logits, but for what is known of the logits themselves.
  LayerAccumulator layer = CreateLayer({.heads = 2, .max_keys = kKeys, .max_batch = 2, .mean_matrix = true});
  RowBuffers rows({1, 1, kQueries}), expected({1, 1, kQueries});
  const RowOutputs outputs = rows.All();
  const SoftmaxParams params = {.mask = {.causal = true}};
  ASSERT_TRUE(layer.AddLogits(view, params, {}, &outputs).ok());
  ASSERT_TRUE(MeasureLogitRows(matrix, params, expected.All()).ok());
  for (size_t i = 0; i < RowBuffers::kOutputs; ++i) {
    const std::string name = RowBuffers::NameOf(i);
    for (size_t row = 0; row < kQueries; ++row) {
      if (name == "logsumexp" || name == "max_logit") {
        EXPECT_TRUE(std::isnan(rows.Get(i, 0, 0, row))) << name;
        continue;
      }
      const double exact = expected.Get(i, 0, 0, row);
      if (std::isnan(exact)) {
        EXPECT_TRUE(std::isnan(rows.Get(i, 0, 0, row))) << name << " of row " << row;
        continue;
      }
      EXPECT_TRUE(Within(rows.Get(i, 0, 0, row), exact, 1e-5 * std::max(1.0, exact))) << name << " of row " << row;
    }
  }
}

// Each output alone, between unreadable pages: nothing beside it is touched, and nothing else is asked for.
TEST_P(RowOutputsTest, EachOutputAlone) {
  constexpr size_t kQueries = 21, kKeys = 300;
  const std::vector<float> weights = MixedRows(5, kQueries, kKeys);
  const AttentionView view = ContiguousAttention(weights.data(), ElementType::kFloat32, 1, 1, kQueries, kKeys);
  RowBuffers expected({1, 1, kQueries});
  ASSERT_TRUE(MeasureRows(view, {}, expected.All()).ok());
  GuardedBuffer guarded(kQueries * sizeof(double));
  for (size_t i = 0; i < RowBuffers::kOutputs; ++i) {
    for (const bool at_end : {false, true}) {
      const size_t bytes = kQueries * (RowBuffers::IsWholeNumber(i) ? sizeof(int32_t) : sizeof(float));
      void* memory = at_end ? guarded.PlaceAtEnd(bytes) : guarded.PlaceAtFront(bytes);
      RowOutputs outputs;
      RowBuffer& to =
          i < kRowOutputs.size() ? outputs.*kRowOutputs[i].buffer : outputs.top_mass[i - kRowOutputs.size()];
      if (RowBuffers::IsWholeNumber(i)) {
        to = static_cast<int32_t*>(memory);
      } else {
        to = static_cast<float*>(memory);
      }
      ASSERT_TRUE(MeasureRows(view, {}, outputs).ok());
      EXPECT_TRUE(guarded.SlackIntact());
      for (size_t row = 0; row < kQueries; ++row) {
        const double want = expected.Get(i, 0, 0, row);
        const double got = RowBuffers::IsWholeNumber(i) ? static_cast<double>(static_cast<int32_t*>(memory)[row])
                                                        : static_cast<double>(static_cast<float*>(memory)[row]);
        EXPECT_TRUE(got == static_cast<double>(static_cast<float>(want)) || (std::isnan(got) && std::isnan(want)))
            << RowBuffers::NameOf(i) << " of row " << row << " is " << got << ", expected " << want;
      }
    }
  }
}

// The means of what rows measure are the layer's.
TEST_P(RowOutputsTest, MeansAreTheLayers) {
  constexpr size_t kQueries = 64, kKeys = 200;
  const std::vector<float> weights = SoftmaxRows(9, kQueries, kKeys, 3.0);
  LayerAccumulator layer = CreateLayer({.max_keys = kKeys});
  RowBuffers rows({1, 1, kQueries});
  const RowOutputs outputs = rows.All();
  ASSERT_TRUE(layer.AddWeights(ViewOf(weights, 1, 1, kQueries, kKeys), {}, {}, &outputs).ok());
  const MetricValues stats = layer.Stats().layer;
  const std::vector<double> numbers = rows.Numbers();
  const auto mean = [&](size_t output) {
    double sum = 0.0;
    for (size_t row = 0; row < kQueries; ++row) sum += numbers[output * kQueries + row];
    return sum / kQueries;
  };
  EXPECT_DOUBLE_EQ(mean(0), stats[Metric::kEntropy]);
  EXPECT_DOUBLE_EQ(mean(1), stats[Metric::kEffectiveRank]);
  EXPECT_DOUBLE_EQ(mean(2), stats[Metric::kMaxRowWeight]);
  EXPECT_NEAR(mean(6), stats[Metric::kFirstTokenMass], 1e-6 * stats[Metric::kFirstTokenMass]);
  EXPECT_DOUBLE_EQ(mean(11), stats[Metric::kTop5]);
  EXPECT_DOUBLE_EQ(mean(12), stats[Metric::kTop10]);
  EXPECT_DOUBLE_EQ(mean(13), stats[Metric::kTop50]);
}

void ExpectError(const RowOutputs& outputs, const std::string& text) {
  const std::vector<float> weights(2 * 3 * 4 * 5, 0.2f);
  const AttentionView view = ContiguousAttention(weights.data(), ElementType::kFloat32, 2, 3, 4, 5);
  LayerAccumulator layer = CreateLayer({.heads = 3, .max_keys = 5, .max_batch = 2});
  const std::vector<double> before = StateOf(layer);
  const Status of_layer = layer.AddWeights(view, {}, {}, &outputs);
  EXPECT_EQ(of_layer.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(of_layer.message().find(text), std::string::npos) << of_layer.message();
  EXPECT_TRUE(SameBits(StateOf(layer), before));
  const Status alone = MeasureRows(view, {}, outputs);
  EXPECT_EQ(alone.message(), of_layer.message());
  EXPECT_EQ(MeasureLogitRows(view, {}, outputs).message(), of_layer.message());
}

TEST(RowOutputsErrors, NameTheFieldAndItsValue) {
  std::vector<float> floats(4096);
  std::vector<int32_t> ints(4096);
  RowOutputs outputs;
  outputs.entropy = ints.data();
  ExpectError(outputs, "rows.entropy is a buffer of int32_t, expected float or double");
  outputs = {};
  outputs.argmax = floats.data();
  ExpectError(outputs, "rows.argmax is a buffer of float, expected int32_t or int64_t");
  outputs = {};
  outputs.top_mass[3] = floats.data();
  ExpectError(outputs, "rows.top_mass[3] is asked for, but there are 3 values of k: 5, 10, 50");
  outputs = {};
  outputs.row_sum.data = floats.data();
  outputs.row_sum.type = static_cast<RowBufferType>(9);
  ExpectError(outputs, "rows.row_sum.type is 9, not a RowBufferType");
  outputs = {};
  outputs.self_weight = reinterpret_cast<float*>(reinterpret_cast<uintptr_t>(floats.data()) + 2);
  ExpectError(outputs, "rows.self_weight is at address");
  outputs = {};
  outputs.entropy = floats.data();
  outputs.query_stride = 2;
  outputs.head_stride = 6;
  ExpectError(outputs, "the stride of heads is 6, but those inside span 7 elements");
  outputs.head_stride = -4;
  ExpectError(outputs, "the stride of heads is -4");
  outputs.head_stride = 8;
  outputs.batch_stride = int64_t{1} << 61;
  ExpectError(outputs, "rows overflows: batch is 2 with stride 2305843009213693952");
  outputs.query_stride = std::numeric_limits<int64_t>::min();
  outputs.batch_stride = 0;
  ExpectError(outputs, "rows overflows: queries is 4");
  EXPECT_TRUE(std::all_of(floats.begin(), floats.end(), [](float value) { return value == 0.0f; }));
}

TEST(RowOutputsErrors, OfTheView) {
  std::vector<float> floats(16);
  RowOutputs outputs;
  outputs.entropy = floats.data();
  AttentionView view = ContiguousAttention(nullptr, ElementType::kFloat32, 1, 1, 4, 4);
  EXPECT_EQ(MeasureRows(view, {}, outputs).code(), StatusCode::kInvalidArgument);
  view.data = floats.data();
  view.heads = kMaxHeads + 1;
  EXPECT_NE(MeasureRows(view, {}, outputs).message().find("heads is 65537"), std::string::npos);
  view.heads = 1;
  view.first_head = 1000;  // of no accumulator
  EXPECT_TRUE(MeasureRows(view, {}, outputs).ok());
}

}  // namespace
}  // namespace attnscope::test
