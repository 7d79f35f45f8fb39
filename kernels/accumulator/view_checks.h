// SPDX-License-Identifier: Apache-2.0
//
// Validation of everything that a caller hands in. Each returns ok or an error that names the argument and its value.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_VIEW_CHECKS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_VIEW_CHECKS_H_

#include "attnscope/attention_view.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/query_key_view.h"
#include "attnscope/softmax_params.h"
#include "attnscope/status.h"

namespace attnscope {

Status CheckConfig(const LayerConfig& config);
Status CheckAttention(const LayerConfig& config, const AttentionView& view, const Visibility& visibility);
Status CheckLogits(const LayerConfig& config, const AttentionView& view, const SoftmaxParams& params);
Status CheckQueriesKeys(const LayerConfig& config, const QueryKeyView& view, const SoftmaxParams& params);
Status CheckActivations(const ActivationView& before, const ActivationView& after);
Status CheckBuffer(const BufferView& buffer);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_VIEW_CHECKS_H_
