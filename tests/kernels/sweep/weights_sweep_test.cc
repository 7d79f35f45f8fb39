// SPDX-License-Identifier: Apache-2.0
//
// The weights sweep, row by row: each measure against the oracle within the numerical contract, for every length up to
// 300 and around powers of two, every element type, with unreadable memory right behind and right before the row.
#include "kernels/sweep/weights_sweep.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/open_sweep.h"
#include "tests/support/oracle.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr size_t kMostKeys = size_t{1} << 20;

class WeightsSweepTest : public TargetTest {
 protected:
  WeightsSweepTest() : row_memory_(kMostKeys * sizeof(float) + 64), sweep_(kMostKeys) {}

  // Sweeps one row and checks everything that it adds.
  void CheckRow(ElementType type, const RowInput& input, uint64_t seed, size_t keys) {
    std::vector<float> row(keys);
    Random random(seed);
    input.fill(random, row);
    const size_t bytes = keys * ElementBytes(type);
    // Mostly the end of the row is guarded; sometimes its begin, at any alignment of the element type.
    MatrixInMemory matrix;
    void* memory = seed % 4 != 0 ? row_memory_.PlaceAtEnd(bytes)
                                 : row_memory_.PlaceAtFront(bytes, seed / 4 % 16 * ElementBytes(type));
    StoreElements(type, row, memory);
    matrix.data = memory;
    matrix.type = type;
    matrix.rows = 1;
    matrix.keys = keys;
    const ExactRow exact = ExactRowOf(LoadElements(type, memory, keys));
    const std::string what = std::string(input.name) + ", " + NameOf(type) + ", " + std::to_string(keys) + " keys";
    CheckFlags(matrix, exact, what);
    if (exact.measured()) CheckMeasures(exact, what);
  }

  // The row's sum is not stored, but decides whether the row counts as unnormalised: a tolerance just above and one
  // just below its distance from 1 hold it to 2e-6 relative. Leaves the row swept once.
  void CheckFlags(MatrixInMemory& matrix, const ExactRow& exact, const std::string& what) {
    const long double distance = std::abs(exact.sum - 1.0L);
    const long double slack = 2e-6L * exact.sum + 1e-12L;  // the last for tolerances near 1, which are doubles
    if (exact.measured() && distance > slack) {
      Sweep(matrix, distance - slack);
      EXPECT_EQ(sweep_[RowSumOf<Metric::kUnnormalizedRows>()], 1.0) << what;
    }
    Sweep(matrix, distance + slack);
    EXPECT_EQ(sweep_[RowSumOf<Metric::kUnnormalizedRows>()], 0.0) << what;
    EXPECT_EQ(sweep_[RowSumOf<Metric::kInvalidRows>()], 0.0) << what;
    EXPECT_EQ(sweep_[RowSumOf<Metric::kEmptyRows>()], exact.empty ? 1.0 : 0.0) << what;
    EXPECT_EQ(sweep_[RowSumOf<Metric::kMaskedRows>()], exact.masked ? 1.0 : 0.0) << what;
    EXPECT_EQ(sweep_[RowSum::kMeasured], exact.measured() ? 1.0 : 0.0) << what;
    EXPECT_EQ(sweep_[RowSum::kSeveralKeys], exact.measured() && exact.visible > 1 ? 1.0 : 0.0) << what;
    EXPECT_TRUE(sweep_.CanariesIntact()) << what;
    EXPECT_TRUE(row_memory_.SlackIntact()) << what;
  }

  void Sweep(MatrixInMemory& matrix, long double tolerance) {
    matrix.tolerance = static_cast<double>(tolerance);
    sweep_.Clear();
    sweep_.Add(matrix.All());
  }

