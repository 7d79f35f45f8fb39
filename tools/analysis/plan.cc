// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/plan.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "tools/analysis/axes.h"
#include "tools/analysis/query_key_plan.h"
#include "tools/analysis/residual_plan.h"
#include "tools/analysis/tensor_choice.h"
#include "tools/analysis/tensor_name.h"

namespace attnscope::tools {
namespace {

// Why a tensor cannot be attention by its shape, or nothing.
std::string ShapeMisfit(const TensorInfo& info, const std::vector<Axis>& axes) {
  if (axes.empty()) {
    return Misfit(info, 2, 5, "[n, n], [heads, n, n], [batch, heads, n, n] or [layers, batch, heads, n, n]");
  }
  const std::string shapes = "of the " + std::to_string(axes.size()) + " dimensions that --axes names";
  return Misfit(info, axes.size(), axes.size(), shapes.c_str());
}

std::string AttentionMisfit(const TensorInfo& info, const std::vector<Axis>& axes) {
  return info.problem.empty() ? ShapeMisfit(info, axes) : info.problem;
}

// What an archive holds beside attention, by the reason.
struct LeftOut {
  std::vector<std::string> shapes;
  std::vector<std::string> types;

  void AddTo(const TensorFile& file, std::vector<std::string>* notes) const {
    if (!shapes.empty()) {
      notes->push_back(file.path() + ": left out, as no attention has their shapes: " + Names(shapes));
    }
    if (!types.empty()) {
      notes->push_back(file.path() + ": left out, as no attention has their element types: " + Names(types));
    }
  }
};

// Chooses the tensors of one archive.
Status SelectFromArchive(const TensorFile& file, std::span<const std::string> globs, const std::vector<Axis>& axes,
                         std::vector<TensorRef>* selected, std::vector<std::string>* notes) {
  LeftOut left_out;
  std::string first_misfit;
  const size_t selected_before = selected->size();
  for (size_t t = 0; t < file.tensors().size(); ++t) {
    const TensorInfo& info = file.tensors()[t];
    if (!globs.empty() && !MatchesAny(info.name, globs)) continue;
    const std::string misfit = AttentionMisfit(info, axes);
    if (misfit.empty()) {
      selected->push_back({.file = &file, .tensor = t});
      continue;
    }
    if (!globs.empty()) return Invalid(file.Describe(t) + ": " + misfit);
    if (first_misfit.empty()) first_misfit = file.Describe(t) + ": " + misfit;
    if (!ShapeMisfit(info, axes).empty()) {
      left_out.shapes.push_back(info.name);
    } else if (info.is_never_attention) {
      left_out.types.push_back(info.name);
    } else {
      return Invalid(file.Describe(t) + ", which has a shape of attention: " + misfit +
                     "; --tensor measures others without it");
    }
  }
  if (selected->size() == selected_before) {
    if (globs.empty()) return Invalid(first_misfit);
    std::vector<std::string> names;
    for (const TensorInfo& info : file.tensors()) names.push_back(info.name);
    return {StatusCode::kNotFound, file.path() + ": no tensor's name matches --tensor; it has " + Names(names)};
  }
  left_out.AddTo(file, notes);
  return {};
}

Status SelectAttention(const PlanInputs& inputs, const std::vector<std::string>& files, const std::vector<Axis>& axes,
                       Plan* plan, std::vector<TensorRef>* selected) {
  for (const std::string& path : files) {
    const TensorFile* file = nullptr;
    Status status = OpenInPlan(inputs, path, plan, &file);
    if (!status.ok()) return status;
    if (file->is_archive()) {
      status = SelectFromArchive(*file, inputs.tensor_globs, axes, selected, &plan->notes);
      if (!status.ok()) return status;
      continue;
    }
    const std::string misfit = AttentionMisfit(file->tensors()[0], axes);
    if (!misfit.empty()) return Invalid(file->Describe(0) + ": " + misfit);
    selected->push_back({.file = file, .tensor = 0});
  }
  return {};
}

// Puts a tensor, which fits, into its layer or layers.
Status PlaceAttention(const PlanInputs& inputs, const TensorRef& source, const std::vector<Axis>& axes,
                      AttentionKind kind, bool is_alone, Plan* plan) {
  const std::vector<size_t>& shape = source.info().shape;
  const AxisSizes sizes = SizesOf(shape, axes.empty() ? UsualAxes(shape.size()) : axes);
  const AttentionPart part = {.kind = kind,
                              .source = source,
                              .layers = sizes.Size(Axis::kLayers),
                              .batch = sizes.Size(Axis::kBatch),
                              .heads = sizes.Size(Axis::kHeads),
                              .queries = sizes.Size(Axis::kQueries),
                              .keys = sizes.Size(Axis::kKeys),
                              .layer_stride = sizes.Stride(Axis::kLayers),
                              .batch_stride = sizes.Stride(Axis::kBatch),
                              .head_stride = sizes.Stride(Axis::kHeads),
                              .query_stride = sizes.Stride(Axis::kQueries)};
  return PlacePart(inputs, part, sizes.has_layers, is_alone, plan);
}

// Says where the shape alone does not tell the axes: which of several things the first one is.
void NoteAmbiguousShapes(const PlanInputs& inputs, const std::vector<TensorRef>& tensors, Plan* plan) {
  if (!inputs.axes.empty()) return;
  const auto first = [&](size_t rank) {
    return std::find_if(tensors.begin(), tensors.end(), [rank](const TensorRef& tensor) {
      return tensor.info().shape.size() == rank && tensor.info().shape[0] > 1;
    });
  };
  if (const auto found = first(3); found != tensors.end()) {
    plan->notes.push_back(found->Describe() +
                          " is read as [heads, queries, keys]; if its first axis is of sequences or " +
                          "layers, give --axes batch,queries,keys or --axes layers,queries,keys");
  }
  const auto found = first(4);
  if (found == tensors.end() || tensors.size() > 1 || inputs.layer.has_value()) return;
  const std::optional<NamedLayer> named = LayerInName(found->info().name);
  if (named.has_value() && named->has_word) return;
  plan->notes.push_back(found->Describe() +
                        " is read as [batch, heads, queries, keys]; if its first axis is of layers, " +
                        "give --axes layers,heads,queries,keys");
}

// Says, of the first layer that is so, that names tell heads apart which are measured as one.
void NoteNamedHeads(Plan* plan) {
  for (const auto& [index, layer] : plan->layers) {
    if (layer.attention.empty()) continue;
    const AttentionPart& first = layer.attention.front();
    const std::optional<int64_t> head = HeadInName(first.source.info().name);
    if (!head.has_value()) continue;
    for (const AttentionPart& part : layer.attention) {
      const std::optional<int64_t> other = HeadInName(part.source.info().name);
      if (!other.has_value() || other == head) continue;
      plan->notes.push_back("layer " + std::to_string(index) + ": " + first.source.Describe() + " and " +
                            part.source.Describe() + " are of different heads by their names, but are measured as " +
                            "sequences of one, which hides a head that has collapsed; stack them to [heads, n, n]");
      return;
    }
  }
}

// Says, of the first layer that is so, that its tensors are steps of a generation: each has as many keys more than the
// one before as it has queries.
void NoteGeneration(Plan* plan) {
  for (const auto& [index, layer] : plan->layers) {
    for (size_t i = 1; i < layer.attention.size(); ++i) {
      const AttentionPart& before = layer.attention[i - 1];
      const AttentionPart& part = layer.attention[i];
      if (part.batch != before.batch || part.keys != before.keys + part.queries) continue;
      plan->notes.push_back("layer " + std::to_string(index) + ": " + before.source.Describe() + " and " +
                            part.source.Describe() +
                            " look like steps of one generation. What is measured of rows is " +
                            "right; col_entropy, max_col_sum and sinks are of each step by itself: for those of the " +
                            "sequence put its rows into one array, with zeros for the keys that were not there yet");
      return;
    }
  }
}

bool IsQueryOrKey(const TensorRef& tensor) { return RoleOf(tensor.info().name) != QueryKeyRole::kNeither; }

constexpr char kQueriesKeysAdvice[] = "--qk measures queries and keys";

// Says, of the first that is so, that weights have the name of something else.
void NoteQueriesAndKeys(std::span<const TensorRef> weights, Plan* plan) {
  const auto found = std::find_if(weights.begin(), weights.end(), IsQueryOrKey);
  if (found == weights.end()) return;
  plan->notes.push_back(found->Describe() + " is taken for attention weights, but named as queries or keys; " +
                        kQueriesKeysAdvice);
}

void NoteRounding(Plan* plan) {
  bool is_rounded = false;
  for (const auto& [index, layer] : plan->layers) {
    const auto add = [&](const TensorRef& source) { is_rounded |= source.info().dtype == Dtype::kFloat64; };
    for (const AttentionPart& part : layer.attention) {
      add(part.source);
      if (part.kind == AttentionKind::kQueriesKeys) add(part.key_source);
    }
    for (const ResidualPart& part : layer.residuals) {
      add(part.before);
      add(part.after);
    }
  }
  if (is_rounded) plan->notes.emplace_back("float64 is rounded to float32");
}

}  // namespace

Status MakePlan(const PlanInputs& inputs, Plan* out) {
  Plan plan;
  std::vector<Axis> axes;
  std::vector<TensorRef> tensors;
  Status status = CheckLayerPattern(inputs);
  if (status.ok() && !inputs.axes.empty()) status = ParseAxes(inputs.axes, &axes);
  if (status.ok()) status = SelectAttention(inputs, inputs.files, axes, &plan, &tensors);
  const size_t weights = tensors.size();
  if (status.ok()) status = SelectAttention(inputs, inputs.logit_files, axes, &plan, &tensors);
  const auto is_archive = [](const std::unique_ptr<TensorFile>& file) { return file->is_archive(); };
  if (status.ok() && !inputs.tensor_globs.empty() && std::none_of(plan.files.begin(), plan.files.end(), is_archive)) {
    status = Invalid("--tensor chooses tensors of archives, and there is none");
  }
  for (size_t i = 0; i < tensors.size() && status.ok(); ++i) {
    const AttentionKind kind = i < weights ? AttentionKind::kWeights : AttentionKind::kLogits;
    status = PlaceAttention(inputs, tensors[i], axes, kind, tensors.size() == 1, &plan);
    if (!status.ok() && IsQueryOrKey(tensors[i])) status = Invalid(status.message() + "; " + kQueriesKeysAdvice);
  }
  if (status.ok()) status = PlaceQueriesKeys(inputs, &plan);
  if (status.ok()) status = PlaceResiduals(inputs, &plan);
  if (!status.ok()) return status;
  NoteAmbiguousShapes(inputs, tensors, &plan);
  NoteNamedHeads(&plan);
  NoteGeneration(&plan);
  NoteQueriesAndKeys(std::span(tensors).first(weights), &plan);
  NoteRounding(&plan);
  *out = std::move(plan);
  return {};
}

}  // namespace attnscope::tools
