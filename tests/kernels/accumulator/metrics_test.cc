// SPDX-License-Identifier: Apache-2.0
//
// The one list of metrics: complete, in order, and with the names that trainers log and that documents define.
#include "attnscope/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace attnscope::test {
namespace {

TEST(MetricsTest, TableIsCompleteAndInOrder) {
  ASSERT_EQ(AllMetrics().size(), kNumMetrics);
  for (size_t i = 0; i < kNumMetrics; ++i) {
    const MetricInfo& info = AllMetrics()[i];
    EXPECT_EQ(static_cast<size_t>(info.metric), i);
    EXPECT_EQ(&InfoOf(info.metric), &info);
    EXPECT_FALSE(info.name.empty()) << i;
    EXPECT_FALSE(info.meaning.empty()) << info.name;
    EXPECT_FALSE(info.report_key.empty()) << info.name;
  }
}

TEST(MetricsTest, NamesAndMeaningsAreUnique) {
  std::set<std::string_view> names;
  std::set<std::string_view> meanings;
  for (const MetricInfo& info : AllMetrics()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_TRUE(meanings.insert(info.meaning).second) << info.meaning;
  }
}

// JSON keys: lower case, digits and underscores.
TEST(MetricsTest, NamesAreKeys) {
  for (const MetricInfo& info : AllMetrics()) {
    for (const std::string_view key : {info.name, info.report_key}) {
      EXPECT_EQ(key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string_view::npos) << key;
    }
  }
}

// The names that were published, by their numbers: neither changes again. New metrics come behind them.
TEST(MetricsTest, NamesAreThoseOfTheDefinitions) {
  const std::vector<std::string_view> expected = {
      "entropy",
      "effective_rank",
      "top5",
      "top10",
      "top50",
      "max_row_weight",
      "col_entropy",
      "max_col_sum",
      "normalized_entropy",
      "sink_position",
      "sink_mass",
      "first_token_mass",
      "sink_rate",
      "rows",
      "invalid_rows",
      "empty_rows",
      "unnormalized_rows",
      "matrices",
      "keys",
      "logit_mean",
      "logit_std",
      "max_abs_logit",
      "saturation_ratio",
      "logsumexp",
      "residual_ratio",
      "token_residual_ratio",
      "infinite_residuals",
      "gradient_norm",
  };
  std::vector<std::string_view> names;
  for (const MetricInfo& info : AllMetrics().first(expected.size())) names.push_back(info.name);
  EXPECT_EQ(names, expected);
}

TEST(MetricsTest, GroupsStandUnderTheirKeys) {
  for (const MetricInfo& info : AllMetrics()) {
    const bool attention = info.group == MetricGroup::kAttention;
    const bool logits = info.group == MetricGroup::kLogits;
    EXPECT_EQ(info.report_key == "attention_stats", attention) << info.name;
    EXPECT_EQ(info.report_key == "qk_logit_stats", logits) << info.name;
    EXPECT_TRUE(attention || logits || !info.per_head) << info.name;
  }
  EXPECT_EQ(InfoOf(Metric::kResidualRatio).report_key, "residual_ratios");
  EXPECT_EQ(InfoOf(Metric::kGradientNorm).report_key, "gradient_norms");
  EXPECT_FALSE(InfoOf(Metric::kSinkRate).per_head);
}

// What is a sum of whole numbers is one, and has no digits behind the point.
TEST(MetricsTest, CountsAreMarked) {
  for (const MetricInfo& info : AllMetrics()) {
    EXPECT_EQ(info.is_count, info.digits == 0) << info.name;
    EXPECT_TRUE(info.is_count || info.kind != MetricKind::kCount) << info.name;
    EXPECT_FALSE(info.is_count && info.kind == MetricKind::kMean) << info.name;
  }
  for (const Metric metric : {Metric::kSinkPosition, Metric::kRows, Metric::kKeys}) {
    EXPECT_TRUE(InfoOf(metric).is_count) << InfoOf(metric).name;
  }
}

// Counts and positions are no curves; whatever else is measured can be drawn, and says its unit.
TEST(MetricsTest, WhatIsNoCountIsDrawnOverTime) {
  for (const MetricInfo& info : AllMetrics()) {
    EXPECT_EQ(info.title.empty(), info.is_count) << info.name;
    EXPECT_EQ(info.title.empty(), info.axis.empty()) << info.name;
  }
}

TEST(MetricsTest, ColumnsHavePlacesOfTheirOwn) {
  std::set<uint8_t> places;
  for (const MetricInfo& info : AllMetrics()) {
    EXPECT_TRUE(info.column == 0 || places.insert(info.column).second) << info.name;
  }
}

TEST(MetricsTest, OldSpellingsStayReadable) {
  EXPECT_EQ(Metric::kUnnormalisedRows, Metric::kUnnormalizedRows);
  EXPECT_EQ(InfoOf(Metric::kUnnormalizedRows).old_name, "unnormalised_rows");
}

TEST(MetricsTest, ValuesBeginUnmeasured) {
  MetricValues values;
  for (const MetricInfo& info : AllMetrics()) {
    EXPECT_TRUE(std::isnan(values[info.metric]));
    EXPECT_FALSE(values.Has(info.metric));
  }
  values[Metric::kTop5] = 0.0;
  EXPECT_TRUE(values.Has(Metric::kTop5));
  EXPECT_FALSE(values.Has(Metric::kTop10));
}

}  // namespace
}  // namespace attnscope::test
