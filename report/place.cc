// SPDX-License-Identifier: Apache-2.0
#include "report/place.h"

#include <cmath>
#include <limits>

#include "report/metric_range.h"
#include "report/metrics_of.h"
#include "report/verdict_text.h"

namespace attnscope::internal {

namespace {

// What a metric of distributions can be at most, as far as the other values tell: there are so many keys, and queries.
// Unknown: NaN.
double MostOf(Metric metric, const MetricValues& values) {
  const double queries = RowsOfMatrix(values);
  switch (metric) {
    case Metric::kEntropy:
    case Metric::kColEntropy:
      return LogKeys(values);
    case Metric::kEffectiveRank:
      return Keys(values);
    case Metric::kMaxColSum:
      return std::isnan(queries) ? Keys(values) : queries;
    default:
      return kUnknown;
  }
}

// The same with room for sums of half precision, which are 1 within 2e-2: an entropy is then beyond by that share.
double MostWithRoom(Metric metric, double most) {
  constexpr double kRoom = 0.03;
  return metric == Metric::kEffectiveRank ? std::pow(most, 1.0 + kRoom) * (1.0 + kRoom) : most * (1.0 + kRoom) + kRoom;
}

}  // namespace

std::optional<double> BeyondRange(const MetricInfo& info, const MetricValues& values) {
  if (values.IsGivenAsNaN(info.metric)) return std::numeric_limits<double>::quiet_NaN();
  const double value = values[info.metric];
  const MetricRange range = RangeOf(info);
  const bool any_sums = DependsOnSums(info) && values[Metric::kUnnormalizedRows] > 0.0;
  if (any_sums && std::isfinite(value)) return std::nullopt;
  if (value < range.low) return std::ceil(range.low) + 0.0;  // without the room for rounding
  if (value > range.high) return std::floor(range.high);
  const double most = MostOf(info.metric, values);
  return most >= 0.0 && value > MostWithRoom(info.metric, most) ? std::optional<double>(most) : std::nullopt;
}

MetricValues SoundValues(const MetricValues& given) {
  MetricValues values = given;
  ForEachMetric(given, [&](const MetricInfo& info) {
    if (BeyondRange(info, given)) values[info.metric] = std::numeric_limits<double>::quiet_NaN();
  });
  // Trainers' logs have these instead.
  if (!values.Has(Metric::kSinkMass)) {
    const double queries = RowsOfMatrix(values);
    values[Metric::kSinkMass] = values[Metric::kMaxColSum] / (std::isnan(queries) ? Keys(values) : queries);
  }
  return values;
}

Place MakePlace(int64_t layer, int64_t head, const MetricValues& given, const Thresholds& thresholds) {
  Place place = {layer, head, given, SoundValues(given)};
  MetricValues& values = place.values;
  if (SinkTakesEntropy(values)) {
    for (const Metric metric : kOfDistributions) values[metric] = std::numeric_limits<double>::quiet_NaN();
  } else if (!values.Has(Metric::kNormalizedEntropy)) {
    // The least that it can be, which is enough for a verdict but not for the want of one.
    const double least = values[Metric::kEntropy] / LogKeys(values);
    if (least > thresholds.uniform_normalized_entropy_warning) values[Metric::kNormalizedEntropy] = least;
  }
  return place;
}

bool HasAnything(const MetricValues& values) {
  bool any = false;
  ForEachMetric(values, [&](const MetricInfo& info) {
    any = any || values.Has(info.metric) || values.IsGivenAsNaN(info.metric);
  });
  return any;
}

std::string LackOfEvidence(const PathologyInfo& info, const Thresholds& thresholds, const MetricValues& values) {
  if (info.subject == Subject::kRows) {
    const double share = values[Metric::kUnnormalizedRows] / RowsThatSee(values);
    if (share > thresholds.unnormalized_row_share_warning) return NoDistributions(share);
  }
  for (const Evidence& evidence : info.evidence) {
    const double amount = evidence.amount(values);
    const double least = thresholds.*evidence.least;
    if (amount < least) return TooLittle(amount, least, evidence.what);
  }
  return {};
}

Verdict VerdictAt(const Place& place, Pathology pathology, Severity severity, Metric metric) {
  Verdict verdict;
  verdict.pathology = pathology;
  verdict.severity = severity;
  verdict.layer = place.layer;
  verdict.head = place.head;
  verdict.metric = metric;
  return verdict;
}

}  // namespace attnscope::internal
