// SPDX-License-Identifier: Apache-2.0
//
// From files to a report: the golden numbers of real attention, from every format and element type and in blocks of
// every size, and the counts of rows that are no distributions.
#include "tools/analysis/analysis.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "attnscope/thread_runner.h"
#include "tests/support/analyze_files.h"
#include "tests/support/data_file.h"
#include "tests/support/golden.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_writers.h"

namespace attnscope::tools {
namespace {

using namespace testing_tools;  // NOLINT: a test of what these write

class AnalysisTest : public TemporaryFolderTest {
 protected:
  static Report Run(const PlanInputs& inputs, const AnalysisOptions& options = {}) {
    Report report;
    const Status status = AnalyzeFiles(inputs, options, &report);
    EXPECT_TRUE(status.ok()) << status.message();
    return report;
  }

  // The elements of a bundled .npy file, which are float32 behind a header of 128 bytes.
  static std::vector<float> Elements(const std::string& path) {
    const std::string bytes = Read(path);
    std::vector<float> values((bytes.size() - 128) / sizeof(float));
    std::memcpy(values.data(), bytes.data() + 128, values.size() * sizeof(float));
    return values;
  }

  static void ExpectSameBits(const Report& a, const Report& b) { EXPECT_EQ(ReportToJson(a), ReportToJson(b)); }

