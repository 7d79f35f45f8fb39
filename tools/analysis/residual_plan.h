// SPDX-License-Identifier: Apache-2.0
//
// Pairs residual streams before and after blocks.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_RESIDUAL_PLAN_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_RESIDUAL_PLAN_H_

#include <string>
#include <vector>

#include "attnscope/status.h"
#include "tools/analysis/plan.h"

namespace attnscope::tools {

// The files of a name: itself if there is such a file, else those that match it as a shell pattern, sorted, else
// itself.
std::vector<std::string> ExpandPattern(const std::string& name);

// Places all of inputs.residuals. Two names: what is before blocks, and what is after them, each a file, an archive or
// a pattern of files; paired by layer, or, where each is one tensor, with each other, of the layer in the first one's
// name. One name (an archive, or a pattern): by the words in (before, pre) and out (after, post) of the tensors' names,
// else a chain, as hidden_0, hidden_1, ..., of which layer n is from n to n + 1. Of archives whose tensors have the
// words hidden or resid, only these. Errors: kInvalidArgument, naming what has no partner, or that is no residual
// stream.
Status PlaceResiduals(const PlanInputs& inputs, Plan* plan);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_RESIDUAL_PLAN_H_
