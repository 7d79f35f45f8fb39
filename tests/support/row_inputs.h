// SPDX-License-Identifier: Apache-2.0
//
// Rows of attention to test with: what trained models give, and what breaks kernels. Included by the tests of kernels.
#ifndef ATTNSCOPE_TESTS_SUPPORT_ROW_INPUTS_H_
#define ATTNSCOPE_TESTS_SUPPORT_ROW_INPUTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace attnscope::test {

// A small generator (SplitMix64): the same numbers with every standard library.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Bits();
  size_t Below(size_t bound) { return static_cast<size_t>(Bits() % bound); }
  double Uniform() { return static_cast<double>(Bits() >> 11) * 0x1p-53; }  // [0, 1)
  double Normal();

 private:
  uint64_t state_;
};

struct RowInput {
  const char* name;
  void (*fill)(Random& random, std::span<float> row);  // all weights finite and >= 0
};

std::span<const RowInput> AllRowInputs();
// By name, which must be there.
const RowInput& RowInputOf(const char* name);

// `count` values of the normal distribution.
std::vector<float> Normals(uint64_t seed, size_t count, double sigma = 1.0, double mean = 0.0);
// [rows, keys], each row by another input.
std::vector<float> MixedRows(uint64_t seed, size_t rows, size_t keys);
// [rows, keys], softmax of Gaussian logits.
std::vector<float> SoftmaxRows(uint64_t seed, size_t rows, size_t keys, double sigma);

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_ROW_INPUTS_H_