  void CheckMeasures(const ExactRow& exact, const std::string& what) {
    const double entropy = sweep_[RowSumOf<Metric::kEntropy>()];
    entropy_.Add(entropy, exact.entropy, exact.entropy_bound(), what);
    rank_.Add(sweep_[RowSumOf<Metric::kEffectiveRank>()], exact.effective_rank(), exact.effective_rank_bound(), what);
    if (exact.visible > 1) {
      const long double log_visible = std::log(static_cast<long double>(exact.visible));
      EXPECT_TRUE(Within(sweep_[RowSumOf<Metric::kNormalizedEntropy>()], exact.normalized_entropy(),
                         exact.entropy_bound() / log_visible))
          << what;
    }
    EXPECT_EQ(sweep_[RowSumOf<Metric::kMaxRowWeight>()], static_cast<double>(exact.max)) << what;
    top_k_.Add(sweep_[TopMassSum(0)], exact.top5, 2e-6L * exact.top5, what);
    top_k_.Add(sweep_[TopMassSum(1)], exact.top10, 2e-6L * exact.top10, what);
    top_k_.Add(sweep_[TopMassSum(2)], exact.top50, 2e-6L * exact.top50, what);
    CheckRanges(exact, what);
  }

  // What holds for every distribution, also after rounding.
  void CheckRanges(const ExactRow& exact, const std::string& what) {
    constexpr double kRounding = 1.0 + 1e-14;  // masses are added in different orders, and logarithms differ by an ulp
    EXPECT_LE(sweep_[RowSumOf<Metric::kMaxRowWeight>()], sweep_[TopMassSum(0)] * kRounding) << what;
    EXPECT_LE(sweep_[TopMassSum(0)], sweep_[TopMassSum(1)] * kRounding) << what;
    EXPECT_LE(sweep_[TopMassSum(1)], sweep_[TopMassSum(2)] * kRounding) << what;
    if (std::abs(exact.sum - 1.0L) > 1e-6L) return;
    const auto keys = static_cast<double>(exact.visible);
    EXPECT_GE(sweep_[RowSumOf<Metric::kEntropy>()], 0.0) << what;
    EXPECT_LE(sweep_[RowSumOf<Metric::kEntropy>()], std::log(keys) * kRounding) << what;
    EXPECT_GE(sweep_[RowSumOf<Metric::kEffectiveRank>()], 1.0) << what;
    EXPECT_LE(sweep_[RowSumOf<Metric::kEffectiveRank>()], keys) << what;
    EXPECT_LE(sweep_[RowSumOf<Metric::kNormalizedEntropy>()], 1.0) << what;
  }

  void Report() const {
    entropy_.Report(1e-3);
    rank_.Report(1e-3);
    top_k_.Report();
  }

  GuardedBuffer row_memory_;
  OpenSweep sweep_;
  ErrorRecord entropy_{"entropy"};
  ErrorRecord rank_{"effective_rank"};
  ErrorRecord top_k_{"top_k"};
};
ATTNSCOPE_FOR_EACH_TARGET(WeightsSweepTest);

TEST_P(WeightsSweepTest, EveryLengthUpTo300) {
  for (const ElementType type : kAllTypes) {
    for (size_t keys = 0; keys <= 300; ++keys) {
      for (const RowInput& input : AllRowInputs()) CheckRow(type, input, keys, keys);
    }
  }
  Report();
}

TEST_P(WeightsSweepTest, AroundPowersOfTwo) {
  const size_t most = kSlowBuild ? size_t{1} << 13 : size_t{1} << 15;
  for (const ElementType type : kAllTypes) {
    for (size_t power = 512; power <= most; power *= 2) {
      for (const size_t keys : {power - 1, power, power + 1}) {
        for (const RowInput& input : AllRowInputs()) CheckRow(type, input, keys, keys);
      }
    }
  }
  Report();
}

TEST_P(WeightsSweepTest, LongRows) {
  for (const char* name : {"sigma1", "uniform", "ascending", "tiny"}) {
    for (const size_t power : {size_t{1} << 16, size_t{1} << 17}) {
      for (const size_t keys : {power - 1, power, power + 1}) {
        CheckRow(ElementType::kFloat32, RowInputOf(name), keys, keys);
      }
    }
  }
  for (const char* name : {"sigma4", "uniform", "descending"}) {
    CheckRow(ElementType::kFloat32, RowInputOf(name), 1, kMostKeys);
  }
  Report();
}

