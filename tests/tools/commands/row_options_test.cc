// SPDX-License-Identifier: Apache-2.0
//
// What is said of rows on the command line. Each option is compared with a mask of truth values that this file makes
// from its definition, for weights, for logits, and for queries and keys; the mask itself with a softmax written here.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "attnscope/report.h"
#include "tests/support/command_fixture.h"
#include "tests/support/report_difference.h"
#include "tests/support/row_inputs.h"
#include "tests/support/tensor_writers.h"

namespace attnscope::tools {
namespace {

using testing_tools::BytesOf;
using testing_tools::Npy;
using testing_tools::Safetensors;
using testing_tools::SafetensorsEntry;

struct Shape {
  size_t batch;
  size_t heads;
  size_t queries;
  size_t keys;

  size_t matrices() const { return batch * heads; }
  size_t size() const { return matrices() * queries * keys; }
  std::vector<size_t> sizes() const { return {batch, heads, queries, keys}; }
};

// Whether row `query` of a sequence sees a key.
using Sees = std::function<bool(size_t sequence, int64_t query, int64_t key)>;

std::vector<uint8_t> MaskOf(const Shape& shape, const Sees& sees) {
  std::vector<uint8_t> mask;
  for (size_t sequence = 0; sequence < shape.batch; ++sequence) {
    for (size_t query = 0; query < shape.queries; ++query) {
      for (size_t key = 0; key < shape.keys; ++key) {
        mask.push_back(sees(sequence, static_cast<int64_t>(query), static_cast<int64_t>(key)) ? 1 : 0);
      }
    }
  }
  return mask;
}

std::vector<float> RandomLogits(const Shape& shape, uint64_t seed) {
  test::Random random(seed);
  std::vector<float> logits(shape.size());
  for (float& logit : logits) logit = static_cast<float>(6.0 * random.Uniform() - 3.0);
  return logits;
}

// Rows of logits to weights over the keys that the mask [batch, 1, queries, keys] shows.
std::vector<float> Softmax(const Shape& shape, const std::vector<float>& logits, const std::vector<uint8_t>& mask) {
  std::vector<float> weights(logits.size(), 0.0f);
  for (size_t row = 0; row < shape.size() / shape.keys; ++row) {
    const size_t sequence = row / (shape.heads * shape.queries);
    const uint8_t* shown = mask.data() + (sequence * shape.queries + row % shape.queries) * shape.keys;
    long double sum = 0.0L;
    for (size_t key = 0; key < shape.keys; ++key) {
      if (shown[key] != 0) sum += std::exp(static_cast<long double>(logits[row * shape.keys + key]));
    }
    for (size_t key = 0; key < shape.keys; ++key) {
      if (shown[key] == 0) continue;
      weights[row * shape.keys + key] =
          static_cast<float>(std::exp(static_cast<long double>(logits[row * shape.keys + key])) / sum);
    }
  }
  return weights;
}

class RowOptionsTest : public CommandTest {
 protected:
  // The report of a run that succeeds, whatever it says on standard error.
  Report Measure(std::vector<std::string> arguments, std::string* err = nullptr) const {
    arguments.insert(arguments.begin(), "analyze");
    arguments.insert(arguments.end(), {"-o", Path("report.json")});
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    if (err != nullptr) *err = outcome.err;
    return Parse(Read(Path("report.json")));
  }

  static std::vector<std::string> Join(std::vector<std::string> a, const std::vector<std::string>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }

  std::string WriteMask(const std::string& name, const std::vector<size_t>& shape,
                        const std::vector<uint8_t>& mask) const {
    return Write(name, Npy("|b1", shape, BytesOf(mask)));
  }
  std::string WriteWhole(const std::string& name, const std::vector<int32_t>& values) const {
    return Write(name, Npy("<i4", {values.size()}, BytesOf(values)));
  }

  // But for the first token, which is the first key of the sequence where that is told, and keys, which end with those
  // that some row may see.
  static void ExpectSame(const Report& actual, const Report& expected, const std::string& what) {
    ASSERT_EQ(actual.layers.size(), expected.layers.size());
    for (const MetricInfo& info : AllMetrics()) {
      if (info.metric == Metric::kFirstTokenMass || info.metric == Metric::kSinkRate) continue;
      if (info.metric == Metric::kKeys) continue;
      const double a = actual.layers[0].stats.layer[info.metric];
      const double b = expected.layers[0].stats.layer[info.metric];
      if (std::isnan(a) && std::isnan(b)) continue;
      EXPECT_NEAR(a, b, 1e-6 * std::max(1.0, std::abs(b))) << info.name << " of " << what;
    }
  }

