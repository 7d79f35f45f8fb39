// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/activation_sums.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/accumulator/state_layout.h"
#include "kernels/norms.h"

namespace attnscope {
namespace {

// ||update|| / ||input|| from sums of squares; 0 / 0 is 0, and anything else over 0 is infinite.
double RatioOfNorms(const UpdateSquares& squares) {
  if (squares.before == 0.0) return squares.update == 0.0 ? 0.0 : std::numeric_limits<double>::infinity();
  return std::sqrt(squares.update / squares.before);
}

const void* TokenOf(const ActivationView& view, size_t sequence, size_t token) {
  const int64_t offset =
      static_cast<int64_t>(sequence) * view.batch_stride + static_cast<int64_t>(token) * view.token_stride;
  return static_cast<const uint8_t*>(view.data) + offset * static_cast<int64_t>(ElementBytes(view.type));
}

double& Of(double* layer_sums, LayerSum which) { return layer_sums[static_cast<size_t>(which)]; }

}  // namespace

void AddResidual(const ActivationView& before, const ActivationView& after, double* layer_sums) {
  for (size_t sequence = 0; sequence < before.batch; ++sequence) {
    UpdateSquares all;
    for (size_t token = 0; token < before.tokens; ++token) {
      const UpdateSquares one = SumUpdateSquares(TokenOf(before, sequence, token), TokenOf(after, sequence, token),
                                                 before.type, before.channels);
      Of(layer_sums, LayerSumOf<Metric::kTokenResidualRatio>()) += RatioOfNorms(one);
      all.update += one.update;
      all.before += one.before;
    }
    const double ratio = RatioOfNorms(all);
    Of(layer_sums, LayerSum::kResidualTokens) += static_cast<double>(before.tokens);
    Of(layer_sums, LayerSum::kResidualSequences) += 1.0;
    Of(layer_sums, LayerSumOf<Metric::kResidualRatio>()) += ratio;
    Of(layer_sums, LayerSumOf<Metric::kInfiniteResiduals>()) += std::isfinite(ratio) ? 0.0 : 1.0;
  }
}

void AddGradient(const BufferView& gradient, double* layer_sums) {
  Of(layer_sums, LayerSum::kGradientBuffers) += 1.0;
  Of(layer_sums, LayerSum::kGradientSquares) += SumSquares(gradient.data, gradient.type, gradient.size);
}

}  // namespace attnscope