TEST_P(WeightsSweepTest, OneHotIsExact) {
  for (size_t keys = 1; keys <= 300; ++keys) {
    for (size_t position = 0; position < keys; ++position) {
      auto* row = static_cast<float*>(row_memory_.PlaceAtEnd(keys * sizeof(float)));
      row[position] = 1.0f;
      MatrixInMemory matrix;
      matrix.data = row;
      matrix.rows = 1;
      matrix.keys = keys;
      Sweep(matrix, 0.0L);
      ASSERT_EQ(sweep_[RowSumOf<Metric::kEntropy>()], 0.0) << keys << " keys, position " << position;
      ASSERT_EQ(sweep_[RowSumOf<Metric::kEffectiveRank>()], 1.0) << keys << " keys, position " << position;
      ASSERT_EQ(sweep_[TopMassSum(0)], 1.0);
      ASSERT_EQ(sweep_[TopMassSum(2)], 1.0);
      ASSERT_EQ(sweep_[RowSumOf<Metric::kMaxRowWeight>()], 1.0);
      ASSERT_EQ(sweep_[RowSumOf<Metric::kUnnormalizedRows>()], 0.0);
      ASSERT_EQ(sweep_.Column(position), 1.0);
    }
  }
}

// Sums that are off 1 by roundings, and by a little more: the exact entropy is then above the logarithm of the keys, to
// which entropies are bent, by up to the bound and more.
TEST_P(WeightsSweepTest, UniformRowsWhoseSumsAreOff) {
  std::vector<float> row;
  for (const size_t keys :
       std::initializer_list<size_t>{1, 2, 3, 4, 5, 6, 7, 9, 13, 20, 27, 47, 64, 100, 333, 1000, 5000, 70000}) {
    for (double off = 1e-7; off < 1e-3; off *= keys < 1000 ? 1.09 : 1.7) {
      for (const double sum : {1.0 + off, 1.0 - off}) {
        // Nearly equal, with the sum in all its digits.
        row.assign(keys, static_cast<float>(sum / static_cast<double>(keys)));
        row[0] = static_cast<float>(sum - static_cast<double>(row[0]) * static_cast<double>(keys - 1));
        auto* memory = static_cast<float*>(row_memory_.PlaceAtEnd(keys * sizeof(float)));
        StoreElements(ElementType::kFloat32, row, memory);
        MatrixInMemory matrix;
        matrix.data = memory;
        matrix.rows = 1;
        matrix.keys = keys;
        Sweep(matrix, 1e-3L);
        const ExactRow exact = ExactRowOf(LoadElements(ElementType::kFloat32, memory, keys));
        const long double bound = 2e-6L * std::max(1.0L, std::log(static_cast<long double>(keys)));
        const std::string what = std::to_string(keys) + " keys, sum " + std::to_string(sum);
        entropy_.Add(sweep_[RowSumOf<Metric::kEntropy>()], exact.entropy, bound, what);
        rank_.Add(sweep_[RowSumOf<Metric::kEffectiveRank>()], exact.effective_rank(),
                  1.01L * bound * exact.effective_rank(), what);
        if (keys > 1) {
          const long double log_keys = std::log(static_cast<long double>(keys));
          EXPECT_TRUE(
              Within(sweep_[RowSumOf<Metric::kNormalizedEntropy>()], exact.entropy / log_keys, bound / log_keys))
              << what;
        }
      }
    }
  }
  Report();
}

TEST_P(WeightsSweepTest, UniformPowersOfTwoStayInRange) {
  for (size_t keys = 1; keys <= kMostKeys; keys *= 2) {
    auto* row = static_cast<float*>(row_memory_.PlaceAtEnd(keys * sizeof(float)));
    for (size_t i = 0; i < keys; ++i) row[i] = 1.0f / static_cast<float>(keys);
    MatrixInMemory matrix;
    matrix.data = row;
    matrix.rows = 1;
    matrix.keys = keys;
    Sweep(matrix, 0.0L);
    EXPECT_LE(sweep_[RowSumOf<Metric::kEntropy>()], std::log(static_cast<double>(keys))) << keys;
    EXPECT_LE(sweep_[RowSumOf<Metric::kEffectiveRank>()], static_cast<double>(keys)) << keys;
    EXPECT_TRUE(Within(sweep_[RowSumOf<Metric::kEntropy>()], std::log(static_cast<long double>(keys)), 1e-12L * 14))
        << keys;
    EXPECT_EQ(sweep_[RowSumOf<Metric::kUnnormalizedRows>()], 0.0) << keys;
  }
}

}  // namespace
}  // namespace attnscope::test
