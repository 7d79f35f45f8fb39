// SPDX-License-Identifier: Apache-2.0
//
// Top-k masses of any k: means of layers and heads, and of each row, against sums of sorted rows in long double; from
// weights, logits, queries and keys and mean matrices; in any cut, by any runner; and what is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/row_outputs.h"
#include "attnscope/thread_runner.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr long double kBound = 2e-6L;

// Each k from 1 to 64 is in one of them, and a sample of those beyond.
std::vector<TopKValues> AllTopK() {
  std::vector<TopKValues> all;
  for (uint32_t first = 1; first <= 64; first += kMaxTopMasses) {
    std::vector<uint32_t> values;
    for (uint32_t k = first; k < first + kMaxTopMasses; ++k) values.push_back(k);
    all.emplace_back(std::span<const uint32_t>(values));
  }
  all.push_back({1, 5, 64, 65, 128});
  all.push_back({50, 100, 255, 256, 257, 1000, 1023, 1024});
  all.push_back({700});
  return all;
}

// The sum of the k largest weights of a row.
long double TopMassOf(std::vector<long double> weights, size_t k) {
  std::sort(weights.begin(), weights.end(), std::greater<>());
  long double sum = 0.0L;
  for (size_t i = 0; i < std::min(k, weights.size()); ++i) sum += weights[i];
  return sum;
}

// Rows of weights [matrix][row], in the order of a view; an invalid one is empty.
using Matrices = std::vector<std::vector<std::vector<long double>>>;

// The buffers of each k.
class MassBuffers {
 public:
  MassBuffers(const TopKValues& top_k, size_t rows) : masses_(top_k.size(), std::vector<double>(rows, -7.0)) {
    for (size_t i = 0; i < masses_.size(); ++i) outputs_.top_mass[i] = masses_[i].data();
    outputs_.top_k = top_k;
  }
  const RowOutputs& outputs() const { return outputs_; }
  const std::vector<std::vector<double>>& masses() const { return masses_; }

 private:
  std::vector<std::vector<double>> masses_;
  RowOutputs outputs_;
};

// Compares a layer of `heads` heads, and its rows.
void ExpectMasses(const LayerStats& stats, const MassBuffers& rows, const TopKValues& top_k, const Matrices& exact,
                  size_t heads, const std::string& what) {
  ASSERT_EQ(stats.heads.size(), heads) << what;
  for (size_t i = 0; i < top_k.size(); ++i) {
    const std::string of_k = what + ", top " + std::to_string(top_k[i]);
    long double sum = 0.0L, count = 0.0L;
    std::vector<long double> head_sums(heads), head_counts(heads);
    size_t index = 0;
    for (size_t matrix = 0; matrix < exact.size(); ++matrix) {
      for (const std::vector<long double>& row : exact[matrix]) {
        const double actual = rows.masses()[i][index++];
        if (row.empty()) {
          EXPECT_TRUE(std::isnan(actual)) << of_k << ", row " << index;
          continue;
        }
        const long double mass = TopMassOf(row, top_k[i]);
        EXPECT_TRUE(Within(actual, mass, kBound * mass)) << of_k << ", row " << index;
        if (i > 0) {
          EXPECT_GE(actual, rows.masses()[i - 1][index - 1]) << of_k << ", row " << index;
        }
        sum += mass;
        count += 1.0L;
        head_sums[matrix % heads] += mass;
        head_counts[matrix % heads] += 1.0L;
      }
    }
    const Metric metric = TopMass(top_k[i]);
    EXPECT_TRUE(Within(stats.layer[metric], sum / count, kBound * sum / count)) << of_k;
    for (size_t head = 0; head < heads; ++head) {
      const long double mean = head_sums[head] / head_counts[head];
      EXPECT_TRUE(Within(stats.heads[head][metric], mean, kBound * mean)) << of_k << ", head " << head;
    }
  }
  // And no others.
  for (size_t k = 1; k <= kMaxTopK; ++k) {
    const bool asked = std::find(top_k.begin(), top_k.end(), k) != top_k.end();
    ASSERT_EQ(stats.layer.Has(TopMass(k)), asked) << what << ", top " << k;
  }
}

using TopMassesTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(TopMassesTest);

// Ties, rows shorter than k, invalid rows and a causal mask are among the rows.
TEST_P(TopMassesTest, OfWeights) {
  constexpr size_t kHeads = 2, kQueries = 35;
  size_t turn = 0;
  for (const TopKValues& top_k : AllTopK()) {
    for (const size_t keys : {size_t{3}, size_t{64}, size_t{200}, size_t{300}, size_t{1100}, size_t{9000}}) {
      if (kSlowBuild && keys > 1100) continue;
      const ElementType type = kAllTypes[turn++ % 3];
      std::vector<float> values = MixedRows(turn, kHeads * kQueries, keys);
      values[5 * keys + keys / 2] = std::numeric_limits<float>::quiet_NaN();
      values[6 * keys + keys / 2] = -0.0f;
      values[7 * keys + keys / 2] = 1e30f;
      const bool causal = turn % 2 == 0;
      std::vector<uint8_t> bytes(values.size() * ElementBytes(type));
      StoreElements(type, values, bytes.data());
      const AttentionView view = ContiguousAttention(bytes.data(), type, 1, kHeads, kQueries, keys);
      const Visibility visibility = {.causal = causal};
      Matrices exact(kHeads, std::vector<std::vector<long double>>(kQueries));
      for (size_t row = 0; row < kHeads * kQueries; ++row) {
        const size_t query = row % kQueries;
        const size_t end = keys + query + 1;  // of causal rows, kQueries further
        const size_t seen = causal ? std::min(keys, end - std::min(end, kQueries)) : keys;
        std::vector<long double> weights = LoadElements(type, bytes.data() + row * keys * ElementBytes(type), seen);
        const bool measured =
            std::all_of(weights.begin(), weights.end(), [](long double w) { return std::isfinite(w) && w >= 0.0L; }) &&
            std::any_of(weights.begin(), weights.end(), [](long double w) { return w > 0.0L; });
        if (measured) exact[row / kQueries][query] = std::move(weights);
      }
      LayerAccumulator layer = CreateLayer({.heads = kHeads, .max_keys = keys, .top_k = top_k});
      const MassBuffers rows(top_k, kHeads * kQueries);
      ASSERT_TRUE(layer.AddWeights(view, visibility, {}, &rows.outputs()).ok());
      ExpectMasses(layer.Stats(), rows, top_k, exact, kHeads, NameOf(type) + (", " + std::to_string(keys)) + " keys");
      const MassBuffers alone(top_k, kHeads * kQueries);
      ASSERT_TRUE(MeasureRows(view, visibility, alone.outputs()).ok());
      for (size_t i = 0; i < top_k.size(); ++i) {
        for (size_t row = 0; row < kHeads * kQueries; ++row) {
          const double a = alone.masses()[i][row], b = rows.masses()[i][row];
          ASSERT_TRUE(a == b || (std::isnan(a) && std::isnan(b))) << "without an accumulator";
        }
      }
      if (HasFailure()) return;
    }
  }
}

// The softmax of a row.
std::vector<long double> SoftmaxOf(const std::vector<long double>& logits) {
  const long double max = *std::max_element(logits.begin(), logits.end());
  long double sum = 0.0L;
  std::vector<long double> weights;
  for (const long double logit : logits) weights.push_back(std::exp(logit - max));
  for (const long double weight : weights) sum += weight;
  for (long double& weight : weights) weight /= sum;
  return weights;
}

