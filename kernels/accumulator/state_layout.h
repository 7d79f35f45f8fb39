// SPDX-License-Identifier: Apache-2.0
//
// Where everything stands in the accumulator's two flat arrays. Closed parts come first: they are enough to merge ranks
// when no sequence is open.
//
//   sums:   [layer sums] [head][head sums] | [sequence][head][row sums] [sequence][head][key] columns, then partial
//   maxima: [head][head maxima]            | [sequence][head] keys of the open sequence, then its other maxima
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_STATE_LAYOUT_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_STATE_LAYOUT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "attnscope/layer_accumulator.h"
#include "attnscope/metrics.h"
#include "kernels/kept_numbers.h"
#include "kernels/row_sums.h"

namespace attnscope {

inline constexpr std::array<std::string_view, 4> kSharedLayerNames = {"residual_sequences", "residual_tokens",
                                                                      "gradient_buffers", "gradient_squares"};
inline constexpr KeptNumbers kLayerSums = {kSharedLayerNames, [](const MetricInfo& info) {
                                             return info.group == MetricGroup::kLayer &&
                                                    (info.kind == MetricKind::kMean || info.kind == MetricKind::kCount);
                                           }};
inline constexpr size_t kNumLayerSums = kLayerSums.size();

// Index of a sum of a layer: one of these, or of a metric, see LayerSumOf.
enum class LayerSum : uint8_t {
  kResidualSequences,
  kResidualTokens,
  kGradientBuffers,
  kGradientSquares,
};
template <Metric kMetric>
consteval LayerSum LayerSumOf() {
  static_assert(kLayerSums.holds(InfoOf(kMetric)), "no metric that is a sum of a layer");
  return static_cast<LayerSum>(kLayerSums.IndexOf(kMetric));
}

// Sums of a head's ended matrices, behind its row sums. All belong to metrics.
inline constexpr KeptNumbers kMatrixSums = {
    {}, [](const MetricInfo& info) {
      return info.unit == MetricUnit::kMatrix && (info.kind == MetricKind::kMean || info.kind == MetricKind::kCount);
    }};
inline constexpr size_t kNumMatrixSums = kMatrixSums.size();
inline constexpr size_t kNumHeadSums = kNumRowSums + kNumMatrixSums;

enum class MatrixSum : uint8_t {};
template <Metric kMetric>
consteval MatrixSum MatrixSumOf() {
  static_assert(kMatrixSums.holds(InfoOf(kMetric)), "no metric that is a sum over matrices");
  return static_cast<MatrixSum>(kMatrixSums.IndexOf(kMetric));
}

// Maxima of a head's ended matrices. All are >= 0, and 0 says "none".
inline constexpr std::array<std::string_view, 1> kSharedMaximaNames = {"sink"};
inline constexpr KeptNumbers kHeadMaxima = {kSharedMaximaNames, [](const MetricInfo& info) {
                                              return info.kind == MetricKind::kMaximum ||
                                                     info.kind == MetricKind::kSignedMaximum;
                                            }};
inline constexpr size_t kNumHeadMaxima = kHeadMaxima.size();

enum class HeadMax : uint8_t {
  kSink,  // the largest sink mass and its position, see PackSink
};
template <Metric kMetric>
consteval HeadMax HeadMaxOf() {
  static_assert(kHeadMaxima.holds(InfoOf(kMetric)), "no metric that is a maximum");
  return static_cast<HeadMax>(kHeadMaxima.IndexOf(kMetric));
}

// Maxima of an open matrix besides its keys, of the same kind.
enum class OpenMax : uint8_t {
  kMaxAbsLogit,
  kMaxLogit,  // see PackSigned
  kFirstKey,  // of the sequence: where padding on the left ends
};
inline constexpr std::array<std::string_view, 3> kOpenMaximaNames = {"max_abs_logit", "max_logit", "first_key"};
inline constexpr size_t kNumOpenMaxima = kOpenMaximaNames.size();

class StateLayout {
 public:
  StateLayout() = default;
  explicit StateLayout(const LayerConfig& config)
      : StateLayout(config.mean_matrix ? 1 : config.heads, config.mean_matrix ? 1 : config.max_batch, config.max_keys) {
  }
  // `heads` and `batch` are those of the state: 1 in mean-matrix mode.
  StateLayout(size_t heads, size_t batch, size_t keys) : heads_(heads), batch_(batch), keys_(keys) {}

