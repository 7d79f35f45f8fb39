// SPDX-License-Identifier: Apache-2.0
//
// Baselines: medians, which half of the reports cannot move far, and spreads that are as robust.
#include "attnscope/baseline.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <new>
#include <string>
#include <vector>

#include "report/compared_metrics.h"
#include "report/metrics_of.h"
#include "report/place.h"

namespace attnscope {
namespace {

// The standard deviation of normally distributed values over their median distance from the median.
constexpr double kDeviationOfMedianDistance = 1.4826;

Status Invalid(std::string message) { return {StatusCode::kInvalidArgument, std::move(message)}; }

// The values of one layer, or of one head, in the reports that have it.
using Past = std::vector<MetricValues>;

struct PastLayer {
  Past layer;
  std::vector<Past> heads;
};

// NaN of no values. Of two in the middle, the lower one, or their mean.
double Median(std::vector<double> values, bool lower) {
  if (values.empty()) return std::nan("");
  std::sort(values.begin(), values.end());
  const double low = values[(values.size() - 1) / 2];
  const double high = values[values.size() / 2];
  return lower || low == high ? low : low + 0.5 * (high - low);
}

std::vector<double> Measured(const Past& past, Metric metric) {
  std::vector<double> values;
  for (const MetricValues& each : past) {
    if (each.Has(metric)) values.push_back(each[metric]);
  }
  return values;
}

MetricValues Medians(const Past& past) {
  MetricValues medians;
  internal::MetricCollector collector;
  for (const MetricValues& values : past) collector.Add(values);
  for (const MetricInfo& info : collector.metrics()) {
    if (!medians.HasRoomFor(info.metric)) continue;  // reports of more different k than one can have
    medians[info.metric] = Median(Measured(past, info.metric), info.is_count);
  }
  return medians;
}

MetricValues Spreads(const Past& past, const MetricValues& medians) {
  MetricValues spreads;
  for (const internal::ComparedMetric& compared : internal::kComparedMetrics) {
    const double center = compared.ToScale(medians[compared.metric]);
    std::vector<double> distances = Measured(past, compared.metric);
    for (double& value : distances) {
      const double scaled = compared.ToScale(value);
      value = scaled == center ? 0.0 : std::abs(scaled - center);  // the same infinity has no distance
    }
    spreads[compared.metric] = kDeviationOfMedianDistance * Median(std::move(distances), false);
  }
  return spreads;
}

std::string Heads(size_t count) { return std::to_string(count) + (count == 1 ? " head" : " heads"); }

Status Collect(const Report& report, std::map<int64_t, PastLayer>* past) {
  const auto ascends = [](const LayerReport& a, const LayerReport& b) { return a.layer < b.layer; };
  const std::vector<LayerReport>& layers = report.layers;
  if (std::adjacent_find(layers.begin(), layers.end(), std::not_fn(ascends)) != layers.end()) {
    return Invalid("the layers of a report of the baseline do not ascend");
  }
  for (const LayerReport& layer : layers) {
    PastLayer& to = (*past)[layer.layer];
    to.layer.push_back(internal::SoundValues(layer.stats.layer));
    const size_t heads = layer.stats.heads.size();
    if (heads == 0) continue;
    if (!to.heads.empty() && to.heads.size() != heads) {
      return Invalid("layer " + std::to_string(layer.layer) + " has " + Heads(to.heads.size()) +
                     " in one report of the baseline and " + std::to_string(heads) + " in another");
    }
    to.heads.resize(heads);
    for (size_t h = 0; h < heads; ++h) to.heads[h].push_back(internal::SoundValues(layer.stats.heads[h]));
  }
  return {};
}

Baseline BaselineOf(const std::map<int64_t, PastLayer>& past) {
  Baseline baseline;
  for (const auto& [index, layer] : past) {
    LayerStats medians;
    LayerStats spreads;
    medians.layer = Medians(layer.layer);
    spreads.layer = Spreads(layer.layer, medians.layer);
    for (const Past& head : layer.heads) {
      medians.heads.push_back(Medians(head));
      spreads.heads.push_back(Spreads(head, medians.heads.back()));
    }
    baseline.median.layers.push_back({.layer = index, .stats = std::move(medians)});
    baseline.spread.layers.push_back({.layer = index, .stats = std::move(spreads)});
  }
  return baseline;
}

}  // namespace

Status MakeBaseline(std::span<const Report> reports, Baseline* out) {
  if (reports.empty()) return Invalid("a baseline needs a report");
  try {
    std::map<int64_t, PastLayer> past;
    for (const Report& report : reports) {
      if (Status status = Collect(report, &past); !status.ok()) return status;
    }
    *out = BaselineOf(past);
    return {};
  } catch (const std::bad_alloc&) {
    return {StatusCode::kOutOfMemory, "no memory for a baseline of " + std::to_string(reports.size()) + " reports"};
  }
}

Status CheckBaseline(const Report& report, const Baseline& baseline) {
  bool any = report.layers.empty() || baseline.median.layers.empty();
  for (const LayerReport& layer : report.layers) {
    const LayerReport* const past = baseline.median.Find(layer.layer);
    if (past == nullptr) continue;
    any = true;
    const size_t heads = layer.stats.heads.size();
    const size_t past_heads = past->stats.heads.size();
    if (heads == past_heads || heads == 0 || past_heads == 0) continue;
    return Invalid("layer " + std::to_string(layer.layer) + " has " + Heads(heads) + ", and " +
                   std::to_string(past_heads) + " in the baseline, which is of another model");
  }
  return any ? Status() : Invalid("no layer is in the baseline, which is of another model");
}

}  // namespace attnscope
