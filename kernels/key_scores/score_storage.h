// SPDX-License-Identifier: Apache-2.0
//
// The scores of the keys of one layer's cache, and the rows of weights that are added to them.
#ifndef ATTNSCOPE_KERNELS_KEY_SCORES_SCORE_STORAGE_H_
#define ATTNSCOPE_KERNELS_KEY_SCORES_SCORE_STORAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "attnscope/attention_view.h"
#include "attnscope/key_scores.h"
#include "attnscope/limits.h"
#include "kernels/row_visibility.h"
#include "kernels/simd/aligned_buffer.h"
#include "kernels/view_rows.h"

namespace attnscope {

// Zeros whose first element begins a cache line, and whose pages cost nothing until they are written.
template <typename T>
class ZeroedLines {
 public:
  // False if there is no memory.
  bool Allocate(size_t count) {
    constexpr size_t kLine = 128;
    memory_ = AllocateLazyBuffer<T>(count + kLine / sizeof(T));
    if (memory_ == nullptr) return false;
    const size_t beyond = reinterpret_cast<uintptr_t>(memory_.get()) % kLine;
    first_ = memory_.get() + (kLine - beyond) % kLine / sizeof(T);
    return true;
  }
  T* get() const { return first_; }

 private:
  AlignedBuffer<T> memory_;
  T* first_ = nullptr;
};

// Without a window, the rows of a head are added in float32 to a block of at most kRowsPerBlock rows, and full blocks
// in float64 to the head's sums. The i-th row of a block is multiplied by decay^-i, so that a block of n rows, once
// multiplied by decay^(n - 1), is what its rows count for after the last of them. With a window the rows themselves are
// kept, in a ring of as many.
//
// Whatever stands behind a group's keys is zero.
class ScoreStorage {
 public:
  // A valid configuration, `groups` resolved.
  explicit ScoreStorage(const KeyScoresConfig& config);

  // False if there is no memory.
  bool Allocate();
  // Makes room for tasks that add weights some of whose keys are hidden one by one; false if there is no memory.
  bool AllocateCopies(size_t tasks);

  const KeyScoresConfig& config() const { return config_; }
  size_t heads_per_group() const { return config_.heads / config_.groups; }
  size_t Keys(size_t sequence, size_t group) const { return keys_[sequence * config_.groups + group]; }
  size_t Rows(size_t sequence, size_t head) const { return heads_[Matrix(sequence, head)].rows; }

  // From now on the groups of heads [first_head, end_head) have at least so many keys.
  void RaiseKeys(size_t sequence, size_t first_head, size_t end_head, size_t keys);
  // [max_keys], what the head's next row is added to: to be prefetched, as it is in no cache after a step of a large
  // cache of keys.
  const float* NextRow(size_t sequence, size_t head) const {
    const size_t matrix = Matrix(sequence, head);
    return config_.window == 0 ? Block(matrix) : RingRow(matrix, heads_[matrix].rows);
  }
  // Adds rows to a head of a sequence, which has their keys. Different heads may be added to by different tasks.
  void AddRows(const RowRange& range, size_t sequence, size_t head, size_t task);
  // scores[j] += the score of key j of a head, for its group's keys.
  void AddScoresTo(size_t sequence, size_t head, double* scores) const;

  // What the cache does to a group's keys, which are valid and ascend.
  void Keep(size_t sequence, size_t group, std::span<const size_t> keys);
  void Remove(size_t sequence, size_t group, std::span<const size_t> keys);
  void Clear(size_t sequence, size_t group, std::span<const size_t> keys);
  void Shift(size_t sequence, size_t group, size_t begin, size_t end, int64_t delta);
  void EndSequence(size_t sequence);

 private:
  struct Head {
    size_t rows = 0;
    size_t in_block = 0;  // of them
    KeyRange columns;     // of the block: all others are zero
  };
  // What a task copies a row to.
  struct Copies {
    AlignedBuffer<float> weights;
    AlignedBuffer<uint8_t> shown;
  };

  size_t Matrix(size_t sequence, size_t head) const { return sequence * config_.heads + head; }
  float* Block(size_t matrix) const { return blocks_.get() + matrix * stride_; }
  double* Sums(size_t matrix) const { return sums_.get() + matrix * stride_; }
  float* RingRow(size_t matrix, size_t row) const {
    return ring_.get() + (matrix * config_.window + row % config_.window) * stride_;
  }
  // Adds one row, the weights of `keys`, none of which if it is invalid; the group has `end_key` keys. Weights of a
  // softmax are ordinary ones.
  void AddRow(const void* row, ElementType type, const KeyRange& keys, bool is_softmax, size_t matrix, size_t end_key);
  void AddHugeRow(const void* row, ElementType type, const KeyRange& keys, size_t matrix, size_t end_key);
  void Fold(size_t matrix, size_t end_key);
  // Calls change(values) with each array [max_keys] of the group's heads; then the group has `keys` keys.
  template <class Change>
  void ChangeKeys(size_t sequence, size_t group, size_t keys, const Change& change);

  KeyScoresConfig config_;
  size_t stride_ = 0;                 // of rows of keys, whole cache lines
  size_t block_rows_ = 1;             // of a full block
  float factors_[kRowsPerBlock];      // [i]: decay^-i
  double powers_[kRowsPerBlock + 1];  // [i]: decay^i
  std::vector<size_t> keys_;          // [batch, groups]
  std::vector<Head> heads_;           // [batch, heads]
  ZeroedLines<float> blocks_;         // [batch, heads, stride_], without a window
  ZeroedLines<double> sums_;          // the same
  ZeroedLines<float> ring_;           // [batch, heads, window, stride_]
  std::vector<Copies> copies_;        // of each task
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_KEY_SCORES_SCORE_STORAGE_H_
