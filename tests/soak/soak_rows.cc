// SPDX-License-Identifier: Apache-2.0
//
// `soak_rows ROWS`: feeds one accumulator that many rows, 10^6 in each matrix as the contract has it for column sums,
// and compares its means with the exact ones: no drift, no lost row, flat memory.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/soak/flat_memory.h"
#include "tests/support/oracle.h"
#include "tests/support/row_inputs.h"

namespace attnscope::test {
namespace {

constexpr size_t kHeads = 2;
constexpr size_t kKeys = 48;
constexpr size_t kBankRows = 4096;  // different rows, of which calls take stretches
constexpr size_t kMostCallRows = 1024;
constexpr size_t kMatrixRows = 1'000'000;
constexpr double kBound = 1e-6;

// Rows that repeat, and how often each was fed: so that any number of rows has exact sums.
class RowBank {
 public:
  RowBank() : rows_(SoftmaxRows(5, kHeads * kBankRows, kKeys, 3.0)), times_(kBankRows), times_of_matrix_(kBankRows) {
    Random random(3);
    for (size_t row = 0; row < kHeads * kBankRows; ++row) {
      float* const weights = rows_.data() + row * kKeys;
      const size_t fate = random.Below(100);
      if (fate == 0) weights[random.Below(kKeys)] = std::nanf("");
      if (fate == 1) weights[random.Below(kKeys)] = -1.0f;
      if (fate == 2) std::fill(weights, weights + kKeys, 0.0f);
      const std::vector<long double> exact(weights, weights + kKeys);
      exact_.push_back(ExactRowOf(exact));
    }
  }

  // `count` rows of each head from `first` on, [1, heads, count, keys].
  AttentionView Take(size_t first, size_t count) {
    for (size_t row = first; row < first + count; ++row) {
      times_[row] += 1;
      times_of_matrix_[row] += 1;
    }
    AttentionView view =
        ContiguousAttention(rows_.data() + first * kKeys, ElementType::kFloat32, 1, kHeads, count, kKeys);
    view.head_stride = static_cast<int64_t>(kBankRows * kKeys);
    return view;
  }

  // The matrices of all heads, whose rows were those taken since the last call, as one row each.
  void EndMatrices(std::vector<ExactMatrix>* out) {
    for (size_t head = 0; head < kHeads; ++head) {
      ExactMatrix matrix;
      matrix.columns.resize(kKeys);
      long double measured = 0.0L;
      for (size_t row = 0; row < kBankRows; ++row) {
        const auto times = static_cast<long double>(times_of_matrix_[row]);
        const size_t of_head = head * kBankRows + row;
        if (exact_[of_head].measured()) measured += times;
        if (exact_[of_head].invalid) continue;
        for (size_t key = 0; key < kKeys; ++key) {
          matrix.columns[key] += times * static_cast<long double>(rows_[of_head * kKeys + key]);
        }
      }
      // Columns per measured row, with one row: ExactMetrics then has them as the sink's mass.
      for (long double& column : matrix.columns) column /= measured;
      matrix.rows.push_back({.visible = kKeys, .sum = 1.0L, .max = 1.0L});
      measured_.push_back(measured);
      out->push_back(matrix);
    }
    std::fill(times_of_matrix_.begin(), times_of_matrix_.end(), 0);
  }

  // Mean of a value over all measured rows, each as often as it was taken.
  template <typename Value>
  double Mean(const Value& value) const {
    long double sum = 0.0L;
    long double count = 0.0L;
    for (size_t row = 0; row < exact_.size(); ++row) {
      if (!exact_[row].measured()) continue;
      sum += static_cast<long double>(times_[row % kBankRows]) * value(exact_[row]);
      count += static_cast<long double>(times_[row % kBankRows]);
    }
    return static_cast<double>(sum / count);
  }

  template <typename Condition>
  uint64_t Count(const Condition& condition) const {
    uint64_t count = 0;
    for (size_t row = 0; row < exact_.size(); ++row) count += condition(exact_[row]) ? times_[row % kBankRows] : 0;
    return count;
  }

  // Of matrices: mean of the largest column sum.
  double MeanOfLargestColumns(const std::vector<ExactMatrix>& matrices) const {
    long double sum = 0.0L;
    for (size_t i = 0; i < matrices.size(); ++i) {
      sum += measured_[i] * *std::max_element(matrices[i].columns.begin(), matrices[i].columns.end());
    }
    return static_cast<double>(sum / static_cast<long double>(matrices.size()));
  }

