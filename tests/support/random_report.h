// SPDX-License-Identifier: Apache-2.0
//
// Reports of all kinds, healthy and absurd. Included by tests of figures.
#ifndef ATTNSCOPE_TESTS_SUPPORT_RANDOM_REPORT_H_
#define ATTNSCOPE_TESTS_SUPPORT_RANDOM_REPORT_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

#include "attnscope/report.h"

namespace attnscope {

inline constexpr std::array<Metric, 9> kDrawnMetrics = {
    Metric::kEntropy,      Metric::kEffectiveRank, Metric::kTop5,      Metric::kTop10,        Metric::kTop50,
    Metric::kMaxRowWeight, Metric::kColEntropy,    Metric::kMaxColSum, Metric::kResidualRatio};

// A plausible layer: `entropy` decides the rest.
inline void SetLayer(double entropy, double residual_ratio, MetricValues* values) {
  constexpr double kKeys = 1024.0;
  const double top5 = 1.0 / (1.0 + std::exp(0.9 * (entropy - 2.5)));
  (*values)[Metric::kEntropy] = entropy;
  (*values)[Metric::kEffectiveRank] = std::exp(entropy);
  (*values)[Metric::kTop5] = top5;
  (*values)[Metric::kTop10] = top5 + 0.3 * (1.0 - top5);
  (*values)[Metric::kTop50] = top5 + 0.7 * (1.0 - top5);
  (*values)[Metric::kMaxRowWeight] = 0.6 * top5;
  (*values)[Metric::kColEntropy] = std::log(kKeys) * (0.4 + 0.08 * entropy);
  (*values)[Metric::kMaxColSum] = kKeys * std::exp(-entropy);
  (*values)[Metric::kResidualRatio] = residual_ratio;
}

// `layers` layers whose entropy wanders with steps of about `noise`.
inline Report WanderingReport(int layers, double noise, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Report report;
  report.epoch = seed;
  double entropy = 3.0;
  double log_ratio = -1.0;
  for (int i = 0; i < layers; ++i) {
    entropy = std::clamp(entropy + noise * normal(random), 0.0, 6.9);
    log_ratio += noise * normal(random);
    SetLayer(entropy, std::exp(log_ratio), &report.layers.emplace_back().stats.layer);
    report.layers.back().layer = i;
  }
  return report;
}

// A report with gaps, missing values and, with growing `wildness` (0 to 2), values that no model has.
inline Report AbsurdReport(uint32_t seed, int wildness) {
  std::mt19937_64 random(seed);
  constexpr std::array<int, 10> kCounts = {0, 1, 2, 3, 5, 8, 24, 40, 96, 128};
  const int layers = kCounts[random() % kCounts.size()];
  const double noise = 0.05 + 0.3 * static_cast<double>(random() % 4);
  Report report = WanderingReport(layers, noise, seed);
  if (random() % 4 == 0) report.epoch.reset();
  std::uniform_real_distribution<double> share(0.0, 1.0);
  std::uniform_real_distribution<double> exponent(-300.0, 300.0);
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const std::array<double, 8> specials = {0.0, -0.0, kInf, -kInf, 1e30, 1e-30, -1.0, 5e-324};
  const uint64_t metric_to_drop = random() % 30;
  const double missing = random() % 2 == 0 ? 0.0 : 0.2;
  for (LayerReport& layer : report.layers) {
    MetricValues& values = layer.stats.layer;
    for (size_t m = 0; m < kDrawnMetrics.size(); ++m) {
      double& value = values[kDrawnMetrics[m]];
      if (wildness > 0 && share(random) < 0.1) value = specials[random() % specials.size()];
      if (wildness > 1 && share(random) < 0.3) value = std::pow(10.0, exponent(random));
      if (share(random) < missing || m == metric_to_drop) value = std::nan("");
    }
  }
  if (random() % 3 == 0) {
    std::erase_if(report.layers, [&](const LayerReport&) { return random() % 4 == 0; });
  }
  if (wildness > 0 && random() % 5 == 0) {
    int64_t offset = 0;
    for (LayerReport& layer : report.layers) {
      const uint64_t shift = random() % 50 + 14;
      offset += static_cast<int64_t>(random() >> shift);
      layer.layer += offset;
    }
  }
  return report;
}

}  // namespace attnscope

#endif  // ATTNSCOPE_TESTS_SUPPORT_RANDOM_REPORT_H_
