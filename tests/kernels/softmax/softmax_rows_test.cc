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
#include "tests/support/elements.h"
#include "tests/support/exact_logits.h"
#include "tests/support/row_inputs.h"
#include "tests/support/softmax_rows_fixture.h"

namespace attnscope::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

using SoftmaxRowsTest = SoftmaxRowsFixture;
ATTNSCOPE_FOR_EACH_TARGET(SoftmaxRowsTest);

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
  SoftmaxRows(in_place, kRowsPerBlock, {.scale = 0.5}, {high_.data(), low_.data()}, measures);
  for (size_t i = 0; i < kRowsPerBlock; ++i) {
    std::vector<long double> exact;
    for (size_t j = 0; j < keys; ++j) exact.push_back(0.5L * static_cast<long double>(logits[i][j]));
    Compare(measures[i], rows[i], ExactSoftmaxOf(exact), "row " + std::to_string(i));
  }
}

}  // namespace
}  // namespace attnscope::test
