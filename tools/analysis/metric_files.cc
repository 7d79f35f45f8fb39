// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/metric_files.h"

#include <algorithm>
#include <limits>
#include <string_view>

namespace attnscope::tools {
namespace {

std::string ArrayName(int64_t layer, std::string_view name) {
  return "layer" + std::to_string(layer) + "." + std::string(name);
}

// Calls add(name, buffer, is_whole_number) for each output that a layer has, in the order of its arrays.
template <class Add>
void ForEachOutput(const LayerShape& shape, const TopKValues& top_k, RowOutputs* outputs, const Add& add) {
  for (const RowOutputInfo& info : kRowOutputs) {
    if (info.needs_logits && !shape.has_logits) continue;
    add(info.name, outputs->*info.buffer, info.is_whole_number);
  }
  for (size_t i = 0; i < top_k.size(); ++i) add(InfoOf(TopMass(top_k[i])).name, outputs->top_mass[i], false);
}

}  // namespace

LayerShape ShapeOf(const LayerPlan& layer, bool mean_matrix) {
  LayerShape shape;
  for (const AttentionPart& part : layer.attention) {
    shape.same_queries = shape.same_queries && part.queries == layer.attention[0].queries;
    shape.sequences += mean_matrix ? 1 : part.batch;
    shape.heads = mean_matrix ? 1 : part.heads;
    shape.queries = std::max(shape.queries, part.queries);
    shape.keys = std::max(shape.keys, part.keys);
    shape.has_logits = shape.has_logits || (part.kind != AttentionKind::kWeights && !mean_matrix);
  }
  return shape;
}

Status RowMetricsFile::Allocate(const Plan& plan, bool mean_matrix, const TopKValues& top_k, const std::string& path) {
  path_ = path;
  top_k_ = top_k;
  RowOutputs names;
  for (const auto& [index, layer] : plan.layers) {
    if (layer.attention.empty()) continue;
    LayerArrays& arrays = layers_[index];
    arrays.shape = ShapeOf(layer, mean_matrix);
    arrays.first = image_.num_arrays();
    const std::vector<size_t> shape = {arrays.shape.sequences, arrays.shape.heads, arrays.shape.queries};
    ForEachOutput(
        arrays.shape, top_k_, &names, [&, layer_index = index](std::string_view name, RowBuffer&, bool is_whole) {
          image_.AddArray(ArrayName(layer_index, name), is_whole ? NpzType::kInt32 : NpzType::kFloat32, shape);
        });
  }
  if (Status status = image_.Allocate(path); !status.ok()) return status;
  for (const auto& [index, arrays] : layers_) {
    if (arrays.shape.same_queries) continue;
    const size_t rows = arrays.shape.sequences * arrays.shape.heads * arrays.shape.queries;
    size_t array = arrays.first;
    ForEachOutput(arrays.shape, top_k_, &names, [&](std::string_view, RowBuffer&, bool is_whole) {
      void* const elements = image_.Array(array++);
      if (is_whole) {
        std::fill_n(static_cast<int32_t*>(elements), rows, -1);
      } else {
        std::fill_n(static_cast<float*>(elements), rows, std::numeric_limits<float>::quiet_NaN());
      }
    });
  }
  return {};
}

RowOutputs RowMetricsFile::OutputsOf(int64_t layer, size_t first_sequence, size_t first_row) {
  const LayerArrays& arrays = layers_.at(layer);
  RowOutputs outputs;
  outputs.query_stride = 1;
  outputs.head_stride = static_cast<int64_t>(arrays.shape.queries);
  outputs.batch_stride = static_cast<int64_t>(arrays.shape.heads * arrays.shape.queries);
  const size_t first = first_sequence * arrays.shape.heads * arrays.shape.queries + first_row;
  size_t array = arrays.first;
  ForEachOutput(arrays.shape, top_k_, &outputs, [&](std::string_view, RowBuffer& to, bool is_whole) {
    void* const elements = image_.Array(array++);
    to = is_whole ? RowBuffer(static_cast<int32_t*>(elements) + first)
                  : RowBuffer(static_cast<float*>(elements) + first);
  });
  return outputs;
}

Status KeyMetricsFile::Allocate(const Plan& plan, bool mean_matrix, const std::string& path) {
  path_ = path;
  for (const auto& [index, layer] : plan.layers) {
    if (layer.attention.empty()) continue;
    LayerArray& array = layers_[index];
    array.shape = ShapeOf(layer, mean_matrix);
    array.index = image_.AddArray(ArrayName(index, "column_sum"), NpzType::kFloat64,
                                  {array.shape.sequences, array.shape.heads, array.shape.keys});
  }
  return image_.Allocate(path);
}

void KeyMetricsFile::Take(int64_t layer, size_t sequence, size_t head, std::span<const double> columns) {
  const LayerArray& array = layers_.at(layer);
  auto* const to = static_cast<double*>(image_.Array(array.index));
  std::copy(columns.begin(), columns.end(), to + (sequence * array.shape.heads + head) * array.shape.keys);
}

}  // namespace attnscope::tools
