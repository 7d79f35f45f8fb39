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
    EXPECT_EQ(InfoOf(info.metric).name, info.name);
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

// The mass of each k is a metric of its own, whose number and name say which.
TEST(MetricsTest, TopMassesOfAnyK) {
  EXPECT_EQ(TopMass(5), Metric::kTop5);
  EXPECT_EQ(TopMass(10), Metric::kTop10);
  EXPECT_EQ(TopMass(50), Metric::kTop50);
  std::set<size_t> numbers;
  for (size_t k = 1; k <= kMaxTopK; ++k) {
    const Metric metric = TopMass(k);
    EXPECT_TRUE(numbers.insert(static_cast<size_t>(metric)).second) << k;
    EXPECT_TRUE(IsMetric(static_cast<size_t>(metric))) << k;
    EXPECT_EQ(TopKOf(metric), k);
    const MetricInfo info = InfoOf(metric);
    EXPECT_EQ(info.metric, metric);
    EXPECT_EQ(info.top_k, k);
    EXPECT_EQ(info.name, "top" + std::to_string(k));
    EXPECT_EQ(info.name.data()[info.name.size()], '\0') << "C strings";
    EXPECT_EQ(info.title, "Top-" + std::to_string(k) + " Mass");
    EXPECT_EQ(info.title.data()[info.title.size()], '\0');
    EXPECT_EQ(TopKNamed(info.name), k);
    EXPECT_EQ(info.group, InfoOf(Metric::kTop5).group);
    EXPECT_EQ(info.scale, MetricScale::kShare);
  }
  for (const char* name : {"", "top", "top0", "top05", "top1025", "top-1", "top+5", "top5x", "Top5", "top 5", "xtop5",
                           "top99999999999999999999", "top_k"}) {
    EXPECT_EQ(TopKNamed(name), 0u) << name;
  }
  for (const size_t number :
       {kNumMetrics, size_t{1024}, size_t{1029}, size_t{1034}, size_t{1074}, size_t{2049}, size_t{5000}}) {
    EXPECT_FALSE(IsMetric(number)) << number;
    EXPECT_EQ(TopKOf(static_cast<Metric>(number)), 0u) << number;
    EXPECT_EQ(InfoOf(static_cast<Metric>(number)).name, "") << number;
  }
}

TEST(MetricsTest, ValuesOfOtherMasses) {
  MetricValues values;
  const MetricValues& read = values;
  EXPECT_TRUE(std::isnan(read[TopMass(7)]));
  EXPECT_TRUE(read.other_top_k().empty()) << "reading takes no place";
  values[TopMass(128)] = 0.75;
  values[TopMass(5)] = 0.5;
  values.SetGivenAsNaN(TopMass(1));
  EXPECT_EQ(read[TopMass(128)], 0.75);
  EXPECT_EQ(read[Metric::kTop5], 0.5);
  EXPECT_TRUE(read.IsGivenAsNaN(TopMass(1)));
  EXPECT_FALSE(read.IsGivenAsNaN(TopMass(128)) || read.IsGivenAsNaN(TopMass(2)));
  EXPECT_EQ(read.other_top_k().size(), 2u);
  for (size_t k = 2; read.HasRoomFor(TopMass(k)) && k < 100; k += k == 4 ? 2 : 1) values[TopMass(k)] = 0.25;
  EXPECT_EQ(read.other_top_k().size(), kMaxTopMasses);
  EXPECT_FALSE(read.HasRoomFor(TopMass(1000)));
  values[TopMass(1000)] = 0.125;
  values.SetGivenAsNaN(TopMass(1000));
  EXPECT_TRUE(std::isnan(read[TopMass(1000)]) && !read.IsGivenAsNaN(TopMass(1000))) << "lost";
  EXPECT_EQ(read[TopMass(128)], 0.75);
  EXPECT_TRUE(read.HasRoomFor(TopMass(128)) && read.HasRoomFor(Metric::kTop10) && read.HasRoomFor(Metric::kEntropy));

  std::vector<size_t> shown;
  for (const MetricInfo& info : MetricsOf(values)) {
    if (info.top_k != 0) shown.push_back(info.top_k);
  }
  EXPECT_EQ(shown, (std::vector<size_t>{1, 2, 3, 4, 5, 6, 7, 8, 10, 50, 128}));
  EXPECT_EQ(MetricsOf(values).size(), kNumMetrics + kMaxTopMasses);
  EXPECT_EQ(MetricsOf(MetricValues()).size(), kNumMetrics);
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
