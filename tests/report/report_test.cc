// SPDX-License-Identifier: Apache-2.0
//
// Report: layers stay sorted and unique however they are added.
#include "attnscope/report.h"

#include <gtest/gtest.h>

#include <vector>

namespace attnscope {
namespace {

TEST(ReportTest, LayersStaySortedAndUnique) {
  Report report;
  for (const int64_t index : {int64_t{5}, int64_t{0}, int64_t{9}, int64_t{5}, int64_t{7}, INT64_MAX, int64_t{0}}) {
    report.Layer(index).stats.layer[Metric::kEntropy] = static_cast<double>(index);
  }
  std::vector<int64_t> indices;
  for (const LayerReport& layer : report.layers) indices.push_back(layer.layer);
  EXPECT_EQ(indices, (std::vector<int64_t>{0, 5, 7, 9, INT64_MAX}));
}

TEST(ReportTest, LayerKeepsWhatIsThere) {
  Report report;
  report.Layer(3).stats.layer[Metric::kEntropy] = 1.5;
  EXPECT_EQ(report.Layer(3).stats.layer[Metric::kEntropy], 1.5);
  EXPECT_FALSE(report.Layer(2).stats.layer.Has(Metric::kEntropy));
}

TEST(ReportTest, FindsOnlyWhatIsThere) {
  Report report;
  EXPECT_EQ(report.Find(0), nullptr);
  report.Layer(2);
  report.Layer(4);
  ASSERT_NE(report.Find(4), nullptr);
  EXPECT_EQ(report.Find(4)->layer, 4);
  EXPECT_EQ(report.Find(3), nullptr);
  EXPECT_EQ(report.Find(5), nullptr);
  EXPECT_EQ(report.Find(-1), nullptr);
}

}  // namespace
}  // namespace attnscope
