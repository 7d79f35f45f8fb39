// SPDX-License-Identifier: Apache-2.0
//
// What the benchmarks are compared with, in the same run and on the same bytes: a plain read by SIMD (the roofline),
// and the obvious scalar loop.
#ifndef ATTNSCOPE_BENCH_REFERENCES_H_
#define ATTNSCOPE_BENCH_REFERENCES_H_

#include <cstddef>

#include "attnscope/attention_view.h"

namespace attnscope::bench {

// Sum of all elements by the widest vectors of this CPU: as fast as memory or cache delivers.
double ReadAll(const void* data, ElementType type, size_t size);

// One row's entropy, row sum, maximum and top-5, -10, -50 mass with std::log and std::nth_element, and its column sums.
// Returns a number that depends on all of them. `scratch` has room for `keys` floats.
double MeasureRowNaively(const float* row, size_t keys, double* columns, float* scratch);

}  // namespace attnscope::bench

#endif  // ATTNSCOPE_BENCH_REFERENCES_H_
