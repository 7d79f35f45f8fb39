// SPDX-License-Identifier: Apache-2.0
//
// The accumulator's flat arrays: no two parts overlap, a sink survives its packing, and folding is what metrics say.
#include "kernels/accumulator/state_layout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/row_inputs.h"

namespace attnscope::test {
namespace {

// Marks [begin, begin + count), which must be free.
void Claim(std::vector<int>& taken, size_t begin, size_t count) {
  ASSERT_LE(begin + count, taken.size());
  for (size_t i = begin; i < begin + count; ++i) {
    ASSERT_EQ(taken[i], 0) << "element " << i << " belongs to two parts";
    taken[i] = 1;
  }
}

TEST(StateLayoutTest, PartsTileTheArrays) {
  for (const size_t heads : {size_t{1}, size_t{3}}) {
    for (const size_t batch : {size_t{1}, size_t{4}}) {
      for (const size_t keys : {size_t{0}, size_t{1}, size_t{17}}) {
        const StateLayout layout(heads, batch, keys);
        std::vector<int> sums(layout.sums());
        std::vector<int> maxima(layout.maxima());
        Claim(sums, 0, kNumLayerSums);
        for (size_t head = 0; head < heads; ++head) {
          Claim(sums, layout.HeadSums(head), kNumHeadSums);
          Claim(maxima, layout.HeadMaxima(head), kNumHeadMaxima);
          EXPECT_LE(layout.HeadSums(head) + kNumHeadSums, layout.closed_sums());
          EXPECT_LE(layout.HeadMaxima(head) + kNumHeadMaxima, layout.closed_maxima());
          for (size_t sequence = 0; sequence < batch; ++sequence) {
            Claim(sums, layout.OpenRowSums(sequence, head), kNumRowSums);
            Claim(sums, layout.OpenColumns(sequence, head), keys);
            Claim(sums, layout.OpenPartial(sequence, head), keys);
            Claim(maxima, layout.OpenKeys(sequence, head), 1);
            Claim(maxima, layout.OpenMaxima(sequence, head), kNumOpenMaxima);
            EXPECT_GE(layout.OpenRowSums(sequence, head), layout.closed_sums());
            EXPECT_GE(layout.OpenKeys(sequence, head), layout.closed_maxima());
          }
        }
        EXPECT_EQ(sums, std::vector<int>(sums.size(), 1)) << "an element belongs to no part";
        EXPECT_EQ(maxima, std::vector<int>(maxima.size(), 1)) << "an element belongs to no part";
      }
    }
  }
}

constexpr size_t kPositions[] = {0, 1, 2, 1000, (size_t{1} << 31) - 3, (size_t{1} << 31) - 2};

TEST(PackSinkTest, PositionComesBack) {
  for (const double mass : {0.0, 1e-9, 0x1p-20, 0.3, 0.999, 1.0, 1.5, 2.0, 1e9, 1e300}) {
    for (const size_t position : kPositions) {
      const double packed = PackSink(mass, position);
      EXPECT_EQ(UnpackSinkPosition(packed), position) << mass;
      EXPECT_GT(packed, 0.0) << "0 says that there is no sink";
      EXPECT_EQ(packed, std::floor(packed));
      EXPECT_LT(packed, 0x1p53) << "not every whole number is a double";
    }
  }
}

TEST(PackSinkTest, StrongerWinsAndTheFirstOfEquals) {
  const double masses[] = {0.0, 0x1p-20, 3 * 0x1p-20, 0.25, 0.25 + 0x1p-19, 0.9, 1.0, 1.9};
  for (size_t weak = 0; weak < std::size(masses); ++weak) {
    for (const size_t here : kPositions) {
      for (size_t strong = weak + 1; strong < std::size(masses); ++strong) {
        for (const size_t there : kPositions) {
          EXPECT_LT(PackSink(masses[weak], here), PackSink(masses[strong], there));
        }
      }
      for (const size_t there : kPositions) {
        EXPECT_EQ(PackSink(masses[weak], here) > PackSink(masses[weak], there), here < there);
      }
    }
  }
}

TEST(CountOfTest, IsWithinItsBounds) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double none : {0.0, -0.0, -1.0, -1e300, -kInfinity, std::nan("")}) EXPECT_EQ(CountOf(none, 7), 0u) << none;
  for (const double more : {7.0, 7.5, 1e300, kInfinity}) EXPECT_EQ(CountOf(more, 7), 7u) << more;
  EXPECT_EQ(CountOf(6.0, 7), 6u);
  EXPECT_EQ(CountOf(1.0, 0), 0u);
}

