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
  size_t report = 0;  // index in its run
  size_t layer = 0;   // index among the timeline's layers
  Verdict verdict = {};
};

// The reports of one stage, in the order of time.
struct StageRun {
  std::string stage = {};                   // empty where reports do not name one, or there is but one
  std::vector<const Report*> reports = {};  // of different times
  std::vector<size_t> at = {};              // the time of each, as an index of the timeline's
};

struct Timeline {
  std::string unit;                 // "Step", "Epoch" or "Report"
  std::vector<int64_t> times;       // those of any run, strictly ascending
  std::vector<StageRun> runs = {};  // at least one; several in the order in which their stages come first
  std::vector<int64_t> layers;      // those of any report, ascending
  std::vector<std::string> notes;   // what is not as given, for people
};

// Training beside validation: as many lines as can be told apart.
inline constexpr size_t kMostStages = 4;

// How many stages reports are of, at least 1: those without a name are a stage too.
size_t CountStages(std::span<const Report> reports);

// Orders the reports of each stage by their steps or their epochs, whichever have more different values (steps, if as
// many), else as they are given, counted from 1. Of several reports of one time and stage the last that is given
// counts, as of a run that was resumed; reports without the number are left out; notes say so. Numbers that do not tell
// at least half of the reports from their predecessors are none. The reports must outlive the result.
Timeline MakeTimeline(std::span<const Report> reports);

// All onsets of a run, by time; those of one time worst first. A head's verdict counts as its layer's. `baseline` may
// be null.
std::vector<Onset> FindOnsets(const Timeline& timeline, const StageRun& run, const Thresholds& thresholds,
                              const Baseline* baseline);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_FIGURES_TIMELINE_H_
