// SPDX-License-Identifier: Apache-2.0
//
// Reports in the order of time, and what happened between them.
#ifndef ATTNSCOPE_RENDER_FIGURES_TIMELINE_H_
#define ATTNSCOPE_RENDER_FIGURES_TIMELINE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "attnscope/diagnosis.h"
#include "attnscope/report.h"

namespace attnscope::render {

// The first of a layer's verdicts of one kind, or the first that is worse than all before: one that comes and goes is
// told once.
struct Onset {
  size_t time = 0;   // index of the report
  size_t layer = 0;  // index among the timeline's layers
  Verdict verdict = {};
};

struct Timeline {
  std::string unit;                    // "Step", "Epoch" or "Report"
  std::vector<int64_t> times;          // strictly ascending
  std::vector<const Report*> reports;  // one for each time
  std::vector<int64_t> layers;         // those of any report, ascending
  std::vector<std::string> notes;      // what is not as given, for people
};

// Orders the reports by their steps or their epochs, whichever have more different values (steps, if as many), else as
// they are given, counted from 1. Of several reports of one time the last that is given counts, as of a run that was
// resumed; reports without the number are left out; notes say so. Numbers that do not tell at least half of the reports
// from their predecessors are none. The reports must outlive the result.
Timeline MakeTimeline(std::span<const Report> reports);

// All onsets, by time; those of one time worst first. A head's verdict counts as its layer's.
// `baseline` may be null.
std::vector<Onset> FindOnsets(const Timeline& timeline, const Thresholds& thresholds, const Baseline* baseline);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_FIGURES_TIMELINE_H_
