// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/state_layout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/column_stats.h"

namespace attnscope {
namespace {

constexpr double kPositions = 2147483648.0;  // 2^31
constexpr double kMassSteps = 1048576.0;     // 2^20
constexpr double kSinkHeadMass = 0.3;        // Gu et al. 2024, arXiv 2410.10781

// The sums of one head, or of several added up.
class Totals {
 public:
  void Add(const double* head_sums, const double* head_maxima) {
    for (size_t i = 0; i < kNumHeadSums; ++i) sums_[i] += head_sums[i];
    for (size_t i = 0; i < kNumHeadMaxima; ++i) maxima_[i] = std::max(maxima_[i], head_maxima[i]);
  }
  double operator[](RowSum which) const { return sums_[static_cast<size_t>(which)]; }
  double operator[](MatrixSum which) const { return sums_[kNumRowSums + static_cast<size_t>(which)]; }
  double operator[](HeadMax which) const { return maxima_[static_cast<size_t>(which)]; }

 private:
  std::array<double, kNumHeadSums> sums_{};
  std::array<double, kNumHeadMaxima> maxima_{};
};

// NaN, "not measured", where there is nothing to take the mean of.
double Mean(double sum, double count) { return count > 0.0 ? sum / count : std::numeric_limits<double>::quiet_NaN(); }

void LogitMetrics(const Totals& totals, MetricValues* values) {
  const double rows = totals[RowSum::kLogitRows];
  if (rows == 0.0) return;
  const double logits = totals[RowSum::kLogits];
  const double mean = totals[RowSum::kLogitSum] / logits;
  (*values)[Metric::kLogitMean] = mean;
  (*values)[Metric::kLogitStd] = std::sqrt(std::max(0.0, totals[RowSum::kLogitSquares] / logits - mean * mean));
  (*values)[Metric::kMaxAbsLogit] = totals[HeadMax::kMaxAbsLogit];
  (*values)[Metric::kSaturationRatio] = totals[RowSum::kSaturated] / rows;
  (*values)[Metric::kLogSumExp] = totals[RowSum::kLogSumExp] / rows;
}

MetricValues AttentionMetrics(const Totals& totals) {
  MetricValues values;
  const double measured = totals[RowSum::kMeasured];
  const double rows = measured + totals[RowSum::kInvalid] + totals[RowSum::kEmpty];
  if (rows == 0.0) return values;
  values[Metric::kEntropy] = Mean(totals[RowSum::kEntropy], measured);
  values[Metric::kEffectiveRank] = Mean(totals[RowSum::kEffectiveRank], measured);
  values[Metric::kTop5] = Mean(totals[RowSum::kTop5], measured);
  values[Metric::kTop10] = Mean(totals[RowSum::kTop10], measured);
  values[Metric::kTop50] = Mean(totals[RowSum::kTop50], measured);
  values[Metric::kMaxRowWeight] = Mean(totals[RowSum::kMaxWeight], measured);
  values[Metric::kNormalizedEntropy] = Mean(totals[RowSum::kNormalizedEntropy], totals[RowSum::kNormalizedRows]);
  values[Metric::kRows] = rows;
  values[Metric::kInvalidRows] = totals[RowSum::kInvalid];
  values[Metric::kEmptyRows] = totals[RowSum::kEmpty];
  values[Metric::kUnnormalisedRows] = totals[RowSum::kUnnormalised];
  LogitMetrics(totals, &values);

  const double matrices = totals[MatrixSum::kMatrices];
  values[Metric::kMatrices] = matrices;
  values[Metric::kKeys] = totals[HeadMax::kKeys];
  if (matrices == 0.0) return values;
  values[Metric::kColEntropy] = Mean(totals[MatrixSum::kColEntropy], matrices);
  values[Metric::kMaxColSum] = Mean(totals[MatrixSum::kMaxColSum], matrices);
  values[Metric::kSinkMass] = Mean(totals[MatrixSum::kSinkMass], matrices);
  values[Metric::kFirstTokenMass] = Mean(totals[MatrixSum::kFirstTokenMass], matrices);
  values[Metric::kSinkPosition] = static_cast<double>(UnpackSinkPosition(totals[HeadMax::kSink]));
  return values;
}

double SinkRate(const std::vector<MetricValues>& heads) {
  double measured = 0.0;
  double sinks = 0.0;
  for (const MetricValues& head : heads) {
    if (!head.Has(Metric::kFirstTokenMass)) continue;
    measured += 1.0;
    if (head[Metric::kFirstTokenMass] > kSinkHeadMass) sinks += 1.0;
  }
  return Mean(sinks, measured);
}

void LayerMetrics(const double* sums, MetricValues* values) {
  const auto sum = [sums](LayerSum which) { return sums[static_cast<size_t>(which)]; };
  if (sum(LayerSum::kResidualSequences) > 0.0) {
    (*values)[Metric::kResidualRatio] = Mean(sum(LayerSum::kResidualRatio), sum(LayerSum::kResidualSequences));
    (*values)[Metric::kTokenResidualRatio] = Mean(sum(LayerSum::kTokenResidualRatio), sum(LayerSum::kResidualTokens));
    (*values)[Metric::kInfiniteResiduals] = sum(LayerSum::kInfiniteResiduals);
  }
  if (sum(LayerSum::kGradientBuffers) > 0.0) {
    (*values)[Metric::kGradientNorm] = std::sqrt(sum(LayerSum::kGradientSquares));
  }
}

}  // namespace

double PackSink(double mass, size_t position) {
  const double steps = std::floor(std::min(mass, 2.0) * kMassSteps);
  return steps * kPositions + (kPositions - 1.0 - static_cast<double>(position));
}

size_t UnpackSinkPosition(double packed) {
  const double reversed = std::fmod(packed, kPositions);
  return CountOf(kPositions - 1.0 - reversed, static_cast<size_t>(kPositions));
}

void FoldMatrix(const double* row_sums, const double* columns, const double* partial, size_t keys, double* head_sums,
                double* head_maxima) {
  for (size_t i = 0; i < kNumRowSums; ++i) head_sums[i] += row_sums[i];
  const double rows = row_sums[static_cast<size_t>(RowSum::kMeasured)];
  double* max_keys = &head_maxima[static_cast<size_t>(HeadMax::kKeys)];
  *max_keys = std::max(*max_keys, static_cast<double>(keys));
  if (rows == 0.0 || keys == 0) return;

  const ColumnStats stats = MeasureColumns(columns, partial, keys);
  const double sink_mass = stats.max / rows;
  const auto add = [head_sums](MatrixSum which, double value) {
    head_sums[kNumRowSums + static_cast<size_t>(which)] += value;
  };
  add(MatrixSum::kMatrices, 1.0);
  add(MatrixSum::kColEntropy, stats.entropy_nats);
  add(MatrixSum::kMaxColSum, stats.max);
  add(MatrixSum::kSinkMass, sink_mass);
  add(MatrixSum::kFirstTokenMass, (columns[0] + partial[0]) / rows);
  double* sink = &head_maxima[static_cast<size_t>(HeadMax::kSink)];
  *sink = std::max(*sink, PackSink(sink_mass, stats.max_position));
}

LayerStats StatsOf(const StateLayout& layout, const double* sums, const double* maxima) {
  LayerStats stats;
  Totals all;
  for (size_t head = 0; head < layout.heads(); ++head) {
    Totals one;
    one.Add(sums + layout.HeadSums(head), maxima + layout.HeadMaxima(head));
    all.Add(sums + layout.HeadSums(head), maxima + layout.HeadMaxima(head));
    stats.heads.push_back(AttentionMetrics(one));
  }
  stats.layer = AttentionMetrics(all);
  if (!stats.layer.Has(Metric::kRows)) stats.heads.clear();
  stats.layer[Metric::kSinkRate] = SinkRate(stats.heads);
  LayerMetrics(sums, &stats.layer);
  return stats;
}

}  // namespace attnscope
