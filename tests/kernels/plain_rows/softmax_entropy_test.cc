// SPDX-License-Identifier: Apache-2.0
//
// Entropy, logsumexp and the largest logits of plain rows against a long-double softmax: every length, vocabularies,
// scales, rows whose largest logit comes last, masked logits, invalid rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "attnscope/kernels.h"
#include "tests/kernels/plain_rows/guarded_rows.h"
#include "tests/support/compare.h"
#include "tests/support/npy_file.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr size_t kMostColumns = kSlowBuild ? 9000 : 130000;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct ExactSoftmax {
  bool invalid = false;
  size_t seen = 0;
  long double entropy = 0.0L;
  long double logsumexp = 0.0L;
};

ExactSoftmax ExactSoftmaxOf(const std::vector<long double>& logits, double scale) {
  ExactSoftmax exact;
  long double max = -HUGE_VALL;
  for (const long double x : logits) {
    exact.invalid |= std::isnan(x) || x == HUGE_VALL;
    if (x == -HUGE_VALL) continue;
    ++exact.seen;
    max = std::max(max, static_cast<long double>(scale) * x);
  }
  if (exact.invalid || exact.seen == 0) return exact;
  long double z = 0.0L;
  for (const long double x : logits) z += std::exp(static_cast<long double>(scale) * x - max);
  for (const long double x : logits) {
    const long double p = std::exp(static_cast<long double>(scale) * x - max) / z;
    if (p > 0.0L) exact.entropy -= p * std::log(p);
  }
  exact.logsumexp = max + std::log(z);
  return exact;
}

class SoftmaxEntropyTest : public TargetTest {
 protected:
  SoftmaxEntropyTest() : memory_(4 * kMostColumns) {}

  void Check(double scale, size_t k, const std::string& what) {
    const kernels::Rows& rows = memory_.rows();
    std::vector<double> entropy(rows.rows + 1, -7.0), logsumexp(rows.rows + 1, -7.0);
    std::vector<float> values(rows.rows * k + 1, -7.0f), top_values(rows.rows * k + 1, -7.0f);
    std::vector<uint32_t> indices(rows.rows * k + 1, 77), top_indices(rows.rows * k + 1, 77);
    ASSERT_TRUE(
        kernels::SoftmaxEntropy(rows, scale, {entropy.data(), logsumexp.data(), k, values.data(), indices.data()})
            .ok());
    EXPECT_TRUE(memory_.SlackIntact() && entropy.back() == -7.0 && logsumexp.back() == -7.0 && indices.back() == 77);
    if (k != 0) {
      ASSERT_TRUE(kernels::TopK(rows, k, top_values.data(), top_indices.data()).ok());
    }
    for (size_t row = 0; row < rows.rows; ++row) {
      const std::string where =
          what + ", scale " + std::to_string(scale) + ", row " + std::to_string(row) + " of " + memory_.Name();
      const ExactSoftmax exact = ExactSoftmaxOf(memory_.Exact(row), scale);
      if (exact.invalid) {
        EXPECT_TRUE(std::isnan(entropy[row]) && std::isnan(logsumexp[row])) << where;
        for (size_t i = row * k; i < (row + 1) * k; ++i)
          EXPECT_TRUE(std::isnan(values[i]) && indices[i] == kernels::kNoIndex) << where;
        continue;
      }
      // TopK has a test of its own; here the same is asked for in pieces.
      for (size_t i = row * k; i < (row + 1) * k; ++i) {
        ASSERT_EQ(indices[i], top_indices[i]) << where << ", place " << i - row * k;
        ASSERT_TRUE(values[i] == top_values[i] || (std::isnan(values[i]) && std::isnan(top_values[i]))) << where;
      }
      if (exact.seen == 0) {
        EXPECT_TRUE(std::isnan(entropy[row]) && logsumexp[row] == -HUGE_VAL) << where;
        continue;
      }
      const long double bound = 2e-6L * std::max(1.0L, std::log(static_cast<long double>(rows.columns)));
      entropy_record_.Add(entropy[row], exact.entropy, bound, where);
      // The product of scale and logit is rounded to float64.
      logsumexp_record_.Add(logsumexp[row], exact.logsumexp, bound + 0x1p-51L * std::abs(exact.logsumexp), where);
    }
  }

  GuardedRows memory_;
  ErrorRecord entropy_record_{"softmax_entropy"};
  ErrorRecord logsumexp_record_{"logsumexp"};
};
ATTNSCOPE_FOR_EACH_TARGET(SoftmaxEntropyTest);

std::vector<float> Normals(uint64_t seed, size_t count, double sigma, double mean) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(mean + sigma * random.Normal());
  return values;
}

