// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/tensor_choice.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <regex>
#include <utility>

#include "attnscope/limits.h"
#include "platform/path.h"
#include "tools/analysis/tensor_name.h"

namespace attnscope::tools {
namespace {

constexpr int64_t kMaxLayerNumber = 999'999'999;

const char* NameOf(AttentionKind kind) {
  return kind == AttentionKind::kWeights ? "weights" : kind == AttentionKind::kLogits ? "logits" : "queries and keys";
}

std::optional<int64_t> NumberOf(const std::optional<NamedLayer>& named) {
  return named.has_value() ? std::optional<int64_t>(named->layer) : std::nullopt;
}

// The first group of a pattern in a name, if it is a number.
std::optional<int64_t> FindPattern(const std::string& pattern, const std::string& name) {
  constexpr size_t kMostCharacters = 4096;  // std::regex needs stack for each
  std::smatch match;
  if (name.size() > kMostCharacters || !std::regex_search(name, match, std::regex(pattern))) return std::nullopt;
  const std::string group = match[1].str();
  int64_t layer = 0;
  const auto [end, error] = std::from_chars(group.data(), group.data() + group.size(), layer);
  const bool is_layer = error == std::errc() && end == group.data() + group.size() && layer >= 0 && !group.empty();
  return is_layer && layer <= kMaxLayerNumber ? std::optional<int64_t>(layer) : std::nullopt;
}

// The words of a tensor's name, and of its file's, that tell kinds of attention from one another.
std::vector<std::string> KindsIn(const TensorRef& source) {
  constexpr std::string_view kKinds[] = {"self", "cross", "enc", "encoder", "dec", "decoder", "encdec"};
  std::vector<std::string> kinds = WordsOf(source.file->path() + " " + source.info().name);
  std::erase_if(kinds, [&](const std::string& word) {
    return std::find(std::begin(kKinds), std::end(kKinds), word) == std::end(kKinds);
  });
  std::sort(kinds.begin(), kinds.end());
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  return kinds;
}

// Whether two tensors are, by their names, of different attention: self and cross, encoder and decoder; of one archive
// also two towers, nested layers, or whatever other words there are.
bool IsOtherAttention(const TensorRef& a, const TensorRef& b) {
  if (a.file != b.file) return KindsIn(a) != KindsIn(b);
  const auto kind = [](const TensorRef& source) {
    return NameWithoutLayer(source.info().name, LayerInName(source.info().name));
  };
  return a.file == b.file && a.file->is_archive() && kind(a) != kind(b);
}

// Why a part cannot join a layer that has another one, or nothing.
std::string ClashOf(const PlanInputs& inputs, const AttentionPart& has, const AttentionPart& part) {
  const std::string names = part.source.Describe() + " and " + has.source.Describe();
  if (part.heads != has.heads) {
    return part.source.Describe() + " has " + std::to_string(part.heads) + " heads, but " + has.source.Describe() +
           " has " + std::to_string(has.heads) + "; choose tensors with --tensor";
  }
  if (part.kind != has.kind) {
    return part.source.Describe() + " holds " + NameOf(part.kind) + ", but " + has.source.Describe() + " holds " +
           NameOf(has.kind);
  }
  if (inputs.layer.has_value() || !inputs.layer_pattern.empty()) return "";
  const bool by_number = part.layers == 1 && has.layers == 1;
  if (by_number && OtherNumbersIn(part.source.info().name) != OtherNumbersIn(has.source.info().name)) {
    return names +
           " would be sequences of one layer, by the last number of their names, and differ in another one; "
           "give --layer-pattern to say which number is the layer, or --layer";
  }
  if (!IsOtherAttention(has.source, part.source)) return "";
  return names + " are of different attention by their names, or of layers within layers; choose with " +
         (part.kind == AttentionKind::kQueriesKeys ? "--q-tensor and --k-tensor" : "--tensor") +
         ", or give --layer-pattern to say which number is the layer";
}

}  // namespace

Status Invalid(const std::string& message) { return {StatusCode::kInvalidArgument, message}; }

Status OpenInPlan(const PlanInputs& inputs, const std::string& path, Plan* plan, const TensorFile** out) {
  std::unique_ptr<TensorFile> file;
  Status status = TensorFile::Open(path, &file);
  if (!status.ok()) return status;
  if (inputs.void_is_bfloat16) file->TakeVoidAsBFloat16();
  for (const std::string& note : file->notes()) plan->notes.emplace_back(path).append(": ").append(note);
  *out = file.get();
  plan->files.push_back(std::move(file));
  return {};
}

std::string Misfit(const TensorInfo& info, size_t min_rank, size_t max_rank, const char* shapes) {
  const size_t rank = info.shape.size();
  if (rank < min_rank || rank > max_rank) return "has shape " + ShapeText(info.shape) + ", not " + shapes;
  const bool is_empty = std::find(info.shape.begin(), info.shape.end(), size_t{0}) != info.shape.end();
  return is_empty ? "is empty: its shape is " + ShapeText(info.shape) : "";
}

std::optional<int64_t> LayerOf(const TensorRef& source, const PlanInputs& inputs) {
  if (inputs.layer.has_value()) return inputs.layer;
  const std::string file_name = platform::Utf8Of(platform::PathOf(source.file->path()).filename());
  if (!inputs.layer_pattern.empty()) {
    const std::optional<int64_t> layer = FindPattern(inputs.layer_pattern, source.info().name);
    return layer.has_value() ? layer : FindPattern(inputs.layer_pattern, file_name);
  }
  const std::optional<NamedLayer> of_tensor = LayerInName(source.info().name);
  if (!source.file->is_archive()) return NumberOf(of_tensor);
  if (of_tensor.has_value() && of_tensor->has_word) return of_tensor->layer;
  const std::optional<NamedLayer> of_file = LayerInName(platform::Utf8Of(platform::PathOf(file_name).stem()));
  // numpy.savez names a single array arr_0, whatever the file is of.
  const bool is_by_file = source.file->tensors().size() == 1 && of_file.has_value() && of_file->has_word;
  return NumberOf(of_tensor.has_value() && !is_by_file ? of_tensor : of_file);
}

Status CheckLayerPattern(const PlanInputs& inputs) {
  if (inputs.layer_pattern.empty()) return {};
  const std::string option = "--layer-pattern " + inputs.layer_pattern + ": ";
  try {
    if (std::regex(inputs.layer_pattern).mark_count() > 0) return {};
  } catch (const std::regex_error& error) {
    return Invalid(option + "is no regular expression: " + error.what());
  }
  return Invalid(option + "has no group, which would be the layer, as in 'layers\\.([0-9]+)'");
}

// A list for a message: the first few names.
std::string Names(const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i == 0 ? "'" : ", '") + names[i] + "'";
  return names.size() > kShown ? text + " and " + std::to_string(names.size() - kShown) + " more" : text;
}

