// SPDX-License-Identifier: Apache-2.0
//
// Judge: what is healthy, what is ill, and of what nothing can be said. The bounds themselves are in diagnosis_test.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/diagnosis.h"

namespace attnscope {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

using Given = std::vector<std::pair<Metric, double>>;

MetricValues Values(const Given& given) {
  MetricValues values;
  for (const auto& [metric, value] : given) values[metric] = value;
  return values;
}

Report ReportOf(const MetricValues& layer, const std::vector<MetricValues>& heads = {}) {
  Report report;
  report.layers.push_back({.layer = 3, .stats = {layer, heads}});
  return report;
}

Diagnosis JudgeLayer(const Given& given, const Thresholds& thresholds = {}) {
  return Judge(ReportOf(Values(given)), thresholds);
}

// Of the layer as a whole: "warning: ...", the reason why it was not judged, or "healthy".
std::string Said(const Diagnosis& diagnosis, Pathology pathology) {
  for (const Verdict& verdict : diagnosis.verdicts) {
    if (verdict.pathology == pathology && verdict.head < 0) return verdict.message;
  }
  for (const Unjudged& unjudged : diagnosis.unjudged) {
    if (unjudged.pathology == pathology && unjudged.head < 0) return unjudged.reason;
  }
  return "healthy";
}

// Uniform attention of `queries` rows to `keys` keys in `matrices` matrices.
MetricValues Uniform(double queries, double keys, bool causal, double matrices = 1.0) {
  double entropy = 0.0;
  double rank = 0.0;
  double top5 = 0.0;
  double first = 0.0;
  for (double i = 0.0; i < queries; ++i) {
    const double visible = causal ? keys - queries + i + 1.0 : keys;
    entropy += std::log(visible) / queries;
    rank += visible / queries;
    top5 += std::min(1.0, 5.0 / visible) / queries;
    first += 1.0 / visible / queries;
  }
  return Values({{Metric::kEntropy, entropy},
                 {Metric::kEffectiveRank, rank},
                 {Metric::kTop5, top5},
                 {Metric::kMaxRowWeight, first},
                 {Metric::kNormalizedEntropy, 1.0},
                 {Metric::kSinkMass, first},
                 {Metric::kRows, matrices * queries},
                 {Metric::kInvalidRows, 0.0},
                 {Metric::kEmptyRows, 0.0},
                 {Metric::kUnnormalizedRows, 0.0},
                 {Metric::kMatrices, matrices},
                 {Metric::kKeys, keys}});
}

TEST(JudgeTest, NothingIsNotHealthy) {
  EXPECT_EQ(Judge({}).outcome, Outcome::kNotJudged);
  const Diagnosis diagnosis = JudgeLayer({});
  EXPECT_EQ(diagnosis.outcome, Outcome::kNotJudged);
  ASSERT_EQ(diagnosis.layers.size(), 1u);
  EXPECT_EQ(diagnosis.layers[0].layer, 3);
  EXPECT_EQ(diagnosis.layers[0].outcome, Outcome::kNotJudged);
  EXPECT_EQ(diagnosis.unjudged.size(), kNumPathologies - 1);
  EXPECT_EQ(Said(diagnosis, Pathology::kSinkCollapse), "sink_mass is missing");
}

TEST(JudgeTest, HealthyIsSaidOfWhatWasJudgedAndTheRestIsNamed) {
  const Diagnosis diagnosis = JudgeLayer({{Metric::kMaxRowWeight, 0.2}, {Metric::kResidualRatio, 0.5}});
  EXPECT_EQ(diagnosis.outcome, Outcome::kHealthy);
  EXPECT_EQ(Said(diagnosis, Pathology::kOneHotCollapse), "healthy");
  EXPECT_EQ(Said(diagnosis, Pathology::kVanishingLayer), "healthy");
  EXPECT_EQ(Said(diagnosis, Pathology::kSaturatedSoftmax), "saturation_ratio is missing");
  EXPECT_EQ(Said(diagnosis, Pathology::kUniformAttention), "normalized_entropy is missing");
}

// Values that only say that the input was sound say nothing of its health.
TEST(JudgeTest, SoundInputAloneIsNotJudged) {
  const Diagnosis diagnosis = JudgeLayer({{Metric::kRows, 64.0},
                                          {Metric::kInvalidRows, 0.0},
                                          {Metric::kEmptyRows, 0.0},
                                          {Metric::kUnnormalizedRows, 0.0}});
  EXPECT_EQ(diagnosis.outcome, Outcome::kNotJudged);
  EXPECT_EQ(Said(diagnosis, Pathology::kNoAttention), "healthy");
}

TEST(JudgeTest, OneJudgedHeadIsEnoughForItsLayer) {
  const Report report = ReportOf({}, {MetricValues(), Values({{Metric::kMaxRowWeight, 0.2}})});
  EXPECT_EQ(Judge(report).outcome, Outcome::kHealthy);
}

TEST(JudgeTest, NaNThatWasGivenIsABadNumber) {
  MetricValues values = Values({{Metric::kEntropy, 3.0}});
  values.SetGivenAsNaN(Metric::kMaxRowWeight);
  const Diagnosis diagnosis = Judge(ReportOf(values));
  EXPECT_EQ(diagnosis.outcome, Outcome::kIll);
  EXPECT_FALSE(diagnosis.is_judged);
  EXPECT_EQ(Said(diagnosis, Pathology::kBadNumbers), "warning: bad numbers in layer 3: max_row_weight is NaN");
  EXPECT_EQ(Said(diagnosis, Pathology::kOneHotCollapse), "max_row_weight is a bad number");
  values[Metric::kMaxRowWeight] = 0.2;  // a number takes its place
  EXPECT_EQ(Said(Judge(ReportOf(values)), Pathology::kBadNumbers), "healthy");
  values[Metric::kMaxRowWeight] = std::nan("");  // not measured
  EXPECT_FALSE(MetricValues().IsGivenAsNaN(Metric::kMaxRowWeight));
}

TEST(JudgeTest, ValuesBeyondTheirRangeAreBadNumbersAndJudgeNothing) {
  const struct {
    Metric metric;
    double bad;
    double good;
  } cases[] = {
      {Metric::kEntropy, -3.0, 0.0},        {Metric::kEffectiveRank, 0.05, 1.0},  {Metric::kTop5, 5.2, 1.001},
      {Metric::kMaxRowWeight, -1.0, 0.0},   {Metric::kColEntropy, -0.5, -1e-9},   {Metric::kMaxColSum, -4.0, 0.0},
      {Metric::kNormalizedEntropy, 1.5, 1}, {Metric::kSinkMass, kInf, 1.0},       {Metric::kRows, -1.0, 0.0},
      {Metric::kSaturationRatio, 1.1, 1.0}, {Metric::kResidualRatio, -0.3, kInf}, {Metric::kGradientNorm, -1.0, 0.0},
      {Metric::kEntropy, kInf, 20.0},       {Metric::kMaxAbsLogit, -1.0, 0.0},    {Metric::kGradientNorm, kInf, 1e300}};
  for (const auto& [metric, bad, good] : cases) {
    const std::string said = Said(JudgeLayer({{metric, bad}}), Pathology::kBadNumbers);
    EXPECT_TRUE(said.starts_with("warning: bad numbers in layer 3: " + std::string(InfoOf(metric).name))) << said;
    EXPECT_EQ(JudgeLayer({{metric, bad}}).verdicts.size(), 1u) << "it is judged by nothing else: " << said;
    EXPECT_EQ(Said(JudgeLayer({{metric, good}}), Pathology::kBadNumbers), "healthy") << InfoOf(metric).name;
  }
  EXPECT_EQ(Said(JudgeLayer({{Metric::kLogitMean, -300.0}}), Pathology::kBadNumbers), "healthy");
  EXPECT_EQ(Said(JudgeLayer({{Metric::kTop5, 5.2}}), Pathology::kBadNumbers),
            "warning: bad numbers in layer 3: top5 5.2 is above 1, where none can be");
  EXPECT_EQ(Said(JudgeLayer({{Metric::kEntropy, kInf}}), Pathology::kBadNumbers),
            "warning: bad numbers in layer 3: entropy is inf");
}

// Ranges that depend on other values of the report: on keys, and on queries.
TEST(JudgeTest, ValuesThatOthersRuleOutAreBadNumbers) {
  const double log_keys = std::log(64.0);
  const struct {
    Metric metric;
    double bad;
    double good;
    const char* said;
  } cases[] = {{Metric::kEntropy, 6.0, log_keys, "entropy 6 is above 4.159, where none can be"},
               {Metric::kColEntropy, 6.0, log_keys, "col_entropy 6 is above 4.159, where none can be"},
               {Metric::kEffectiveRank, 200.0, 64.5, "effective_rank 200 is above 64, where none can be"},
               {Metric::kMaxColSum, 90.0, 30.0, "max_col_sum 90 is above 64, where none can be"}};
  for (const auto& [metric, bad, good, said] : cases) {
    const Diagnosis diagnosis = JudgeLayer({{metric, bad}, {Metric::kKeys, 64.0}});
    ASSERT_EQ(diagnosis.verdicts.size(), 1u) << said;
    EXPECT_EQ(diagnosis.verdicts[0].message, "warning: bad numbers in layer 3: " + std::string(said));
    EXPECT_EQ(Said(JudgeLayer({{metric, good}, {Metric::kKeys, 64.0}}), Pathology::kBadNumbers), "healthy") << said;
    EXPECT_EQ(Said(JudgeLayer({{metric, bad}}), Pathology::kBadNumbers), "healthy") << "without keys: " << said;
  }
  // Queries are known better where rows are counted.
  EXPECT_EQ(
      Said(JudgeLayer(
               {{Metric::kMaxColSum, 90.0}, {Metric::kKeys, 64.0}, {Metric::kRows, 1000.0}, {Metric::kMatrices, 10.0}}),
           Pathology::kBadNumbers),
      "healthy");
  // Of rows that are no distributions nothing is ruled out.
  EXPECT_NE(Said(JudgeLayer({{Metric::kEntropy, 6.0}, {Metric::kKeys, 64.0}, {Metric::kUnnormalizedRows, 9.0}}),
                 Pathology::kBadNumbers),
            "warning: bad numbers in layer 3: entropy 6 is above 4.159, where none can be");
}

TEST(JudgeTest, RowsThatAreNoDistributionsSuspendWhatWouldJudgeThem) {
  MetricValues values = Values({{Metric::kEffectiveRank, 1.9},
                                {Metric::kMaxRowWeight, 1.4},
                                {Metric::kSinkMass, 0.9},
                                {Metric::kNormalizedEntropy, 1.2},
                                {Metric::kRows, 1000.0},
                                {Metric::kKeys, 64.0},
                                {Metric::kUnnormalizedRows, 888.0}});
  const Diagnosis diagnosis = Judge(ReportOf(values));
  ASSERT_EQ(diagnosis.verdicts.size(), 1u);
  EXPECT_EQ(diagnosis.verdicts[0].message,
            "critical: no distributions in layer 3: unnormalized_rows 888 of 1000, 88.8 %, is above 50 %");
  EXPECT_EQ(diagnosis.verdicts[0].value, 0.888);
  for (const Pathology pathology :
       {Pathology::kOneHotCollapse, Pathology::kSinkCollapse, Pathology::kUniformAttention}) {
    EXPECT_EQ(Said(diagnosis, pathology), "88.8 % of the rows are no distributions");
  }
  values[Metric::kUnnormalizedRows] = 10.0;  // 1 %
  EXPECT_NE(Said(Judge(ReportOf(values)), Pathology::kOneHotCollapse), "healthy");
}

TEST(JudgeTest, EmptyRowsAreNoAttention) {
  EXPECT_EQ(Said(JudgeLayer({{Metric::kRows, 64.0}, {Metric::kEmptyRows, 64.0}}), Pathology::kNoAttention),
            "critical: no attention in layer 3: empty_rows 64 of 64, 100 %, is above 50 %");
}

// Padding: no evidence, no illness, and it does not hide what the other rows are.
TEST(JudgeTest, MaskedRowsAreNoSignOfAnything) {
  const auto with = [](double rows, double masked, double empty) {
    return JudgeLayer({{Metric::kMaxRowWeight, 0.95},
                       {Metric::kRows, rows},
                       {Metric::kMaskedRows, masked},
                       {Metric::kInvalidRows, 0.0},
                       {Metric::kEmptyRows, empty},
                       {Metric::kUnnormalizedRows, 0.0},
                       {Metric::kKeys, 64.0}});
  };
  EXPECT_EQ(Said(with(64.0, 50.0, 0.0), Pathology::kOneHotCollapse), "needs 16 rows, has 14");
  EXPECT_EQ(Said(with(64.0, 48.0, 0.0), Pathology::kOneHotCollapse),
            "critical: one-hot collapse in layer 3: max_row_weight 0.95 is above 0.9");
  EXPECT_EQ(Said(with(64.0, 64.0, 0.0), Pathology::kNoAttention), "no row may see a key");
  EXPECT_EQ(Said(with(64.0, 48.0, 0.0), Pathology::kNoAttention), "healthy");
  EXPECT_EQ(Said(with(64.0, 48.0, 12.0), Pathology::kNoAttention),
            "critical: no attention in layer 3: empty_rows 12 of 16, 75 %, is above 50 %");
}

// Of 8 keys, rounding makes 7.999999999999998, which are as many as are needed.
TEST(JudgeTest, RoundingTakesNoVisibleKey) {
  MetricValues values = Uniform(64.0, 8.0, /*causal=*/false);
  values[Metric::kEntropy] = 1.7277617696577394;
  values[Metric::kEffectiveRank] = 5.7;
  for (const double rounding : {-3e-16, 0.0, 3e-16}) {
    values[Metric::kNormalizedEntropy] = values[Metric::kEntropy] / std::log(8.0) * (1.0 + rounding);
    EXPECT_EQ(Said(Judge(ReportOf(values)), Pathology::kUniformAttention), "healthy") << rounding;
  }
}

// Under a window of four keys, four share all attention there is.
TEST(JudgeTest, FewVisibleKeysAreNoCollapse) {
  MetricValues values = Uniform(64.0, 64.0, /*causal=*/false);
  values[Metric::kEntropy] = std::log(4.0);
  values[Metric::kEffectiveRank] = 4.0;
  EXPECT_EQ(Said(Judge(ReportOf(values)), Pathology::kOneHotCollapse), "needs 8 keys of a row, has 4");
  // A collapse leaves little entropy beside what could be, however few keys its own numbers tell of.
  values[Metric::kEntropy] = 0.1;
  values[Metric::kEffectiveRank] = 1.1;
  values[Metric::kNormalizedEntropy] = 0.1;
  EXPECT_EQ(Said(Judge(ReportOf(values)), Pathology::kOneHotCollapse),
            "warning: one-hot collapse in layer 3: effective_rank 1.1 is below 2");
}

// The exponent of an entropy is no rank where a sink has most of the row.
TEST(JudgeTest, RowsOfASinkHaveNoRank) {
  MetricValues values = Uniform(64.0, 64.0, /*causal=*/false);
  values[Metric::kEffectiveRank] = 1.9;
  values[Metric::kNormalizedEntropy] = 0.03;
  values[Metric::kNullMass] = 0.09;
  EXPECT_EQ(Said(Judge(ReportOf(values)), Pathology::kOneHotCollapse),
            "critical: one-hot collapse in layer 3: normalized_entropy 0.03 is below 0.05");
  values[Metric::kNullMass] = 0.888;
  EXPECT_EQ(Said(Judge(ReportOf(values)), Pathology::kOneHotCollapse), "healthy");
  EXPECT_EQ(Said(Judge(ReportOf(values)), Pathology::kUniformAttention), "a learned sink has 88.8 % of the rows");
  values[Metric::kMaxRowWeight] = 0.85;
  EXPECT_EQ(Said(Judge(ReportOf(values)), Pathology::kOneHotCollapse),
            "warning: one-hot collapse in layer 3: max_row_weight 0.85 is above 0.8");
}

TEST(JudgeTest, CountsAreShownAsTheirShares) {
  EXPECT_EQ(Said(JudgeLayer({{Metric::kRows, 1024.0}, {Metric::kInvalidRows, 896.0}}), Pathology::kBadNumbers),
            "critical: bad numbers in layer 3: invalid_rows 896 of 1024, 87.5 %, is above 1 %");
}

TEST(JudgeTest, FewRowsAreNoEvidence) {
  Given given = {{Metric::kMaxRowWeight, 0.95}, {Metric::kRows, 15.0}};
  EXPECT_EQ(Said(JudgeLayer(given), Pathology::kOneHotCollapse), "needs 16 rows, has 15");
  EXPECT_EQ(JudgeLayer(given).outcome, Outcome::kNotJudged);
  given[1].second = 16.0;
  EXPECT_EQ(JudgeLayer(given).outcome, Outcome::kIll);
  given.emplace_back(Metric::kInvalidRows, 1.0);
  EXPECT_EQ(Said(JudgeLayer(given), Pathology::kOneHotCollapse), "needs 16 rows, has 15");
  Thresholds thresholds;
  thresholds.min_rows = 15.0;
  EXPECT_NE(Said(JudgeLayer(given, thresholds), Pathology::kOneHotCollapse), "needs 16 rows, has 15");
  thresholds.min_rows = std::nan("");
  EXPECT_EQ(JudgeLayer(given, thresholds).outcome, Outcome::kIll);
}

// The first block adds to embeddings, which are small: 14 is healthy there, and nowhere else.
TEST(JudgeTest, TheFirstBlockHasBoundsOfItsOwn) {
  const auto said = [](int64_t layer, double ratio, const Thresholds& thresholds = {}) {
    Report report = ReportOf(Values({{Metric::kResidualRatio, ratio}}));
    report.layers[0].layer = layer;
    return Said(Judge(report, thresholds), Pathology::kExplodingUpdate);
  };
  EXPECT_EQ(said(0, 14.0), "healthy");
  EXPECT_EQ(said(0, 100.0), "healthy");
  EXPECT_EQ(said(0, 101.0), "warning: exploding update in layer 0: residual_ratio 101 is above 100");
  EXPECT_EQ(said(0, 501.0), "critical: exploding update in layer 0: residual_ratio 501 is above 500");
  EXPECT_EQ(said(1, 14.0), "critical: exploding update in layer 1: residual_ratio 14 is above 10");
  // Each is judged by its own bounds alone, on or off.
  Thresholds thresholds;
  thresholds.first_block_residual_ratio_warning = thresholds.first_block_residual_ratio_critical = std::nan("");
  EXPECT_EQ(said(0, 1e9, thresholds), "its bounds are switched off");
  EXPECT_EQ(said(1, 0.5, thresholds), "healthy");
  // A stage of a pipeline that begins later has no first block.
  thresholds = {};
  thresholds.exploding_residual_ratio_warning = thresholds.exploding_residual_ratio_critical = std::nan("");
  EXPECT_EQ(said(4, 1e9, thresholds), "its bounds are switched off");
  EXPECT_EQ(said(0, 101.0, thresholds), "warning: exploding update in layer 0: residual_ratio 101 is above 100");
  // Vanishing is the same everywhere.
  EXPECT_TRUE(Said(Judge(ReportOf(Values({{Metric::kResidualRatio, 0.05}}))), Pathology::kVanishingLayer)
                  .starts_with("warning"));
}

// Its sign is its own: all logits of a row may be negative.
TEST(JudgeTest, ANegativeLargestLogitIsHealthy) {
  const Diagnosis diagnosis = JudgeLayer({{Metric::kMaxLogit, -40.0}, {Metric::kRows, 100.0}});
  EXPECT_EQ(Said(diagnosis, Pathology::kGrowingLogits), "healthy");
  EXPECT_TRUE(diagnosis.verdicts.empty()) << diagnosis.verdicts[0].message;
  EXPECT_EQ(Said(JudgeLayer({{Metric::kMaxLogit, 101.0}, {Metric::kRows, 15.0}}), Pathology::kGrowingLogits),
            "needs 16 rows, has 15");
}

// Padding: rows that may see no key are no evidence, and dilute no share.
TEST(JudgeTest, MaskedRowsDoNotCount) {
  Given given = {{Metric::kMaxRowWeight, 0.2}, {Metric::kRows, 115.0}, {Metric::kMaskedRows, 100.0}};
  EXPECT_EQ(Said(JudgeLayer(given), Pathology::kOneHotCollapse), "needs 16 rows, has 15");
  given[1].second = 1100.0;
  given[2].second = 1000.0;
  given.emplace_back(Metric::kEmptyRows, 2.0);
  EXPECT_EQ(Said(JudgeLayer(given), Pathology::kNoAttention),
            "warning: no attention in layer 3: empty_rows 2 of 100, 2 %, is above 1 %");
}

// Decoding: of one row, the sink is its largest weight.
TEST(JudgeTest, MatricesOfFewRowsHaveNoSink) {
  Given given = {{Metric::kSinkMass, 0.9}, {Metric::kRows, 64.0}, {Metric::kMatrices, 64.0}, {Metric::kKeys, 100.0}};
  EXPECT_EQ(Said(JudgeLayer(given), Pathology::kSinkCollapse), "needs 8 rows in each matrix, has 1");
  given[2].second = 8.0;
  EXPECT_TRUE(Said(JudgeLayer(given), Pathology::kSinkCollapse).starts_with("critical"));
  given[1].second = 31.0;
  given[2].second = 1.0;
  EXPECT_EQ(Said(JudgeLayer(given), Pathology::kSinkCollapse), "needs 32 rows, has 31");
}

// Perfectly uniform causal attention of short sequences: neither a sink, nor one-hot, nor enough to be called uniform.
TEST(JudgeTest, ShortSequencesGiveNoFalseVerdicts) {
  for (double keys = 1.0; keys < 64.0; ++keys) {
    for (const bool causal : {false, true}) {
      const Diagnosis diagnosis = Judge(ReportOf(Uniform(keys, keys, causal, 64.0)));
      for (const Verdict& verdict : diagnosis.verdicts) {
        EXPECT_EQ(verdict.pathology, Pathology::kUniformAttention) << keys << ": " << verdict.message;
      }
      const double visible = causal ? (keys + 1.0) / 2.0 : keys;
      EXPECT_EQ(diagnosis.verdicts.empty(), visible < 8.0) << keys << (causal ? " causal" : "");
    }
  }
}

// The critical bound is a multiple of what uniform attention has, under a causal mask too.
TEST(JudgeTest, UniformAttentionIsCriticalUnderEachMaskThatIsKnown) {
  for (const bool causal : {false, true}) {
    for (const double keys : {64.0, 100.0, 1000.0}) {
      MetricValues values = Uniform(64.0, keys, causal, 4.0);
      const double top5 = values[Metric::kTop5];
      EXPECT_EQ(Judge(ReportOf(values)).verdicts.at(0).severity, Severity::kCritical) << keys << causal;
      values[Metric::kTop5] = 1.49 * top5;
      EXPECT_EQ(Judge(ReportOf(values)).verdicts.at(0).severity, Severity::kCritical) << keys << causal;
      values[Metric::kTop5] = 1.51 * top5;
      EXPECT_EQ(Judge(ReportOf(values)).verdicts.at(0).severity, Severity::kWarning) << keys << causal;
    }
  }
  // A window of 60 of 200 keys: neither causal nor full, so that the bound is not known. By that of a causal mask it
  // would be critical.
  MetricValues window = Uniform(200.0, 60.0, false);
  window[Metric::kKeys] = 200.0;
  EXPECT_EQ(Judge(ReportOf(window)).verdicts.at(0).severity, Severity::kWarning);
}

TEST(JudgeTest, ATrainersLogIsJudgedByItsColumnsOnceItsKeysAreKnown) {
  Given given = {{Metric::kMaxRowWeight, 0.3}, {Metric::kColEntropy, 3.0}, {Metric::kMaxColSum, 63.0}};
  EXPECT_EQ(Said(JudgeLayer(given), Pathology::kSinkCollapse),
            "sink_mass is missing, and keys to make it of max_col_sum");
  given.emplace_back(Metric::kKeys, 64.0);
  EXPECT_EQ(Said(JudgeLayer(given), Pathology::kSinkCollapse),
            "critical: sink collapse in layer 3: sink_mass 0.9844 is above 0.8");
  given[2].second = 4.0;
  EXPECT_EQ(Said(JudgeLayer(given), Pathology::kSinkCollapse), "healthy");
}

TEST(JudgeTest, ATrainersLogIsUniformIfItsEntropyIsThatOfAllKeys) {
  Given given = {{Metric::kEntropy, 0.97 * std::log(64.0)}};
  EXPECT_EQ(Said(JudgeLayer(given), Pathology::kUniformAttention),
            "normalized_entropy is missing, and keys to bound it by entropy");
  given.emplace_back(Metric::kKeys, 64.0);
  EXPECT_TRUE(Said(JudgeLayer(given), Pathology::kUniformAttention).starts_with("warning"));
  given[0].second = 2.0;  // of few visible keys it might be uniform
  EXPECT_EQ(Said(JudgeLayer(given), Pathology::kUniformAttention), "normalized_entropy is missing");
}

TEST(JudgeTest, ACriticalBoundAloneDoesNotMakeHealthy) {
  EXPECT_EQ(Said(JudgeLayer({{Metric::kNormalizedEntropy, 0.5}}), Pathology::kOneHotCollapse),
            "max_row_weight is missing");
  EXPECT_TRUE(Said(JudgeLayer({{Metric::kNormalizedEntropy, 0.01}}), Pathology::kOneHotCollapse).starts_with("crit"));
  Thresholds thresholds;
  thresholds.one_hot_max_row_weight_warning = thresholds.one_hot_effective_rank_warning = std::nan("");
  thresholds.one_hot_max_row_weight_critical = std::nan("");
  EXPECT_EQ(Said(JudgeLayer({{Metric::kNormalizedEntropy, 0.5}}, thresholds), Pathology::kOneHotCollapse), "healthy");
  thresholds.one_hot_normalized_entropy_critical = std::nan("");
  EXPECT_EQ(Said(JudgeLayer({{Metric::kNormalizedEntropy, 0.5}}, thresholds), Pathology::kOneHotCollapse),
            "its bounds are switched off");
}

TEST(JudgeTest, SummariesAreShort) {
  Report report;
  for (const int64_t layer : {0, 1, 2, 5, 6, 9}) {
    report.Layer(layer).stats = {Values({{Metric::kMaxRowWeight, 0.2}}),
                                 std::vector<MetricValues>(4, Values({{Metric::kMaxRowWeight, 0.2}}))};
  }
  report.Layer(9).stats.layer[Metric::kSinkMass] = 0.1;
  const std::vector<std::string> lines = SummarizeUnjudged(Judge(report));
  const auto has = [&](const std::string& line) { return std::find(lines.begin(), lines.end(), line) != lines.end(); };
  EXPECT_TRUE(has("vanishing layer, exploding update: residual_ratio is missing (layers 0 to 2, 5, 6, 9)"));
  EXPECT_TRUE(has("sink collapse: sink_mass is missing (layers 0 to 2, 5, 6; 4 heads of layer 9)"));
  EXPECT_TRUE(std::is_sorted(lines.begin(), lines.end(), [](const std::string& a, const std::string& b) {
    return a.starts_with("one-hot") && b.starts_with("sink");
  }));
}

}  // namespace
}  // namespace attnscope
