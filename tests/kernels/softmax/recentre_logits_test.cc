// SPDX-License-Identifier: Apache-2.0
//
// Logits that are too large for float32 arithmetic, beside a bias or a soft cap, and soft caps of any size, against
// long double.
#include "kernels/softmax/recentre_logits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "kernels/softmax/softmax_rows.h"
#include "kernels/sweep/sweep_workspace.h"
#include "tests/support/exact_logits.h"
#include "tests/support/softmax_rows_fixture.h"

namespace attnscope::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The softmax of logits + added, where long double does not have the digits of both.
ExactSoftmax ExactSum(const std::vector<long double>& logits, long double added) {
  ExactSoftmax exact = ExactSoftmaxOf(logits);
  const auto keys = static_cast<long double>(exact.keys);
  exact.squares += added * (2.0L * exact.sum + keys * added);
  exact.sum += keys * added;
  exact.log_sum_exp += added;
  exact.max_abs = 0.0L;
  for (const long double logit : logits) exact.max_abs = std::max(exact.max_abs, std::abs(logit + added));
  return exact;
}

using RecentreLogitsTest = SoftmaxRowsFixture;
ATTNSCOPE_FOR_EACH_TARGET(RecentreLogitsTest);

// Beside a bias or a cap, s_j are sums of two float32, which have not enough digits for these.
TEST_P(RecentreLogitsTest, LargeLogitsBesideBiases) {
  for (const size_t keys : std::initializer_list<size_t>{1, 2, 7, 16, 33, 128, 300}) {
    for (double magnitude = 0x1p15; magnitude < 1e11; magnitude *= 4.0) {  // where long double has digits left
      for (const double sign : {1.0, -1.0}) {
        const std::string what = "bias of " + std::to_string(sign * magnitude);
        const std::vector<float> bias(keys, static_cast<float>(sign * magnitude));
        Check(ElementType::kFloat32, Normals(keys, keys, 8.0), what, {}, bias);
        Check(ElementType::kFloat16, Normals(keys, keys, 3.0), what, {.scale = 0.3, .soft_cap = 30.0}, bias,
              ElementType::kBFloat16);
        // Spread over all magnitudes up to this one.
        std::vector<float> spread = Normals(keys, keys, 1.0);
        for (float& value : spread) value = static_cast<float>(sign * magnitude) * value * value * value;
        Check(ElementType::kFloat32, Normals(keys, keys, 8.0), what + ", spread", {}, spread);
        Check(ElementType::kFloat32, spread, what + ", spread logits", {.scale = 0.5}, Normals(keys, keys, 3.0));
      }
    }
    // Some keys are masked by -infinity, the others by a number.
    std::vector<float> masked(keys, -1e9f);
    for (size_t i = 0; i < keys / 2; ++i) masked[i * 2] = -kInfinity;
    Check(ElementType::kFloat32, Normals(keys, keys, 8.0), "some masked", {}, masked);
    // Large numbers whose scaled ones are ordinary, and the other way around.
    const std::vector<float> zeros(keys);
    for (const double scale : {0x1p-90, 1e-20, 1e-9, 1e9, 1e20, 0x1p90}) {
      for (const double sigma : {1e-3, 1.0, 1e5, 1e10, 1e30}) {
        const auto logits = Normals(keys, keys, std::min(sigma / scale, 1e36));
        Check(ElementType::kFloat32, logits, "scale " + std::to_string(scale), {.scale = scale}, zeros);
      }
    }
    Check(ElementType::kFloat32, Normals(keys, keys, 1e30), "far apart", {.scale = 1e-20}, zeros);
  }
}

// Finite s_j that no float32 holds are neither masked nor infinite.
TEST_P(RecentreLogitsTest, LogitsBeyondFloat32) {
  for (const size_t keys : std::initializer_list<size_t>{1, 2, 16, 33, 100}) {
    const std::vector<float> zeros(keys);
    for (const double sign : {1.0, -1.0}) {
      Check(ElementType::kFloat32, Normals(keys, keys, 1e25, sign * 1e26), "large", {.scale = 1e20}, zeros);
      Check(ElementType::kFloat32, std::vector<float>(keys, static_cast<float>(sign * 1e38)), "equal", {.scale = 1e20},
            zeros);
      Check(ElementType::kFloat32, std::vector<float>(keys, static_cast<float>(sign * 3e38)), "bias", {},
            std::vector<float>(keys, static_cast<float>(sign * 3e38)));
    }
    // Ordinary keys, and one far below what float32 holds.
    std::vector<float> logits = Normals(keys, keys, 1.0);
    logits[keys / 2] = -3e38f;
    std::vector<float> bias = Normals(keys + 1, keys, 1.0);
    bias[keys / 2] = -3e38f;
    Check(ElementType::kFloat32, logits, "one below", {}, bias);
    logits[keys / 2] = std::numeric_limits<float>::quiet_NaN();
    Check(ElementType::kFloat32, logits, "one invalid", {.scale = 1e20}, bias);
    std::vector<float> huge = Normals(keys, keys, 1e37, 1e38);
    huge[keys / 2] = -kInfinity;
    Check(ElementType::kFloat32, huge, "one masked", {.scale = 1e20}, zeros);
    Check(ElementType::kFloat32, huge, "one masked, capped", {.scale = 1e20, .soft_cap = 1e25});
    huge[keys / 2] = kInfinity;
    Check(ElementType::kFloat32, huge, "one infinite", {.scale = 1e20}, zeros);
  }
}