TEST_P(SoftmaxEntropyTest, EveryLength) {
  constexpr double kScales[] = {1.0, 0.125, 3.7, 1e-3, 40.0};
  size_t turn = 0;
  for (const size_t columns : AllSizes(kMostColumns)) {
    const size_t num_rows = columns > 300 ? 1 : 3;
    for (const ElementType type : kAllTypes) {
      ++turn;
      const double scale = kScales[turn % std::size(kScales)];
      const std::vector<float> logits = Normals(turn, num_rows * columns, 2.0 / scale, turn % 4 == 0 ? 100.0 : 0.0);
      memory_.Place(type, logits, num_rows, columns, turn % 5, turn % 3 == 0, turn % 2 == 0, turn % 17);
      Check(scale, turn % 7 == 0 ? 0 : 1 + turn % 60, "normal");
      if (HasFailure()) return;
    }
  }
  entropy_record_.Report(1e-4);
  logsumexp_record_.Report(1e-4);
}

TEST_P(SoftmaxEntropyTest, Vocabularies) {
  std::vector<size_t> sizes = {32000, 50257, 128256};
  if (kSlowBuild) sizes = {8999};
  for (const size_t columns : sizes) {
    for (const double sigma : {0.0, 1.0, 5.0, 30.0}) {
      memory_.Place(ElementType::kFloat32, Normals(columns, 2 * columns, sigma, -3.0), 2, columns, 7);
      Check(1.0, 50, "vocabulary");
      Check(1.0 / 0.7, 1024, "vocabulary");
    }
  }
}

// The largest logit of each chunk is above all before; or the first chunk has it; or all are equal.
TEST_P(SoftmaxEntropyTest, RisingAndFalling) {
  for (const double step : {1e-4, 1e-2, 1.0, 1e6, 1e30}) {
    std::vector<float> logits(9001);
    for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(step * (static_cast<double>(i) - 4000.0));
    memory_.Place(ElementType::kFloat32, logits, 1, logits.size());
    Check(1.0, 20, "rising by " + std::to_string(step));
    std::reverse(logits.begin(), logits.end());
    memory_.Place(ElementType::kFloat32, logits, 1, logits.size());
    Check(1.0, 20, "falling by " + std::to_string(step));
  }
  memory_.Place(ElementType::kFloat32, std::vector<float>(9001, -3e38f), 1, 9001);
  Check(1.0, 20, "all equal");
}

TEST_P(SoftmaxEntropyTest, MaskedLogits) {
  Random random(4);
  for (const size_t columns : {size_t{1}, size_t{17}, size_t{2048}, size_t{6200}}) {
    for (const double share : {0.01, 0.5, 0.99, 1.0}) {
      std::vector<float> logits = Normals(columns, 3 * columns, 3.0, 0.0);
      for (float& logit : logits) logit = random.Uniform() < share ? -kInfinity : logit;
      for (const ElementType type : kAllTypes) {
        memory_.Place(type, logits, 3, columns, 1);
        Check(1.0, 40, "masked");
      }
    }
    // Whole chunks, in front.
    std::vector<float> logits = Normals(columns, columns, 3.0, 0.0);
    std::fill(logits.begin(), logits.begin() + static_cast<std::ptrdiff_t>(columns * 3 / 4), -kInfinity);
    memory_.Place(ElementType::kFloat32, logits, 1, columns);
    Check(1.0, 5, "masked in front");
  }
}

TEST_P(SoftmaxEntropyTest, InvalidRows) {
  for (const size_t columns : {size_t{1}, size_t{40}, size_t{5000}}) {
    for (const float odd : {std::nanf(""), -std::nanf(""), kInfinity}) {
      for (const size_t place : {size_t{0}, columns / 2, columns - 1}) {
        std::vector<float> logits = Normals(columns, 3 * columns, 3.0, 0.0);
        logits[columns + place] = odd;
        if (columns > 1) logits[columns + (place == 0 ? 1 : 0)] = -kInfinity;
        for (const ElementType type : kAllTypes) {
          memory_.Place(type, logits, 3, columns, 1);
          Check(1.0, 3, "invalid");
        }
      }
    }
  }
}

// Logits of a trained model, beside the weights that the model made of them.
TEST_P(SoftmaxEntropyTest, RealLogits) {
  const NpyFile logits = ReadNpy("use_long_L1_logits.npy");
  const size_t columns = logits.shape.back();
  const size_t num_rows = std::min<size_t>(300, logits.values.size() / columns);
  for (size_t row = 0; row < num_rows; ++row) {
    memory_.Place(ElementType::kFloat32, std::span(logits.values).subspan(row * columns, columns), 1, columns);
    Check(1.0, 10, "real");
  }
}

}  // namespace
}  // namespace attnscope::test
