// SPDX-License-Identifier: Apache-2.0
//
// What a watched layer is compared with: a baseline that was given, or one of its own first windows.
#ifndef ATTNSCOPE_MONITOR_LAYER_BASELINE_H_
#define ATTNSCOPE_MONITOR_LAYER_BASELINE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "attnscope/attention_monitor.h"
#include "attnscope/baseline.h"
#include "attnscope/diagnosis.h"
#include "attnscope/report.h"

namespace attnscope {

class LayerBaseline {
 public:
  // Keeps this layer's part of the configuration's baseline. May throw std::bad_alloc.
  LayerBaseline(const MonitorConfig& config, int64_t layer);

  // Null while there is none.
  const Baseline* get() const { return baseline_ ? &*baseline_ : nullptr; }

  // Judges a window, whose report holds this layer alone. May throw std::bad_alloc, as Add.
  Diagnosis JudgeWindow(const Report& report, const Thresholds& thresholds) const;
  // Afterwards: one of the first windows becomes a part of the baseline.
  void Add(const Report& report);

 private:
  size_t windows_;  // that make the baseline; 0: none do
  std::vector<Report> first_;
  std::optional<Baseline> baseline_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_MONITOR_LAYER_BASELINE_H_