// A softmax does not mind what is added to all logits, also where no number has the digits of both.
TEST_P(RecentreLogitsTest, ABiasOfAllKeysChangesNothing) {
  for (const size_t keys : std::initializer_list<size_t>{2, 16, 33, 300}) {
    for (const float bias : {-1e9f, 1e15f, -1e30f, std::numeric_limits<float>::lowest()}) {
      const std::vector<float> logits = Normals(keys, keys, 8.0);
      const std::vector<float> biases(keys, bias);
      SoftmaxRow row;
      row.logits = logits.data();
      row.keys = keys;
      std::vector<float> weights(keys + kMaxFloatLanes);
      row.weights = weights.data();
      row.bias = biases.data();
      SoftmaxMeasures measures;
      SoftmaxRows(&row, 1, {.scale = 0.7}, {high_.data(), low_.data()}, &measures);
      std::vector<long double> exact_logits;
      for (const float logit : logits) exact_logits.push_back(0.7 * static_cast<long double>(logit));
      Compare(measures, weights, ExactSum(exact_logits, static_cast<long double>(bias)),
              "bias " + std::to_string(bias));
    }
  }
}

TEST_P(RecentreLogitsTest, SoftCapsOfAnySize) {
  for (const size_t keys : std::initializer_list<size_t>{1, 2, 16, 33, 300}) {
    for (double cap = 0x1p-96; cap <= 0x1p96; cap *= 8.0) {
      const std::string what = "cap " + std::to_string(cap);
      Check(ElementType::kFloat32, Normals(keys, keys, 4.0), what, {.soft_cap = cap});
      Check(ElementType::kBFloat16, Normals(keys, keys, 40.0), what, {.scale = 0.1, .soft_cap = cap},
            Normals(keys + 1, keys, 2.0));
      for (const double ratio : {1e-4, 0x1p-9, 0.1, 2.0}) {
        Check(ElementType::kFloat32, Normals(keys, keys, 0.3 * ratio * cap, ratio * cap), what, {.soft_cap = cap});
      }
    }
  }
  weight_.Report(0.1);
}

// Logits that differ by less than the cap's last place, because tanh has all but reached 1.
TEST_P(RecentreLogitsTest, SaturatedLargeCaps) {
  for (const double cap : {1e9, 1e12, 1e15, 1e20}) {
    // cap - cap * tanh(x / cap) = 2 cap / (e^(2x / cap) + 1): x where these are 1, 2, 3, ...
    std::vector<float> logits;
    for (int i = 1; i <= 100; ++i) logits.push_back(static_cast<float>(0.5 * cap * std::log(2.0 * cap / i - 1.0)));
    for (const float sign : {1.0f, -1.0f}) {
      std::vector<float> signed_logits;
      std::vector<long double> from_cap;  // s_j without the cap
      for (const float logit : logits) {
        signed_logits.push_back(sign * logit);
        const long double power = std::exp(2.0L * static_cast<long double>(logit) / static_cast<long double>(cap));
        from_cap.push_back(-static_cast<long double>(sign) * 2.0L * static_cast<long double>(cap) / (power + 1.0L));
      }
      SoftmaxRow row;
      row.logits = signed_logits.data();
      row.keys = signed_logits.size();
      std::vector<float> weights(row.keys + kMaxFloatLanes);
      row.weights = weights.data();
      SoftmaxMeasures measures;
      SoftmaxRows(&row, 1, {.soft_cap = cap}, {high_.data(), low_.data()}, &measures);
      Compare(measures, weights, ExactSum(from_cap, static_cast<long double>(sign) * static_cast<long double>(cap)),
              "cap " + std::to_string(cap));
    }
  }
}

}  // namespace
}  // namespace attnscope::test
