// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/tensor_choice.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "attnscope/limits.h"
#include "tools/analysis/tensor_name.h"

namespace attnscope::tools {
namespace {

const char* NameOf(AttentionKind kind) {
  return kind == AttentionKind::kWeights ? "weights" : kind == AttentionKind::kLogits ? "logits" : "queries and keys";
}

}  // namespace

Status Invalid(const std::string& message) { return {StatusCode::kInvalidArgument, message}; }

Status OpenInPlan(const std::string& path, Plan* plan, const TensorFile** out) {
  std::unique_ptr<TensorFile> file;
  Status status = TensorFile::Open(path, &file);
  if (!status.ok()) return status;
  *out = file.get();
  plan->files.push_back(std::move(file));
  return {};
}

std::string Misfit(const TensorInfo& info, size_t min_rank, size_t max_rank, const char* shapes) {
  if (!info.problem.empty()) return info.problem;
  const size_t rank = info.shape.size();
  if (rank < min_rank || rank > max_rank) return "has shape " + ShapeText(info.shape) + ", not " + shapes;
  const bool is_empty = std::find(info.shape.begin(), info.shape.end(), size_t{0}) != info.shape.end();
  return is_empty ? "is empty: its shape is " + ShapeText(info.shape) : "";
}

std::optional<int64_t> LayerOf(const TensorRef& source, const std::optional<int64_t>& chosen) {
  if (chosen.has_value()) return chosen;
  if (const auto number = LastNumber(source.info().name)) return number;
  return LastNumber(std::filesystem::path(source.file->path()).stem().string());
}

// A list for a message: the first few names.
std::string Names(const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i == 0 ? "'" : ", '") + names[i] + "'";
  return names.size() > kShown ? text + " and " + std::to_string(names.size() - kShown) + " more" : text;
}

Status PlacePart(const PlanInputs& inputs, AttentionPart part, size_t layers, bool is_alone, Plan* plan) {
  if (layers > kMaxLayers) {
    return Invalid(part.source.Describe() + " has " + std::to_string(layers) + " layers, more than " +
                   std::to_string(kMaxLayers));
  }
  std::optional<int64_t> first = layers != 0 ? inputs.layer.value_or(0) : LayerOf(part.source, inputs.layer);
  if (!first.has_value() && is_alone) first = 0;
  if (!first.has_value()) {
    return Invalid(part.source.file->Describe(part.source.tensor) +
                   ": its name has no layer number; rename it or give --layer");
  }
  for (part.outer = 0; part.outer < std::max<size_t>(layers, 1); ++part.outer) {
    const int64_t layer = *first + static_cast<int64_t>(part.outer);
    std::vector<AttentionPart>& parts = plan->layers[layer].attention;
    if (!parts.empty() && parts[0].heads != part.heads) {
      return Invalid("layer " + std::to_string(layer) + ": " + part.source.Describe() + " has " +
                     std::to_string(part.heads) + " heads, but " + parts[0].source.Describe() + " has " +
                     std::to_string(parts[0].heads) + "; choose tensors with --tensor");
    }
    if (!parts.empty() && parts[0].kind != part.kind) {
      return Invalid("layer " + std::to_string(layer) + ": " + part.source.Describe() + " holds " + NameOf(part.kind) +
                     ", but " + parts[0].source.Describe() + " holds " + NameOf(parts[0].kind));
    }
    parts.push_back(part);
  }
  return {};
}

}  // namespace attnscope::tools
