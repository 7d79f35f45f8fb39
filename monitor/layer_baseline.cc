// SPDX-License-Identifier: Apache-2.0
#include "monitor/layer_baseline.h"

#include <string>
#include <utility>

namespace attnscope {
namespace {

// The layer alone; nothing of it if it is not there, which verdicts then say.
Report PartOf(const Report& report, int64_t layer) {
  Report part;
  if (const LayerReport* const found = report.Find(layer)) part.layers.push_back(*found);
  return part;
}

}  // namespace

LayerBaseline::LayerBaseline(const MonitorConfig& config, int64_t layer) : windows_(config.baseline_windows) {
  if (config.baseline == nullptr) return;
  baseline_ = {.median = PartOf(config.baseline->median, layer), .spread = PartOf(config.baseline->spread, layer)};
}

Diagnosis LayerBaseline::JudgeWindow(const Report& report, const Thresholds& thresholds) const {
  Diagnosis diagnosis = Judge(report, thresholds, get());
  if (windows_ == 0 || baseline_) return diagnosis;
  diagnosis.unjudged.push_back(
      {Pathology::kLeftBaseline, report.layers.front().layer, -1,
       std::to_string(first_.size()) + " of the " + std::to_string(windows_) + " windows that make it are complete"});
  return diagnosis;
}

void LayerBaseline::Add(const Report& report) {
  if (windows_ == 0 || baseline_) return;
  first_.push_back(report);
  if (first_.size() < windows_) return;
  Baseline baseline;
  // Reports of one accumulator: the same heads, layers that ascend. Without memory the next window tries again.
  if (MakeBaseline(first_, &baseline).ok()) {
    baseline_ = std::move(baseline);
    first_ = {};
  }
}

}  // namespace attnscope