// Weights are float32 before they are measured, so that their errors join those of the sums.
TEST_P(TopMassesTest, OfLogitsAndOfQueriesAndKeys) {
  constexpr size_t kHeads = 2, kQueries = 19, kDim = 8;
  for (const size_t keys : {size_t{40}, size_t{700}, size_t{5000}}) {
    if (kSlowBuild && keys > 700) continue;
    const std::vector<float> queries = Normals(1, kHeads * kQueries * kDim), k = Normals(2, kHeads * keys * kDim);
    Matrices of_logits(kHeads), of_products(kHeads);
    const std::vector<float> drawn = Normals(3, kHeads * kQueries * keys, 2.0);
    for (size_t head = 0; head < kHeads; ++head) {
      for (size_t query = 0; query < kQueries; ++query) {
        std::vector<long double> row, products;
        for (size_t key = 0; key < keys; ++key) {
          row.push_back(drawn[(head * kQueries + query) * keys + key]);
          long double product = 0.0L;
          for (size_t d = 0; d < kDim; ++d) {
            product += static_cast<long double>(queries[(head * kQueries + query) * kDim + d]) *
                       static_cast<long double>(k[(head * keys + key) * kDim + d]);
          }
          products.push_back(product / std::sqrt(static_cast<long double>(kDim)));
        }
        of_logits[head].push_back(SoftmaxOf(row));
        of_products[head].push_back(SoftmaxOf(products));
      }
    }
    for (const TopKValues& top_k :
         {TopKValues{1, 5, 50}, TopKValues{2, 51, 60, 64}, TopKValues{1, 3, 7, 64, 65, 300, 640, 1024}}) {
      const std::string what = std::to_string(keys) + " keys";
      LayerAccumulator layer = CreateLayer({.heads = kHeads, .max_keys = keys, .top_k = top_k});
      const MassBuffers rows(top_k, kHeads * kQueries);
      ASSERT_TRUE(layer.AddLogits(ViewOf(drawn, 1, kHeads, kQueries, keys), {}, {}, &rows.outputs()).ok());
      ExpectMasses(layer.Stats(), rows, top_k, of_logits, kHeads, what + " of logits");
      layer.Reset();
      const QueryKeyView view =
          ContiguousQueryKey(queries.data(), k.data(), ElementType::kFloat32, 1, kHeads, kHeads, kQueries, keys, kDim);
      ASSERT_TRUE(layer.AddQueriesKeys(view, {}, {}, &rows.outputs()).ok());
      ExpectMasses(layer.Stats(), rows, top_k, of_products, kHeads, what + " of queries and keys");
    }
  }
}

TEST_P(TopMassesTest, OfMeanMatrices) {
  constexpr size_t kBatch = 2, kHeads = 3, kQueries = 21, kKeys = 300;
  const std::vector<float> values = SoftmaxRows(4, kBatch * kHeads * kQueries, kKeys, 3.0);
  Matrices exact(1, std::vector<std::vector<long double>>(kQueries, std::vector<long double>(kKeys)));
  for (size_t i = 0; i < values.size(); ++i) {
    exact[0][i / kKeys % kQueries][i % kKeys] += static_cast<long double>(values[i]) / (kBatch * kHeads);
  }
  for (const TopKValues& top_k : AllTopK()) {
    LayerAccumulator layer =
        CreateLayer({.heads = kHeads, .max_keys = kKeys, .max_batch = kBatch, .mean_matrix = true, .top_k = top_k});
    const MassBuffers rows(top_k, kQueries);
    ASSERT_TRUE(layer.AddWeights(ViewOf(values, kBatch, kHeads, kQueries, kKeys), {}, {}, &rows.outputs()).ok());
    ExpectMasses(layer.Stats(), rows, top_k, exact, 1, "mean matrix");
  }
}

