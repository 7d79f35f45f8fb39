// SPDX-License-Identifier: Apache-2.0
//
// analyze --row-metrics and --key-metrics: arrays that say what RowOutputs and ColumnSums of the same tensors do.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/row_outputs.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/command_fixture.h"
#include "tests/support/npz_members.h"
#include "tests/support/row_inputs.h"
#include "tests/support/tensor_writers.h"

namespace attnscope::tools {
namespace {

using testing_tools::BytesOf;
using testing_tools::Npy;
using testing_tools::NpzArray;
using testing_tools::ReadNpz;

using Arrays = std::map<std::string, NpzArray>;

constexpr size_t kBatch = 3, kHeads = 2, kQueries = 40, kKeys = 45;

class MetricFilesTest : public CommandTest {
 protected:
  std::string WriteFloats(const std::string& name, const std::vector<size_t>& shape, const std::vector<float>& values) {
    return Write(name, Npy("<f4", shape, BytesOf(values)));
  }
  Arrays ReadArrays(const std::string& name) { return ReadNpz(Read(Path(name))); }
};

// Float outputs of some rows, by name.
struct Rows {
  explicit Rows(size_t count) {
    for (const RowOutputInfo& info : kRowOutputs) {
      if (info.is_whole_number) {
        whole[std::string(info.name)].resize(count);
        outputs.*info.buffer = whole[std::string(info.name)].data();
      } else {
        floats[std::string(info.name)].resize(count);
        outputs.*info.buffer = floats[std::string(info.name)].data();
      }
    }
    size_t i = 0;
    for (const char* name : {"top5", "top10", "top50"}) {
      floats[name].resize(count);
      outputs.top_mass[i++] = floats[name].data();
    }
  }

  // The same bits, NaN included.
  void ExpectIn(const Arrays& arrays, const std::string& layer, bool has_logits, const std::string& shape) const {
    for (const auto& [name, values] : floats) {
      const bool of_logits = name == "logsumexp" || name == "max_logit";
      ASSERT_EQ(arrays.contains(layer + "." + name), has_logits || !of_logits) << name;
      if (of_logits && !has_logits) continue;
      const NpzArray& array = arrays.at(layer + "." + name);
      EXPECT_EQ(array.descr(), "<f4") << name;
      EXPECT_EQ(array.shape(), shape) << name;
      EXPECT_EQ(array.elements, BytesOf(values)) << name;
    }
    for (const auto& [name, values] : whole) {
      EXPECT_EQ(arrays.at(layer + "." + name).descr(), "<i4") << name;
      EXPECT_EQ(arrays.at(layer + "." + name).elements, BytesOf(values)) << name;
    }
  }

