// SPDX-License-Identifier: Apache-2.0
//
// What attnscope::AllReduce takes by the bytes it moves: a layer without and with one open sequence, of 32 heads. Run
// it by mpirun; rank 0 prints medians. docs/many-ranks.md holds its model against them.
#include <algorithm>
#include <cstdio>
#include <initializer_list>
#include <vector>

#include "attnscope/mpi.h"

namespace {

constexpr size_t kHeads = 32;
constexpr int kRounds = 41;

// Seconds, the median of rank 0's rounds.
double MedianSeconds(size_t keys, size_t open_rows) {
  attnscope::LayerAccumulator layer;
  attnscope::Status status = attnscope::LayerAccumulator::Create({.heads = kHeads, .max_keys = keys}, &layer);
  const std::vector<float> weights(kHeads * keys, 1.0f / static_cast<float>(keys));
  std::vector<double> seconds;
  for (int round = 0; round < kRounds && status.ok(); ++round) {
    layer.Reset();  // else sums would double each round
    status = layer.AddWeights(
        attnscope::ContiguousAttention(weights.data(), attnscope::ElementType::kFloat32, 1, kHeads, 1, keys));
    if (open_rows == 0) layer.EndSequence();
    MPI_Barrier(MPI_COMM_WORLD);
    const double begin = MPI_Wtime();
    if (status.ok()) status = attnscope::AllReduce(layer, MPI_COMM_WORLD);
    seconds.push_back(MPI_Wtime() - begin);
  }
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.message().c_str());
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  std::nth_element(seconds.begin(), seconds.begin() + kRounds / 2, seconds.end());
  return seconds[kRounds / 2];
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  int ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (rank == 0) std::printf("ranks  open sequences   keys       bytes  median us\n");
  for (const size_t keys : std::initializer_list<size_t>{1024, 4096, 16384}) {
    for (const size_t open : std::initializer_list<size_t>{0, 1}) {
      const size_t bytes = 304 + 280 * kHeads + open * (240 + 16 * keys) * kHeads;
      const double seconds = MedianSeconds(keys, open);
      if (rank == 0) std::printf("%5d  %14zu  %5zu  %10zu  %9.1f\n", ranks, open, keys, bytes, 1e6 * seconds);
    }
  }
  MPI_Finalize();
  return 0;
}