TEST(PackSinkTest, WhatIsNoSinkIsAtZero) {
  for (const double packed : {std::numeric_limits<double>::infinity(), std::nan("")}) {
    EXPECT_EQ(UnpackSinkPosition(packed), 0u);
  }
}

class FoldMatrixTest : public ::testing::Test {
 protected:
  double& Row(RowSum which) { return row_sums_[static_cast<size_t>(which)]; }
  double Head(MatrixSum which) const { return head_sums_[kNumRowSums + static_cast<size_t>(which)]; }
  double Max(HeadMax which) const { return head_maxima_[static_cast<size_t>(which)]; }
  void Fold(const std::vector<double>& columns, const std::vector<double>& partial) {
    const OpenSums open = {row_sums_.data(), columns.data(), partial.data(), columns.size(), open_maxima_.data()};
    FoldMatrix(open, head_sums_.data(), head_maxima_.data());
  }

  std::vector<double> row_sums_ = std::vector<double>(kNumRowSums);
  std::vector<double> head_sums_ = std::vector<double>(kNumHeadSums);
  std::vector<double> head_maxima_ = std::vector<double>(kNumHeadMaxima);
  std::vector<double> open_maxima_ = std::vector<double>(kNumOpenMaxima);
};

TEST_F(FoldMatrixTest, AddsWhatMetricsSay) {
  Row(RowSum::kMeasured) = 4.0;
  Row(RowSumOf<Metric::kEntropy>()) = 2.5;
  Row(RowSumOf<Metric::kInvalidRows>()) = 3.0;
  Fold({1.0, 0.25, 0.5}, {0.0, 1.75, 0.5});  // column sums 1, 2, 1
  EXPECT_EQ(head_sums_[static_cast<size_t>(RowSumOf<Metric::kEntropy>())], 2.5);
  EXPECT_EQ(head_sums_[static_cast<size_t>(RowSumOf<Metric::kInvalidRows>())], 3.0);
  EXPECT_EQ(Head(MatrixSumOf<Metric::kMatrices>()), 1.0);
  EXPECT_TRUE(Within(Head(MatrixSumOf<Metric::kColEntropy>()), 1.5L * std::log(2.0L), 1e-12L));
  EXPECT_EQ(Head(MatrixSumOf<Metric::kMaxColSum>()), 2.0);
  EXPECT_EQ(Head(MatrixSumOf<Metric::kSinkMass>()), 0.5);  // of measured rows
  EXPECT_EQ(Head(MatrixSumOf<Metric::kFirstTokenMass>()), 0.25);
  EXPECT_EQ(UnpackSinkPosition(Max(HeadMax::kSink)), 1u);
  EXPECT_EQ(Max(HeadMaxOf<Metric::kKeys>()), 3.0);
  // A second matrix adds to the first; its weaker sink does not displace the stronger one.
  Fold({0.5, 0.5, 0.5, 0.5}, {0.0, 0.0, 0.0, 1.0});
  EXPECT_EQ(head_sums_[static_cast<size_t>(RowSumOf<Metric::kEntropy>())], 5.0);
  EXPECT_EQ(Head(MatrixSumOf<Metric::kMatrices>()), 2.0);
  EXPECT_EQ(Head(MatrixSumOf<Metric::kMaxColSum>()), 3.5);
  EXPECT_EQ(UnpackSinkPosition(Max(HeadMax::kSink)), 1u);
  EXPECT_EQ(Max(HeadMaxOf<Metric::kKeys>()), 4.0);
}

// Which an accumulator never has: an all-reduce may have left it.
TEST_F(FoldMatrixTest, RowsWithoutKeysAreNoMatrix) {
  Row(RowSum::kMeasured) = 4.0;
  Fold({}, {});
  EXPECT_EQ(head_sums_[static_cast<size_t>(RowSum::kMeasured)], 4.0);
  EXPECT_EQ(Head(MatrixSumOf<Metric::kMatrices>()), 0.0);
}