  // The options, and a mask that shows the same: the same numbers from weights, from logits, and from queries and keys.
  void ExpectSameAsMask(const std::vector<std::string>& options, const Shape& shape, const Sees& sees) const {
    const std::vector<uint8_t> mask = MaskOf(shape, sees);
    const std::string mask_file = WriteMask("mask.npy", {shape.batch, 1, shape.queries, shape.keys}, mask);
    const std::vector<float> logits = RandomLogits(shape, 7);
    // What no row sees must not matter.
    std::vector<float> weights = Softmax(shape, logits, mask);
    for (size_t row = 0; row < shape.size() / shape.keys; ++row) {
      const size_t of_mask = row / (shape.heads * shape.queries) * shape.queries + row % shape.queries;
      for (size_t key = 0; key < shape.keys; ++key) {
        if (mask[of_mask * shape.keys + key] == 0) weights[row * shape.keys + key] = 0.25f;
      }
    }
    constexpr size_t kHeadDim = 24;
    test::Random random(3);
    std::vector<float> queries(shape.matrices() * shape.queries * kHeadDim);
    std::vector<float> keys(shape.matrices() * shape.keys * kHeadDim);
    for (float& element : queries) element = static_cast<float>(2.0 * random.Uniform() - 1.0);
    for (float& element : keys) element = static_cast<float>(2.0 * random.Uniform() - 1.0);
    const std::vector<std::vector<std::string>> inputs = {
        {WriteWeights("L0.npy", shape.sizes(), weights)},
        {"--logits", WriteWeights("L0_logits.npy", shape.sizes(), logits)},
        {"--qk", WriteWeights("L0_q.npy", {shape.batch, shape.heads, shape.queries, kHeadDim}, queries),
         WriteWeights("L0_k.npy", {shape.batch, shape.heads, shape.keys, kHeadDim}, keys)}};
    for (const std::vector<std::string>& input : inputs) {
      const Report expected = Measure(Join(input, {"--mask", mask_file}));
      const Report actual = Measure(Join(input, options));
      ExpectSame(actual, expected, input[0] + " " + options[0]);
      const MetricValues& values = actual.layers[0].stats.layer;
      EXPECT_EQ(values[Metric::kEmptyRows], 0.0) << input[0] << " " << options[0];
      EXPECT_EQ(values[Metric::kUnnormalizedRows], 0.0) << input[0] << " " << options[0];
    }
    // The mask, against the definition.
    double entropy = 0.0;
    double normalized = 0.0;
    double rows = 0.0;
    double several = 0.0;
    const std::vector<float> exact = Softmax(shape, logits, mask);
    for (size_t row = 0; row < shape.size() / shape.keys; ++row) {
      double of_row = 0.0;
      double visible = 0.0;
      const size_t of_mask = row / (shape.heads * shape.queries) * shape.queries + row % shape.queries;
      for (size_t key = 0; key < shape.keys; ++key) {
        const double weight = exact[row * shape.keys + key];
        if (weight > 0.0) of_row -= weight * std::log(weight);
        visible += mask[of_mask * shape.keys + key];
      }
      if (visible > 0.0) rows += 1.0;
      if (visible > 1.0) {
        several += 1.0;
        normalized += of_row / std::log(visible);
      }
      entropy += of_row;
    }
    const MetricValues values = Measure(Join(inputs[1], options)).layers[0].stats.layer;
    EXPECT_NEAR(values[Metric::kEntropy], entropy / rows, 1e-5) << options[0];
    EXPECT_NEAR(values[Metric::kNormalizedEntropy], normalized / several, 1e-5) << options[0];
    EXPECT_EQ(values[Metric::kMaskedRows], static_cast<double>(shape.size() / shape.keys) - rows) << options[0];
  }
};

constexpr Shape kSquare = {2, 3, 40, 40};
constexpr Shape kCached = {2, 2, 9, 52};

TEST_F(RowOptionsTest, CausalLetsTheLastQuerySeeTheLastKey) {
  ExpectSameAsMask({"--causal"}, kSquare, [](size_t, int64_t i, int64_t j) { return j <= i; });
  ExpectSameAsMask({"--causal"}, kCached, [](size_t, int64_t i, int64_t j) { return j <= i + 43; });
  ExpectSameAsMask({"--causal", "--causal-offset", "0"}, kCached, [](size_t, int64_t i, int64_t j) { return j <= i; });
  ExpectSameAsMask({"--causal", "--causal-offset", "-3"}, kCached,
                   [](size_t, int64_t i, int64_t j) { return j <= i - 3; });
}

TEST_F(RowOptionsTest, Windows) {
  const Sees sliding = [](size_t, int64_t i, int64_t j) { return j <= i && j > i - 7; };
  ExpectSameAsMask({"--causal", "--window", "7"}, kSquare, sliding);
  // A window alone means causal attention.
  ExpectSameAsMask({"--window", "7"}, kSquare, sliding);
  ExpectSameAsMask({"--window", "7"}, kCached, [](size_t, int64_t i, int64_t j) { return j <= i + 43 && j > i + 36; });
  ExpectSameAsMask({"--window", "7", "--window-after", "2"}, kSquare,
                   [](size_t, int64_t i, int64_t j) { return j <= i + 2 && j > i - 7; });
  ExpectSameAsMask({"--window", "2", "--window-after", "0"}, kSquare,
                   [](size_t, int64_t i, int64_t j) { return j == i || j == i - 1; });
  ExpectSameAsMask({"--chunked", "7"}, kSquare, [](size_t, int64_t i, int64_t j) { return j <= i && j >= i / 7 * 7; });
}

TEST_F(RowOptionsTest, LengthsAndFirstKeys) {
  const int64_t lengths[] = {40, 13};
  const int64_t first[] = {0, 27};
  const Sees right = [&](size_t b, int64_t i, int64_t j) { return i < lengths[b] && j < lengths[b]; };
  ExpectSameAsMask({"--key-lengths", "40,13"}, kSquare, right);
  ExpectSameAsMask({"--key-lengths", WriteWhole("lengths.npy", {40, 13})}, kSquare, right);
  ExpectSameAsMask({"--key-lengths", "40,13", "--query-lengths", "40,40"}, kSquare,
                   [&](size_t b, int64_t, int64_t j) { return j < lengths[b]; });
  ExpectSameAsMask({"--first-keys", "0,27"}, kSquare,
                   [&](size_t b, int64_t i, int64_t j) { return i >= first[b] && j >= first[b]; });
  ExpectSameAsMask({"--first-keys", "0,27", "--causal"}, kSquare,
                   [&](size_t b, int64_t i, int64_t j) { return j <= i && j >= first[b]; });
  // Behind a cache, lengths of keys say nothing of queries.
  ExpectSameAsMask({"--key-lengths", "52,13"}, kCached,
                   [](size_t b, int64_t, int64_t j) { return j < (b == 0 ? 52 : 13); });
  ExpectSameAsMask({"--query-lengths", "9,4"}, kCached,
                   [](size_t b, int64_t i, int64_t) { return i < (b == 0 ? 9 : 4); });
}

TEST_F(RowOptionsTest, Segments) {
  const auto segment = [](int64_t j) { return j < 5 ? 0 : j < 33 ? 1 : 2; };
  const std::string file = WriteWhole("segments.npy", {0, 5, 33, 33, 40});
  ExpectSameAsMask({"--segments", file}, kSquare,
                   [&](size_t, int64_t i, int64_t j) { return segment(i) == segment(j); });
  ExpectSameAsMask({"--segments", file, "--window", "6"}, kSquare,
                   [&](size_t, int64_t i, int64_t j) { return segment(i) == segment(j) && j <= i && j > i - 6; });
  const std::vector<int64_t> wide = {0, 5, 33, 33, 40};
  ExpectSameAsMask({"--segments", Write("wide.npy", Npy("<i8", {5}, BytesOf(wide)))}, kSquare,
                   [&](size_t, int64_t i, int64_t j) { return segment(i) == segment(j); });
}

// Padding on the left of queries that see both sides, beside a mask: its rows are masked with and without one.
TEST_F(RowOptionsTest, FirstKeysBesideAMask) {
  const std::vector<size_t> first = {0, 7, 33};
  const Shape shape = {3, 2, 40, 40};
  const auto is_shown = [](size_t b, int64_t j) { return j % 5 != static_cast<int64_t>(b) || j > 36; };
  std::vector<uint8_t> of_keys;
  std::vector<float> added;
  for (size_t b = 0; b < shape.batch; ++b) {
    for (int64_t j = 0; j < 40; ++j) {
      of_keys.push_back(is_shown(b, j) ? 1 : 0);
      added.push_back(is_shown(b, j) ? 0.1f * static_cast<float>(j % 3) : -1e9f);
    }
  }
  const auto sees = [&](size_t b, int64_t i, int64_t j) {
    return std::min(i, j) >= static_cast<int64_t>(first[b]) && is_shown(b, j);
  };
  const std::string mask = WriteMask("of_keys.npy", {3, 1, 1, 40}, of_keys);
  ExpectSameAsMask({"--first-keys", "0,7,33", "--mask", mask}, shape, sees);
  // A mask of each head, and one that is added.
  std::vector<uint8_t> of_heads;
  for (size_t b = 0; b < shape.batch; ++b) {
    for (size_t head = 0; head < shape.heads; ++head) {
      of_heads.insert(of_heads.end(), of_keys.begin() + static_cast<int64_t>(b) * 40,
                      of_keys.begin() + static_cast<int64_t>(b + 1) * 40);
    }
  }
  ExpectSameAsMask({"--first-keys", "0,7,33", "--mask", WriteMask("of_heads.npy", {3, 2, 1, 40}, of_heads)}, shape,
                   sees);
  const std::vector<float> logits = RandomLogits(shape, 37);
  std::vector<float> sums = logits;
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += added[i / (2 * 40 * 40) * 40 + i % 40];
  const Report actual = Measure({"--logits", WriteWeights("L0_a.npy", shape.sizes(), logits), "--first-keys", "0,7,33",
                                 "--mask", WriteWeights("added.npy", {3, 1, 1, 40}, added)});
  const Report expected =
      Measure({"--logits", WriteWeights("L0_b.npy", shape.sizes(), sums), "--first-keys", "0,7,33"});
  EXPECT_EQ(actual.layers[0].stats.layer[Metric::kMaskedRows], 80.0);
  EXPECT_LT(test::DifferenceOf(actual, expected), 1e-5);
}

// Every shape that is broadcast, and every type: what they show is the same.
TEST_F(RowOptionsTest, MasksAreBroadcast) {
  const Shape shape = {2, 2, 6, 10};
  const auto hides = [](size_t j) { return j % 3 == 1; };
  const std::vector<float> logits = RandomLogits(shape, 5);
  const std::vector<std::string> input = {"--logits", WriteWeights("L0_logits.npy", shape.sizes(), logits)};
  const std::string full =
      WriteMask("full.npy", {2, 1, 6, 10},
                MaskOf(shape, [&](size_t, int64_t, int64_t j) { return !hides(static_cast<size_t>(j)); }));
  const Report expected = Measure(Join(input, {"--mask", full}));
  std::vector<uint8_t> row(10);
  std::vector<int64_t> whole(10);
  std::vector<float> added(10);
  std::vector<double> wide(10);
  std::vector<uint16_t> half(10);
  for (size_t j = 0; j < row.size(); ++j) {
    row[j] = hides(j) ? 0 : 1;
    whole[j] = hides(j) ? 0 : 5;
    added[j] = hides(j) ? std::numeric_limits<float>::lowest() : 0.0f;
    wide[j] = hides(j) ? -1e9 : 0.0;
    half[j] = hides(j) ? 0xFBFF : 0;  // the lowest finite float16
  }
  const std::vector<std::string> masks = {WriteMask("a.npy", {10}, row),
                                          WriteMask("b.npy", {1, 10}, row),
                                          WriteMask("c.npy", {1, 1, 1, 10}, row),
                                          Write("d.npy", Npy("<i8", {10}, BytesOf(whole))),
                                          Write("e.npy", Npy("<f4", {1, 10}, BytesOf(added))),
                                          Write("f.npy", Npy("<f8", {10}, BytesOf(wide))),
                                          Write("g.npy", Npy("<f2", {10}, BytesOf(half))),
                                          Write("h.npy", Npy("|u1", {10}, BytesOf(row)))};
  for (const std::string& mask : masks) {
    EXPECT_EQ(test::DifferenceOf(Measure(Join(input, {"--mask", mask})), expected), 0.0) << mask;
  }
}

// As numpy writes bfloat16, whose type --dtype tells: of masks and sinks as of attention.
TEST_F(RowOptionsTest, FilesOfVoidsAreBFloat16) {
  const Shape shape = {1, 2, 20, 20};
  const std::string file = WriteWeights("L0_logits.npy", shape.sizes(), RandomLogits(shape, 29));
  const std::vector<uint16_t> sinks = {0x3F80, 0xC000};  // 1, -2
  std::vector<uint16_t> mask(20, 0);
  std::vector<float> wide_mask(20, 0.0f);
  for (size_t j = 0; j < mask.size(); j += 3) {
    mask[j] = 0xFF7F;  // bfloat16's lowest
    wide_mask[j] = std::numeric_limits<float>::lowest();
  }
  const Report expected = Measure({"--logits", file, "--mask", WriteWeights("mask.npy", {20}, wide_mask), "--sinks",
                                   WriteWeights("sinks.npy", {2}, {1.0f, -2.0f})});
  const std::string void_mask = Write("void_mask.npy", Npy("<V2", {20}, BytesOf(mask)));
  const std::string void_sinks = Write("void_sinks.npy", Npy("|V2", {2}, BytesOf(sinks)));
  const Report actual = Measure({"--logits", file, "--mask", void_mask, "--sinks", void_sinks, "--dtype", "bfloat16"});
  EXPECT_EQ(test::DifferenceOf(actual, expected), 0.0);
  ExpectError({"analyze", "--logits", file, "--mask", void_mask}, "--dtype bfloat16 reads it as that");
}

// Masks that are finite and above the bound are added; that they seem meant to hide keys is said.
TEST_F(RowOptionsTest, MasksThatHideNothingAreSaid) {
  const Shape shape = {1, 2, 20, 20};
  std::vector<float> logits = RandomLogits(shape, 31);
  const std::string file = WriteWeights("L0_logits.npy", shape.sizes(), logits);
  std::vector<float> mask(20, 0.0f);
  for (size_t j = 15; j < mask.size(); ++j) mask[j] = -65504.0f;
  const std::string wide = WriteWeights("wide.npy", {20}, mask);
  const std::string note = "--mask " + wide +
                           " adds -65504, and its keys count as seen: if it is to hide them, "
                           "--masked-below -65504 says so";
  std::string err;
  Measure({"--logits", file, "--mask", wide}, &err);
  EXPECT_NE(err.find(note), std::string::npos) << err;
  EXPECT_LT(Measure({"--logits", file, "--mask", wide, "--masked-below", "-65504"}, &err)
                .layers[0]
                .stats.layer[Metric::kMaxAbsLogit],
            10.0);
  EXPECT_EQ(err.find("note"), std::string::npos) << err;
  std::vector<float> slopes(20);
  for (size_t j = 0; j < slopes.size(); ++j) slopes[j] = -1000.0f * static_cast<float>(j);
  Measure({"--logits", file, "--mask", WriteWeights("alibi.npy", {20}, slopes), "--masked-below", "-inf"}, &err);
  EXPECT_EQ(err.find("adds"), std::string::npos) << err;
  // In the logits themselves.
  for (size_t i = 0; i < logits.size(); ++i) logits[i] += i % 20 >= 15 ? -1e4f : 0.0f;
  const std::string masked = WriteWeights("L0_masked.npy", shape.sizes(), logits);
  Measure({"--logits", masked}, &err);
  EXPECT_NE(err.find("note: layer 0 has logits down to -1000"), std::string::npos) << err;
  EXPECT_NE(err.find(": if these are masks, --masked-below -500"), std::string::npos) << err;
  Measure({"--logits", masked, "--masked-below", "-5000"}, &err);
  EXPECT_EQ(err.find("note"), std::string::npos) << err;
}

// Floats are added to logits, and to products of queries and keys.
TEST_F(RowOptionsTest, MasksOfFloatsAreAdded) {
  const Shape shape = {2, 2, 6, 10};
  const std::vector<float> logits = RandomLogits(shape, 11);
  std::vector<float> added(size_t{2} * 6 * 10);  // [heads, queries, keys]
  std::vector<float> sums = logits;
  for (size_t i = 0; i < added.size(); ++i) added[i] = i % 7 == 3 ? -1e9f : static_cast<float>(i % 5) / 4.0f;
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += added[i % added.size()];
  const std::string mask = WriteWeights("bias.npy", {2, 6, 10}, added);
  const Report actual = Measure({"--logits", WriteWeights("L0_a.npy", shape.sizes(), logits), "--mask", mask});
  const Report expected = Measure({"--logits", WriteWeights("L0_b.npy", shape.sizes(), sums)});
  EXPECT_LT(test::DifferenceOf(actual, expected), 1e-5);
}

// Padding of finite numbers, as transformers writes it, is padding of -infinity: with and without a soft cap.
TEST_F(RowOptionsTest, FiniteMasksAreMasks) {
  const Shape shape = {1, 2, 16, 16};
  const auto logits_masked_by = [&](float mask) {
    std::vector<float> logits = RandomLogits(shape, 17);
    for (float& logit : logits) logit *= 3.0f;
    for (size_t i = 0; i < logits.size(); ++i) {
      if (i % shape.keys >= 12) logits[i] = mask;
    }
    return logits;
  };
  const float infinity = std::numeric_limits<float>::infinity();
  for (const std::vector<std::string>& options : {std::vector<std::string>{}, {"--soft-cap", "2"}}) {
    const std::string right = WriteWeights("L0_right.npy", shape.sizes(), logits_masked_by(-infinity));
    const Report expected = Measure(Join({"--logits", right}, options));
    EXPECT_LT(expected.layers[0].stats.layer[Metric::kMaxAbsLogit], 10.0);
    for (const float mask : {std::numeric_limits<float>::lowest(), -1e9f}) {
      const std::string file = WriteWeights("L0_mask.npy", shape.sizes(), logits_masked_by(mask));
      EXPECT_EQ(test::DifferenceOf(Measure(Join({"--logits", file}, options)), expected), 0.0) << mask;
    }
  }
  // -10000 is a logit, unless it is said to be none.
  const std::string file = WriteWeights("L0_mask.npy", shape.sizes(), logits_masked_by(-1e4f));
  EXPECT_EQ(Measure({"--logits", file}).layers[0].stats.layer[Metric::kMaxAbsLogit], 1e4);
  EXPECT_LT(Measure({"--logits", file, "--masked-below", "-5000"}).layers[0].stats.layer[Metric::kMaxAbsLogit], 10.0);
  const std::string lowest = WriteWeights("L0_lowest.npy", shape.sizes(), logits_masked_by(-1e9f));
  EXPECT_EQ(Measure({"--logits", lowest, "--masked-below", "-inf"}).layers[0].stats.layer[Metric::kMaxAbsLogit], 1e9);
}

// Logits with sinks are the weights that they make, and their rest is the sinks' share.
TEST_F(RowOptionsTest, SinksTakeTheirShare) {
  const Shape shape = {1, 2, 60, 60};
  const std::vector<float> logits = RandomLogits(shape, 23);
  const std::vector<uint8_t> causal = MaskOf(shape, [](size_t, int64_t i, int64_t j) { return j <= i; });
  const std::vector<float> sinks = {1.0f, 7.5f};
  std::vector<float> weights(shape.size(), 0.0f);
  double null_mass = 0.0;
  for (size_t row = 0; row < shape.size() / shape.keys; ++row) {
    const double sink = std::exp(static_cast<double>(sinks[row / shape.queries]));
    const size_t visible = row % shape.queries + 1;
    double sum = sink;
    for (size_t key = 0; key < visible; ++key) sum += std::exp(static_cast<double>(logits[row * shape.keys + key]));
    for (size_t key = 0; key < visible; ++key) {
      const double weight = std::exp(static_cast<double>(logits[row * shape.keys + key])) / sum;
      weights[row * shape.keys + key] = static_cast<float>(weight);
    }
    null_mass += sink / sum;
  }
  null_mass /= static_cast<double>(shape.matrices() * shape.queries);
  const std::string of_logits = WriteWeights("L1_logits.npy", shape.sizes(), logits);
  const std::string of_weights = WriteWeights("L1_attn.npy", shape.sizes(), weights);
  const std::string by_heads = WriteWeights("sinks.npy", {2}, sinks);
  const std::string by_layers = WriteWeights("layers.npy", {2, 2}, {50.0f, 50.0f, sinks[0], sinks[1]});
  std::string err;
  const MetricValues from_weights = Measure({of_weights, "--causal", "--null-mass"}, &err).layers[0].stats.layer;
  EXPECT_NEAR(from_weights[Metric::kNullMass], null_mass, 1e-6);
  EXPECT_EQ(from_weights[Metric::kUnnormalizedRows], 0.0);
  for (const std::string& file : {by_heads, by_layers}) {
    const MetricValues values =
        Measure({"--logits", of_logits, "--causal", "--sinks", file}, &err).layers[0].stats.layer;
    EXPECT_NEAR(values[Metric::kNullMass], null_mass, 1e-6) << file;
    EXPECT_NEAR(values[Metric::kEntropy], from_weights[Metric::kEntropy], 1e-5) << file;
    EXPECT_EQ(values[Metric::kUnnormalizedRows], 0.0);
  }
  const Report weights_with_sinks = Measure({of_weights, "--causal", "--sinks", by_heads});
  EXPECT_EQ(weights_with_sinks.layers[0].stats.layer[Metric::kNullMass], from_weights[Metric::kNullMass]);
}

// The entropy of rows of which a sink has most is none of a distribution: no one-hot collapse, and the table says what
// the sink has.
TEST_F(RowOptionsTest, AStrongSinkIsNoCollapse) {
  const size_t n = 64;
  std::vector<float> weights(4 * n * n, 0.0f);
  for (size_t row = 0; row < 4 * n; ++row) {
    const size_t visible = row % n + 1;
    for (size_t key = 0; key < visible; ++key) weights[row * n + key] = 0.11f / static_cast<float>(visible);
  }
  const std::string file = WriteWeights("L1_attn.npy", {1, 4, n, n}, weights);
  const Outcome outcome = Run({"analyze", file, "--causal", "--null-mass"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out.find("one-hot collapse in"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("0.890"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("a learned sink has 89 % of the rows"), std::string::npos) << outcome.out;
  // Without a word of a sink, they are no distributions.
  const Outcome untold = Run({"analyze", file, "--causal"});
  EXPECT_NE(untold.out.find("no distributions in layer 1"), std::string::npos) << untold.out;
  EXPECT_EQ(untold.out.find("null"), std::string::npos) << untold.out;
}

// A padded batch of uniform attention is uniform, and a window of four keys is no collapse.
TEST_F(RowOptionsTest, PaddedAndWindowedRowsAreJudgedByWhatTheySee) {
  const size_t n = 64;
  const size_t lengths[] = {64, 4};
  std::vector<float> padded(2 * 4 * n * n, 0.0f);
  for (size_t row = 0; row < 2 * 4 * n; ++row) {
    const size_t length = lengths[row / (4 * n)];
    for (size_t key = 0; key < length; ++key) padded[row * n + key] = 1.0f / static_cast<float>(length);
  }
  const std::string file = WriteWeights("L0_attn.npy", {2, 4, n, n}, padded);
  const MetricValues values = Measure({file, "--key-lengths", "64,4"}).layers[0].stats.layer;
  EXPECT_NEAR(values[Metric::kEntropy], (64 * std::log(64.0) + 4 * std::log(4.0)) / 68, 1e-5);
  EXPECT_NEAR(values[Metric::kNormalizedEntropy], 1.0, 1e-6);
  EXPECT_EQ(values[Metric::kMaskedRows], 240.0);
  EXPECT_EQ(values[Metric::kRows], 512.0);
  const Outcome outcome = Run({"analyze", file, "--key-lengths", "64,4"});
  EXPECT_NE(outcome.out.find("warning: uniform attention in layer 0"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.err.find("note: queries are as many as keys"), std::string::npos) << outcome.err;

  std::vector<float> window(4 * n * n, 0.0f);
  for (size_t row = 0; row < 4 * n; ++row) {
    const size_t query = row % n;
    const size_t first = query < 3 ? 0 : query - 3;
    for (size_t key = first; key <= query; ++key) {
      window[row * n + key] = 1.0f / static_cast<float>(query - first + 1);
    }
  }
  const std::string windowed = WriteWeights("L1_attn.npy", {1, 4, n, n}, window);
  const Outcome of_window = Run({"analyze", windowed, "--causal", "--window", "4", "-o", Path("report.json")});
  EXPECT_NEAR(Parse(Read(Path("report.json"))).layers[0].stats.layer[Metric::kNormalizedEntropy], 1.0, 1e-6);
  EXPECT_EQ(of_window.out.find("one-hot collapse in"), std::string::npos) << of_window.out;
}

// Windows of single layers: each layer as in a run of its own.
TEST_F(RowOptionsTest, WindowsOfLayers) {
  const Shape shape = {6, 1, 20, 20};  // six layers of one head
  const std::vector<float> logits = RandomLogits(shape, 29);
  const std::vector<std::string> input = {"--logits", WriteWeights("stack.npy", {6, 1, 1, 20, 20}, logits)};
  const auto measure = [&](const std::vector<std::string>& options) { return Measure(Join(input, options)); };
  const Report none = measure({"--causal"});
  const Report four = measure({"--window", "4"});
  const Report nine = measure({"--chunked", "9"});
  struct Case {
    std::vector<std::string> options;
    std::string windows;  // of each layer: f(our), n(ine) or nothing
  };
  const Case cases[] = {{{"--window", "0/2:4"}, "f.f.f."},
                        {{"--window", "1,3-4:4"}, ".f.ff."},
                        {{"--window", "1-4/3:4"}, ".f..f."},
                        {{"--window", "4", "--window", "5/6:0"}, "fffff."},
                        {{"--window", "0:4"}, "f....."},
                        {{"--chunked", "9", "--chunked", "2/3:0"}, "nn.nn."},
                        {{"--window", "0-2:4", "--chunked", "4:9"}, "fff.n."}};
  for (const Case& c : cases) {
    const Report actual = measure(c.options);
    ASSERT_EQ(actual.layers.size(), 6u);
    for (size_t layer = 0; layer < 6; ++layer) {
      const Report& expected = c.windows[layer] == 'f' ? four : c.windows[layer] == 'n' ? nine : none;
      EXPECT_EQ(test::DifferenceOf(actual.layers[layer].stats.layer, expected.layers[layer].stats.layer), 0.0)
          << c.options[1] << " layer " << layer;
    }
  }
}

// Shares of a run, cut anywhere, are the run; and states of other options are not merged.
TEST_F(RowOptionsTest, SharesSeeTheSameRows) {
  const Shape shape = {2, 2, 70, 70};
  const std::vector<float> logits = RandomLogits(shape, 31);
  const std::string file = WriteWeights("L0_logits.npy", shape.sizes(), logits);
  std::vector<uint8_t> random_mask = MaskOf(
      shape, [](size_t b, int64_t i, int64_t j) { return (i * 31 + j * 17 + static_cast<int64_t>(b)) % 5 != 0; });
  const std::string mask = WriteMask("mask.npy", {2, 1, 70, 70}, random_mask);
  const std::string sinks = WriteWeights("sinks.npy", {2}, {0.5f, -1.0f});
  const std::vector<std::vector<std::string>> all_options = {
      {"--causal", "--window", "9"},
      {"--key-lengths", "70,33", "--causal"},
      {"--first-keys", "0,33"},
      {"--segments", WriteWhole("segments.npy", {0, 20, 50, 70}), "--sinks", sinks},
      {"--mask", mask, "--query-lengths", "70,51"}};
  for (const std::vector<std::string>& options : all_options) {
    const std::vector<std::string> input = Join({"--logits", file}, options);
    const Report whole = Measure(input);
    std::vector<std::string> merge = {"merge", "-o", Path("merged.json")};
    for (int share = 0; share < 3; ++share) {
      const std::string state = Path("share" + std::to_string(share) + ".state");
      const Outcome outcome = Run(Join(
          {"analyze", "--share", std::to_string(share) + "/3", "--share-by", "rows", "--state-out", state}, input));
      EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
      merge.push_back(state);
    }
    const Outcome merged = Run(merge);
    EXPECT_EQ(merged.exit_code, 0) << merged.err;
    EXPECT_LT(test::DifferenceOf(Parse(Read(Path("merged.json"))), whole), test::kMergeBound) << options[0];
  }
  const auto state_of = [&](const std::string& name, const std::vector<std::string>& options) {
    EXPECT_EQ(Run(Join({"analyze", "--logits", file, "--state-out", Path(name)}, options)).exit_code, 0);
    return Path(name);
  };
  ExpectError({"merge", state_of("a.state", {"--window", "9"}), state_of("b.state", {"--window", "8"})},
              "what is said of rows is --window 9 in the first and --window 8 in the second");
}

// Files that are pieces of rows and heads: masks, lengths and sinks speak of the whole.
TEST_F(RowOptionsTest, PiecesOfMatrices) {
  const Shape shape = {1, 4, 48, 48};
  const std::vector<float> logits = RandomLogits(shape, 37);
  const std::string mask = WriteMask("mask.npy", {1, 1, 48, 48},
                                     MaskOf(shape, [](size_t, int64_t i, int64_t j) { return (i + 2 * j) % 7 != 3; }));
  const std::string sinks = WriteWeights("sinks.npy", {4}, {0.5f, -1.0f, 2.0f, 0.0f});
  const std::vector<std::string> options = {
      "--mask", mask, "--causal", "--key-lengths", "40", "--sinks", sinks, "--query-lengths", "44"};
  const Report whole = Measure(Join({"--logits", WriteWeights("L0_whole.npy", shape.sizes(), logits)}, options));
  std::vector<std::string> merge = {"merge", "-o", Path("merged.json")};
  for (size_t head = 0; head < 4; head += 2) {
    for (size_t row = 0; row < 48; row += 16) {
      std::vector<float> piece;
      for (size_t h = head; h < head + 2; ++h) {
        const auto first = logits.begin() + static_cast<std::ptrdiff_t>((h * 48 + row) * 48);
        piece.insert(piece.end(), first, first + 16 * 48);
      }
      const std::string name = std::to_string(head) + "_" + std::to_string(row);
      const std::string file = WriteWeights("L0_piece.npy", {1, 2, 16, 48}, piece);
      const Outcome outcome = Run(Join({"analyze", "--logits", file, "--rows", std::to_string(row) + "/48", "--heads",
                                        std::to_string(head) + "/4", "--state-out", Path(name + ".state")},
                                       options));
      EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
      merge.push_back(Path(name + ".state"));
    }
  }
  const Outcome merged = Run(merge);
  EXPECT_EQ(merged.exit_code, 0) << merged.err;
  EXPECT_LT(test::DifferenceOf(Parse(Read(Path("merged.json"))), whole), test::kMergeBound);
}

// Outputs of projections, and heads up to 1024 wide.
TEST_F(RowOptionsTest, ProjectionsAndWideHeads) {
  test::Random random(41);
  const auto elements = [&random](size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(2.0 * random.Uniform() - 1.0);
    return values;
  };
  const std::string q = WriteWeights("L0_q.npy", {1, 12, 128}, elements(12 * 128));
  const std::string k = WriteWeights("L0_k.npy", {1, 12, 32}, elements(12 * 32));
  std::string err;
  const Report split = Measure({"--qk", q, k, "--heads-of-q", "8", "--kv-heads", "2"}, &err);
  EXPECT_EQ(split.layers[0].stats.heads.size(), 8u);
  EXPECT_NE(err.find("heads 8, 12 queries, 12 keys] of head_dim 16, heads of keys 2"), std::string::npos) << err;
  EXPECT_EQ(test::DifferenceOf(split, Measure({"--qk", q, k, "--q-heads", "8", "--kv-heads", "2"})), 0.0);
  for (const size_t head_dim : std::initializer_list<size_t>{512, 576, 1024}) {
    const std::string wide_q = WriteWeights("wide_q.npy", {1, 4, 12, head_dim}, elements(4 * 12 * head_dim));
    const std::string wide_k = WriteWeights("wide_k.npy", {1, 1, 12, head_dim}, elements(12 * head_dim));
    Measure({"--qk", wide_q, wide_k, "--causal"}, &err);
    EXPECT_NE(err.find("of head_dim " + std::to_string(head_dim)), std::string::npos) << err;
  }
  const std::string beyond = WriteWeights("beyond.npy", {12, 1025}, elements(12 * 1025));
  ExpectError({"analyze", "--qk", beyond, beyond}, "have head_dim 1025, more than 1024");
}

TEST_F(RowOptionsTest, ErrorsNameTheOptionAndTheValue) {
  const Shape shape = {2, 3, 8, 8};
  const std::string file = WriteWeights("L0_attn.npy", shape.sizes(), std::vector<float>(shape.size(), 0.125f));
  const auto expect = [&](const std::vector<std::string>& options, const std::string& part) {
    ExpectError(Join({"analyze", file}, options), part);
  };
  expect({"--key-lengths", "8,4,2"}, "--key-lengths 8,4,2 has 3 numbers, but layer 0 has 2 sequences");
  expect({"--key-lengths", "8,9"}, "--key-lengths 8,9: number 1 is 9, but " + file + " [2, 3, 8, 8] has 8 keys");
  expect({"--first-keys", "2,6", "--key-lengths", "8,5"}, "--first-keys 2,6: number 1 is 6, behind the 5 of --key-le");
  expect({"--first-keys", "8,-1"}, "--first-keys 8,-1: number 1 is -1");
  expect({"--query-lengths", "8,9"}, "--query-lengths 8,9: number 1 is 9, but ");
  expect({"--key-lengths", "8,x"}, "--key-lengths is neither numbers, as in 64,12, nor a file that can be read: ");
  expect({"--key-lengths", WriteWeights("f.npy", {2}, {1.0f, 2.0f})}, "needs whole numbers, such as int32 or int64");
  expect({"--key-lengths", Write("twod.npy", Npy("<i4", {1, 2}, std::string(8, '\0')))}, "has shape [1, 2], not [n]");
  expect({"--segments", WriteWhole("s1.npy", {1, 8})}, "needs the borders of the segments, [0, ..., n]");
  expect({"--segments", WriteWhole("s2.npy", {0, 5, 4, 8})}, "border 2 is 4, below the one before it, 5");
  expect({"--segments", WriteWhole("s4.npy", {0, 0})}, "s4.npy: ends at 0, so that no key would be of a segment");
  expect({"--segments", WriteWhole("s5.npy", {0, 0, 0, 1, 1, 2, 2, 2})}, "not the segment of each key");
  expect({"--segments", WriteWhole("s3.npy", {0, 9})}, "--segments ends at 9, but ");
  expect({"--mask", WriteMask("m1.npy", {3, 8}, std::vector<uint8_t>(24, 1))},
         "[1, 1, 3, 8] is not broadcast to [batch, heads, queries, keys] of layer 0, [2, 3, 8, 8]");
  expect({"--mask", WriteMask("m2.npy", {1, 1, 1, 1, 8}, std::vector<uint8_t>(8, 1))}, "has shape [1, 1, 1, 1, 8]");
  expect({"--mask", WriteMask("m7.npy", {2, 8}, std::vector<uint8_t>(16, 1))},
         "2 for 8 queries; of a mask [batch, keys] save mask[:, None, None, :]");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  expect({"--mask", WriteWeights("m3.npy", {2, 4}, {0, 0, 0, 0, 0, 0, nan, 0})}, "m3.npy: element [1, 2] is NaN");
  expect({"--mask", WriteWeights("m4.npy", {8, 1}, std::vector<float>(8, 0.5f))}, "it needs an axis of keys");
  expect({"--mask", WriteWeights("m8.npy", {8}, {1, 1, 1, 1, 1, 1, 0, 0})},
         "m8.npy: is of floats 0 and 1, and floats are added to logits; save mask.astype(bool)");
  expect({"--mask", Path("none.npy")}, "--mask " + Path("none.npy"));
  expect({"--mask", Write("m5.npy", Npy("<c8", {1}, std::string(8, '\0')))}, "element type '<c8' is not supported");
  expect({"--mask", Write("m6.npy", Npy("|b1", {8, 8}, std::string(63, '\1')))}, "needs 64 bytes of elements");
  expect({"--sinks", WriteWeights("k1.npy", {2}, {1.0f, 2.0f})}, "is of 2 heads, but " + file + " [2, 3, 8, 8] has 3");
  expect({"--sinks", WriteWeights("k2.npy", {3}, {1.0f, nan, 2.0f})}, "k2.npy: element [1] is NaN");
  expect({"--sinks", WriteWhole("k3.npy", {1, 2, 3})}, "not floats [heads] or [layers, heads]");
  const std::string later = WriteWeights("L5_attn.npy", shape.sizes(), std::vector<float>(shape.size(), 0.125f));
  ExpectError({"analyze", later, "--sinks", WriteWeights("k4.npy", {2, 3}, std::vector<float>(6))},
              "is of layers 0 to 1, but " + later);
  for (const char* const window : {"x", "4:", ":4", "-1", "1-0:4", "0/0:4", "0,:4", "4.5"}) {
    expect({std::string("--window=") + window}, std::string("--window ") + window + ": needs a number of keys");
  }
  expect({"--window", "4", "--chunked", "8"}, "layer 0 has --window 4 and --chunked 8: a layer has one of them");
  expect({"--window-after", "4"}, "--window-after needs --window");
  expect({"--causal-offset", "4"}, "--causal-offset needs --causal, --window, --chunked or --segments");
  expect({"--masked-below", "5"}, "--masked-below needs a number below 0");
  expect({"--masked-below", "nan"}, "--masked-below");
}

// Logits are no weights that a note should doubt.
TEST_F(RowOptionsTest, RowsOfNaNAreSaidToBeOfLogits) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string file = WriteWeights("L0_nan.npy", {1, 1, 4, 4}, std::vector<float>(16, nan));
  std::string err;
  Measure({"--logits", file}, &err);
  EXPECT_NE(err.find("note: most rows of layer 0 have logits that are NaN or infinite\n"), std::string::npos) << err;
  Measure({"--qk", file, file}, &err);
  EXPECT_NE(err.find("note: most rows of layer 0 have logits that are NaN or infinite\n"), std::string::npos) << err;
  Measure({file}, &err);
  EXPECT_NE(err.find("are these post-softmax weights"), std::string::npos) << err;
}

// Weights that are given as logits: their rows sum to 1, which logits do not.
TEST_F(RowOptionsTest, LogitsThatAreWeightsAreNoted) {
  const Shape shape = {1, 2, 20, 20};
  const std::vector<float> logits = RandomLogits(shape, 5);
  const std::vector<uint8_t> all(20 * 20, 1);
  std::string err;
  Measure({"--logits", WriteWeights("L0_w.npy", shape.sizes(), Softmax(shape, logits, all))}, &err);
  EXPECT_NE(err.find("note: layer 0: the logits of each row are from 0 to 1 and sum to 1; if these are weights"),
            std::string::npos)
      << err;
  Measure({"--logits", WriteWeights("L0_l.npy", shape.sizes(), logits)}, &err);
  EXPECT_EQ(err.find("note"), std::string::npos) << err;
  Measure({"--logits", WriteWeights("L0_z.npy", shape.sizes(), std::vector<float>(shape.size()))}, &err);
  EXPECT_EQ(err.find("if these are weights"), std::string::npos) << err;
}

// The lowest number of float8 is a mask too, as that of every type.
TEST_F(RowOptionsTest, LowestFloat8IsAMask) {
  for (const auto& [type, lowest, one] : {std::tuple("F8_E4M3", '\xFE', '\x38'), {"F8_E5M2", '\xFB', '\x3C'}}) {
    std::string bytes(20 * 20, one);
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (i % 20 >= 12) bytes[i] = lowest;
    }
    const std::string file =
        Write("x.safetensors", Safetensors("{" + SafetensorsEntry("layers.0.s", type, {20, 20}, 0, 400) + "}", bytes));
    const MetricValues values = Measure({"--logits", file}).layers[0].stats.layer;
    EXPECT_EQ(values[Metric::kMaxAbsLogit], 1.0) << type;
    EXPECT_NEAR(values[Metric::kNormalizedEntropy], 1.0, 1e-6) << type;
    EXPECT_GT(Measure({"--logits", file, "--masked-below", "-inf"}).layers[0].stats.layer[Metric::kMaxAbsLogit], 440.0);
  }
}

// Where the data speaks against what was said.
TEST_F(RowOptionsTest, NotesOfForgottenOptions) {
  const size_t n = 20;
  const auto note = [this](const Shape& shape, const Sees& sees, const std::vector<std::string>& options) {
    const std::vector<uint8_t> mask = MaskOf(shape, sees);
    const std::string file = WriteWeights("L3_attn.npy", shape.sizes(), Softmax(shape, RandomLogits(shape, 43), mask));
    std::string err;
    Measure(Join({file}, options), &err);
    err = WithoutReadings(err);
    const size_t of_sums = err.find("attnscope: note: most rows of layer 3 are no distributions");
    return err.substr(0, of_sums);
  };
  const Shape shape = {2, 2, n, n};
  const Sees all = [](size_t, int64_t, int64_t) { return true; };
  const Sees causal = [](size_t, int64_t i, int64_t j) { return j <= i; };
  const Sees padded = [](size_t b, int64_t, int64_t j) { return b == 0 || j < 6; };
  const Sees left = [](size_t b, int64_t, int64_t j) { return b == 0 || j >= 6; };
  EXPECT_EQ(note(shape, all, {}), "");
  EXPECT_EQ(note(shape, causal, {"--causal"}), "");
  EXPECT_EQ(note(shape, causal, {}),
            "attnscope: note: layer 3: no query gives any weight to the keys behind it; if it may not see them, "
            "--causal says so\n");
  EXPECT_EQ(note(shape, padded, {}),
            "attnscope: note: layer 3, sequence 1: no query gives keys 6 to 19 any weight; if this is padding, "
            "--key-lengths says so\n");
  EXPECT_EQ(note(shape, left, {}),
            "attnscope: note: layer 3, sequence 1: no query gives keys 0 to 5 any weight; if this is padding, "
            "--first-keys says so\n");
  EXPECT_EQ(note(shape, padded, {"--key-lengths", "20,6", "--query-lengths", "20,20"}), "");
  EXPECT_EQ(note(shape, all, {"--causal"}),
            "attnscope: note: layer 3, sequence 0, head 0: query 0 gives weight to key 1, which it does not see by "
            "--causal; such weights are left out\n");
  EXPECT_EQ(note(shape, causal, {"--window", "5"}),
            "attnscope: note: layer 3, sequence 0, head 0: query 5 gives weight to key 0, which it does not see by "
            "--causal, --window; such weights are left out\n");
  // Windows, of layers that may see behind their queries too.
  const Sees window = [](size_t, int64_t i, int64_t j) { return j <= i && j > i - 5; };
  const Sees band = [](size_t, int64_t i, int64_t j) { return j <= i + 3 && j > i - 5; };
  const Sees chunks = [](size_t, int64_t i, int64_t j) { return j <= i && j >= i / 5 * 5; };
  EXPECT_EQ(
      note(shape, window, {"--causal"}),
      "attnscope: note: layer 3: no query gives any weight to keys more than 4 before its own; if attention has a "
      "window, --window 5 says so\n");
  EXPECT_EQ(
      note(shape, band, {}),
      "attnscope: note: layer 3: no query gives any weight to keys more than 4 before its own, or 3 behind it; if "
      "attention has a window, --window 5 --window-after 3 says so\n");
  EXPECT_EQ(note(shape, window, {"--window", "5"}), "");
  EXPECT_EQ(note(shape, band, {"--window", "5", "--window-after", "3"}), "");
  EXPECT_EQ(
      note(shape, window, {"--window", "6"}),
      "attnscope: note: layer 3: no query gives any weight to keys more than 4 before its own; if attention has a "
      "window, --window 5 says so\n");
  EXPECT_EQ(note(shape, causal, {"--window", "100"}), "");
  // Blocks.
  const Sees documents = [](size_t, int64_t i, int64_t j) { return (i < 7) == (j < 7); };
  EXPECT_EQ(note(shape, chunks, {"--causal"}),
            "attnscope: note: layer 3, sequence 0: queries from 5, 10, ... on give no weight to keys before these; if "
            "documents begin there, --segments says so, if chunks, --chunked 5\n");
  EXPECT_EQ(note(shape, documents, {}),
            "attnscope: note: layer 3, sequence 0: queries from 7 on give no weight to keys before these; if documents "
            "begin there, --segments says so\n");
  EXPECT_EQ(note(shape, chunks, {"--chunked", "5"}), "");
  EXPECT_EQ(note(shape, documents, {"--segments", WriteWhole("two.npy", {0, 7, 20})}), "");
  EXPECT_EQ(note(shape, [](size_t, int64_t i, int64_t j) { return i == j; }, {"--causal"}), "");
  EXPECT_EQ(
      note(shape, [](size_t, int64_t i, int64_t j) { return j <= i && j >= 12; }, {"--causal"}).find("has a window"),
      std::string::npos);
  // A mask the wrong way round.
  std::vector<uint8_t> right(2 * n, 1);
  std::fill(right.begin() + n + 6, right.end(), uint8_t{0});
  std::vector<uint8_t> inverted(right);
  for (uint8_t& shown : inverted) shown ^= 1;
  EXPECT_EQ(note(shape, padded, {"--mask", WriteMask("right.npy", {2, 1, 1, n}, right)}), "");
  EXPECT_EQ(note(shape, padded, {"--mask", WriteMask("inverted.npy", {2, 1, 1, n}, inverted)}),
            "attnscope: note: layer 3, sequence 1, head 0: query 0 gives weight to key 0, which it does not see by "
            "--mask; such weights are left out\n");
  EXPECT_EQ(note(shape, left, {"--first-keys", "0,6"}).find("does not see"), std::string::npos);
  // One query has nothing behind it, and one dead matrix says nothing.
  EXPECT_EQ(note({1, 1, 1, n}, all, {}), "");
  EXPECT_EQ(note(shape, [](size_t, int64_t, int64_t) { return false; }, {}).find("note: layer 3: no query"),
            std::string::npos);
}

}  // namespace
}  // namespace attnscope::tools
