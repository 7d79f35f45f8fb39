// SPDX-License-Identifier: Apache-2.0
//
// Logits to weights against long double: every length up to 300 and around powers of two, every element type, scale,
// soft cap and bias; large, equal, masked and invalid logits; nothing read or written beyond the row.
#include "kernels/softmax/softmax_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "kernels/sweep/sweep_workspace.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/exact_logits.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr size_t kMostKeys = 70000;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kUntouched = -777.0f;

class SoftmaxRowsTest : public TargetTest {
 protected:
  SoftmaxRowsTest()
      : logits_(kMostKeys * sizeof(float)), bias_(kMostKeys * sizeof(float)), low_(PaddedColumns(kMostKeys)) {}

  // Measures one row, stored as `type` elements at the end of guarded memory, beside a bias of `bias_type` if there is
  // one, and compares everything.
  void Check(ElementType type, const std::vector<float>& logits, const std::string& what,
             const SoftmaxParams& params = {}, const std::vector<float>& bias = {},
             ElementType bias_type = ElementType::kFloat32) {
    const size_t keys = logits.size();
    SoftmaxRow row;
    row.type = type;
    row.keys = keys;
    row.logits = Store(type, logits, logits_);
    if (!bias.empty()) row.bias = Store(bias_type, bias, bias_);
    row.bias_type = bias_type;
    std::vector<float> weights(keys + kMaxFloatLanes + 1, kUntouched);
    row.weights = weights.data();
    SoftmaxMeasures measures;
    const LogitScale scale = {params.scale == 0.0 ? 1.0 : params.scale, params.soft_cap};
    // What an invalid row may have left there.
    std::fill_n(low_.begin(), keys + kMaxFloatLanes, std::numeric_limits<float>::quiet_NaN());
    SoftmaxRows(&row, 1, scale, low_.data(), &measures);
    EXPECT_EQ(weights[keys + kMaxFloatLanes], kUntouched);

    std::vector<long double> exact_logits;
    for (size_t i = 0; i < keys; ++i) {
      exact_logits.push_back(ExactLogit(params, 1.0L, LoadElement(type, row.logits, i),
                                        bias.empty() ? 0.0L : LoadElement(bias_type, row.bias, i)));
    }
    Compare(measures, weights, ExactSoftmaxOf(exact_logits),
            what + ", " + NameOf(type) + ", " + std::to_string(keys) + " keys");
  }

  void Compare(const SoftmaxMeasures& measures, const std::vector<float>& weights, const ExactSoftmax& exact,
               const std::string& what) {
    EXPECT_EQ(measures.valid, exact.valid) << what;
    if (!exact.valid) {
      EXPECT_TRUE(std::isnan(weights[0])) << what;
      return;
    }
    EXPECT_EQ(measures.keys, exact.keys) << what;
    for (size_t i = 0; i < exact.weights.size(); ++i) {
      // Weights below 2^-125 of the largest may be zero.
      const long double bound =
          exact.weights[i] < 0x1p-124L * exact.max_weight ? exact.weights[i] * 1.01L : 4e-7L * exact.weights[i];
      weight_.Add(static_cast<double>(weights[i]), exact.weights[i], bound, what + ", key " + std::to_string(i));
      if (HasFailure()) return;
    }
    const long double log_keys = std::log(static_cast<long double>(std::max<size_t>(exact.keys, 3)));
    entropy_.Add(measures.entropy_nats, exact.entropy, 2e-6L * log_keys, what);
    EXPECT_GE(measures.entropy_nats, 0.0) << what;
    log_sum_exp_.Add(measures.log_sum_exp, exact.log_sum_exp, 1e-6L + 1e-7L * exact.max_abs, what);
    max_.Add(measures.max_weight, exact.max_weight, 1e-6L * exact.max_weight, what);
    const auto count = static_cast<long double>(exact.keys);
    moments_.Add(measures.sum, exact.sum, 1e-7L * count * exact.max_abs, what);
    moments_.Add(measures.squares, exact.squares, 2e-7L * exact.squares, what);
    moments_.Add(measures.max_abs, exact.max_abs, 1e-7L * exact.max_abs, what);
  }

  static void* Store(ElementType type, const std::vector<float>& values, GuardedBuffer& memory) {
    void* to = values.size() % 3 == 0
                   ? memory.PlaceAtFront(values.size() * ElementBytes(type), values.size() % 16 * ElementBytes(type))
                   : memory.PlaceAtEnd(values.size() * ElementBytes(type));
    StoreElements(type, values, to);
    return to;
  }

