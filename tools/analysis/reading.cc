// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/reading.h"

namespace attnscope::tools {
namespace {

std::string NameOf(const TensorRef& source, const Plan& plan) {
  if (!source.file->is_archive()) return source.file->path();
  return (plan.files.size() > 1 ? source.file->path() + ": " : "") + source.info().name;
}

std::string Count(const char* name, size_t count) { return std::string(name) + " " + std::to_string(count) + ", "; }

std::string MatrixText(const AttentionPart& part) {
  return Count("batch", part.batch) + Count("heads", part.heads) + std::to_string(part.queries) + " queries, " +
         std::to_string(part.keys) + " keys] ";
}

// The types of a pair, once if they are the same.
std::string TypeText(const TensorRef& a, const TensorRef& b) {
  const std::string first = TypeText(a.info());
  const std::string second = TypeText(b.info());
  return first == second ? first : first + " and " + second;
}

std::string ReadingOf(const AttentionPart& part, const Plan& plan) {
  std::string text = part.kind == AttentionKind::kLogits ? "logits " : "";
  text += NameOf(part.source, plan);
  if (part.kind == AttentionKind::kQueriesKeys) text += " with " + NameOf(part.key_source, plan);
  text += ", [";
  if (part.layers > 1) text += Count("layers", part.layers);
  text += MatrixText(part);
  if (part.kind != AttentionKind::kQueriesKeys) return text + TypeText(part.source.info());
  return text + "of head_dim " + std::to_string(part.head_dim) + ", heads of keys " + std::to_string(part.kv_heads) +
         ", " + TypeText(part.source, part.key_source);
}

std::string ReadingOf(const ResidualPart& part, const Plan& plan) {
  return "residual stream " + NameOf(part.before, plan) + " to " + NameOf(part.after, plan) + ", [" +
         Count("batch", part.batch) + std::to_string(part.tokens) + " tokens, " + std::to_string(part.channels) +
         " channels] " + TypeText(part.before, part.after);
}

}  // namespace

std::vector<std::string> ReadingsOf(const Plan& plan) {
  std::vector<std::string> readings;
  for (const auto& [index, layer] : plan.layers) {
    const std::string of_layer = "layer " + std::to_string(index) + ": ";
    for (size_t i = 0; i < layer.attention.size(); ++i) {
      const AttentionPart& part = layer.attention[i];
      if (part.outer > 0) continue;  // told with the first of the tensor's layers
      const int64_t last = index + static_cast<int64_t>(part.layers) - 1;
      readings.push_back(
          (part.layers > 1 ? "layers " + std::to_string(index) + " to " + std::to_string(last) + ": " : of_layer) +
          (i == 0 ? "" : "further sequences: ") + ReadingOf(part, plan));
    }
    for (const ResidualPart& part : layer.residuals) readings.push_back(of_layer + ReadingOf(part, plan));
  }
  return readings;
}

}  // namespace attnscope::tools
