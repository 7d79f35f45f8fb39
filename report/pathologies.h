// SPDX-License-Identifier: Apache-2.0
//
// The one table of pathologies: what each is called, which bounds tell it, where it is looked for and which metrics
// show it. Verdicts, the monitor's hysteresis, the marks and healthy ranges of figures and the names of the command's
// options are made from this table; the C interface and the documentation are tested against it.
//
// To add a pathology: an enumerator in attnscope/diagnosis.h and attnscope_c.h, its bounds in Thresholds (as its last
// fields, since the C interface has the same ones), and here an entry and the names of the bounds.
#ifndef ATTNSCOPE_REPORT_PATHOLOGIES_H_
#define ATTNSCOPE_REPORT_PATHOLOGIES_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "attnscope/diagnosis.h"
#include "attnscope/metrics.h"
#include "report/beyond_range.h"
#include "report/evidence.h"

namespace attnscope::internal {

enum class Relation : uint8_t {
  kAbove,
  kBelow,
  kAtLeast,       // how much there must be to judge, which is not a side of illness
  kMissing,       // the metric was not measured
  kFromBaseline,  // so many spreads away from the baseline; of each metric of compared_metrics.h
};

// A metric beside a number. False where the metric or the number is NaN, but for kMissing.
struct Condition {
  Metric metric = Metric::kEntropy;
  Relation relation = Relation::kAbove;
  double Thresholds::*threshold = nullptr;                // null: zero
  double (*unit)(const MetricValues& values) = nullptr;   // what the threshold is a multiple of; null: 1
  double (*whole)(const MetricValues& values) = nullptr;  // what the metric is a part of, so that the threshold is a
                                                          // share; null: it is compared as it is

  double Number(const Thresholds& thresholds, const MetricValues& values) const {
    const double number = threshold == nullptr ? 0.0 : thresholds.*threshold;
    return unit == nullptr ? number : number * unit(values);
  }
  double Value(const MetricValues& values) const {
    return whole == nullptr ? values[metric] : values[metric] / whole(values);
  }

  // Whether Holds can be asked: nothing that it needs is missing.
  bool IsKnown(const Thresholds& thresholds, const MetricValues& values) const {
    return relation == Relation::kMissing ||
           !(std::isnan(Value(values)) || (std::isnan(Number(thresholds, values)) && !IsOff(thresholds)));
  }
  bool IsOff(const Thresholds& thresholds) const { return threshold != nullptr && std::isnan(thresholds.*threshold); }

  bool Holds(const Thresholds& thresholds, const MetricValues& values) const {
    switch (relation) {
      case Relation::kAbove:
        return Value(values) > Number(thresholds, values);
      case Relation::kBelow:
        return Value(values) < Number(thresholds, values);
      case Relation::kAtLeast:
        return Value(values) >= Number(thresholds, values);
      case Relation::kMissing:
        return !values.Has(metric);
      case Relation::kFromBaseline:
        break;  // the values alone do not tell
    }
    return false;
  }
};

// Which layers a bound is for. The first block of a model is layer 0.
enum class Blocks : uint8_t { kAll, kFirst, kLater };

// A verdict is given where `crossed` holds, whose relation is kAbove or kBelow, and `where` too if there is one.
struct Bound {
  Severity severity = Severity::kHealthy;  // kHealthy: an unused place of the table
  Condition crossed = {};
  std::optional<Condition> where = std::nullopt;
  Blocks blocks = Blocks::kAll;

  bool IsFor(int64_t layer) const { return blocks == Blocks::kAll || (blocks == Blocks::kFirst) == (layer == 0); }
};

// Up to N elements that are written without their number.
template <typename T, size_t N>
class ShortList {
 public:
  constexpr ShortList(std::initializer_list<T> values) {
    for (const T& value : values) values_[size_++] = value;
  }
  constexpr const T* begin() const { return values_.data(); }
  constexpr const T* end() const { return values_.data() + size_; }
  constexpr bool Has(const T& value) const { return std::find(begin(), end(), value) != end(); }