  GuardedBuffer logits_;
  GuardedBuffer bias_;
  std::vector<float> low_;
  ErrorRecord weight_{"weight"}, entropy_{"entropy"}, log_sum_exp_{"log_sum_exp"}, max_{"max_weight"},
      moments_{"moments"};
};
ATTNSCOPE_FOR_EACH_TARGET(SoftmaxRowsTest);

std::vector<float> Normals(uint64_t seed, size_t keys, double sigma, double mean = 0.0) {
  Random random(seed);
  std::vector<float> values(keys);
  for (float& value : values) value = static_cast<float>(mean + sigma * random.Normal());
  return values;
}

TEST_P(SoftmaxRowsTest, EveryLength) {
  for (size_t keys = 0; keys <= 300; ++keys) {
    for (const ElementType type : kAllTypes) Check(type, Normals(keys, keys, 3.0), "normal");
  }
  for (size_t power = 512; power <= (kSlowBuild ? 4096 : 65536); power *= 2) {
    for (const size_t keys : {power - 1, power, power + 1}) {
      Check(ElementType::kFloat32, Normals(keys, keys, 1.0), "normal");
      Check(ElementType::kBFloat16, Normals(keys, keys, 6.0), "normal");
    }
  }
  weight_.Report(0.2);
  entropy_.Report(1e-3);
  log_sum_exp_.Report(1e-6);
}

TEST_P(SoftmaxRowsTest, AnyFiniteLogits) {
  for (const size_t keys : std::initializer_list<size_t>{1, 2, 17, 100, 333}) {
    for (const double mean : {0.0, 20.0, -20.0, 87.3, 1e3, -1e4, 1e4, 1e8, -1e30, 1e38}) {
      for (const double sigma : {0.0, 1e-3, 1.0, 30.0, 1e4, 1e30}) {
        if (sigma > 1e4 && std::abs(mean) > 1e30) continue;  // beyond float32
        Check(ElementType::kFloat32, Normals(keys, keys, sigma, mean),
              "mean " + std::to_string(mean) + ", sigma " + std::to_string(sigma));
      }
    }
  }
  // As many tools mask.
  std::vector<float> logits = Normals(1, 200, 2.0);
  for (size_t i = 100; i < 200; ++i) logits[i] = -std::numeric_limits<float>::max();
  Check(ElementType::kFloat32, logits, "lowest");
  logits[3] = std::numeric_limits<float>::max();
  Check(ElementType::kFloat32, logits, "lowest and largest");
  Check(ElementType::kFloat32, std::vector<float>(99, std::numeric_limits<float>::denorm_min()), "denormal");
  Check(ElementType::kFloat32, std::vector<float>(1000, -0.0f), "equal");
}

// A logit whose digits reach below those of the difference: the shift must not round.
TEST_P(SoftmaxRowsTest, WeightsFarBelowTheLargestKeepTheirDigits) {
  Random random(5);
  for (int i = 0; i < 200; ++i) {
    std::vector<float> logits = Normals(static_cast<uint64_t>(i), 40, 1.0, -30.0 - i * 0.2);
    logits[7] = static_cast<float>(10.0 + 30.0 * random.Uniform());
    logits[8] = static_cast<float>(1e-4 * random.Uniform());
    Check(ElementType::kFloat32, logits, "far below");
  }
  weight_.Report(0.1);
}

TEST_P(SoftmaxRowsTest, Scales) {
  for (const double scale : {0.125, 1.0 / std::sqrt(128.0), 0.3, 25.0, 1e-6, 0x1p-96, 0x1p96}) {
    for (const size_t keys : std::initializer_list<size_t>{5, 64, 257}) {
      Check(ElementType::kFloat32, Normals(keys, keys, std::min(4.0 / scale, 1e30)), "scale " + std::to_string(scale),
            {.scale = scale});
    }
  }
  // The product of scale and logit must not be rounded to float32 first.
  Check(ElementType::kFloat32, Normals(3, 100, 20.0, 1e5), "large products", {.scale = 0.3});
}

