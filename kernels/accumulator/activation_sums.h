// SPDX-License-Identifier: Apache-2.0
//
// What residual streams and gradients add to the sums of a layer.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_ACTIVATION_SUMS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_ACTIVATION_SUMS_H_

#include "attnscope/attention_view.h"

namespace attnscope {

// The arguments are valid; `layer_sums` [kNumLayerSums] are indexed by LayerSum.
void AddResidual(const ActivationView& before, const ActivationView& after, double* layer_sums);
void AddGradient(const BufferView& gradient, double* layer_sums);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_ACTIVATION_SUMS_H_
