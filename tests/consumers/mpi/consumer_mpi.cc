// SPDX-License-Identifier: Apache-2.0
//
// Ranks outside of attnscope's tree: each measures a row, all know the rows of all.
#include <attnscope/mpi.h>
#include <attnscope/target.h>

#include <cstdio>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int ranks = 0;
  int rank = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const float weights[4] = {0.25f, 0.25f, 0.25f, 0.25f};
  attnscope::LayerAccumulator layer;
  attnscope::Status status = attnscope::LayerAccumulator::Create({.max_keys = 4}, &layer);
  if (status.ok()) {
    status = layer.AddWeights(attnscope::ContiguousAttention(weights, attnscope::ElementType::kFloat32, 1, 1, 1, 4));
  }
  layer.EndSequence();
  if (status.ok()) status = attnscope::AllReduce(layer, MPI_COMM_WORLD);
  const double rows = layer.Stats().layer[attnscope::Metric::kRows];
  if (rank == 0) std::printf("attnscope %s: %g rows of %d ranks\n", attnscope::Version().data(), rows, ranks);
  MPI_Finalize();
  return status.ok() && rows == static_cast<double>(ranks) ? 0 : 1;
}
