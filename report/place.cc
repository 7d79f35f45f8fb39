// SPDX-License-Identifier: Apache-2.0
#include "report/place.h"

#include <cmath>
#include <limits>

#include "report/beyond_range.h"
#include "report/metrics_of.h"
#include "report/verdict_text.h"

namespace attnscope::internal {

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
  ForEachMetric(values, [&](const MetricInfo& info) { any = any || IsGiven(values, info.metric); });
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
