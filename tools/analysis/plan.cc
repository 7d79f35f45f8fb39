// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/plan.h"

#include <algorithm>
#include <filesystem>
#include <span>

#include "tools/analysis/tensor_name.h"

namespace attnscope::tools {
namespace {

constexpr size_t kMaxLayers = 65536;  // of one tensor; no model comes near

Status Invalid(const std::string& message) { return {StatusCode::kInvalidArgument, message}; }

Status Open(const std::string& path, Plan* plan, const TensorFile** out) {
  std::unique_ptr<TensorFile> file;
  Status status = TensorFile::Open(path, &file);
  if (!status.ok()) return status;
  *out = file.get();
  plan->files.push_back(std::move(file));
  return {};
}

// Why a tensor cannot be attention (or, with other ranks, a residual stream), or nothing.
std::string Misfit(const TensorInfo& info, size_t min_rank, size_t max_rank, const char* shapes) {
  if (!info.problem.empty()) return info.problem;
  const size_t rank = info.shape.size();
  if (rank < min_rank || rank > max_rank) return "has shape " + ShapeText(info.shape) + ", not " + shapes;
  const bool is_empty = std::find(info.shape.begin(), info.shape.end(), size_t{0}) != info.shape.end();
  return is_empty ? "is empty: its shape is " + ShapeText(info.shape) : "";
}

std::string AttentionMisfit(const TensorInfo& info) {
  return Misfit(info, 2, 5, "[n, n], [heads, n, n], [batch, heads, n, n] or [layers, batch, heads, n, n]");
}

std::string ResidualMisfit(const TensorInfo& info) {
  return Misfit(info, 2, 3, "[tokens, channels] or [batch, tokens, channels]");
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

Status SelectAttention(const PlanInputs& inputs, Plan* plan, std::vector<TensorRef>* selected) {
  for (const std::string& path : inputs.files) {
    const TensorFile* file = nullptr;
    Status status = Open(path, plan, &file);
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
Status PlaceAttention(const PlanInputs& inputs, const TensorRef& source, bool is_alone, Plan* plan) {
  const std::vector<size_t>& shape = source.info().shape;
  const size_t rank = shape.size();
  AttentionPart part = {.source = source, .queries = shape[rank - 2], .keys = shape[rank - 1]};
  if (rank >= 3) part.heads = shape[rank - 3];
  if (rank >= 4) part.batch = shape[rank - 4];
  const size_t layers = rank == 5 ? shape[0] : 1;
  if (layers > kMaxLayers) {
    return Invalid(source.Describe() + " has " + std::to_string(layers) + " layers, more than " +
                   std::to_string(kMaxLayers));
  }
  std::optional<int64_t> first = rank == 5 ? inputs.layer.value_or(0) : LayerOf(source, inputs.layer);
  if (!first.has_value() && is_alone) first = 0;
  if (!first.has_value()) {
    return Invalid(source.file->Describe(source.tensor) + ": its name has no layer number; rename it or give --layer");
  }
  for (part.outer = 0; part.outer < layers; ++part.outer) {
    const int64_t layer = *first + static_cast<int64_t>(part.outer);
    std::vector<AttentionPart>& parts = plan->layers[layer].attention;
    if (!parts.empty() && parts[0].heads != part.heads) {
      return Invalid("layer " + std::to_string(layer) + ": " + source.Describe() + " has " +
                     std::to_string(part.heads) + " heads, but " + parts[0].source.Describe() + " has " +
                     std::to_string(parts[0].heads) + "; choose tensors with --tensor");
    }
    parts.push_back(part);
  }
  return {};
}

// A residual file holds one tensor, also if it is an archive.
Status OpenResidual(const std::string& path, Plan* plan, TensorRef* out) {
  const TensorFile* file = nullptr;
  Status status = Open(path, plan, &file);
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
  std::vector<TensorRef> attention;
  Status status = SelectAttention(inputs, &plan, &attention);
  for (size_t i = 0; i < attention.size() && status.ok(); ++i) {
    status = PlaceAttention(inputs, attention[i], attention.size() == 1, &plan);
  }
  for (size_t i = 0; i < inputs.residuals.size() && status.ok(); ++i) {
    status = PlaceResidual(inputs, inputs.residuals[i], &plan);
  }
  if (status.ok()) *out = std::move(plan);
  return status;
}

}  // namespace attnscope::tools