// Bit for bit, results depend neither on the cuts of rows into calls nor on the runner.
TEST_P(TopMassesTest, AnyCutAnyRunner) {
  constexpr size_t kHeads = 3, kQueries = 70, kKeys = 1500;
  const TopKValues top_k = {3, 55, 100, 1000};
  const std::vector<float> values = SoftmaxRows(6, kHeads * kQueries, kKeys, 4.0);
  const AttentionView whole = ViewOf(values, 1, kHeads, kQueries, kKeys);
  ThreadRunner threads;
  ASSERT_TRUE(ThreadRunner::Create(3, &threads).ok());
  const LayerConfig config = {.heads = kHeads, .max_keys = kKeys, .top_k = top_k};
  for (const bool logits : {false, true}) {
    LayerAccumulator expected = CreateLayer(config);
    ASSERT_TRUE((logits ? expected.AddLogits(whole) : expected.AddWeights(whole)).ok());
    for (const size_t step : {size_t{1}, size_t{7}, size_t{16}, size_t{33}, kQueries}) {
      for (const Runner& runner : {Runner(), threads.runner()}) {
        LayerAccumulator cut = CreateLayer(config);
        for (size_t first = 0; first < kQueries; first += step) {
          const AttentionView part = RowsOfView(whole, first, std::min(step, kQueries - first));
          ASSERT_TRUE((logits ? cut.AddLogits(part, {}, runner) : cut.AddWeights(part, {}, runner)).ok());
        }
        EXPECT_TRUE(SameBits(StateOf(cut), StateOf(expected))) << step << ", " << runner.threads << " threads";
      }
    }
  }
}

TEST(TopMassesConfig, IsRefusedBeyondItsLimits) {
  const auto expect_error = [](const TopKValues& top_k, const std::string& text) {
    LayerAccumulator layer;
    const Status status = LayerAccumulator::Create({.max_keys = 8, .top_k = top_k}, &layer);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), text);
  };
  expect_error({}, "top_k has 0 values, expected 1 to 8");
  expect_error({1, 2, 3, 4, 5, 6, 7, 8, 9}, "top_k has 9 values, expected 1 to 8");
  expect_error({0, 5}, "top_k has the value 0, expected 1 to 1024");
  expect_error({5, 1025}, "top_k has the value 1025, expected 1 to 1024");
  expect_error({5, 10, 10}, "top_k is 5, 10, 10, which does not ascend");
  expect_error({50, 10, 5}, "top_k is 50, 10, 5, which does not ascend");
  EXPECT_EQ(LayerConfig().top_k, (TopKValues{5, 10, 50}));
}

TEST(TopMassesConfig, LayersOfDifferentKAreNotMerged) {
  LayerAccumulator a = CreateLayer({.max_keys = 8, .top_k = {1, 5, 128}});
  LayerAccumulator b = CreateLayer({.max_keys = 8});
  const std::vector<float> values(8, 0.125f);
  ASSERT_TRUE(a.AddWeights(ViewOf(values, 1, 1, 1, 8)).ok());
  const std::vector<double> before = StateOf(a);
  const Status status = a.Merge(b);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "the accumulators to merge were made with different top_k: 1, 5, 128 and 5, 10, 50");
  EXPECT_TRUE(SameBits(StateOf(a), before));
  LayerAccumulator same = CreateLayer({.max_keys = 8, .top_k = {1, 5, 128}});
  ASSERT_TRUE(same.Merge(a).ok());
  EXPECT_EQ(same.Stats().layer[TopMass(1)], 0.125);
  EXPECT_EQ(same.Stats().layer[TopMass(128)], 1.0);
}

TEST(TopMassesConfig, RowsSayTheirK) {
  const std::vector<float> values(8, 0.125f);
  const AttentionView view = ViewOf(values, 1, 1, 1, 8);
  LayerAccumulator layer = CreateLayer({.max_keys = 8, .top_k = {1, 5}});
  double mass = -7.0;
  RowOutputs outputs;
  outputs.top_mass[1] = &mass;
  ASSERT_TRUE(layer.AddWeights(view, {}, {}, &outputs).ok());
  EXPECT_EQ(mass, 0.625) << "those of the accumulator";
  outputs.top_mass[2] = &mass;
  EXPECT_EQ(layer.AddWeights(view, {}, {}, &outputs).message(),
            "rows.top_mass[2] is asked for, but there are 2 values of k: 1, 5");
  outputs.top_k = {1, 5, 10};
  EXPECT_EQ(layer.AddWeights(view, {}, {}, &outputs).message(),
            "rows.top_k is 1, 5, 10, but the accumulator measures 1, 5");
  outputs.top_k = {7, 7};
  EXPECT_EQ(MeasureRows(view, {}, outputs).message(), "rows.top_k is 7, 7, which does not ascend");
}

}  // namespace
}  // namespace attnscope::test
