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
Status OpenInPlan(const std::string& path, Plan* plan, const TensorFile** out);

// Why a tensor cannot be attention (or, with other ranks, a residual stream, queries or keys), or nothing.
std::string Misfit(const TensorInfo& info, size_t min_rank, size_t max_rank, const char* shapes);

// `chosen`, else the last number in the tensor's name, else in the file's.
std::optional<int64_t> LayerOf(const TensorRef& source, const std::optional<int64_t>& chosen);

// A list for a message: the first few names.
std::string Names(const std::vector<std::string>& names);

// Puts a part into its layer, or, where the tensor has `layers` of its own (else 0), into one after another. Errors:
// no number for the layer, other heads or another kind than the layer has already.
Status PlacePart(const PlanInputs& inputs, AttentionPart part, size_t layers, bool is_alone, Plan* plan);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_TENSOR_CHOICE_H_
