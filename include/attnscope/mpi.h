// SPDX-License-Identifier: Apache-2.0
//
// Adds up what the ranks of an MPI job measured, with MPI's own all-reduce on the accumulators' arrays. Link
// attnscope::mpi. Everything is in this header, so it works with whatever MPI the including program is built with.
//
//   attnscope::Status status = attnscope::AllReduce(layer, MPI_COMM_WORLD);  // on every rank, once an epoch
//   layer.EndSequence();                 // only where ranks held rows of the same sequences
//   attnscope::LayerStats stats = layer.Stats();  // of all ranks, on every rank
//   layer.Reset();
#ifndef ATTNSCOPE_MPI_H_
#define ATTNSCOPE_MPI_H_

#include <mpi.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>

#include "attnscope/layer_accumulator.h"
#include "attnscope/status.h"

namespace attnscope {
namespace mpi_internal {

inline Status StatusOf(int error, const char* call) {
  if (error == MPI_SUCCESS) return {};
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(error, text.data(), &length);
  return {StatusCode::kIoError, std::string(call) + ": " + std::string(text.data(), static_cast<size_t>(length))};
}

// In pieces, because MPI counts with an int.
inline Status Reduce(std::span<double> values, MPI_Op op, MPI_Comm comm) {
  constexpr size_t kMostAtOnce = size_t{1} << 28;
  for (size_t first = 0; first < values.size(); first += kMostAtOnce) {
    const size_t count = std::min(kMostAtOnce, values.size() - first);
    const int error = MPI_Allreduce(MPI_IN_PLACE, values.data() + first, static_cast<int>(count), MPI_DOUBLE, op, comm);
    if (error != MPI_SUCCESS) return StatusOf(error, "MPI_Allreduce");
  }
  return {};
}

// What has to be the same on every rank.
struct ConfigField {
  const char* name;
  double value;
};
inline std::array<ConfigField, 7 + kMaxTopMasses> FieldsOf(const LayerConfig& config) {
  std::array<ConfigField, 7 + kMaxTopMasses> fields = {{{"heads", static_cast<double>(config.heads)},
                                                        {"max_keys", static_cast<double>(config.max_keys)},
                                                        {"max_batch", static_cast<double>(config.max_batch)},
                                                        {"mean_matrix", config.mean_matrix ? 1.0 : 0.0},
                                                        {"tolerance_float32", config.tolerance_float32},
                                                        {"tolerance_half", config.tolerance_half},
                                                        {"saturation_bound", config.saturation_bound}}};
  // Those that there are not are 0.
  for (size_t i = 0; i < kMaxTopMasses; ++i) fields[7 + i] = {"a value of top_k", static_cast<double>(config.top_k[i])};
  return fields;
}

// All ranks learn whether their configurations agree, and whether any of them has open rows.
inline Status Agree(const LayerAccumulator& layer, bool* any_open, MPI_Comm comm) {
  const std::array<ConfigField, 7 + kMaxTopMasses> fields = FieldsOf(layer.config());
  std::array<double, 15 + 2 * kMaxTopMasses>
      maxima{};  // of each field and of its negative, so of the minimum; of open rows
  for (size_t i = 0; i < fields.size(); ++i) {
    maxima[2 * i] = fields[i].value;
    maxima[2 * i + 1] = -fields[i].value;
  }
  maxima.back() = *any_open ? 1.0 : 0.0;
  if (Status status = Reduce(maxima, MPI_MAX, comm); !status.ok()) return status;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (maxima[2 * i] == -maxima[2 * i + 1]) continue;
    const std::string name = fields[i].name;
    return {StatusCode::kInvalidArgument, name + " is " + std::to_string(fields[i].value) + " on this rank, but from " +
                                              std::to_string(-maxima[2 * i + 1]) + " to " +
                                              std::to_string(maxima[2 * i]) + " on others"};
  }
  *any_open = maxima.back() != 0.0;
  return {};
}

}  // namespace mpi_internal

// Adds up `layer` over the ranks of `comm`: then each rank's holds what all measured. Collective: every rank of `comm`
// calls it, with accumulators of the same configuration, in the same order of layers. Ranks may hold whole sequences,
// heads of a layer, or different rows of sequences that are still open under the same index. To go on measuring, Reset
// all ranks' accumulators, or all but one: else the next call would count again what this one has added up.
//
// Bytes reduced on each rank, H heads, S = max_batch, K = max_keys (one head and sequence in mean-matrix mode): 304 +
// 280 H if no rank has open rows; else 240 S H more, and 16 K for each open matrix. Three small all-reduces, and one or
// two for each run of matrices that are open. No copy, no allocation by attnscope.
//
// Errors, on every rank alike: kInvalidArgument if the configurations differ, naming the field; the accumulator is then
// unchanged. kIoError with MPI's message if `comm` returns errors (MPI's default is to end the job); the accumulator
// then holds nothing useful. Thread safety: that of LayerAccumulator and of MPI.
[[nodiscard]] inline Status AllReduce(LayerAccumulator& layer, MPI_Comm comm) {
  const OpenParts parts = layer.open_parts();
  const std::span<double> sums = layer.sums();
  const std::span<double> maxima = layer.maxima();
  // Rows wait for EndSequence if their sums, which stand behind the closed ones, are not zero.
  const std::span<const double> open_rows = sums.first(parts.columns).subspan(layer.closed_sums());
  bool is_open = std::any_of(open_rows.begin(), open_rows.end(), [](double sum) { return sum != 0.0; });
  Status status = mpi_internal::Agree(layer, &is_open, comm);
  if (!status.ok()) return status;
  status = mpi_internal::Reduce(is_open ? maxima : maxima.first(layer.closed_maxima()), MPI_MAX, comm);
  if (status.ok()) {
    status = mpi_internal::Reduce(sums.first(is_open ? parts.columns : layer.closed_sums()), MPI_SUM, comm);
  }
  if (!is_open || parts.keys == 0) return status;
  // Matrices that no rank has open, whose keys are zero now on all of them, are passed over.
  const std::span<const double> open_keys = maxima.subspan(parts.matrix_keys, parts.matrices);
  for (size_t first = 0; first < parts.matrices && status.ok();) {
    size_t last = first;
    while (last < parts.matrices && open_keys[last] > 0.0) ++last;
    for (const size_t columns : {parts.columns, parts.partial_columns}) {
      if (first == last || !status.ok()) break;
      status =
          mpi_internal::Reduce(sums.subspan(columns + first * parts.keys, (last - first) * parts.keys), MPI_SUM, comm);
    }
    first = last + 1;
  }
  return status;
}

}  // namespace attnscope

#endif  // ATTNSCOPE_MPI_H_