  std::map<std::string, std::vector<float>> floats;
  std::map<std::string, std::vector<int32_t>> whole;
  RowOutputs outputs;
};

TEST_F(MetricFilesTest, Weights) {
  const std::vector<float> weights = test::MixedRows(1, kBatch * kHeads * kQueries, kKeys);
  const std::string file = WriteFloats("layer3.npy", {kBatch, kHeads, kQueries, kKeys}, weights);
  // Rows of every kind, of which there are notes.
  const Outcome outcome =
      Run({"analyze", file, "--causal", "--row-metrics", Path("rows.npz"), "--key-metrics", Path("keys.npz")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const AttentionView view = test::ViewOf(weights, kBatch, kHeads, kQueries, kKeys);
  Rows rows(kBatch * kHeads * kQueries);
  LayerAccumulator layer = test::CreateLayer({.heads = kHeads, .max_keys = kKeys, .max_batch = kBatch});
  ASSERT_TRUE(layer.AddWeights(view, {.causal = true}, {}, &rows.outputs).ok());
  const Arrays arrays = ReadArrays("rows.npz");
  EXPECT_EQ(arrays.size(), 12u);
  rows.ExpectIn(arrays, "layer3", false, "(3, 2, 40, )");
  const Arrays keys = ReadArrays("keys.npz");
  ASSERT_EQ(keys.size(), 1u);
  std::vector<double> columns(kBatch * kHeads * kKeys);
  for (size_t i = 0; i < kBatch * kHeads; ++i) {
    ASSERT_TRUE(layer.ColumnSums(i / kHeads, i % kHeads, std::span(columns).subspan(i * kKeys, kKeys)).ok());
  }
  EXPECT_EQ(keys.at("layer3.column_sum").shape(), "(3, 2, 45, )");
  EXPECT_EQ(keys.at("layer3.column_sum").As<double>(), columns);
}

TEST_F(MetricFilesTest, LogitsAndQueriesAndKeys) {
  constexpr size_t kHeadDim = 8;
  test::Random random(2);
  const auto normals = [&random](size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(random.Normal());
    return values;
  };
  const std::vector<float> logits = normals(kHeads * kQueries * kKeys);
  const std::vector<float> queries = normals(kHeads * kQueries * kHeadDim), keys = normals(kHeads * kKeys * kHeadDim);
  RunOk({"analyze", "--logits", WriteFloats("L0_logits.npy", {kHeads, kQueries, kKeys}, logits), "--qk",
         WriteFloats("L1_q.npy", {kHeads, kQueries, kHeadDim}, queries),
         WriteFloats("L1_k.npy", {kHeads, kKeys, kHeadDim}, keys), "--row-metrics", Path("rows.npz")});
  const Arrays arrays = ReadArrays("rows.npz");
  EXPECT_EQ(arrays.size(), 28u);
  Rows of_logits(kHeads * kQueries), of_products(kHeads * kQueries);
  ASSERT_TRUE(MeasureLogitRows(test::ViewOf(logits, 1, kHeads, kQueries, kKeys), {}, of_logits.outputs).ok());
  of_logits.ExpectIn(arrays, "layer0", true, "(1, 2, 40, )");
  const QueryKeyView view = ContiguousQueryKey(queries.data(), keys.data(), ElementType::kFloat32, 1, kHeads, kHeads,
                                               kQueries, kKeys, kHeadDim);
  ASSERT_TRUE(MeasureQueryKeyRows(view, {}, of_products.outputs).ok());
  of_products.ExpectIn(arrays, "layer1", true, "(1, 2, 40, )");
}

// Further sequences of a layer, some of them shorter.
TEST_F(MetricFilesTest, SequencesOfSeveralSizes) {
  const std::vector<float> first = test::SoftmaxRows(1, kHeads * 5, 7, 1.0);
  const std::vector<float> second = test::SoftmaxRows(2, 2 * kHeads * 3, 9, 1.0);
  RunOk({"analyze", WriteFloats("a_L0.npy", {1, kHeads, 5, 7}, first),
         WriteFloats("b_L0.npy", {2, kHeads, 3, 9}, second), "--row-metrics", Path("rows.npz"), "--key-metrics",
         Path("keys.npz")});
  Rows rows(3 * kHeads * 5);
  for (auto& [name, values] : rows.floats) std::fill(values.begin(), values.end(), std::nanf(""));
  for (auto& [name, values] : rows.whole) std::fill(values.begin(), values.end(), -1);
  rows.outputs.head_stride = 5;
  rows.outputs.batch_stride = 5 * kHeads;
  ASSERT_TRUE(MeasureRows(test::ViewOf(first, 1, kHeads, 5, 7), {}, rows.outputs).ok());
  RowOutputs behind = rows.outputs;
  for (const RowOutputInfo& info : kRowOutputs) {
    RowBuffer& to = behind.*info.buffer;
    to.data = static_cast<float*>(to.data) + 5 * kHeads;
  }
  for (size_t i = 0; i < 3; ++i) behind.top_mass[i].data = static_cast<float*>(behind.top_mass[i].data) + 5 * kHeads;
  ASSERT_TRUE(MeasureRows(test::ViewOf(second, 2, kHeads, 3, 9), {}, behind).ok());
  rows.ExpectIn(ReadArrays("rows.npz"), "layer0", false, "(3, 2, 5, )");
  const std::vector<double> sums = ReadArrays("keys.npz").at("layer0.column_sum").As<double>();
  ASSERT_EQ(sums.size(), 3u * kHeads * 9);
  for (size_t key = 0; key < 9; ++key) {
    double expected = 0.0;
    for (size_t row = 0; row < 5 && key < 7; ++row) expected += static_cast<double>(first[row * 7 + key]);
    EXPECT_NEAR(sums[key], expected, 1e-6 * expected) << key;
  }
}

TEST_F(MetricFilesTest, MeanMatrix) {
  const std::vector<float> weights = test::SoftmaxRows(3, kBatch * kHeads * kQueries, kKeys, 1.0);
  RunOk({"analyze", WriteFloats("layer0.npy", {kBatch, kHeads, kQueries, kKeys}, weights), "--mean-matrix",
         "--row-metrics", Path("rows.npz"), "--key-metrics", Path("keys.npz")});
  Rows rows(kQueries);
  LayerAccumulator layer =
      test::CreateLayer({.heads = kHeads, .max_keys = kKeys, .max_batch = kBatch, .mean_matrix = true});
  ASSERT_TRUE(layer.AddWeights(test::ViewOf(weights, kBatch, kHeads, kQueries, kKeys), {}, {}, &rows.outputs).ok());
  rows.ExpectIn(ReadArrays("rows.npz"), "layer0", false, "(1, 1, 40, )");
  std::vector<double> columns(kKeys);
  ASSERT_TRUE(layer.ColumnSums(0, 0, columns).ok());
  EXPECT_EQ(ReadArrays("keys.npz").at("layer0.column_sum").As<double>(), columns);
}

TEST_F(MetricFilesTest, Errors) {
  const std::string file =
      WriteFloats("layer0.npy", {kHeads, kQueries, kKeys}, test::SoftmaxRows(4, kHeads * kQueries, kKeys, 1.0));
  ExpectError({"analyze", file, "--row-metrics", file}, "--row-metrics " + file + ": would overwrite an input");
  ExpectError({"analyze", file, "--key-metrics", file}, "--key-metrics " + file + ": would overwrite an input");
  ExpectError({"analyze", file, "--share", "0/2", "--state-out", Path("a.state"), "--row-metrics", Path("rows.npz")},
              "--row-metrics and --key-metrics are of all rows and heads");
  ExpectError({"analyze", file, "--row-metrics", Path("nowhere/rows.npz")}, "cannot create a file in its folder");
  // What is wrong with an input is found before an older file is touched.
  const std::string old = Write("old.npz", "old");
  ExpectError({"analyze", Write("layer1.npy", "no array"), "--row-metrics", old}, "layer1.npy");
  EXPECT_EQ(Read(old), "old");
  RunOk({"analyze", file, "--row-metrics", old});
  EXPECT_EQ(ReadArrays("old.npz").size(), 12u);
}

}  // namespace
}  // namespace attnscope::tools
