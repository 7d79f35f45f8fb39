// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/residual_plan.h"

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "platform/path.h"
#include "tools/analysis/glob.h"
#include "tools/analysis/tensor_choice.h"
#include "tools/analysis/tensor_name.h"

namespace attnscope::tools {
namespace {

using Tensors = std::vector<TensorRef>;

std::string ResidualMisfit(const TensorInfo& info) {
  if (!info.problem.empty()) return info.problem;
  return Misfit(info, 2, 3, "[tokens, channels] or [batch, tokens, channels]");
}

bool HasWord(const std::string& name, std::initializer_list<std::string_view> words) {
  const std::vector<std::string> of_name = WordsOf(name);
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return std::find(of_name.begin(), of_name.end(), word) != of_name.end();
  });
}

bool IsBefore(const std::string& name) { return HasWord(name, {"in", "before", "pre", "input", "inputs"}); }
bool IsAfter(const std::string& name) { return HasWord(name, {"out", "after", "post", "output", "outputs"}); }
bool IsNamedResidual(const std::string& name) {
  return HasWord(name, {"hidden", "resid", "residual", "residuals", "stream"});
}

// The residual streams of an archive; what else it has is noted.
Status SelectFromArchive(const TensorFile& file, Plan* plan, Tensors* out) {
  const auto infos = file.tensors();
  const bool by_name =
      std::any_of(infos.begin(), infos.end(), [](const TensorInfo& info) { return IsNamedResidual(info.name); });
  std::vector<std::string> others;
  const size_t before = out->size();
  for (size_t t = 0; t < infos.size(); ++t) {
    const std::string misfit = ResidualMisfit(infos[t]);
    if (by_name ? !IsNamedResidual(infos[t].name) : !misfit.empty()) {
      others.push_back(infos[t].name);
    } else if (!misfit.empty()) {
      return Invalid(file.Describe(t) + ": " + misfit);
    } else {
      out->push_back({.file = &file, .tensor = t});
    }
  }
  if (out->size() == before) return Invalid(file.Describe(0) + ": " + ResidualMisfit(infos[0]));
  if (!others.empty()) plan->notes.push_back(file.path() + ": no residual streams, by name or shape: " + Names(others));
  return {};
}

// The tensors of a file, an archive or a pattern.
Status OpenResiduals(const PlanInputs& inputs, const std::string& name, Plan* plan, Tensors* out) {
  for (const std::string& path : ExpandPattern(name)) {
    const TensorFile* file = nullptr;
    Status status = OpenInPlan(inputs, path, plan, &file);
    if (!status.ok()) return status;
    if (file->is_archive()) {
      status = SelectFromArchive(*file, plan, out);
      if (!status.ok()) return status;
      continue;
    }
    const std::string misfit = ResidualMisfit(file->tensors()[0]);
    if (!misfit.empty()) return Invalid(file->Describe(0) + ": " + misfit);
    out->push_back({.file = file, .tensor = 0});
  }
  return {};
}

Status PlacePair(const PlanInputs& inputs, const TensorRef& before, const TensorRef& after, Plan* plan) {
  const std::vector<size_t>& shape = before.info().shape;
  if (shape != after.info().shape) {
    return Invalid("--residual: " + before.Describe() + " and " + after.Describe() + " differ in shape");
  }
  std::optional<int64_t> layer = LayerOf(before, inputs);
  if (!layer.has_value() && plan->layers.size() == 1) layer = plan->layers.begin()->first;
  if (!layer.has_value()) {
    return Invalid(before.file->Describe(before.tensor) +
                   ": its name has no layer number; rename it or give --layer or --layer-pattern");
  }
  ResidualPart part = {.before = before, .after = after};
  part.channels = shape.back();
  part.tokens = shape[shape.size() - 2];
  if (shape.size() == 3) part.batch = shape[0];
  plan->layers[*layer].residuals.push_back(part);
  return {};
}

// By layer, in the order that they are given.
std::map<std::optional<int64_t>, Tensors> ByLayer(const Tensors& tensors, const PlanInputs& inputs) {
  std::map<std::optional<int64_t>, Tensors> layers;
  for (const TensorRef& tensor : tensors) layers[LayerOf(tensor, inputs)].push_back(tensor);
  return layers;
}

Status PlaceByLayer(const PlanInputs& inputs, const Tensors& befores, const Tensors& afters, Plan* plan) {
  if (befores.size() == 1 && afters.size() == 1) return PlacePair(inputs, befores[0], afters[0], plan);
  const auto before_layers = ByLayer(befores, inputs);
  const auto after_layers = ByLayer(afters, inputs);
  const auto surplus = [](const TensorRef& tensor, const char* side) {
    return Invalid("--residual: " + tensor.Describe() + " has no partner of its layer " + side + " the block");
  };
  for (const auto& [layer, tensors] : after_layers) {
    const auto found = before_layers.find(layer);
    const size_t partners = found == before_layers.end() ? 0 : found->second.size();
    if (partners < tensors.size()) return surplus(tensors[partners], "before");
  }
  for (const auto& [layer, tensors] : before_layers) {
    const auto found = after_layers.find(layer);
    const size_t partners = found == after_layers.end() ? 0 : found->second.size();
    if (partners < tensors.size()) return surplus(tensors[partners], "after");
    for (size_t i = 0; i < tensors.size(); ++i) {
      Status status = PlacePair(inputs, tensors[i], found->second[i], plan);
      if (!status.ok()) return status;
    }
  }
  return {};
}