  size_t heads() const { return heads_; }
  size_t batch() const { return batch_; }
  size_t keys() const { return keys_; }

  size_t HeadSums(size_t head) const { return kNumLayerSums + head * kNumHeadSums; }
  size_t closed_sums() const { return HeadSums(heads_); }
  size_t OpenRowSums(size_t sequence, size_t head) const {
    return closed_sums() + Matrix(sequence, head) * kNumRowSums;
  }
  size_t OpenColumns(size_t sequence, size_t head) const {
    return OpenRowSums(batch_, 0) + Matrix(sequence, head) * keys_;
  }
  size_t OpenPartial(size_t sequence, size_t head) const {
    return OpenColumns(batch_, 0) + Matrix(sequence, head) * keys_;
  }
  size_t sums() const { return OpenPartial(batch_, 0); }

  size_t HeadMaxima(size_t head) const { return head * kNumHeadMaxima; }
  size_t closed_maxima() const { return HeadMaxima(heads_); }
  size_t OpenKeys(size_t sequence, size_t head) const { return closed_maxima() + Matrix(sequence, head); }
  size_t OpenMaxima(size_t sequence, size_t head) const {
    return OpenKeys(batch_, 0) + Matrix(sequence, head) * kNumOpenMaxima;
  }
  size_t maxima() const { return OpenMaxima(batch_, 0); }

 private:
  size_t Matrix(size_t sequence, size_t head) const { return sequence * heads_ + head; }

  size_t heads_ = 0;
  size_t batch_ = 0;
  size_t keys_ = 0;
};

// A number of rows or keys as it stands in the arrays, at most `most`: callers may write anything there, such as maxima
// that were added up.
inline size_t CountOf(double value, size_t most) {
  if (!(value > 0.0)) return 0;
  return value < static_cast<double>(most) ? static_cast<size_t>(value) : most;
}

// A sink's mass and position as one number whose maximum over matrices is the strongest sink, the first of equals. The
// mass is rounded to 2^-20; masses above 2 (of rows that are no distributions) count as 2.
double PackSink(double mass, size_t position);
// 0 for what PackSink does not make.
size_t UnpackSinkPosition(double packed);

// A number with a sign as one above 0 that is larger where the number is, so that 0 says "none". Numbers of 51 bits of
// mantissa, such as any float32, come back as they were.
double PackSigned(double value);
// NaN for 0, and for what PackSigned does not make.
double UnpackSigned(double packed);

// Folds one open matrix into its head's sums [kNumHeadSums] and maxima [kNumHeadMaxima].
struct OpenSums {
  const double* rows = nullptr;     // [kNumRowSums]
  const double* columns = nullptr;  // [keys], of finished blocks
  const double* partial = nullptr;  // [keys], of the block in progress
  size_t keys = 0;
  const double* maxima = nullptr;  // [kNumOpenMaxima]
};
void FoldMatrix(const OpenSums& open, double* head_sums, double* head_maxima);

// The metrics of a layer from folded sums [closed_sums] and maxima [closed_maxima]. NaN in place of a sum or maximum,
// of all heads alike, says that it was not kept: what is made from it is then NaN, "not measured", as well.
// `top_k` are the layer's.
LayerStats StatsOf(const StateLayout& layout, const TopKValues& top_k, const double* sums, const double* maxima);
// The norm of a gradient that was measured: NaN is a bad number of it, and not a missing one.
void SetGradientNorm(double norm, MetricValues* values);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_STATE_LAYOUT_H_
