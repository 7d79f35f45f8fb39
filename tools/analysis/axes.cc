// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/axes.h"

#include <algorithm>
#include <optional>

namespace attnscope::tools {
namespace {

constexpr std::string_view kNames[] = {"layers", "batch", "heads", "queries", "keys"};
constexpr size_t kAxes = std::size(kNames);

std::optional<Axis> AxisOf(std::string_view name) {
  const auto* const found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames)) return std::nullopt;
  return static_cast<Axis>(found - std::begin(kNames));
}

}  // namespace

Status ParseAxes(std::string_view text, std::vector<Axis>* out) {
  const auto invalid = [text](const std::string& reason) {
    return Status(StatusCode::kInvalidArgument,
                  "--axes " + std::string(text) + ": " + reason +
                      "; it needs some of layers, batch and heads, and queries, in any order, and then keys, such as "
                      "layers,heads,queries,keys");
  };
  std::vector<Axis> axes;
  for (std::string_view rest = text;;) {
    const std::string_view name = rest.substr(0, rest.find(','));
    const std::optional<Axis> axis = AxisOf(name);
    if (!axis.has_value()) return invalid("'" + std::string(name) + "' is no axis");
    if (std::find(axes.begin(), axes.end(), *axis) != axes.end()) return invalid(std::string(name) + " is there twice");
    axes.push_back(*axis);
    if (name.size() == rest.size()) break;
    rest.remove_prefix(name.size() + 1);
  }
  if (axes.back() != Axis::kKeys) return invalid("keys must be last");
  if (std::find(axes.begin(), axes.end(), Axis::kQueries) == axes.end()) return invalid("queries are missing");
  *out = axes;
  return {};
}

std::vector<Axis> UsualAxes(size_t rank) {
  std::vector<Axis> axes;
  for (size_t i = kAxes - std::min(rank, kAxes); i < kAxes; ++i) axes.push_back(static_cast<Axis>(i));
  return axes;
}

AxisSizes SizesOf(std::span<const size_t> shape, std::span<const Axis> axes) {
  AxisSizes sizes;
  size_t stride = 1;
  for (size_t i = axes.size(); i-- > 0;) {
    const auto axis = static_cast<size_t>(axes[i]);
    sizes.size[axis] = shape[i];
    sizes.stride[axis] = stride;
    sizes.has_layers |= axes[i] == Axis::kLayers;
    stride *= shape[i];
  }
  return sizes;
}

}  // namespace attnscope::tools