// hidden_0, hidden_1, ...: each is after one block and before the next.
Status PlaceChain(const PlanInputs& inputs, const std::string& name, const Tensors& tensors, Plan* plan) {
  const auto layers = ByLayer(tensors, inputs);
  const TensorRef* before = nullptr;
  for (const auto& [layer, of_layer] : layers) {
    const TensorRef& after = of_layer[0];
    const bool follows = before == nullptr || *layer == *LayerOf(*before, inputs) + 1;
    if (!layer.has_value() || of_layer.size() > 1 || !follows || layers.size() < 2) {
      return Invalid("--residual " + name + ": " + after.Describe() +
                     " is neither named in nor out, nor one of a chain such as hidden_0, hidden_1; give two names, of "
                     "what is before blocks and what is after them");
    }
    if (before != nullptr) {
      Status status = PlacePair(inputs, *before, after, plan);
      if (!status.ok()) return status;
    }
    before = &of_layer[0];
  }
  return {};
}

Status PlaceFromOneName(const PlanInputs& inputs, const std::string& name, const Tensors& tensors, Plan* plan) {
  Tensors befores;
  Tensors afters;
  std::vector<std::string> others;
  for (const TensorRef& tensor : tensors) {
    const std::string& its_name = tensor.info().name;
    if (IsBefore(its_name) != IsAfter(its_name)) {
      (IsBefore(its_name) ? befores : afters).push_back(tensor);
    } else {
      others.push_back(its_name);
    }
  }
  if (befores.empty() && afters.empty()) return PlaceChain(inputs, name, tensors, plan);
  if (!others.empty()) plan->notes.push_back(name + ": neither before nor after a block: " + Names(others));
  return PlaceByLayer(inputs, befores, afters, plan);
}

// What a shell makes of patterns that are not quoted: the first two are taken as a pair, the others as attention.
Status CheckQuoted(const PlanInputs& inputs, const std::string& before, const std::string& after) {
  const std::string advice = "; quote patterns, as in --residual 'L*_in.npy' 'L*_out.npy'";
  const auto stem = [](const std::string& path) { return platform::Utf8Of(platform::PathOf(path).stem()); };
  const std::string names[] = {stem(before), stem(after)};
  if ((IsBefore(names[0]) && IsBefore(names[1])) || (IsAfter(names[0]) && IsAfter(names[1]))) {
    return Invalid("--residual takes what is before a block and what is after it, but " + before + " and " + after +
                   " are the same side by their names" + advice);
  }
  if (IsAfter(names[0]) && !IsBefore(names[0]) && IsBefore(names[1]) && !IsAfter(names[1])) {
    return Invalid("--residual takes what is before a block first, but " + before + " and " + after +
                   " are the other way round by their names");
  }
  for (const std::string& file : inputs.files) {
    for (const std::string& name : names) {
      const std::string other = stem(file);
      if (NameWithoutLayer(other, LayerInName(other)) != NameWithoutLayer(name, LayerInName(name))) continue;
      // NOLINTBEGIN(performance-inefficient-string-concatenation): it ends the loop
      return Invalid(file + " would be attention weights, but has the name of a residual stream, as " + before +
                     " and " + after + " of --residual" + advice);
      // NOLINTEND(performance-inefficient-string-concatenation)
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> ExpandPattern(const std::string& name) {
  std::error_code error;
  if (std::filesystem::exists(platform::PathOf(name), error)) return {name};
  std::vector<std::string> paths = FilesOfGlob(name);
  if (paths.empty()) paths.push_back(name);  // which the opening refuses
  return paths;
}

Status PlaceResiduals(const PlanInputs& inputs, Plan* plan) {
  for (const std::vector<std::string>& names : inputs.residuals) {
    Tensors befores;
    Tensors afters;
    Status status = OpenResiduals(inputs, names[0], plan, &befores);
    if (status.ok() && names.size() > 1) {
      status = CheckQuoted(inputs, names[0], names[1]);
      if (status.ok()) status = OpenResiduals(inputs, names[1], plan, &afters);
    }
    if (!status.ok()) return status;
    status = names.size() > 1 ? PlaceByLayer(inputs, befores, afters, plan)
                              : PlaceFromOneName(inputs, names[0], befores, plan);
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace attnscope::tools