  // Exactly the same numbers from these weights of layer 1, [4, 19, 19], whatever file they are in.
  void ExpectSameFromFile(const std::string& name, const std::string& bytes, const Report& expected) const {
    ExpectSameBits(Run({.files = {Write(name, bytes)}}), expected);
  }
};

TEST_F(AnalysisTest, GoldenNumbersFromWeights) {
  for (const auto& [run, keys] : {std::pair<std::string, double>{"use_short", 19}, {"use_long", 128}}) {
    const nlohmann::json golden = ReadGolden(run);
    const Report report = Run({.files = {DataFile(run, 0, "attn"), DataFile(run, 1, "attn")}});
    ASSERT_EQ(report.layers.size(), 2u);
    for (const LayerReport& layer : report.layers) {
      const nlohmann::json& weights = golden[std::to_string(layer.layer)]["weights"];
      EXPECT_EQ(ExpectGolden(weights["layer"], layer.stats.layer, keys), 12u);
      ASSERT_EQ(layer.stats.heads.size(), 4u);
      for (size_t h = 0; h < 4; ++h) {
        EXPECT_EQ(ExpectGolden(GoldenHead(weights["heads"], h), layer.stats.heads[h], keys), 12u);
      }
      EXPECT_EQ(layer.stats.layer[Metric::kRows], 4 * keys);
      EXPECT_EQ(layer.stats.layer[Metric::kKeys], keys);
      EXPECT_EQ(layer.stats.layer[Metric::kInvalidRows], 0.0);
      EXPECT_EQ(layer.stats.layer[Metric::kUnnormalizedRows], 0.0);
      EXPECT_FALSE(layer.stats.layer.Has(Metric::kResidualRatio));
    }
  }
}

TEST_F(AnalysisTest, GoldenNumbersFromTheMeanMatrix) {
  AnalysisOptions options;
  options.mean_matrix = true;
  for (const auto& [run, keys] : {std::pair<std::string, double>{"use_short", 19}, {"use_long", 128}}) {
    const nlohmann::json golden = ReadGolden(run);
    const Report report = Run({.files = {DataFile(run, 0, "attn"), DataFile(run, 1, "attn")}}, options);
    for (const LayerReport& layer : report.layers) {
      EXPECT_EQ(ExpectGolden(golden[std::to_string(layer.layer)]["mean_matrix"], layer.stats.layer, keys), 12u);
      EXPECT_TRUE(layer.stats.heads.empty());
    }
  }
}

TEST_F(AnalysisTest, GoldenNumbersFromResiduals) {
  for (const std::string run : {"use_short", "use_long"}) {
    const nlohmann::json golden = ReadGolden(run);
    const Report report = Run({.residuals = {{DataFile(run, 0, "resid_in"), DataFile(run, 0, "resid_out")},
                                             {DataFile(run, 1, "resid_in"), DataFile(run, 1, "resid_out")}}});
    ASSERT_EQ(report.layers.size(), 2u);
    for (const LayerReport& layer : report.layers) {
      EXPECT_EQ(ExpectGolden(golden[std::to_string(layer.layer)]["residual"], layer.stats.layer, 2), 2u);
      EXPECT_FALSE(layer.stats.layer.Has(Metric::kEntropy));
    }
  }
}

TEST_F(AnalysisTest, FormatsAgree) {
  const std::string path = DataFile("use_short", 1, "attn");
  const Report expected = Run({.files = {path}});
  const std::string npy = Read(path);
  const std::string elements = BytesOf(Elements(path));
  ASSERT_EQ(elements.size(), size_t{4} * 19 * 19 * 4);
  ExpectSameFromFile("L1.npy", Npy("<f4", {1, 4, 19, 19}, elements, 3), expected);
  ExpectSameFromFile("L1.npy", Npy("<f4", {1, 1, 4, 19, 19}, elements), [&] {
    Report layer0 = expected;
    layer0.layers[0].layer = 0;
    return layer0;
  }());
  ExpectSameFromFile("a.npz", Zip({{.name = "attn1.npy", .bytes = npy}}), expected);
  ExpectSameFromFile("a.npz", Zip({{.name = "attn1.npy", .bytes = npy, .padding = 1}}), expected);  // misaligned
  ExpectSameFromFile("a.npz", Zip({{.name = "attn1.npy", .bytes = npy, .deflate = true}}, true), expected);
  for (const char* space : {"", " ", "  ", "   "}) {  // each alignment of the elements
    const std::string header =
        std::string("{") + SafetensorsEntry("attn1", "F32", {4, 19, 19}, 0, elements.size()) + "}" + space;
    ExpectSameFromFile("a.safetensors", Safetensors(header, elements), expected);
  }
}

TEST_F(AnalysisTest, AxesInAnotherOrderGiveTheSameNumbers) {
  const std::vector<float> weights = Elements(DataFile("use_short", 0, "attn"));  // [1, 4, 19, 19]
  std::vector<float> moved;                                                       // queries, heads, keys
  for (size_t query = 0; query < 19; ++query) {
    for (size_t head = 0; head < 4; ++head) {
      const auto row = weights.begin() + static_cast<std::ptrdiff_t>((head * 19 + query) * 19);
      moved.insert(moved.end(), row, row + 19);
    }
  }
  const Report expected = Run({.files = {DataFile("use_short", 0, "attn")}});
  AnalysisOptions small;
  small.block_elements = 100;
  const std::string narrow = Write("a_L0.npy", Npy("<f4", {19, 4, 19}, BytesOf(moved)));
  const std::string wide =
      Write("b_L0.npy", Npy("<f8", {19, 4, 19}, BytesOf(std::vector<double>(moved.begin(), moved.end()))));
  for (const std::string& file : {narrow, wide}) {
    ExpectSameBits(Run({.files = {file}, .axes = "queries,heads,keys"}), expected);
    ExpectSameBits(Run({.files = {file}, .axes = "queries,heads,keys"}, small), expected);
  }
  const Report layers = Run({.files = {narrow}, .axes = "queries,layers,keys"});
  ASSERT_EQ(layers.layers.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(layers.layers[i].stats.layer[Metric::kEntropy], expected.layers[0].stats.heads[i][Metric::kEntropy]);
  }
}

TEST_F(AnalysisTest, Float64GivesTheNumbersOfFloat32) {
  const std::string path = DataFile("use_short", 1, "attn");
  const Report expected = Run({.files = {path}});
  const std::vector<float> values = Elements(path);
  const std::string doubles = BytesOf(std::vector<double>(values.begin(), values.end()));
  ExpectSameFromFile("L1.npy", Npy("<f8", {4, 19, 19}, doubles), expected);
  const std::string header = std::string("{") + SafetensorsEntry("attn1", "F64", {4, 19, 19}, 0, doubles.size()) + "}";
  ExpectSameFromFile("a.safetensors", Safetensors(header, doubles), expected);
}

// Half types against float32 files of the very values that they hold; only the tolerance for sums differs.
TEST_F(AnalysisTest, HalfTypesGiveTheNumbersOfFloat32) {
  const std::vector<float> values = Elements(DataFile("use_short", 1, "attn"));
  std::vector<uint16_t> halves, bfloats;
  std::vector<float> from_halves, from_bfloats;
  for (const float value : values) {
    halves.push_back(value < 6.2e-5f ? uint16_t{0} : HalfOf(value));  // below the normal range
    from_halves.push_back(FloatOfHalf(halves.back()));
    bfloats.push_back(BFloatOf(value));
    from_bfloats.push_back(FloatOfBFloat(bfloats.back()));
  }
  const auto without_tolerance = [](Report report) {
    for (LayerReport& layer : report.layers) {
      layer.stats.layer[Metric::kUnnormalizedRows] = 0;
      for (MetricValues& head : layer.stats.heads) head[Metric::kUnnormalizedRows] = 0;
    }
    return report;
  };
  const auto header = [](const char* dtype) {
    return std::string("{") + SafetensorsEntry("a1", dtype, {4, 19, 19}, 0, 2888) + "}";
  };
  const Report half = Run({.files = {Write("L1.npy", Npy("<f2", {4, 19, 19}, BytesOf(halves)))}});
  const Report bfloat = Run({.files = {Write("a.safetensors", Safetensors(header("BF16"), BytesOf(bfloats)))}});
  const Report half32 = Run({.files = {Write("L1.npy", Npy("<f4", {4, 19, 19}, BytesOf(from_halves)))}});
  const Report bfloat32 = Run({.files = {Write("L1.npy", Npy("<f4", {4, 19, 19}, BytesOf(from_bfloats)))}});
  ExpectSameBits(without_tolerance(half), without_tolerance(half32));
  ExpectSameBits(without_tolerance(bfloat), without_tolerance(bfloat32));
  ExpectSameFromFile("b.safetensors", Safetensors(header("F16"), BytesOf(halves)), half);
  EXPECT_EQ(half.layers[0].stats.layer[Metric::kUnnormalizedRows], 0.0);
  EXPECT_NE(half.layers[0].stats.layer[Metric::kEntropy], bfloat.layers[0].stats.layer[Metric::kEntropy]);
}

TEST_F(AnalysisTest, BlocksAndThreadsDoNotMatter) {
  const std::vector<float> values = Elements(DataFile("use_long", 0, "attn"));
  std::vector<float> batch = values;  // two sequences
  const std::vector<float> second = Elements(DataFile("use_long", 1, "attn"));
  batch.insert(batch.end(), second.begin(), second.end());
  const std::string single = Write("f4_L3.npy", Npy("<f4", {2, 4, 128, 128}, BytesOf(batch)));
  const std::string wide =
      Write("f8_L3.npy", Npy("<f8", {2, 4, 128, 128}, BytesOf(std::vector<double>(batch.begin(), batch.end()))));
  ThreadRunner threads;
  ASSERT_TRUE(ThreadRunner::Create(3, &threads).ok());
  for (const bool causal : {false, true}) {
    for (const bool mean_matrix : {false, true}) {
      AnalysisOptions options;
      options.rows.causal = causal;
      options.mean_matrix = mean_matrix;
      const Report expected = Run({.files = {single}}, options);
      for (const size_t block_elements : {size_t{1}, size_t{40000}, size_t{70000}}) {
        options.block_elements = block_elements;
        options.runner = block_elements == 40000 ? threads.runner() : Runner();
        ExpectSameBits(Run({.files = {single}}, options), expected);
        ExpectSameBits(Run({.files = {wide}}, options), expected);
      }
    }
  }
}

TEST_F(AnalysisTest, FurtherTensorsAreFurtherSequences) {
  const std::string first = DataFile("use_long", 0, "attn");
  const std::string second = DataFile("use_short", 0, "attn");
  const Report both = Run({.files = {first, second}});
  ASSERT_EQ(both.layers.size(), 1u);
  const double rows_a = 512;
  const double rows_b = 76;
  const double a = Run({.files = {first}}).layers[0].stats.layer[Metric::kEntropy];
  const double b = Run({.files = {second}}).layers[0].stats.layer[Metric::kEntropy];
  EXPECT_NEAR(both.layers[0].stats.layer[Metric::kEntropy], (a * rows_a + b * rows_b) / (rows_a + rows_b), 1e-12);
  EXPECT_EQ(both.layers[0].stats.layer[Metric::kMatrices], 8.0);
}

TEST_F(AnalysisTest, LayersOfOneTensor) {
  std::vector<float> values = Elements(DataFile("use_long", 0, "attn"));
  const std::vector<float> second = Elements(DataFile("use_long", 1, "attn"));
  values.insert(values.end(), second.begin(), second.end());
  const Report expected = Run({.files = {DataFile("use_long", 0, "attn"), DataFile("use_long", 1, "attn")}});
  const std::string npy = Npy("<f4", {2, 1, 4, 128, 128}, BytesOf(values));
  ExpectSameBits(Run({.files = {Write("all.npy", npy)}}), expected);
  ExpectSameBits(Run({.files = {Write("all.npz", Zip({{.name = "all.npy", .bytes = npy, .deflate = true}}))}}),
                 expected);
}

// Two queries that follow three cached keys: the first sees four keys, the second five.
TEST_F(AnalysisTest, CausalMaskEndsWithTheKeys) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  const std::string path = Write(
      "L0.npy", Npy("<f4", {2, 5}, BytesOf(std::vector<float>{.25f, .25f, .25f, .25f, kNaN, .2f, .2f, .2f, .2f, .2f})));
  AnalysisOptions options;
  options.rows.causal = true;
  const MetricValues layer = Run({.files = {path}}, options).layers.at(0).stats.layer;
  EXPECT_EQ(layer[Metric::kInvalidRows], 0.0);
  EXPECT_NEAR(layer[Metric::kEntropy], (std::log(4.0) + std::log(5.0)) / 2, 2e-6);
  EXPECT_NEAR(layer[Metric::kNormalizedEntropy], 1.0, 2e-6);
  EXPECT_EQ(Run({.files = {path}}).layers.at(0).stats.layer[Metric::kInvalidRows], 1.0);
}

TEST_F(AnalysisTest, RowsThatAreNoDistributionsAreCounted) {
  const std::vector<double> rows = {0.5, 0.5,  0.5, -1e-300, 1e300, 0.0, 0.0,
                                    0.0, 0.25, 0.5, 1e-300,  1.0,   0.5, std::numeric_limits<double>::quiet_NaN()};
  const std::string path = Write("L0.npy", Npy("<f8", {7, 2}, BytesOf(rows)));
  const MetricValues layer = Run({.files = {path}}).layers.at(0).stats.layer;
  EXPECT_EQ(layer[Metric::kRows], 7.0);
  EXPECT_EQ(layer[Metric::kInvalidRows], 3.0);       // negative, beyond float32, NaN
  EXPECT_EQ(layer[Metric::kEmptyRows], 1.0);         // 0 0
  EXPECT_EQ(layer[Metric::kUnnormalizedRows], 1.0);  // 0.25 0.5
}

TEST_F(AnalysisTest, ResidualTypesAgree) {
  const std::vector<float> in = Elements(DataFile("use_short", 0, "resid_in"));
  const std::vector<float> out = Elements(DataFile("use_short", 0, "resid_out"));
  const std::string in32 = Write("in_L0.npy", Npy("<f4", {2, 19, 256}, BytesOf(in)));
  const std::string out32 = Write("out_L0.npy", Npy("<f4", {2, 19, 256}, BytesOf(out)));
  const std::string in64 =
      Write("in64_L0.npy", Npy("<f8", {2, 19, 256}, BytesOf(std::vector<double>(in.begin(), in.end()))));
  const std::string out64 =
      Write("out64_L0.npy", Npy("<f8", {2, 19, 256}, BytesOf(std::vector<double>(out.begin(), out.end()))));
  const Report expected = Run({.residuals = {{in32, out32}}});
  ExpectSameBits(Run({.residuals = {{in64, out64}}}), expected);
  ExpectSameBits(Run({.residuals = {{in32, out64}}}), expected);
}

TEST_F(AnalysisTest, ProgressAddsUp) {
  AnalysisOptions options;
  size_t done = 0;
  options.block_elements = 1000;
  options.on_progress = [&](size_t elements) { done += elements; };
  Run({.files = {DataFile("use_long", 0, "attn")},
       .residuals = {{DataFile("use_long", 0, "resid_in"), DataFile("use_long", 0, "resid_out")}}},
      options);
  EXPECT_EQ(done, size_t{4 * 128 * 128 + 128 * 512});
}

TEST_F(AnalysisTest, ErrorsWhileReadingNameTheTensor) {
  const std::string npy = Npy("<f4", {2, 2}, BytesOf(std::vector<float>{1, 0, 0, 1}));
  const std::string path = Write("a.npz", Zip({{.name = "attn0.npy", .bytes = npy, .deflate = true, .crc_error = 1}}));
  Report report;
  const Status status = AnalyzeFiles({.files = {path}}, {}, &report);
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), path + ": tensor 'attn0': its checksum is wrong");
  EXPECT_TRUE(report.layers.empty());
}

}  // namespace
}  // namespace attnscope::tools
