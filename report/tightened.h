// SPDX-License-Identifier: Apache-2.0
//
// Bounds that are stricter than others by a margin, so that a value that wavers around a bound is on one side of them.
#ifndef ATTNSCOPE_REPORT_TIGHTENED_H_
#define ATTNSCOPE_REPORT_TIGHTENED_H_

#include "attnscope/diagnosis.h"
#include "attnscope/export.h"

namespace attnscope::internal {

// Bounds above which a verdict is given times 1 - margin, those below which it is given times 1 + margin. Those that
// say how much there must be to judge stay.
ATTNSCOPE_NO_EXPORT Thresholds Tightened(const Thresholds& thresholds, double margin);

}  // namespace attnscope::internal

#endif  // ATTNSCOPE_REPORT_TIGHTENED_H_