 private:
  std::vector<float> rows_;      // [heads, bank rows, keys]
  std::vector<ExactRow> exact_;  // [heads, bank rows]
  std::vector<uint64_t> times_;  // [bank rows]
  std::vector<uint64_t> times_of_matrix_;
  std::vector<long double> measured_;  // rows of each matrix
};

bool ExpectNear(const char* name, double actual, double exact) {
  const double drift = std::abs(actual - exact) / exact;
  const bool good = drift <= kBound;
  std::printf("  %-20s %.1e%s\n", name, drift, good ? "" : " BEYOND");
  return good;
}

bool CheckStats(const MetricValues& stats, const RowBank& bank, const std::vector<ExactMatrix>& matrices) {
  const MetricValues columns = ExactMetrics(matrices, 1e-3);
  std::printf("relative difference of the layer's means from the oracle, at most %.0e allowed:\n", kBound);
  bool good = true;
  const auto check = [&](Metric metric, double exact) {
    good = ExpectNear(std::string(InfoOf(metric).name).c_str(), stats[metric], exact) && good;
  };
  check(Metric::kEntropy, bank.Mean([](const ExactRow& row) { return row.entropy; }));
  check(Metric::kEffectiveRank, bank.Mean([](const ExactRow& row) { return row.effective_rank(); }));
  check(Metric::kTop5, bank.Mean([](const ExactRow& row) { return row.top5; }));
  check(Metric::kTop10, bank.Mean([](const ExactRow& row) { return row.top10; }));
  check(Metric::kTop50, bank.Mean([](const ExactRow& row) { return row.top50; }));
  check(Metric::kMaxRowWeight, bank.Mean([](const ExactRow& row) { return row.max; }));
  check(Metric::kNormalizedEntropy, bank.Mean([](const ExactRow& row) { return row.normalized_entropy(); }));
  check(Metric::kColEntropy, columns[Metric::kColEntropy]);
  check(Metric::kSinkMass, columns[Metric::kSinkMass]);
  check(Metric::kFirstTokenMass, columns[Metric::kFirstTokenMass]);
  check(Metric::kMaxColSum, bank.MeanOfLargestColumns(matrices));
  return good;
}

bool CheckCounts(const MetricValues& stats, const RowBank& bank) {
  const auto rows = static_cast<uint64_t>(stats[Metric::kRows]);
  const auto invalid = static_cast<uint64_t>(stats[Metric::kInvalidRows]);
  const auto empty = static_cast<uint64_t>(stats[Metric::kEmptyRows] + stats[Metric::kMaskedRows]);
  const uint64_t fed = bank.Count([](const ExactRow&) { return true; });
  std::printf("rows in: %zu; stats: %zu measured + %zu invalid + %zu empty = %zu\n", static_cast<size_t>(fed),
              static_cast<size_t>(rows - invalid - empty), static_cast<size_t>(invalid), static_cast<size_t>(empty),
              static_cast<size_t>(rows));
  return rows == fed && invalid == bank.Count([](const ExactRow& row) { return row.invalid; }) &&
         empty == bank.Count([](const ExactRow& row) { return !row.invalid && (row.empty || row.masked); });
}

bool Run(size_t rows) {
  RowBank bank;
  LayerAccumulator layer;
  Status status = LayerAccumulator::Create({.heads = kHeads, .max_keys = kKeys}, &layer);
  std::vector<ExactMatrix> matrices;
  FlatMemory memory;
  Random random(9);
  size_t calls = 0;
  for (size_t done = 0; done < rows && status.ok();) {
    const size_t matrix_end = std::min(rows, done + kHeads * kMatrixRows);
    while (done < matrix_end && status.ok()) {
      const size_t count = std::min(1 + random.Below(kMostCallRows), (matrix_end - done + kHeads - 1) / kHeads);
      status = layer.AddWeights(bank.Take(random.Below(kBankRows - count + 1), count));
      done += kHeads * count;
      if (calls++ % 64 == 0) memory.Sample(done > rows / 5);
    }
    layer.EndSequence();
    bank.EndMatrices(&matrices);
  }
  if (!status.ok()) std::printf("FAILED: %s\n", status.message().c_str());
  const MetricValues stats = layer.Stats().layer;
  const bool counted = CheckCounts(stats, bank);
  const bool near = CheckStats(stats, bank, matrices);
  return memory.Check() && counted && near && status.ok();
}

}  // namespace
}  // namespace attnscope::test

int main(int argc, char** argv) {
  const int64_t rows = argc == 2 ? std::atol(argv[1]) : 0;
  if (rows < 1000) {
    std::fprintf(stderr, "usage: soak_rows ROWS (at least 1000)\n");
    return 2;
  }
  return attnscope::test::Run(static_cast<size_t>(rows)) ? 0 : 1;
}
