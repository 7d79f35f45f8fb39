// SPDX-License-Identifier: Apache-2.0
//
// Reports that come in parts: trainers that log a line for each layer, and ranks of a pipeline that log theirs.
#ifndef ATTNSCOPE_TOOLS_WATCH_REPORT_PARTS_H_
#define ATTNSCOPE_TOOLS_WATCH_REPORT_PARTS_H_

#include <cstddef>
#include <vector>

#include "attnscope/report.h"

namespace attnscope::tools {

// Whether both are of one stage and of one step or epoch, which they must say, and have no layer in common.
bool AreParts(const Report& a, const Report& b);

// Moves the layers of a part to another one.
void JoinPart(Report part, Report* whole);

// Joins each report with the last one before it of its stage and time if they are parts. Returns how many were joined.
// O(n log n).
size_t JoinParts(std::vector<Report>* reports);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_WATCH_REPORT_PARTS_H_
