// SPDX-License-Identifier: Apache-2.0
//
// Verdicts over time: tells when one comes, goes or changes its severity, with hysteresis.
#ifndef ATTNSCOPE_MONITOR_VERDICT_TRACKER_H_
#define ATTNSCOPE_MONITOR_VERDICT_TRACKER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "attnscope/attention_monitor.h"
#include "attnscope/diagnosis.h"
#include "attnscope/report.h"

namespace attnscope {

// The verdicts of one layer.
class VerdictTracker {
 public:
  VerdictTracker(const MonitorConfig& config, int64_t layer);

  // After a window: `report` holds this layer alone, `diagnosis` is Judge's of it and of `baseline`, which may be null.
  // What it could not judge counts for neither better nor worse. Appends what changed, without `window` and `step`.
  void Update(const Report& report, const Diagnosis& diagnosis, const Baseline* baseline,
              std::vector<VerdictChange>* changes);

 private:
  // Of one pathology at one place.
  struct Track {
    Verdict reported;  // severity kHealthy: none
    Severity pending = Severity::kHealthy;
    uint32_t rising = 0;   // windows in a row above what is reported
    uint32_t falling = 0;  // below it
  };

  // `entered` and `left`: the verdicts by the two sets of bounds, or null where there is none.
  // True if that is a change.
  bool Step(Track& track, const Verdict* entered, const Verdict* left, VerdictChange* change) const;

  uint32_t worsen_windows_;
  uint32_t recover_windows_;
  Thresholds recovery_;
  std::vector<Track> tracks_;  // [1 + heads][kNumPathologies], the layer's own first
};

}  // namespace attnscope

#endif  // ATTNSCOPE_MONITOR_VERDICT_TRACKER_H_
