// SPDX-License-Identifier: Apache-2.0
//
// How a plan's tensors are opened, judged by their shapes, and given to layers.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_TENSOR_CHOICE_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_TENSOR_CHOICE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attnscope/status.h"
#include "tools/analysis/plan.h"
#include "tools/files/tensor_file.h"

namespace attnscope::tools {

Status Invalid(const std::string& message);

// Opens a file that the plan keeps.
Status OpenInPlan(const PlanInputs& inputs, const std::string& path, Plan* plan, const TensorFile** out);

// Why a tensor cannot be attention (or, with other ranks, a residual stream, queries or keys) by its shape, or nothing.
std::string Misfit(const TensorInfo& info, size_t min_rank, size_t max_rank, const char* shapes);

// As MakePlan says. `inputs.layer_pattern` has been checked.
std::optional<int64_t> LayerOf(const TensorRef& source, const PlanInputs& inputs);

// Errors: kInvalidArgument, for `inputs.layer_pattern`.
Status CheckLayerPattern(const PlanInputs& inputs);

// A list for a message: the first few names.
std::string Names(const std::vector<std::string>& names);

// Puts a part into its layer, or, where the tensor has an axis of layers, into one after another. Errors: no number for
// the layer; other heads, or another kind (of one archive: of attention too), than the layer has already.
Status PlacePart(const PlanInputs& inputs, AttentionPart part, bool has_layers, bool is_alone, Plan* plan);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_TENSOR_CHOICE_H_