Status PlacePart(const PlanInputs& inputs, AttentionPart part, bool has_layers, bool is_alone, Plan* plan) {
  if (part.layers > kMaxLayers) {
    return Invalid(part.source.Describe() + " has " + std::to_string(part.layers) + " layers, more than " +
                   std::to_string(kMaxLayers));
  }
  std::optional<int64_t> first = has_layers ? inputs.layer.value_or(0) : LayerOf(part.source, inputs);
  if (!first.has_value() && is_alone && inputs.layer_pattern.empty()) first = 0;
  if (!first.has_value()) {
    return Invalid(part.source.file->Describe(part.source.tensor) + ": its name has no layer number" +
                   (inputs.layer_pattern.empty() ? "" : " by --layer-pattern") +
                   "; rename it, give --layer or --layer-pattern, or leave it out with --tensor");
  }
  for (part.outer = 0; part.outer < part.layers; ++part.outer) {
    const int64_t layer = *first + static_cast<int64_t>(part.outer);
    std::vector<AttentionPart>& parts = plan->layers[layer].attention;
    if (!parts.empty()) {
      const std::string clash = ClashOf(inputs, parts[0], part);
      if (!clash.empty()) return Invalid("layer " + std::to_string(layer) + ": " + clash);
    }
    parts.push_back(part);
  }
  return {};
}

}  // namespace attnscope::tools
