// SPDX-License-Identifier: Apache-2.0
//
// Validation of what a caller says its rows see.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_VISIBILITY_CHECKS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_VISIBILITY_CHECKS_H_

#include <cstddef>

#include "attnscope/layer_accumulator.h"
#include "attnscope/status.h"
#include "attnscope/visibility.h"

namespace attnscope {

struct MatrixShape {
  size_t batch = 0;
  size_t heads = 0;
  size_t queries = 0;
  size_t keys = 0;
};

// What a view's matrices are made of: `View` is AttentionView or QueryKeyView.
template <class View>
MatrixShape ShapeOf(const View& view) {
  return {view.batch, view.heads, view.queries, view.keys};
}

// A call's matrices, and where they go.
struct CallMatrices {
  MatrixShape shape;
  size_t first_sequence = 0;
  size_t first_head = 0;

  template <class View>
  explicit CallMatrices(const View& view)
      : shape(ShapeOf(view)), first_sequence(view.first_sequence), first_head(view.first_head) {}
};

// Ok, or an error that names the field and its value. O(batch + segments), and O(keys) for positions.
Status CheckVisibility(const LayerConfig& config, const MatrixShape& shape, const Visibility& visibility);

// How many keys sequence `sequence` of a view has, by position.
size_t KeysOfSequence(const MatrixShape& shape, const Visibility& visibility, size_t sequence);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_VISIBILITY_CHECKS_H_