TEST_P(SoftmaxRowsTest, SoftCapsAndBiases) {
  for (const size_t keys : std::initializer_list<size_t>{1, 7, 16, 33, 300}) {
    for (const ElementType type : kAllTypes) {
      const std::vector<float> logits = Normals(keys, keys, 40.0);
      Check(type, logits, "cap", {.soft_cap = 50.0});
      Check(type, logits, "cap and scale", {.scale = 0.7, .soft_cap = 20.0});
      Check(type, logits, "bias", {.scale = 0.1}, Normals(keys + 1, keys, 2.0));
      for (const ElementType bias_type : kAllTypes) {
        Check(type, logits, "cap and bias", {.scale = 0.3, .soft_cap = 30.0}, Normals(keys + 1, keys, 5.0), bias_type);
      }
    }
  }
  // Sums that float32 rounds to multiples of 0.002, which few keys do not even out.
  for (const size_t keys : std::initializer_list<size_t>{2, 3, 5, 16, 17}) {
    Check(ElementType::kFloat32, Normals(keys, keys, 1.0, 3e4), "large logits and bias", {},
          Normals(keys + 1, keys, 1.0));
  }
  // ALiBi over long rows: the same.
  std::vector<float> alibi(5000);
  for (size_t i = 0; i < alibi.size(); ++i) alibi[i] = -0.0123f * static_cast<float>(alibi.size() - i);
  Check(ElementType::kFloat32, Normals(9, alibi.size(), 100.0, 1e4), "alibi", {.scale = 0.088}, alibi);
  Check(ElementType::kFloat32, Normals(9, 50, 1e30), "saturated cap", {.soft_cap = 10.0});
  weight_.Report(0.1);
}

TEST_P(SoftmaxRowsTest, MaskedKeys) {
  for (const size_t keys : std::initializer_list<size_t>{1, 2, 15, 16, 17, 100}) {
    for (size_t masked = 0; masked < keys; masked += 3) {
      std::vector<float> logits = Normals(keys, keys, 2.0);
      std::vector<float> bias(keys, 0.5f);
      for (size_t i = 0; i <= masked; ++i) logits[(i * 7) % keys] = -kInfinity;
      for (const ElementType type : kAllTypes) Check(type, logits, "masked", {.scale = 0.5});
      Check(ElementType::kFloat32, logits, "masked and capped", {.soft_cap = 5.0});
      for (size_t i = 0; i <= masked; ++i) bias[(i * 5) % keys] = -kInfinity;
      Check(ElementType::kFloat32, Normals(keys, keys, 2.0), "masked by bias", {}, bias);
    }
    Check(ElementType::kFloat32, std::vector<float>(keys, -kInfinity), "all masked");
    Check(ElementType::kFloat16, std::vector<float>(keys, -kInfinity), "all masked", {.soft_cap = 5.0});
    Check(ElementType::kFloat32, Normals(keys, keys, 2.0), "all masked by bias", {},
          std::vector<float>(keys, -kInfinity));
  }
}

TEST_P(SoftmaxRowsTest, InvalidRows) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const size_t keys : std::initializer_list<size_t>{1, 2, 16, 17, 40, 300}) {
    for (size_t at = 0; at < keys; at += 1 + keys / 20) {
      for (const float bad : {nan, kInfinity}) {
        std::vector<float> logits = Normals(keys, keys, 2.0);
        logits[at] = bad;
        for (const ElementType type : kAllTypes) Check(type, logits, "invalid");
        Check(ElementType::kFloat32, logits, "invalid, capped", {.soft_cap = 30.0});
        if (at != 0) logits[at - 1] = -kInfinity;
        Check(ElementType::kFloat32, logits, "invalid and masked");
        std::vector<float> bias(keys, 0.0f);
        bias[at] = bad;
        Check(ElementType::kFloat32, Normals(keys, keys, 2.0), "invalid bias", {}, bias);
      }
    }
  }
}

// In place, and several rows in one call.
TEST_P(SoftmaxRowsTest, InPlace) {
  const size_t keys = 77;
  std::vector<std::vector<float>> rows;
  SoftmaxRow in_place[kRowsPerBlock];
  for (size_t i = 0; i < kRowsPerBlock; ++i) {
    rows.push_back(Normals(i, keys, 1.0 + static_cast<double>(i)));
    rows.back().resize(keys + kMaxFloatLanes);
  }
  std::vector<std::vector<float>> logits = rows;
  for (size_t i = 0; i < kRowsPerBlock; ++i) {
    in_place[i].logits = in_place[i].weights = rows[i].data();
    in_place[i].keys = keys;
  }
  SoftmaxMeasures measures[kRowsPerBlock];
  SoftmaxRows(in_place, kRowsPerBlock, {.scale = 0.5}, low_.data(), measures);
  for (size_t i = 0; i < kRowsPerBlock; ++i) {
    std::vector<long double> exact;
    for (size_t j = 0; j < keys; ++j) exact.push_back(0.5L * static_cast<long double>(logits[i][j]));
    Compare(measures[i], rows[i], ExactSoftmaxOf(exact), "row " + std::to_string(i));
  }
}

}  // namespace
}  // namespace attnscope::test
