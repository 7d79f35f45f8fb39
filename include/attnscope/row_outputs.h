// SPDX-License-Identifier: Apache-2.0
//
// What each row measures, for those who need more than means: the sweep knows it, and writes it where it is asked to.
// Example, the entropy of each query and the key that it looks at most, in the same pass that feeds the layer:
//
//   std::vector<float> entropies(heads * queries);
//   std::vector<int32_t> keys_looked_at(heads * queries);
//   attnscope::RowOutputs rows;
//   rows.entropy = entropies.data();
//   rows.argmax = keys_looked_at.data();
//   attnscope::Status status = layer.AddQueriesKeys(view, params, {}, &rows);
//
// Without an accumulator: MeasureRows, MeasureLogitRows, MeasureQueryKeyRows.
#ifndef ATTNSCOPE_ROW_OUTPUTS_H_
#define ATTNSCOPE_ROW_OUTPUTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "attnscope/attention_view.h"
#include "attnscope/export.h"
#include "attnscope/limits.h"
#include "attnscope/query_key_view.h"
#include "attnscope/runner.h"
#include "attnscope/softmax_params.h"
#include "attnscope/status.h"
#include "attnscope/top_k.h"
#include "attnscope/visibility.h"

namespace attnscope {

// The type of an output's elements.
enum class RowBufferType : uint8_t {
  kFloat32 = 0,
  kFloat64,
  kInt32,
  kInt64,
};

// Where one measure of each row goes; null: nowhere. Made from a pointer, whose type it remembers.
struct RowBuffer {
  void* data = nullptr;  // of row [0, 0, 0]; aligned as its type
  RowBufferType type = RowBufferType::kFloat32;

  constexpr RowBuffer() = default;
  // Meant to be implicit, so that a pointer is all that has to be written: NOLINTBEGIN(google-explicit-constructor)
  constexpr RowBuffer(float* to) : data(to), type(RowBufferType::kFloat32) {}
  constexpr RowBuffer(double* to) : data(to), type(RowBufferType::kFloat64) {}
  constexpr RowBuffer(int32_t* to) : data(to), type(RowBufferType::kInt32) {}
  constexpr RowBuffer(int64_t* to) : data(to), type(RowBufferType::kInt64) {}
  // NOLINTEND(google-explicit-constructor)
};

// Buffers [batch, heads, queries], all with the same strides, for the rows of a view: `argmax` and `visible_keys` are
// int32_t or int64_t, all others float or double. They must overlap neither one another nor what is measured. In
// mean-matrix mode the rows are those of the mean, [1, 1, queries].
//
// A row is measured unless it is masked (it sees no key), empty (it sees some, and all weights are zero) or invalid (it
// holds NaN, an infinity or a negative weight); of any other, all outputs are NaN, `argmax` is -1, and `visible_keys`
// tells why. Every element of each buffer is written. The numbers are those that the accumulator adds up, within the
// same bounds of error; a float is the nearest to the double. Bit for bit, they do not depend on how rows are cut into
// calls, nor on the runner.
//
// No output needs another read of the weights. `argmax` is looked for among the row's largest weights, which the masses
// need; only where these do not tell (rows of up to 256 keys, rows of equal weights, SIMD targets but AVX2 and AVX-512)
// it reads about half of the row, while it is in cache.
//
// The query of row i stands at position p = i + causal_offset among the keys, see Visibility. Where there are
// key_positions, keys are named by their positions.
struct RowOutputs {
  RowBuffer entropy = {};         // H_i, in nats
  RowBuffer effective_rank = {};  // exp(H_i)
  RowBuffer max_weight = {};      // max_j a_ij
  RowBuffer argmax = {};          // the key of that weight; the first of equals
  RowBuffer row_sum = {};         // sum_j a_ij: with a learned sink, what it leaves to the keys
  // Keys that the row sees, 0 of a masked row; masks by value count, where there are logits. -1 of an invalid row.
  RowBuffer visible_keys = {};
  // The weight of the sequence's first key, that of Metric::kFirstTokenMass. 0 where the row does not see it.
  RowBuffer first_token_weight = {};
  // The weights of the query's own key, at p, and of the one before it, at p - 1. 0 where the row does not see that
  // key, or a cache no longer has it; NaN where there is none: before the sequence's first key, or behind its last one.
  RowBuffer self_weight = {};
  RowBuffer previous_weight = {};
  // From logits, and from queries and keys; NaN from weights and in mean-matrix mode. log sum_j exp s_ij over the keys
  // that the row sees, without a learned sink, to 1e-6 * max(1, |it|) and what is said of s_ij; and max_j s_ij.
  RowBuffer logsumexp = {};
  RowBuffer max_logit = {};
  // The sums of the k largest weights, in the order of `top_k`.
  std::array<RowBuffer, kMaxTopMasses> top_mass = {};
  // Empty: those of the accumulator (LayerConfig::top_k), and without one 5, 10, 50. Others than an accumulator's are
  // an error.
  TopKValues top_k = {};

  // Elements from one row to the next, in any order and also negative: each stride must step over all that the smaller
  // ones span, so that each row has an element of its own. 0: as in a contiguous buffer, 1, queries * query_stride, and
  // heads * head_stride.
  int64_t query_stride = 0;
  int64_t head_stride = 0;
  int64_t batch_stride = 0;
};

// What is known of an output.
struct RowOutputInfo {
  std::string_view name = {};  // as in the command's files
  RowBuffer RowOutputs::*buffer = nullptr;
  bool is_whole_number = false;  // int32_t or int64_t, else float or double
  bool needs_logits = false;     // NaN from weights
};

// All but the top-k masses, whose names are those of their metrics: InfoOf(TopMass(k)).
inline constexpr std::array<RowOutputInfo, 11> kRowOutputs = {{
    {"entropy", &RowOutputs::entropy},
    {"effective_rank", &RowOutputs::effective_rank},
    {"max_weight", &RowOutputs::max_weight},
    {"argmax", &RowOutputs::argmax, true},
    {"row_sum", &RowOutputs::row_sum},
    {"visible_keys", &RowOutputs::visible_keys, true},
    {"first_token_weight", &RowOutputs::first_token_weight},
    {"self_weight", &RowOutputs::self_weight},
    {"previous_weight", &RowOutputs::previous_weight},
    {"logsumexp", &RowOutputs::logsumexp, false, true},
    {"max_logit", &RowOutputs::max_logit, false, true},
}};

// Measures each row of a view, and keeps nothing but `outputs`: those of LayerAccumulator::AddWeights, AddLogits and
// AddQueriesKeys, bit for bit. first_sequence and first_head of the view mean nothing. Complexity and errors: those of
// the same calls; kOutOfMemory, as scratch is allocated for the call. Who measures again and again has the scratch of
// an accumulator allocated once. Thread-safe for different outputs.
ATTNSCOPE_EXPORT Status MeasureRows(const AttentionView& weights, const Visibility& visibility,
                                    const RowOutputs& outputs, const Runner& runner = {});
ATTNSCOPE_EXPORT Status MeasureLogitRows(const AttentionView& logits, const SoftmaxParams& params,
                                         const RowOutputs& outputs, const Runner& runner = {});
ATTNSCOPE_EXPORT Status MeasureQueryKeyRows(const QueryKeyView& view, const SoftmaxParams& params,
                                            const RowOutputs& outputs, const Runner& runner = {});

}  // namespace attnscope

#endif  // ATTNSCOPE_ROW_OUTPUTS_H_