TEST_F(FoldMatrixTest, MatricesWithoutMeasuredRowsCountRowsOnly) {
  Row(RowSumOf<Metric::kInvalidRows>()) = 2.0;
  Row(RowSumOf<Metric::kEmptyRows>()) = 5.0;
  Fold({0.0, 0.0}, {0.0, 0.0});
  EXPECT_EQ(head_sums_[static_cast<size_t>(RowSumOf<Metric::kInvalidRows>())], 2.0);
  EXPECT_EQ(head_sums_[static_cast<size_t>(RowSumOf<Metric::kEmptyRows>())], 5.0);
  EXPECT_EQ(Head(MatrixSumOf<Metric::kMatrices>()), 0.0);
  EXPECT_EQ(Max(HeadMax::kSink), 0.0);
  EXPECT_EQ(Max(HeadMaxOf<Metric::kKeys>()), 2.0);
}

TEST(StatsOfTest, NothingMeasuredIsNaN) {
  const StateLayout layout(2, 1, 8);
  const std::vector<double> sums(layout.closed_sums());
  const std::vector<double> maxima(layout.closed_maxima());
  const LayerStats stats = StatsOf(layout, kDefaultTopK, sums.data(), maxima.data());
  EXPECT_TRUE(stats.heads.empty());
  for (const MetricInfo& info : AllMetrics()) EXPECT_FALSE(stats.layer.Has(info.metric)) << info.name;
}

// A layer is the mean over all its rows, not over its heads.
TEST(StatsOfTest, LayerIsTheMeanOverRows) {
  const StateLayout layout(2, 1, 8);
  std::vector<double> sums(layout.closed_sums());
  const std::vector<double> maxima(layout.closed_maxima());
  const auto row = [&](size_t head, RowSum which) -> double& {
    return sums[layout.HeadSums(head) + static_cast<size_t>(which)];
  };
  row(0, RowSum::kMeasured) = 1.0;
  row(0, RowSumOf<Metric::kEntropy>()) = 1.0;
  row(1, RowSum::kMeasured) = 3.0;
  row(1, RowSumOf<Metric::kEntropy>()) = 9.0;
  row(1, RowSumOf<Metric::kUnnormalizedRows>()) = 2.0;
  const LayerStats stats = StatsOf(layout, kDefaultTopK, sums.data(), maxima.data());
  EXPECT_EQ(stats.layer[Metric::kEntropy], 2.5);
  EXPECT_EQ(stats.layer[Metric::kRows], 4.0);
  EXPECT_EQ(stats.layer[Metric::kUnnormalizedRows], 2.0);
  ASSERT_EQ(stats.heads.size(), 2u);
  EXPECT_EQ(stats.heads[0][Metric::kEntropy], 1.0);
  EXPECT_EQ(stats.heads[1][Metric::kEntropy], 3.0);
  EXPECT_FALSE(stats.layer.Has(Metric::kNormalizedEntropy)) << "no row sees two keys";
  EXPECT_FALSE(stats.layer.Has(Metric::kLogitMean));
}

TEST(StatsOfTest, SinkRateIsTheShareOfHeadsAboveTheBound) {
  const StateLayout layout(4, 1, 8);
  std::vector<double> sums(layout.closed_sums());
  const std::vector<double> maxima(layout.closed_maxima());
  const double masses[] = {0.31, 0.3, 0.9, 0.0};  // 0.3 itself is no sink
  for (size_t head = 0; head < 4; ++head) {
    sums[layout.HeadSums(head) + static_cast<size_t>(RowSum::kMeasured)] = 1.0;
    sums[layout.HeadSums(head) + kNumRowSums + static_cast<size_t>(MatrixSumOf<Metric::kMatrices>())] = 1.0;
    sums[layout.HeadSums(head) + kNumRowSums + static_cast<size_t>(MatrixSumOf<Metric::kFirstTokenMass>())] =
        masses[head];
  }
  const LayerStats stats = StatsOf(layout, kDefaultTopK, sums.data(), maxima.data());
  EXPECT_EQ(stats.layer[Metric::kSinkRate], 0.5);
  EXPECT_FALSE(stats.heads[0].Has(Metric::kSinkRate)) << "layers only";
}

}  // namespace
}  // namespace attnscope::test
