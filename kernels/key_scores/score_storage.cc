// SPDX-License-Identifier: Apache-2.0
#include "kernels/key_scores/score_storage.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <utility>

#include "kernels/key_scores/score_rows.h"
#include "kernels/simd/copy_row.h"
#include "kernels/softmax/softmax_rows.h"
#include "kernels/sweep/shown_weights.h"
#include "kernels/sweep/slow_row.h"

namespace attnscope {
namespace {

// Whole cache lines, an odd number of pairs of them, so that the same key of several rows does not compete for one set
// of the L1 cache.
size_t Stride(size_t keys) {
  constexpr size_t kPair = 32;
  return ((keys + kPair - 1) / kPair | 1) * kPair;
}

}  // namespace

ScoreStorage::ScoreStorage(const KeyScoresConfig& config) : config_(config), stride_(Stride(config.max_keys)) {
  // The largest factor of a block's rows is at most 2^32, so that no float32 sum of ordinary rows overflows.
  constexpr double kMostFactor = 0x1p32;
  for (double factor = 1.0 / config.decay; block_rows_ < kRowsPerBlock && factor <= kMostFactor;
       factor /= config.decay) {
    ++block_rows_;
  }
  for (size_t i = 0; i <= kRowsPerBlock; ++i) powers_[i] = std::pow(config.decay, static_cast<double>(i));
  for (size_t i = 0; i < kRowsPerBlock; ++i) {
    factors_[i] = i < block_rows_ ? static_cast<float>(1.0 / powers_[i]) : 0.0f;
  }
}

bool ScoreStorage::Allocate() {
  const size_t matrices = config_.max_batch * config_.heads;
  const size_t rows = std::max<size_t>(1, config_.window);
  if (matrices > (SIZE_MAX >> 8) / stride_ / rows) return false;
  try {
    keys_.resize(config_.max_batch * config_.groups);
    heads_.resize(matrices);
  } catch (const std::bad_alloc&) {
    return false;
  }
  if (config_.window != 0) return ring_.Allocate(matrices * rows * stride_);
  return blocks_.Allocate(matrices * stride_) && sums_.Allocate(matrices * stride_);
}

bool ScoreStorage::AllocateCopies(size_t tasks) {
  while (copies_.size() < tasks) {
    Copies copies;
    copies.weights = AllocateUnsetBuffer<float>(config_.max_keys);
    copies.shown = AllocateUnsetBuffer<uint8_t>(config_.max_keys);
    if (copies.weights == nullptr || copies.shown == nullptr) return false;
    try {
      copies_.push_back(std::move(copies));
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  return true;
}

void ScoreStorage::RaiseKeys(size_t sequence, size_t first_head, size_t end_head, size_t keys) {
  if (first_head == end_head) return;
  for (size_t group = first_head / heads_per_group(); group <= (end_head - 1) / heads_per_group(); ++group) {
    size_t& of_group = keys_[sequence * config_.groups + group];
    of_group = std::max(of_group, keys);
  }
}

void ScoreStorage::AddRows(const RowRange& range, size_t sequence, size_t head, size_t task) {
  const size_t matrix = Matrix(sequence, head);
  const size_t end_key = Keys(sequence, head / heads_per_group());
  for (size_t i = 0; i < range.rows; ++i) {
    const KeyRange keys = range.visible.Range(i);
    if (keys.empty()) continue;
    const void* row = range.Element(i, keys.begin);
    if (range.softmax != nullptr) {
      const SoftmaxMeasures& softmax = range.softmax[i];
      if (softmax.valid && softmax.keys == 0) continue;  // all are masked
      AddRow(row, range.type, softmax.valid ? keys : KeyRange(), true, matrix, end_key);
    } else if (range.visible.by_key()) {
      const Copies& copies = copies_[task];
      const uint8_t* shown = range.visible.Show(i, keys, copies.shown.get());
      if (CopyShownWeights(row, range.type, shown, keys.size(), copies.weights.get()) == 0) continue;
      AddRow(copies.weights.get(), ElementType::kFloat32, keys, false, matrix, end_key);
    } else {
      AddRow(row, range.type, keys, false, matrix, end_key);
    }
  }
}

void ScoreStorage::AddRow(const void* row, ElementType type, const KeyRange& keys, bool is_softmax, size_t matrix,
                          size_t end_key) {
  Head& head = heads_[matrix];
  const bool is_ordinary = is_softmax || IsOrdinaryRow(row, type, keys.size());
  const KeyRange added = is_ordinary || IsValidRow(row, type, keys.size()) ? keys : KeyRange();
  if (config_.window != 0) {
    float* to = RingRow(matrix, head.rows++);
    std::fill(to, to + added.begin, 0.0f);
    CopyRow(row, type, added.size(), to + added.begin);
    std::fill(to + added.end, to + end_key, 0.0f);
    return;
  }
  ++head.rows;
  if (!is_ordinary && !added.empty()) return AddHugeRow(row, type, added, matrix, end_key);
  AddRowToBlock(row, type, added.size(), factors_[head.in_block], Block(matrix) + added.begin);
  head.columns = Union(head.columns, added);
  if (++head.in_block == block_rows_) Fold(matrix, end_key);
}

// Weights that float32 sums may not hold are a block of their own.
void ScoreStorage::AddHugeRow(const void* row, ElementType type, const KeyRange& keys, size_t matrix, size_t end_key) {
  Fold(matrix, end_key);
  double* sums = Sums(matrix);
  if (config_.decay < 1.0) FoldBlock(end_key, config_.decay, 0.0, Block(matrix), sums);
  for (size_t i = 0; i < keys.size(); ++i) sums[keys.begin + i] += ElementAsDouble(row, type, i);
}

void ScoreStorage::Fold(size_t matrix, size_t end_key) {
  Head& head = heads_[matrix];
  if (head.in_block == 0) return;
  const KeyRange columns = config_.decay < 1.0 ? KeyRange{0, end_key} : head.columns;
  FoldBlock(columns.size(), powers_[head.in_block], powers_[head.in_block - 1], Block(matrix) + columns.begin,
            Sums(matrix) + columns.begin);
  head.in_block = 0;
  head.columns = {};
}

void ScoreStorage::AddScoresTo(size_t sequence, size_t head, double* scores) const {
  const size_t matrix = Matrix(sequence, head);
  const size_t keys = Keys(sequence, head / heads_per_group());
  const Head& of = heads_[matrix];
  if (config_.window == 0) {
    const double of_block = of.in_block == 0 ? 0.0 : powers_[of.in_block - 1];
    return attnscope::AddScores(keys, powers_[of.in_block], Sums(matrix), of_block, Block(matrix), scores);
  }
  const size_t kept = std::min(of.rows, config_.window);
  for (size_t age = kept; age-- > 0;) {
    const double factor = std::pow(config_.decay, static_cast<double>(age));
    AddScaledRow(keys, factor, RingRow(matrix, of.rows - 1 - age), scores);
  }
}

template <class Change>
void ScoreStorage::ChangeKeys(size_t sequence, size_t group, size_t keys, const Change& change) {
  for (size_t head = group * heads_per_group(); head < (group + 1) * heads_per_group(); ++head) {
    const size_t matrix = Matrix(sequence, head);
    Head& of = heads_[matrix];
    if (config_.window == 0) {
      change(Sums(matrix));
      if (of.in_block == 0) continue;
      change(Block(matrix));
      of.columns = {0, keys};
    } else {
      for (size_t row = 0; row < std::min(of.rows, config_.window); ++row) change(RingRow(matrix, row));
    }
  }
  keys_[sequence * config_.groups + group] = keys;
}

void ScoreStorage::Keep(size_t sequence, size_t group, std::span<const size_t> keys) {
  const size_t before = Keys(sequence, group);
  ChangeKeys(sequence, group, keys.size(), [&](auto* values) {
    for (size_t i = 0; i < keys.size(); ++i) values[i] = values[keys[i]];
    std::fill(values + keys.size(), values + before, 0);
  });
}

void ScoreStorage::Remove(size_t sequence, size_t group, std::span<const size_t> keys) {
  if (keys.empty()) return;
  const size_t before = Keys(sequence, group);
  ChangeKeys(sequence, group, before - keys.size(), [&](auto* values) {
    auto* to = values + keys[0];
    for (size_t i = 0; i < keys.size(); ++i) {
      const size_t next = i + 1 < keys.size() ? keys[i + 1] : before;
      to = std::copy(values + keys[i] + 1, values + next, to);
    }
    std::fill(to, values + before, 0);
  });
}

void ScoreStorage::Clear(size_t sequence, size_t group, std::span<const size_t> keys) {
  ChangeKeys(sequence, group, Keys(sequence, group), [&](auto* values) {
    for (const size_t key : keys) values[key] = 0;
  });
}

void ScoreStorage::Shift(size_t sequence, size_t group, size_t begin, size_t end, int64_t delta) {
  if (begin == end || delta == 0) return;
  const size_t before = Keys(sequence, group);
  const size_t to = begin + static_cast<size_t>(delta);  // modulo 2^64
  const size_t to_end = end + static_cast<size_t>(delta);
  const size_t after = end == before ? std::max(begin, to_end) : std::max(before, to_end);
  ChangeKeys(sequence, group, after, [&](auto* values) {
    std::memmove(values + to, values + begin, (end - begin) * sizeof(*values));
    // What they have left.
    if (delta > 0) {
      std::fill(values + begin, values + std::min(end, to), 0);
    } else {
      std::fill(values + std::max(begin, to_end), values + end, 0);
    }
  });
}

void ScoreStorage::EndSequence(size_t sequence) {
  for (size_t group = 0; group < config_.groups; ++group) {
    const size_t keys = Keys(sequence, group);
    ChangeKeys(sequence, group, 0, [&](auto* values) { std::fill(values, values + keys, 0); });
  }
  for (size_t head = 0; head < config_.heads; ++head) heads_[Matrix(sequence, head)] = {};
}

}  // namespace attnscope