 private:
  std::array<T, N> values_ = {};
  size_t size_ = 0;
};

// What there must be enough of for a verdict.
struct Evidence {
  std::string_view what;                         // "rows"
  double (*amount)(const MetricValues& values);  // the most that there may be; NaN where nothing is known of it
  double Thresholds::*least;
};

// What a pathology is about.
enum class Subject : uint8_t {
  kRows,    // of attention that is a distribution
  kLogits,  // the softmax
  kStream,  // the residual stream: of layers alone
  kInput,   // what was given, and not how healthy it is
  kPast,    // what was usual: only beside a baseline
};

struct PathologyInfo {
  Pathology pathology;
  std::string_view name;
  Subject subject;
  ShortList<Bound, 5> bounds;  // of equally severe ones, the one that is crossed furthest is named
  ShortList<Evidence, 3> evidence;
  ShortList<Metric, 8> shown_by;  // figures mark it in the panels and maps of these metrics

  bool per_head() const { return subject != Subject::kStream; }  // heads have it too
};

// In the order of the enumeration.
inline constexpr std::array<PathologyInfo, kNumPathologies> kPathologies = {{
    {Pathology::kOneHotCollapse,
     "one-hot collapse",
     Subject::kRows,
     {{Severity::kCritical, {Metric::kMaxRowWeight, Relation::kAbove, &Thresholds::one_hot_max_row_weight_critical}},
      {Severity::kCritical,
       {Metric::kNormalizedEntropy, Relation::kBelow, &Thresholds::one_hot_normalized_entropy_critical}},
      {Severity::kWarning, {Metric::kMaxRowWeight, Relation::kAbove, &Thresholds::one_hot_max_row_weight_warning}},
      {Severity::kWarning,
       {Metric::kEffectiveRank, Relation::kBelow, &Thresholds::one_hot_effective_rank_warning},
       Condition{Metric::kKeys, Relation::kAtLeast, &Thresholds::one_hot_effective_rank_min_keys}}},
     {{"rows", &MeasuredRows, &Thresholds::min_rows},
      {"keys", &Keys, &Thresholds::one_hot_min_keys},
      {"keys of a row", &KeysToCollapse, &Thresholds::one_hot_min_keys}},
     {Metric::kEntropy, Metric::kEffectiveRank, Metric::kMaxRowWeight, Metric::kNormalizedEntropy}},
    {Pathology::kSinkCollapse,
     "sink collapse",
     Subject::kRows,
     {{Severity::kCritical, {Metric::kSinkMass, Relation::kAbove, &Thresholds::sink_mass_critical}},
      {Severity::kCritical,
       {Metric::kColEntropy, Relation::kBelow, &Thresholds::sink_col_entropy_share_critical, &LogKeys}},
      {Severity::kWarning, {Metric::kSinkMass, Relation::kAbove, &Thresholds::sink_mass_warning}}},
     {{"rows", &MeasuredRows, &Thresholds::sink_min_rows},
      {"rows in each matrix", &RowsOfMatrix, &Thresholds::sink_min_rows_each},
      {"keys", &Keys, &Thresholds::sink_min_keys}},
     {Metric::kColEntropy, Metric::kMaxColSum, Metric::kSinkMass}},
    {Pathology::kUniformAttention,
     "uniform attention",
     Subject::kRows,
     {{Severity::kCritical,
       {Metric::kNormalizedEntropy, Relation::kAbove, &Thresholds::uniform_normalized_entropy_critical},
       Condition{Metric::kTop5, Relation::kBelow, &Thresholds::uniform_top5_factor_critical, &UniformTop5}},
      {Severity::kWarning,
       {Metric::kNormalizedEntropy, Relation::kAbove, &Thresholds::uniform_normalized_entropy_warning}}},
     {{"rows", &MeasuredRows, &Thresholds::min_rows}, {"keys of a row", &VisibleKeys, &Thresholds::uniform_min_keys}},
     {Metric::kEntropy, Metric::kEffectiveRank, Metric::kNormalizedEntropy}},
    {Pathology::kVanishingLayer,
     "vanishing layer",
     Subject::kStream,
     {{Severity::kCritical, {Metric::kResidualRatio, Relation::kBelow, &Thresholds::vanishing_residual_ratio_critical}},
      {Severity::kWarning, {Metric::kResidualRatio, Relation::kBelow, &Thresholds::vanishing_residual_ratio_warning}}},
     {},
     {Metric::kResidualRatio}},
    {Pathology::kExplodingUpdate,
     "exploding update",
     Subject::kStream,
     {{Severity::kCritical,
       {Metric::kResidualRatio, Relation::kAbove, &Thresholds::exploding_residual_ratio_critical},
       std::nullopt,
       Blocks::kLater},
      {Severity::kWarning,
       {Metric::kResidualRatio, Relation::kAbove, &Thresholds::exploding_residual_ratio_warning},
       std::nullopt,
       Blocks::kLater},
      {Severity::kCritical,
       {Metric::kResidualRatio, Relation::kAbove, &Thresholds::first_block_residual_ratio_critical},
       std::nullopt,
       Blocks::kFirst},
      {Severity::kWarning,
       {Metric::kResidualRatio, Relation::kAbove, &Thresholds::first_block_residual_ratio_warning},
       std::nullopt,
       Blocks::kFirst}},
     {},
     {Metric::kResidualRatio}},
    {Pathology::kSaturatedSoftmax,
     "saturated softmax",
     Subject::kLogits,
     {{Severity::kCritical, {Metric::kSaturationRatio, Relation::kAbove, &Thresholds::saturation_ratio_critical}},
      {Severity::kWarning, {Metric::kSaturationRatio, Relation::kAbove, &Thresholds::saturation_ratio_warning}}},
     {{"rows", &MeasuredRows, &Thresholds::min_rows}},
     {Metric::kMaxRowWeight, Metric::kSaturationRatio}},
    // NaN or infinities in a residual stream leave no ratio to be judged. Values beyond their metric's range are bad
    // numbers too, see metric_range.h.
    {Pathology::kBadNumbers,
     "bad numbers",
     Subject::kInput,
     {{Severity::kCritical,
       {Metric::kInvalidRows, Relation::kAbove, &Thresholds::invalid_row_share_critical, nullptr, &RowsThatSee}},
      {Severity::kWarning, {Metric::kInvalidRows, Relation::kAbove}},
      {Severity::kCritical,
       {Metric::kInfiniteResiduals, Relation::kAbove},
       Condition{Metric::kResidualRatio, Relation::kMissing}}},
     {},
     {Metric::kEntropy, Metric::kEffectiveRank, Metric::kMaxRowWeight, Metric::kColEntropy, Metric::kMaxColSum,
      Metric::kNormalizedEntropy, Metric::kSinkMass}},
    {Pathology::kNoDistributions,
     "no distributions",
     Subject::kInput,
     {{Severity::kCritical,
       {Metric::kUnnormalizedRows, Relation::kAbove, &Thresholds::unnormalized_row_share_critical, nullptr,
        &RowsThatSee}},
      {Severity::kWarning,
       {Metric::kUnnormalizedRows, Relation::kAbove, &Thresholds::unnormalized_row_share_warning, nullptr,
        &RowsThatSee}}},
     {},
     {Metric::kEntropy, Metric::kEffectiveRank, Metric::kMaxRowWeight, Metric::kColEntropy, Metric::kMaxColSum,
      Metric::kNormalizedEntropy, Metric::kSinkMass}},
    {Pathology::kNoAttention,
     "no attention",
     Subject::kInput,
     {{Severity::kCritical,
       {Metric::kEmptyRows, Relation::kAbove, &Thresholds::empty_row_share_critical, nullptr, &RowsThatSee}},
      {Severity::kWarning,
       {Metric::kEmptyRows, Relation::kAbove, &Thresholds::empty_row_share_warning, nullptr, &RowsThatSee}}},
     {},
     {Metric::kEntropy, Metric::kEffectiveRank, Metric::kMaxRowWeight, Metric::kColEntropy, Metric::kMaxColSum,
      Metric::kNormalizedEntropy, Metric::kSinkMass}},
    // What is compared, with what evidence and in which scale, is in compared_metrics.h; IsShownBy has its marks.
    {Pathology::kLeftBaseline,
     "left its baseline",
     Subject::kPast,
     {{Severity::kCritical, {.relation = Relation::kFromBaseline, .threshold = &Thresholds::baseline_spreads_critical}},
      {Severity::kWarning, {.relation = Relation::kFromBaseline, .threshold = &Thresholds::baseline_spreads_warning}}},
     {},
     {}},
    {Pathology::kGrowingLogits,
     "growing logits",
     Subject::kLogits,
     {{Severity::kCritical, {Metric::kMaxLogit, Relation::kAbove, &Thresholds::max_logit_critical}},
      {Severity::kWarning, {Metric::kMaxLogit, Relation::kAbove, &Thresholds::max_logit_warning}}},
     {{"rows", &MeasuredRows, &Thresholds::min_rows}},
     {Metric::kMaxLogit, Metric::kMaxAbsLogit}},
}};
static_assert([] {
  for (size_t i = 0; i < kNumPathologies; ++i) {
    if (static_cast<size_t>(kPathologies[i].pathology) != i) return false;
  }
  return true;
}());

constexpr const PathologyInfo& InfoOf(Pathology pathology) { return kPathologies[static_cast<size_t>(pathology)]; }

// Whether figures mark an illness that `ill` tells in the panels and maps of a metric.
constexpr bool IsShownWhereIll(Metric ill, Metric metric) {
  return std::any_of(kPathologies.begin(), kPathologies.end(), [&](const PathologyInfo& info) {
    const auto is_of_it = [&](const Bound& bound) { return bound.crossed.metric == ill; };
    const bool is_illness = info.subject != Subject::kPast && info.subject != Subject::kInput;
    return is_illness && std::any_of(info.bounds.begin(), info.bounds.end(), is_of_it) && info.shown_by.Has(metric);
  });
}

// Whether figures mark bad numbers of `bad` there: those of attention wherever attention is shown, others where an
// illness of the same metric would be.
constexpr bool IsShownWhereBad(Metric bad, Metric metric) {
  if (bad == metric) return true;
  if (attnscope::InfoOf(bad).group == MetricGroup::kAttention) {
    return InfoOf(Pathology::kBadNumbers).shown_by.Has(metric);
  }
  const bool is_of_stream = bad == Metric::kInfiniteResiduals || bad == Metric::kTokenResidualRatio;
  return IsShownWhereIll(is_of_stream ? Metric::kResidualRatio : bad, metric);
}

// Whether figures mark a verdict about the place with these values in the panels and maps of a metric. One that has
// left its baseline is marked where an illness of the same metric would be. One on bad numbers names one metric; the
// place may have others.
inline bool IsShownBy(const Verdict& verdict, Metric metric, const MetricValues& values) {
  if (verdict.pathology == Pathology::kLeftBaseline) return IsShownWhereIll(verdict.metric, metric);
  if (verdict.pathology != Pathology::kBadNumbers) return InfoOf(verdict.pathology).shown_by.Has(metric);
  const auto is_shown = [&](const MetricInfo& info) {
    const bool counts = info.metric == Metric::kInvalidRows && values[Metric::kInvalidRows] > 0.0;
    return (counts || BeyondRange(info, values)) && IsShownWhereBad(info.metric, metric);
  };
  const auto& metrics = AllMetrics();
  return IsShownWhereBad(verdict.metric, metric) || std::any_of(metrics.begin(), metrics.end(), is_shown);
}

struct ThresholdInfo {
  std::string_view name;
  double Thresholds::*field;
};

// Every field of Thresholds, in their order.
inline constexpr std::array kThresholds = {
    ThresholdInfo{"one_hot_max_row_weight_warning", &Thresholds::one_hot_max_row_weight_warning},
    ThresholdInfo{"one_hot_effective_rank_warning", &Thresholds::one_hot_effective_rank_warning},
    ThresholdInfo{"one_hot_effective_rank_min_keys", &Thresholds::one_hot_effective_rank_min_keys},
    ThresholdInfo{"one_hot_max_row_weight_critical", &Thresholds::one_hot_max_row_weight_critical},
    ThresholdInfo{"one_hot_normalized_entropy_critical", &Thresholds::one_hot_normalized_entropy_critical},
    ThresholdInfo{"sink_mass_warning", &Thresholds::sink_mass_warning},
    ThresholdInfo{"sink_mass_critical", &Thresholds::sink_mass_critical},
    ThresholdInfo{"sink_col_entropy_share_critical", &Thresholds::sink_col_entropy_share_critical},
    ThresholdInfo{"uniform_normalized_entropy_warning", &Thresholds::uniform_normalized_entropy_warning},
    ThresholdInfo{"uniform_normalized_entropy_critical", &Thresholds::uniform_normalized_entropy_critical},
    ThresholdInfo{"uniform_top5_factor_critical", &Thresholds::uniform_top5_factor_critical},
    ThresholdInfo{"vanishing_residual_ratio_warning", &Thresholds::vanishing_residual_ratio_warning},
    ThresholdInfo{"vanishing_residual_ratio_critical", &Thresholds::vanishing_residual_ratio_critical},
    ThresholdInfo{"exploding_residual_ratio_warning", &Thresholds::exploding_residual_ratio_warning},
    ThresholdInfo{"exploding_residual_ratio_critical", &Thresholds::exploding_residual_ratio_critical},
    ThresholdInfo{"saturation_ratio_warning", &Thresholds::saturation_ratio_warning},
    ThresholdInfo{"saturation_ratio_critical", &Thresholds::saturation_ratio_critical},
    ThresholdInfo{"invalid_row_share_critical", &Thresholds::invalid_row_share_critical},
    ThresholdInfo{"unnormalized_row_share_warning", &Thresholds::unnormalized_row_share_warning},
    ThresholdInfo{"unnormalized_row_share_critical", &Thresholds::unnormalized_row_share_critical},
    ThresholdInfo{"empty_row_share_warning", &Thresholds::empty_row_share_warning},
    ThresholdInfo{"empty_row_share_critical", &Thresholds::empty_row_share_critical},
    ThresholdInfo{"min_rows", &Thresholds::min_rows},
    ThresholdInfo{"sink_min_rows", &Thresholds::sink_min_rows},
    ThresholdInfo{"sink_min_rows_each", &Thresholds::sink_min_rows_each},
    ThresholdInfo{"sink_min_keys", &Thresholds::sink_min_keys},
    ThresholdInfo{"one_hot_min_keys", &Thresholds::one_hot_min_keys},
    ThresholdInfo{"uniform_min_keys", &Thresholds::uniform_min_keys},
    ThresholdInfo{"first_block_residual_ratio_warning", &Thresholds::first_block_residual_ratio_warning},
    ThresholdInfo{"first_block_residual_ratio_critical", &Thresholds::first_block_residual_ratio_critical},
    ThresholdInfo{"baseline_spreads_warning", &Thresholds::baseline_spreads_warning},
    ThresholdInfo{"baseline_spreads_critical", &Thresholds::baseline_spreads_critical},
    ThresholdInfo{"max_logit_warning", &Thresholds::max_logit_warning},
    ThresholdInfo{"max_logit_critical", &Thresholds::max_logit_critical},
};
static_assert(sizeof(Thresholds) == kThresholds.size() * sizeof(double), "a bound is missing from the list");

}  // namespace attnscope::internal

#endif  // ATTNSCOPE_REPORT_PATHOLOGIES_H_
