// SPDX-License-Identifier: Apache-2.0
//
// Validation of what the kernels by themselves are given. Each returns ok or an error that names the argument and its
// value.
#ifndef ATTNSCOPE_KERNELS_PLAIN_ROWS_ROW_CHECKS_H_
#define ATTNSCOPE_KERNELS_PLAIN_ROWS_ROW_CHECKS_H_

#include <cstddef>
#include <initializer_list>

#include "attnscope/kernels.h"
#include "attnscope/status.h"

namespace attnscope::kernels {

// An output of a call, which may only be null if it has no numbers.
struct Output {
  const char* name;
  const void* data;
  size_t size;
};

// Also chooses the SIMD target that the environment asks for, before a kernel runs.
Status CheckRows(const char* name, const Rows& rows, std::initializer_list<Output> outputs);
Status CheckTopK(const char* name, size_t k, size_t least);
// What logits are multiplied by.
Status CheckScale(double scale);
// Rows of one distance.
Status CheckSameShape(const Rows& from, const Rows& to);

}  // namespace attnscope::kernels

#endif  // ATTNSCOPE_KERNELS_PLAIN_ROWS_ROW_CHECKS_H_
