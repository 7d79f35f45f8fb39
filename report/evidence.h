// SPDX-License-Identifier: Apache-2.0
//
// What bounds compare with: how much there was to judge, and what uniform attention would have, as far as a report's
// values tell. NaN where they do not. Inline, as pictures need it too and the core exports none of it.
#ifndef ATTNSCOPE_REPORT_EVIDENCE_H_
#define ATTNSCOPE_REPORT_EVIDENCE_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "attnscope/metrics.h"

namespace attnscope::internal {
// What the values do not tell.
inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

inline double Rows(const MetricValues& values) { return values[Metric::kRows]; }
inline double Keys(const MetricValues& values) { return values[Metric::kKeys]; }
inline double LogKeys(const MetricValues& values) { return std::log(Keys(values)); }

inline double OrZero(double value) { return std::isnan(value) ? 0.0 : value; }

// Whether each row sees all keys. H_i / log v_i is never less than H_i / log n_k, and equal if v_i is n_k.
inline bool SeesAllKeys(const MetricValues& values) {
  constexpr double kRounding = 1e-4;
  const double least = values[Metric::kEntropy] / LogKeys(values);
  return least > 0.0 && std::abs(values[Metric::kNormalizedEntropy] - least) <= kRounding * least;
}

// The means over the rows of one causal matrix, whose last row sees the last key.
struct Causal {
  double log_visible = 0.0;   // of log v_i
  double uniform_top5 = 0.0;  // of min(1, 5 / v_i)
};

inline Causal MeansOfCausal(double queries, double keys) {
  Causal sums;
  for (double visible = keys - queries + 1.0; visible <= keys; visible += 1.0) {
    sums.log_visible += std::log(visible);
    sums.uniform_top5 += std::min(1.0, 5.0 / visible);
  }
  return {sums.log_visible / queries, sums.uniform_top5 / queries};
}

// Rows that may see keys: masked ones are no sign of anything.
inline double RowsThatSee(const MetricValues& values) { return Rows(values) - OrZero(values[Metric::kMaskedRows]); }

// Rows that entered the means.
inline double MeasuredRows(const MetricValues& values) {
  return RowsThatSee(values) - OrZero(values[Metric::kInvalidRows]) - OrZero(values[Metric::kEmptyRows]);
}

// Of them in a matrix, on average.
inline double RowsOfMatrix(const MetricValues& values) { return MeasuredRows(values) / values[Metric::kMatrices]; }

// The mean over rows of min(1, 5 / v_i), v_i the keys that row i may see: the top5 of uniform attention. What a row may
// see is not among the values, but in two cases they give it away where attention is near uniform: that
// all rows see all keys, and that the entropies are those of a causal mask. A mask is taken to be causal if its mean of
// log v_i, which is the entropy of uniform attention, is above the measured one by no more than the normalized entropy
// allows for. Other masks (windows, lengths that differ) are unknown.
inline double UniformTop5(const MetricValues& values) {
  const double keys = Keys(values);
  if (!(keys >= 1.0)) return kUnknown;
  if (SeesAllKeys(values)) return std::min(1.0, 5.0 / keys);
  const double queries = std::round(RowsOfMatrix(values));
  constexpr double kMostKeys = 1 << 24;  // bounds the time for absurd numbers
  if (!(queries >= 1.0 && queries <= keys && keys <= kMostKeys)) return kUnknown;
  const Causal causal = MeansOfCausal(queries, keys);
  const double slack = (1.0 - values[Metric::kNormalizedEntropy]) * LogKeys(values) + 1e-3;
  const double below = causal.log_visible - values[Metric::kEntropy];
  return below >= -1e-3 && below <= slack ? causal.uniform_top5 : kUnknown;
}

// The mean over rows of v_i, or about so much: it is not among the values. That of exp(H_i) is never more, and the same
// in uniform attention, for which it matters; exp(H / normalized H) is the geometric mean of v_i where rows are equally
// uniform. The larger of both is taken, as far as there are so many keys.
inline double VisibleKeys(const MetricValues& values) {
  const double normalized = values[Metric::kNormalizedEntropy];
  if (std::isnan(normalized)) return kUnknown;
  const double geometric = normalized > 0.0 ? std::exp(values[Metric::kEntropy] / normalized) : kUnknown;
  // These calls return the other argument where one is NaN.
  const double visible = std::fmin(std::fmax(values[Metric::kEffectiveRank], geometric), Keys(values));
  // Rounding makes 7.999999999999998 of 8.
  constexpr double kRounding = 1e-5;
  const double whole = std::round(visible);
  return std::abs(visible - whole) <= kRounding * whole ? whole : visible;
}

// Keys that a collapse could be of. Rows that are far from collapsed, beside the keys that they see, tell how many
// these are: under a window of 4, four keys share the attention at most.
inline double KeysToCollapse(const MetricValues& values) {
  constexpr double kFarFromCollapsed = 0.5;
  const bool tells = values[Metric::kNormalizedEntropy] >= kFarFromCollapsed;
  return tells ? std::fmin(VisibleKeys(values), Keys(values)) : Keys(values);
}

// Whether a learned sink has so much of the rows that their entropies are none of distributions: exp(H) is then no
// number of keys, and neither these metrics nor their bounds mean anything.
inline constexpr std::array<Metric, 2> kOfDistributions = {Metric::kEffectiveRank, Metric::kNormalizedEntropy};
inline bool SinkTakesEntropy(const MetricValues& values) {
  constexpr double kMostNullMass = 0.1;
  return values[Metric::kNullMass] > kMostNullMass;
}

}  // namespace attnscope::internal

#endif  // ATTNSCOPE_REPORT_EVIDENCE_H_
