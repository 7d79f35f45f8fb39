// SPDX-License-Identifier: Apache-2.0
//
// What the dimensions of a tensor of attention are.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_AXES_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_AXES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/status.h"

namespace attnscope::tools {

enum class Axis : uint8_t { kLayers, kBatch, kHeads, kQueries, kKeys };

// "layers,heads,queries,keys": each name at most once, with queries, and keys last, as rows are read where they lie.
// Errors: kInvalidArgument.
Status ParseAxes(std::string_view text, std::vector<Axis>* out);

// Those of a tensor of 2 to 5 dimensions: the last of layers, batch, heads, queries, keys.
std::vector<Axis> UsualAxes(size_t rank);

// A tensor's dimensions by their meaning, with the distance in elements from one to the next; what it lacks is 1.
struct AxisSizes {
  bool has_layers = false;
  size_t size[5] = {1, 1, 1, 1, 1};  // by Axis
  size_t stride[5] = {};

  size_t Size(Axis axis) const { return size[static_cast<size_t>(axis)]; }
  size_t Stride(Axis axis) const { return stride[static_cast<size_t>(axis)]; }
};

// Of a tensor in C order; `axes` has as many as `shape`.
AxisSizes SizesOf(std::span<const size_t> shape, std::span<const Axis> axes);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_AXES_H_
