// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/state_layout.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
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
    for (size_t i = 0; i < kNumHeadMaxima; ++i) {
      if (!(head_maxima[i] <= maxima_[i])) maxima_[i] = head_maxima[i];  // NaN as well
    }
  }
  double operator[](RowSum which) const { return sums_[static_cast<size_t>(which)]; }
  double operator[](HeadMax which) const { return maxima_[static_cast<size_t>(which)]; }
  double sum(size_t index) const { return sums_[index]; }
  double maximum(size_t index) const { return maxima_[index]; }
  // All rows that were seen.
  double rows() const { return NumRows(sums_.data()); }

 private:
  std::array<double, kNumHeadSums> sums_{};
  std::array<double, kNumHeadMaxima> maxima_{};
};

// NaN, "not measured", where there is nothing to take the mean of.
double Mean(double sum, double count) { return count > 0.0 ? sum / count : std::numeric_limits<double>::quiet_NaN(); }

// How a metric follows from the numbers that are kept, by their indices. Tables of this are made when this file is
// compiled, so that a program that only measures does not need the texts of the metrics' table.
struct Recipe {
  Metric metric = {};
  MetricKind kind = {};
  bool of_logits = false;
  uint8_t number = 0;   // among the sums, or the maxima
  uint8_t divisor = 0;  // of a mean, among the sums
};

constexpr size_t SumOfHead(const MetricInfo& info) {
  if (info.unit == MetricUnit::kMatrix) return kNumRowSums + kMatrixSums.IndexOf(info.metric);
  return kSweptSums.holds(info) ? kSweptSums.IndexOf(info.metric) : kNumSweptSums + kLogitSums.IndexOf(info.metric);
}

// What a metric of a head is the mean over.
constexpr size_t DivisorOfHead(MetricUnit unit) {
  switch (unit) {
    case MetricUnit::kRowOfSeveralKeys:
      return static_cast<size_t>(RowSum::kSeveralKeys);
    case MetricUnit::kRowWithNullMass:
      return static_cast<size_t>(RowSum::kNullMassRows);
    case MetricUnit::kLogitRow:
      return static_cast<size_t>(RowSum::kLogitRows);
    case MetricUnit::kLogit:
      return static_cast<size_t>(RowSum::kLogits);
    case MetricUnit::kMatrix:
      return kNumRowSums + static_cast<size_t>(MatrixSumOf<Metric::kMatrices>());
    default:
      return static_cast<size_t>(RowSum::kMeasured);
  }
}

constexpr size_t DivisorOfLayer(MetricUnit unit) {
  return static_cast<size_t>(unit == MetricUnit::kToken ? LayerSum::kResidualTokens : LayerSum::kResidualSequences);
}

constexpr bool HasRecipe(const MetricInfo& info, bool of_layer) {
  return info.kind != MetricKind::kOther && info.top_k == 0 && (info.group == MetricGroup::kLayer) == of_layer;
}

constexpr bool EachNumberIsKeptOnce() {
  for (const MetricInfo& info : AllMetrics()) {
    size_t lists = 0;
    for (const KeptNumbers& list : {kSweptSums, kLogitSums, kMatrixSums, kLayerSums, kHeadMaxima}) {
      lists += list.holds(info) ? 1 : 0;
    }
    if (lists != (info.kind == MetricKind::kOther || info.top_k != 0 ? 0 : 1)) return false;
  }
  return true;
}
static_assert(EachNumberIsKeptOnce(), "a metric's kind and unit must say in which list its number is kept");

constexpr size_t NumRecipes(bool of_layer) {
  size_t count = 0;
  for (const MetricInfo& info : AllMetrics()) count += HasRecipe(info, of_layer) ? 1 : 0;
  return count;
}

template <bool kOfLayer>
constexpr std::array<Recipe, NumRecipes(kOfLayer)> MakeRecipes() {
  std::array<Recipe, NumRecipes(kOfLayer)> recipes = {};
  size_t count = 0;
  for (const MetricInfo& info : AllMetrics()) {
    if (!HasRecipe(info, kOfLayer)) continue;
    const size_t number = kOfLayer                  ? kLayerSums.IndexOf(info.metric)
                          : kHeadMaxima.holds(info) ? kHeadMaxima.IndexOf(info.metric)
                                                    : SumOfHead(info);
    const size_t divisor = kOfLayer ? DivisorOfLayer(info.unit) : DivisorOfHead(info.unit);
    recipes[count++] = {info.metric, info.kind, info.group == MetricGroup::kLogits, static_cast<uint8_t>(number),
                        static_cast<uint8_t>(divisor)};
  }
  return recipes;
}

constexpr std::array kHeadRecipes = MakeRecipes<false>();
constexpr std::array kLayerRecipes = MakeRecipes<true>();

double LogitStd(const Totals& totals) {
  const double logits = totals[RowSum::kLogits];
  const double mean = totals[RowSumOf<Metric::kLogitMean>()] / logits;
  // This order of the arguments keeps NaN.
  return std::sqrt(std::max(totals[RowSum::kLogitSquares] / logits - mean * mean, 0.0));
}

