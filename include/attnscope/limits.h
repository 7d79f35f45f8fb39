// SPDX-License-Identifier: Apache-2.0
//
// The sizes that attnscope takes. Whatever is beyond is refused, with the name of the argument and its value.
#ifndef ATTNSCOPE_LIMITS_H_
#define ATTNSCOPE_LIMITS_H_

#include <cstddef>

namespace attnscope {

inline constexpr size_t kMaxHeads = 65536;                    // of a layer
inline constexpr size_t kMaxBatch = 65536;                    // sequences that are open at once
inline constexpr size_t kMaxKeys = (size_t{1} << 31) - 1;     // of a row
inline constexpr size_t kMaxQueries = (size_t{1} << 31) - 1;  // rows that a call adds to a matrix
inline constexpr size_t kMaxHeadDim = 1024;                   // elements of a query, and of a key
inline constexpr size_t kMaxViewElements = size_t{1} << 60;   // that a view may hold, or span by its strides
inline constexpr size_t kMaxTopMasses = 8;                    // of a row: values of k
inline constexpr size_t kMaxTopK = 1024;                      // of a row: the largest k
inline constexpr size_t kMaxLayers = 65536;                   // of one model
inline constexpr size_t kMaxThreads = 4096;                   // of a runner that are made use of
inline constexpr size_t kMaxMonitorLanes = 1024;              // of a monitor
inline constexpr size_t kMaxBaselineWindows = 1024;           // of a monitor that make a baseline

// Column sums are float32 over this many rows, counted from the first of their sequence, and float64 from then on. Rows
// that are shared among processes give bit-identical column sums if they are cut between such blocks.
inline constexpr size_t kRowsPerBlock = 16;

}  // namespace attnscope

#endif  // ATTNSCOPE_LIMITS_H_
