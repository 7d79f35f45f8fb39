// SPDX-License-Identifier: Apache-2.0
//
// Compares rows of logits that become weights with the exact softmax: for the tests of SoftmaxRows.
#ifndef ATTNSCOPE_TESTS_SUPPORT_SOFTMAX_ROWS_FIXTURE_H_
#define ATTNSCOPE_TESTS_SUPPORT_SOFTMAX_ROWS_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/softmax_params.h"
#include "kernels/softmax/softmax_rows.h"
#include "kernels/sweep/sweep_workspace.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/exact_logits.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {

class SoftmaxRowsFixture : public TargetTest {
 protected:
  static constexpr size_t kMostKeys = 70000;
  static constexpr float kUntouched = -777.0f;

  SoftmaxRowsFixture()
      : logits_(kMostKeys * sizeof(float)),
        bias_(kMostKeys * sizeof(float)),
        high_(PaddedColumns(kMostKeys)),
        low_(high_.size()) {}

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
    SoftmaxRows(&row, 1, scale, {high_.data(), low_.data()}, &measures);
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
  std::vector<float> high_, low_;
  ErrorRecord weight_{"weight"}, entropy_{"entropy"}, log_sum_exp_{"log_sum_exp"}, max_{"max_weight"},
      moments_{"moments"};
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_SOFTMAX_ROWS_FIXTURE_H_
