// SPDX-License-Identifier: Apache-2.0
//
// A run in progress as a table of curves.
#ifndef ATTNSCOPE_TOOLS_WATCH_WATCH_TEXT_H_
#define ATTNSCOPE_TOOLS_WATCH_WATCH_TEXT_H_

#include <cstddef>
#include <span>
#include <string>

#include "attnscope/baseline.h"
#include "attnscope/diagnosis.h"
#include "attnscope/report.h"

namespace attnscope::tools {

// What is shown, and the room that there is for it.
struct WatchStyle {
  bool color = false;
  size_t columns = 100;  // characters of a line
  size_t lines = 0;      // 0: as many as there are layers for
  size_t max_verdicts = 5;
};

// When and what the last report was of, a row for each layer with a curve over the run and the last value of each
// metric, those that verdicts are mostly about first, as many as there is room for; then the worst verdicts of the last
// report. Curves of one metric have one scale. Where layers are more than lines, those that are ill are shown. Of
// several stages the one with the most reports is shown. `reports` holds at least one.
std::string FormatWatch(std::span<const Report> reports, const Thresholds& thresholds, const Baseline* baseline,
                        const WatchStyle& style);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_WATCH_WATCH_TEXT_H_
