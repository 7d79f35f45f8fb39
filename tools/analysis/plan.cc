// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/plan.h"

#include <algorithm>
#include <filesystem>
#include <span>

#include "tools/analysis/query_key_plan.h"
#include "tools/analysis/tensor_choice.h"
#include "tools/analysis/tensor_name.h"

namespace attnscope::tools {
namespace {

std::string AttentionMisfit(const TensorInfo& info) {
  return Misfit(info, 2, 5, "[n, n], [heads, n, n], [batch, heads, n, n] or [layers, batch, heads, n, n]");
}

std::string ResidualMisfit(const TensorInfo& info) {
  return Misfit(info, 2, 3, "[tokens, channels] or [batch, tokens, channels]");
}

// Chooses the tensors of one archive.
Status SelectFromArchive(const TensorFile& file, std::span<const std::string> globs, std::vector<TensorRef>* selected,
                         std::vector<std::string>* notes) {
  std::vector<std::string> left_out;
  std::string first_misfit;
  const size_t selected_before = selected->size();
  for (size_t t = 0; t < file.tensors().size(); ++t) {
    const TensorInfo& info = file.tensors()[t];
    if (!globs.empty() && !MatchesAny(info.name, globs)) continue;
    const std::string misfit = AttentionMisfit(info);
    if (misfit.empty()) {
      selected->push_back({.file = &file, .tensor = t});
    } else if (!globs.empty()) {
      return Invalid(file.Describe(t) + ": " + misfit);
    } else {
      if (left_out.empty()) first_misfit = file.Describe(t) + ": " + misfit;
      left_out.push_back(info.name);
    }
  }
  if (selected->size() == selected_before) {
    if (globs.empty()) return Invalid(first_misfit);
    std::vector<std::string> names;
    for (const TensorInfo& info : file.tensors()) names.push_back(info.name);
    return {StatusCode::kNotFound, file.path() + ": no tensor's name matches --tensor; it has " + Names(names)};
  }
  if (!left_out.empty()) {
    notes->push_back(file.path() + ": left out, because they cannot be attention: " + Names(left_out));
  }
  return {};
}

Status SelectAttention(const PlanInputs& inputs, const std::vector<std::string>& files, Plan* plan,
                       std::vector<TensorRef>* selected) {
  for (const std::string& path : files) {
    const TensorFile* file = nullptr;
    Status status = OpenInPlan(path, plan, &file);
    if (!status.ok()) return status;
    if (file->is_archive()) {
      status = SelectFromArchive(*file, inputs.tensor_globs, selected, &plan->notes);
      if (!status.ok()) return status;
      continue;
    }
    const std::string misfit = AttentionMisfit(file->tensors()[0]);
    if (!misfit.empty()) return Invalid(file->Describe(0) + ": " + misfit);
    selected->push_back({.file = file, .tensor = 0});
  }
  return {};
}

// Puts a tensor, which fits, into its layer or layers.
Status PlaceAttention(const PlanInputs& inputs, const TensorRef& source, AttentionKind kind, bool is_alone,
                      Plan* plan) {
  const std::vector<size_t>& shape = source.info().shape;
  const size_t rank = shape.size();
  AttentionPart part = {.kind = kind, .source = source, .queries = shape[rank - 2], .keys = shape[rank - 1]};
  if (rank >= 3) part.heads = shape[rank - 3];
  if (rank >= 4) part.batch = shape[rank - 4];
  return PlacePart(inputs, part, rank == 5 ? shape[0] : 0, is_alone, plan);
}

// A residual file holds one tensor, also if it is an archive.
Status OpenResidual(const std::string& path, Plan* plan, TensorRef* out) {
  const TensorFile* file = nullptr;
  Status status = OpenInPlan(path, plan, &file);
  if (!status.ok()) return status;
  if (file->tensors().size() != 1) {
    return Invalid(path + ": --residual needs files of one tensor, this has " + std::to_string(file->tensors().size()));
  }
  const std::string misfit = ResidualMisfit(file->tensors()[0]);
  if (!misfit.empty()) return Invalid(file->Describe(0) + ": " + misfit);
  *out = {.file = file, .tensor = 0};
  return {};
}

// The layer is the one of the input's name: the block that turns hidden_3 into hidden_4 is layer 3.
Status PlaceResidual(const PlanInputs& inputs, const std::pair<std::string, std::string>& paths, Plan* plan) {
  ResidualPart part;
  Status status = OpenResidual(paths.first, plan, &part.before);
  if (status.ok()) status = OpenResidual(paths.second, plan, &part.after);
  if (!status.ok()) return status;
  const std::vector<size_t>& shape = part.before.info().shape;
  if (shape != part.after.info().shape) {
    return Invalid("--residual: " + part.before.Describe() + " and " + part.after.Describe() + " differ in shape");
  }
  part.channels = shape.back();
  part.tokens = shape[shape.size() - 2];
  if (shape.size() == 3) part.batch = shape[0];
  std::optional<int64_t> layer = LayerOf(part.before, inputs.layer);
  if (!layer.has_value() && plan->layers.size() == 1) layer = plan->layers.begin()->first;
  if (!layer.has_value()) {
    return Invalid(paths.first + ": its name has no layer number; rename it or give --layer");
  }
  plan->layers[*layer].residuals.push_back(part);
  return {};
}

}  // namespace

Status MakePlan(const PlanInputs& inputs, Plan* out) {
  Plan plan;
  std::vector<TensorRef> weights;
  std::vector<TensorRef> logits;
  Status status = SelectAttention(inputs, inputs.files, &plan, &weights);
  if (status.ok()) status = SelectAttention(inputs, inputs.logit_files, &plan, &logits);
  const bool is_alone = weights.size() + logits.size() == 1;
  for (size_t i = 0; i < weights.size() && status.ok(); ++i) {
    status = PlaceAttention(inputs, weights[i], AttentionKind::kWeights, is_alone, &plan);
  }
  for (size_t i = 0; i < logits.size() && status.ok(); ++i) {
    status = PlaceAttention(inputs, logits[i], AttentionKind::kLogits, is_alone, &plan);
  }
  if (status.ok()) status = PlaceQueriesKeys(inputs, &plan);
  for (size_t i = 0; i < inputs.residuals.size() && status.ok(); ++i) {
    status = PlaceResidual(inputs, inputs.residuals[i], &plan);
  }
  if (status.ok()) *out = std::move(plan);
  return status;
}

}  // namespace attnscope::tools
