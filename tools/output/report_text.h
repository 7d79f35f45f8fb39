// SPDX-License-Identifier: Apache-2.0
//
// Reports and verdicts as text for people.
#ifndef ATTNSCOPE_TOOLS_OUTPUT_REPORT_TEXT_H_
#define ATTNSCOPE_TOOLS_OUTPUT_REPORT_TEXT_H_

#include <cstddef>
#include <string>

#include "attnscope/diagnosis.h"
#include "attnscope/report.h"

namespace attnscope::tools {

struct TextStyle {
  bool color = false;     // ANSI colours by severity
  bool per_head = false;  // a row for each head under its layer's
  // Most verdicts to list, the worst ones, and most lines of what was not judged; zero: all.
  size_t max_verdicts = 0;
};

// A table with a row for each layer: the eight attention metrics, and those others that a verdict may be about. Columns
// that nothing was measured for are left out, as are counts of bad rows that are all zero. A layer that was not judged
// is labelled so. `diagnosis` is of the report.
std::string FormatTable(const Report& report, const Diagnosis& diagnosis, const TextStyle& style);

// "1 critical, 2 warnings", "healthy: no verdicts" or "not judged", the verdicts in the order given, those that the
// baseline has as well, and what was not judged and why.
std::string FormatDiagnosis(const Diagnosis& diagnosis, const TextStyle& style);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_OUTPUT_REPORT_TEXT_H_
