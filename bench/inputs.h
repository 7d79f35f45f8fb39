// SPDX-License-Identifier: Apache-2.0
//
// Attention to measure: every kind of row that a sweep may meet, so that a fast average hides no cliff.
#ifndef ATTNSCOPE_BENCH_INPUTS_H_
#define ATTNSCOPE_BENCH_INPUTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "attnscope/attention_view.h"
#include "attnscope/row_outputs.h"

namespace attnscope::bench {

enum class RowKind : uint8_t {
  kSoftmax1,    // softmax of Gaussian logits, sigma 1
  kSoftmax4,    // sigma 4: peaked
  kReal,        // rows of the bundled real attention, tiled and normalised
  kOneHot,      // one weight 1 at a random place
  kUniform,     // all weights equal
  kCausal,      // row i of n sees its first i + 1 keys, softmax sigma 1, zeros behind
  kAscending,   // each weight larger than the one before
  kDescending,  // each weight smaller
};
inline constexpr RowKind kAllRowKinds[] = {RowKind::kSoftmax1,  RowKind::kSoftmax4,  RowKind::kReal,
                                           RowKind::kOneHot,    RowKind::kUniform,   RowKind::kCausal,
                                           RowKind::kAscending, RowKind::kDescending};

std::string_view NameOf(RowKind kind);

// Numbers of a standard normal distribution.
std::vector<float> GaussianFloats(uint64_t seed, size_t count);

// [rows, keys] of one kind, in pages of this buffer's own. Every row differs from every other (but uniform rows).
class AttentionRows {
 public:
  AttentionRows(RowKind kind, ElementType type, size_t rows, size_t keys);

  const void* Row(size_t row) const { return bytes_.get() + row * keys_ * ElementBytes(type_); }
  ElementType type() const { return type_; }
  size_t rows() const { return rows_; }
  size_t keys() const { return keys_; }
  size_t bytes() const { return rows_ * keys_ * ElementBytes(type_); }

 private:
  struct Free {
    void operator()(uint8_t* memory) const;
  };
  ElementType type_;
  size_t rows_;
  size_t keys_;
  std::unique_ptr<uint8_t, Free> bytes_;
};

// Every output of some rows, each in a buffer of float or int32_t.
class AllRowOutputs {
 public:
  explicit AllRowOutputs(size_t rows) : floats_(kRowOutputs.size() + 3, std::vector<float>(rows)), whole_(2 * rows) {
    int32_t* whole = whole_.data();
    for (size_t i = 0; i < kRowOutputs.size(); ++i) {
      RowBuffer& to = outputs_.*kRowOutputs[i].buffer;
      to = floats_[i].data();
      if (!kRowOutputs[i].is_whole_number) continue;
      to = whole;
      whole += rows;
    }
    for (size_t i = 0; i < 3; ++i) outputs_.top_mass[i] = floats_[kRowOutputs.size() + i].data();
  }
  const RowOutputs& outputs() const { return outputs_; }

 private:
  std::vector<std::vector<float>> floats_;
  std::vector<int32_t> whole_;
  RowOutputs outputs_;
};

}  // namespace attnscope::bench

#endif  // ATTNSCOPE_BENCH_INPUTS_H_
