// SPDX-License-Identifier: Apache-2.0
//
// What kernels_bench compares attnscope/kernels.h with: the naive loop, the standard library, Eigen and Highway's
// VQSort, compiled for this CPU alone (-march=native), which attnscope's kernels are not. float32 rows one behind the
// other; each returns, or leaves in `scratch`, a number that depends on all of its work.
#ifndef ATTNSCOPE_BENCH_KERNEL_PEERS_H_
#define ATTNSCOPE_BENCH_KERNEL_PEERS_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace attnscope::bench {

struct FloatRows {
  const float* data;
  size_t rows;
  size_t columns;

  const float* Row(size_t row) const { return data + row * columns; }
};

// Memory that peers work in, made before anything is timed.
struct PeerScratch {
  std::vector<float> floats;                       // [columns]
  std::vector<std::pair<float, uint32_t>> places;  // [columns]
  std::vector<double> sums;                        // [columns]

  explicit PeerScratch(size_t columns) : floats(columns), places(columns), sums(columns) {}
};

// Loops as they come to mind.
double NaiveEntropy(const FloatRows& rows);
double NaiveMax(const FloatRows& rows);
void NaiveColumnSums(const FloatRows& rows, PeerScratch* scratch);
void NaiveColumnMax(const FloatRows& rows, PeerScratch* scratch);
double NaiveSquares(const FloatRows& rows);
double NaiveDistances(const FloatRows& from, const FloatRows& to);
// Entropy and logsumexp of the softmax, and std::partial_sort of the k largest with their places.
double NaiveSoftmaxEntropy(const FloatRows& rows, size_t k, PeerScratch* scratch);

// The k largest of each row: std::nth_element of a copy and a sum; std::partial_sort of pairs, with places.
double NthElementMass(const FloatRows& rows, size_t k, PeerScratch* scratch);
double PartialSortTop(const FloatRows& rows, size_t k, PeerScratch* scratch);

// Whether they are compiled in; else they return 0.
bool HaveEigen();
bool HaveVqsort();

double EigenEntropy(const FloatRows& rows);
double EigenMax(const FloatRows& rows);
void EigenColumnSums(const FloatRows& rows, PeerScratch* scratch);
void EigenColumnMax(const FloatRows& rows, PeerScratch* scratch);
double EigenSquares(const FloatRows& rows);
double EigenDistances(const FloatRows& from, const FloatRows& to);
// With std::partial_sort for the k largest, as Eigen has nothing for them.
double EigenSoftmaxEntropy(const FloatRows& rows, size_t k, PeerScratch* scratch);

// The k largest by sorting a copy.
double VqsortMass(const FloatRows& rows, size_t k, PeerScratch* scratch);

}  // namespace attnscope::bench

#endif  // ATTNSCOPE_BENCH_KERNEL_PEERS_H_