double ValueOf(const Recipe& recipe, const Totals& totals) {
  switch (recipe.kind) {
    case MetricKind::kMean:
      return Mean(totals.sum(recipe.number), totals.sum(recipe.divisor));
    case MetricKind::kCount:
      return totals.sum(recipe.number);
    case MetricKind::kMaximum:
      return totals.maximum(recipe.number);
    case MetricKind::kSignedMaximum:
      return UnpackSigned(totals.maximum(recipe.number));
    case MetricKind::kOther:
      break;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

MetricValues AttentionMetrics(const Totals& totals, const TopKValues& top_k) {
  MetricValues values;
  if (totals.rows() == 0.0) return values;
  const bool has_logits = totals[RowSum::kLogitRows] > 0.0;
  for (const Recipe& recipe : kHeadRecipes) {
    if (recipe.of_logits && !has_logits) continue;
    values[recipe.metric] = ValueOf(recipe, totals);
  }
  for (size_t i = 0; i < top_k.size(); ++i) {
    values[TopMass(top_k[i])] = Mean(totals[TopMassSum(i)], totals[RowSum::kMeasured]);
  }
  values[Metric::kRows] = totals.rows();
  if (has_logits) values[Metric::kLogitStd] = LogitStd(totals);
  const double sink = totals[HeadMax::kSink];
  if (values[Metric::kMatrices] > 0.0 && !std::isnan(sink)) {
    values[Metric::kSinkPosition] = static_cast<double>(UnpackSinkPosition(sink));
  }
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
    for (const Recipe& recipe : kLayerRecipes) {
      (*values)[recipe.metric] =
          recipe.kind == MetricKind::kMean ? Mean(sums[recipe.number], sums[recipe.divisor]) : sums[recipe.number];
    }
  }
  if (sum(LayerSum::kGradientBuffers) > 0.0) SetGradientNorm(std::sqrt(sum(LayerSum::kGradientSquares)), values);
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

// The bits of numbers of one sign are ordered as the numbers are; with those of negative ones reversed, and put below
// those of the others, all are. Without their last two bits these are the bits of a finite number above 0.
double PackSigned(double value) {
  constexpr uint64_t kSign = uint64_t{1} << 63;
  const auto bits = std::bit_cast<uint64_t>(value);
  const uint64_t ordered = (bits & kSign) != 0 ? ~bits : bits | kSign;
  return std::bit_cast<double>(ordered >> 2);
}

double UnpackSigned(double packed) {
  constexpr uint64_t kSign = uint64_t{1} << 63;
  const auto bits = std::bit_cast<uint64_t>(packed);
  if (!(packed > 0.0) || bits >> 62 != 0) return std::numeric_limits<double>::quiet_NaN();
  const uint64_t ordered = bits << 2;
  return std::bit_cast<double>((ordered & kSign) != 0 ? ordered & ~kSign : ~(ordered | 3));
}

void FoldMatrix(const OpenSums& open, double* head_sums, double* head_maxima) {
  for (size_t i = 0; i < kNumRowSums; ++i) head_sums[i] += open.rows[i];
  const auto raise = [head_maxima](HeadMax which, double value) {
    double& maximum = head_maxima[static_cast<size_t>(which)];
    maximum = std::max(maximum, value);
  };
  raise(HeadMaxOf<Metric::kKeys>(), static_cast<double>(open.keys));
  raise(HeadMaxOf<Metric::kMaxAbsLogit>(), open.maxima[static_cast<size_t>(OpenMax::kMaxAbsLogit)]);
  raise(HeadMaxOf<Metric::kMaxLogit>(), open.maxima[static_cast<size_t>(OpenMax::kMaxLogit)]);
  const double rows = open.rows[static_cast<size_t>(RowSum::kMeasured)];
  if (rows == 0.0 || open.keys == 0) return;

  const ColumnStats stats = MeasureColumns(open.columns, open.partial, open.keys);
  const double sink_mass = stats.max / rows;
  const auto add = [head_sums](MatrixSum which, double value) {
    head_sums[kNumRowSums + static_cast<size_t>(which)] += value;
  };
  const size_t first_key = CountOf(open.maxima[static_cast<size_t>(OpenMax::kFirstKey)], open.keys - 1);
  add(MatrixSumOf<Metric::kMatrices>(), 1.0);
  add(MatrixSumOf<Metric::kColEntropy>(), stats.entropy_nats);
  add(MatrixSumOf<Metric::kMaxColSum>(), stats.max);
  add(MatrixSumOf<Metric::kSinkMass>(), sink_mass);
  add(MatrixSumOf<Metric::kFirstTokenMass>(), (open.columns[first_key] + open.partial[first_key]) / rows);
  raise(HeadMax::kSink, PackSink(sink_mass, stats.max_position));
}

void SetGradientNorm(double norm, MetricValues* values) {
  if (std::isnan(norm)) return values->SetGivenAsNaN(Metric::kGradientNorm);
  (*values)[Metric::kGradientNorm] = norm;
}

LayerStats StatsOf(const StateLayout& layout, const TopKValues& top_k, const double* sums, const double* maxima) {
  LayerStats stats;
  Totals all;
  for (size_t head = 0; head < layout.heads(); ++head) {
    Totals one;
    one.Add(sums + layout.HeadSums(head), maxima + layout.HeadMaxima(head));
    all.Add(sums + layout.HeadSums(head), maxima + layout.HeadMaxima(head));
    stats.heads.push_back(AttentionMetrics(one, top_k));
  }
  stats.layer = AttentionMetrics(all, top_k);
  if (!stats.layer.Has(Metric::kRows)) stats.heads.clear();
  stats.layer[Metric::kSinkRate] = SinkRate(stats.heads);
  LayerMetrics(sums, &stats.layer);
  return stats;
}

}  // namespace attnscope
