// SPDX-License-Identifier: Apache-2.0
//
// attnscope/kernels.h beside the plain read, the naive loop, the standard library, Eigen and Highway's VQSort: on the
// same float32 rows, one thread, in turns within this process. Prints a table of medians.
//
//   kernels_bench [--turns N] [FILTER]     only rows of the table whose kernel contains FILTER
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/kernels.h"
#include "attnscope/target.h"
#include "bench/inputs.h"
#include "bench/interleaved.h"
#include "bench/kernel_peers.h"
#include "bench/references.h"

namespace attnscope::bench {
namespace {

// Rows that are measured in one turn, and again in the next: others each time where they fit a cache, lest branch
// predictors learn them by heart.
struct Place {
  const char* name;
  size_t bytes;
  size_t repeats;  // of a turn's work, as it is short
};
constexpr Place kL1 = {"L1", size_t{24} << 10, 8};
constexpr Place kL2 = {"L2", size_t{384} << 10, 1};
constexpr Place kMemory = {"memory", size_t{96} << 20, 1};

struct Case {
  const char* kernel;
  size_t columns;
  Place place;
  bool logits = false;
  std::vector<std::pair<const char*, std::function<void(const FloatRows&)>>> work = {};  // attnscope's first
};

template <typename T>
void Keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "kernels_bench: %s\n", status.message().c_str());
  std::exit(2);
}

kernels::Rows RowsOf(const FloatRows& rows) {
  return kernels::ContiguousRows(rows.data, ElementType::kFloat32, rows.rows, rows.columns);
}

// All memory that kernels write to.
struct Outputs {
  std::vector<double> of_rows = std::vector<double>(size_t{1} << 20);
  std::vector<double> of_columns = std::vector<double>(size_t{1} << 20);
  std::vector<float> values = std::vector<float>(size_t{1} << 20);
  std::vector<uint32_t> indices = std::vector<uint32_t>(size_t{1} << 20);
  std::vector<char> workspace = std::vector<char>(kernels::MeasureRowsBytes(size_t{1} << 20));
};

class Bench {
 public:
  explicit Bench(size_t turns, std::string_view filter) : turns_(turns), filter_(filter) {}

  void Run(Case one) {
    if (std::string_view(one.kernel).find(filter_) == std::string_view::npos) return;
    constexpr size_t kBytes = size_t{96} << 20;
    const AttentionRows weights(RowKind::kSoftmax1, ElementType::kFloat32, kBytes / 4 / one.columns, one.columns);
    std::vector<float> logits;
    if (one.logits) logits = GaussianFloats(1, weights.rows() * one.columns);
    const float* data = one.logits ? logits.data() : static_cast<const float*>(weights.Row(0));
    const size_t rows = std::max<size_t>(1, one.place.bytes / 4 / one.columns);
    FloatRows chunk = {data, rows, one.columns};
    std::vector<std::function<void()>> work;
    // Brings the rows into their cache, untimed as far as the table goes.
    work.push_back([&] { Keep(ReadAll(chunk.data, ElementType::kFloat32, rows * one.columns)); });
    work.push_back([&] {
      for (size_t i = 0; i < one.place.repeats; ++i)
        Keep(ReadAll(chunk.data, ElementType::kFloat32, rows * one.columns));
    });
    for (const auto& named : one.work) {
      work.push_back([&, run = named.second] {
        for (size_t i = 0; i < one.place.repeats; ++i) run(chunk);
      });
    }
    Interleaved interleaved(work);
    const size_t turns = one.place.bytes == kMemory.bytes ? std::max<size_t>(3, turns_ / 10) : turns_;
    for (size_t turn = 0; turn < turns; ++turn) {
      interleaved.Turn();
      const size_t next = static_cast<size_t>(chunk.data - data) / one.columns + rows;
      chunk.data = next + rows <= weights.rows() ? data + next * one.columns : data;
    }
    Print(one, rows, interleaved);
  }

 private:
  void Print(const Case& one, size_t rows, const Interleaved& interleaved) const {
    const double ours = interleaved.Median(2) / static_cast<double>(one.place.repeats);
    const double bytes = static_cast<double>(rows * one.columns * 4);
    std::printf("| `%s` | %zu | %s | %.1f | %.3f | %.2f |", one.kernel, one.columns, one.place.name, bytes / ours / 1e9,
                ours / static_cast<double>(rows) * 1e6, interleaved.Median(1) / interleaved.Median(2));
    std::string sep = " ";
    for (size_t i = 1; i < one.work.size(); ++i) {
      std::printf("%s%s %.1f", sep.c_str(), one.work[i].first, interleaved.Median(i + 2) / interleaved.Median(2));
      sep = ", ";
    }
    std::printf(" |\n");
    std::fflush(stdout);
  }

  size_t turns_;
  std::string_view filter_;
};

void AddPeer(bool have, const char* name, std::function<void(const FloatRows&)> run, Case* one) {
  if (have) one->work.emplace_back(name, std::move(run));
}

void RunRows(Bench& bench, size_t columns, Place place, Outputs& out, PeerScratch* scratch) {
  Case entropy = {"RowEntropy", columns, place};
  AddPeer(
      true, "", [&](const FloatRows& r) { Check(kernels::RowEntropy(RowsOf(r), out.of_rows.data())); }, &entropy);
  AddPeer(
      true, "naive", [](const FloatRows& r) { Keep(NaiveEntropy(r)); }, &entropy);
  AddPeer(
      HaveEigen(), "Eigen", [](const FloatRows& r) { Keep(EigenEntropy(r)); }, &entropy);
  bench.Run(entropy);

  Case exponential = {"RowExpEntropy", columns, place};
  AddPeer(
      true, "", [&](const FloatRows& r) { Check(kernels::RowExpEntropy(RowsOf(r), out.of_rows.data())); },
      &exponential);
  AddPeer(
      true, "naive", [](const FloatRows& r) { Keep(NaiveEntropy(r)); }, &exponential);
  AddPeer(
      HaveEigen(), "Eigen", [](const FloatRows& r) { Keep(EigenEntropy(r)); }, &exponential);
  bench.Run(exponential);

  Case max = {"RowMax", columns, place};
  AddPeer(
      true, "", [&](const FloatRows& r) { Check(kernels::RowMax(RowsOf(r), out.of_rows.data())); }, &max);
  AddPeer(
      true, "naive", [](const FloatRows& r) { Keep(NaiveMax(r)); }, &max);
  AddPeer(
      HaveEigen(), "Eigen", [](const FloatRows& r) { Keep(EigenMax(r)); }, &max);
  bench.Run(max);

  for (const size_t k : {size_t{5}, size_t{50}, size_t{64}, size_t{128}, size_t{256}, size_t{1024}}) {
    if (2 * k > columns) continue;
    const std::string mass_name = "TopKMass(" + std::to_string(k) + ")";
    Case mass = {mass_name.c_str(), columns, place};
    AddPeer(
        true, "", [&, k](const FloatRows& r) { Check(kernels::TopKMass(RowsOf(r), k, out.of_rows.data())); }, &mass);
    AddPeer(
        true, "nth_element", [=](const FloatRows& r) { Keep(NthElementMass(r, k, scratch)); }, &mass);
    AddPeer(
        HaveVqsort(), "VQSort", [=](const FloatRows& r) { Keep(VqsortMass(r, k, scratch)); }, &mass);
    bench.Run(mass);
    const std::string top_name = "TopK(" + std::to_string(k) + ")";
    Case top = {top_name.c_str(), columns, place};
    AddPeer(
        true, "",
        [&, k](const FloatRows& r) {
          for (size_t row = 0; row < r.rows; ++row) {
            const FloatRows one = {r.Row(row), 1, r.columns};
            Check(kernels::TopK(RowsOf(one), k, out.values.data(), out.indices.data()));
          }
        },
        &top);
    AddPeer(
        true, "partial_sort", [=](const FloatRows& r) { Keep(PartialSortTop(r, k, scratch)); }, &top);
    bench.Run(top);
  }
}

// All in one pass with a mass beyond the list of the sweep: beside the pass without it, and beside that and a selection
// by std::nth_element. What the mass costs is the difference of the first two, and of the last two its peer's.
void RunMoreMasses(Bench& bench, size_t columns, Place place, uint32_t k, Outputs& out, PeerScratch* scratch) {
  const auto measure = [&](const FloatRows& r, const TopKValues& top_k) {
    kernels::RowMeasures measures = {
        .entropy_nats = out.of_rows.data(), .top_k = top_k, .column_sums = out.of_columns.data()};
    for (size_t i = 0; i < top_k.size(); ++i) measures.top_mass[i] = out.of_rows.data() + (i + 1) * r.rows;
    Check(kernels::MeasureRows(RowsOf(r), out.workspace.data(), out.workspace.size(), measures));
  };
  const std::string name = "MeasureRows, top " + std::to_string(k);
  Case more = {name.c_str(), columns, place};
  AddPeer(
      true, "",
      [&measure, k](const FloatRows& r) {
        measure(r, {50, k});
      },
      &more);
  AddPeer(
      true, "without", [&measure](const FloatRows& r) { measure(r, {50}); }, &more);
  AddPeer(
      true, "without, and nth_element",
      [&measure, k, scratch](const FloatRows& r) {
        measure(r, {50});
        Keep(NthElementMass(r, k, scratch));
      },
      &more);
  bench.Run(more);
}

// Entropies, maxima, the mass of the 50 largest and column sums in one pass, beside a pass for each.
void RunTogether(Bench& bench, size_t columns, Place place, Outputs& out, PeerScratch* scratch) {
  Case all = {"MeasureRows", columns, place};
  AddPeer(
      true, "",
      [&](const FloatRows& r) {
        const kernels::RowMeasures measures = {.entropy_nats = out.of_rows.data(),
                                               .top_k = {50},
                                               .top_mass = {out.of_rows.data() + r.rows},
                                               .column_sums = out.of_columns.data()};
        Check(kernels::MeasureRows(RowsOf(r), out.workspace.data(), out.workspace.size(), measures));
      },
      &all);
  AddPeer(
      true, "one after the other",
      [&](const FloatRows& r) {
        Check(kernels::RowEntropy(RowsOf(r), out.of_rows.data()));
        Check(kernels::RowMax(RowsOf(r), out.of_rows.data()));
        Check(kernels::TopKMass(RowsOf(r), 50, out.of_rows.data()));
        Check(kernels::ColumnSums(RowsOf(r), out.of_columns.data()));
      },
      &all);
  AddPeer(
      true, "naive",
      [=](const FloatRows& r) {
        for (size_t row = 0; row < r.rows; ++row) {
          Keep(MeasureRowNaively(r.Row(row), r.columns, scratch->sums.data(), scratch->floats.data()));
        }
      },
      &all);
  bench.Run(all);
}

void RunColumns(Bench& bench, size_t columns, Place place, Outputs& out, PeerScratch* scratch) {
  Case sums = {"ColumnSums", columns, place};
  AddPeer(
      true, "", [&](const FloatRows& r) { Check(kernels::ColumnSums(RowsOf(r), out.of_columns.data())); }, &sums);
  AddPeer(
      true, "naive", [=](const FloatRows& r) { NaiveColumnSums(r, scratch); }, &sums);
  AddPeer(
      HaveEigen(), "Eigen", [=](const FloatRows& r) { EigenColumnSums(r, scratch); }, &sums);
  bench.Run(sums);

  Case max = {"ColumnMax", columns, place};
  AddPeer(
      true, "", [&](const FloatRows& r) { Check(kernels::ColumnMax(RowsOf(r), out.of_columns.data())); }, &max);
  AddPeer(
      true, "naive", [=](const FloatRows& r) { NaiveColumnMax(r, scratch); }, &max);
  AddPeer(
      HaveEigen(), "Eigen", [=](const FloatRows& r) { EigenColumnMax(r, scratch); }, &max);
  bench.Run(max);

  for (const uint32_t k : {128U, 256U, 1024U}) {
    if (2 * k <= columns) RunMoreMasses(bench, columns, place, k, out, scratch);
  }
}

void RunSquares(Bench& bench, size_t columns, Place place, Outputs& out) {
  Case norm = {"SquaredNorm", columns, place};
  AddPeer(
      true, "", [&](const FloatRows& r) { Check(kernels::SquaredNorm(RowsOf(r), out.of_rows.data())); }, &norm);
  AddPeer(
      true, "naive", [](const FloatRows& r) { Keep(NaiveSquares(r)); }, &norm);
  AddPeer(
      HaveEigen(), "Eigen", [](const FloatRows& r) { Keep(EigenSquares(r)); }, &norm);
  bench.Run(norm);

  // From the first half of the rows to the second.
  const auto halves = [](const FloatRows& r, auto&& run) {
    const size_t rows = r.rows / 2;
    run(FloatRows{r.data, rows, r.columns}, FloatRows{r.Row(rows), rows, r.columns});
  };
  Case distance = {"SquaredDistance", columns, place};
  AddPeer(
      true, "",
      [&](const FloatRows& r) {
        halves(r, [&](const FloatRows& from, const FloatRows& to) {
          Check(kernels::SquaredDistance(RowsOf(from), RowsOf(to), out.of_rows.data()));
        });
      },
      &distance);
  AddPeer(
      true, "naive",
      [&](const FloatRows& r) {
        halves(r, [](const FloatRows& from, const FloatRows& to) { Keep(NaiveDistances(from, to)); });
      },
      &distance);
  AddPeer(
      HaveEigen(), "Eigen",
      [&](const FloatRows& r) {
        halves(r, [](const FloatRows& from, const FloatRows& to) { Keep(EigenDistances(from, to)); });
      },
      &distance);
  bench.Run(distance);
}

void RunSoftmax(Bench& bench, size_t columns, Place place, size_t k, Outputs& out, PeerScratch* scratch) {
  const std::string name = k == 0 ? "SoftmaxEntropy" : "SoftmaxEntropy, top " + std::to_string(k);
  Case softmax = {name.c_str(), columns, place, true};
  AddPeer(
      true, "",
      [&, k](const FloatRows& r) {
        for (size_t row = 0; row < r.rows; ++row) {
          const FloatRows one = {r.Row(row), 1, r.columns};
          Check(kernels::SoftmaxEntropy(RowsOf(one), 1.0,
                                        {out.of_rows.data(), out.of_columns.data(), k,
                                         k == 0 ? nullptr : out.values.data(), k == 0 ? nullptr : out.indices.data()}));
        }
      },
      &softmax);
  AddPeer(
      true, "naive", [=](const FloatRows& r) { Keep(NaiveSoftmaxEntropy(r, k, scratch)); }, &softmax);
  AddPeer(
      HaveEigen(), "Eigen", [=](const FloatRows& r) { Keep(EigenSoftmaxEntropy(r, k, scratch)); }, &softmax);
  bench.Run(softmax);
}

void RunAll(Bench& bench) {
  Outputs out;
  std::printf("%s; peers%s%s\n\n", std::string(ChosenTarget()).c_str(), HaveEigen() ? ", with Eigen" : "",
              HaveVqsort() ? ", with VQSort" : "");
  std::printf("| kernel | columns | from | GB/s | us a row | of the plain read | times faster than |\n");
  std::printf("|---|---|---|---|---|---|---|\n");
  for (const auto& [columns, place] : {std::pair(size_t{1024}, kL1), {4096, kL2}, {4096, kMemory}}) {
    PeerScratch scratch(columns);
    RunRows(bench, columns, place, out, &scratch);
    RunColumns(bench, columns, place, out, &scratch);
    RunSquares(bench, columns, place, out);
  }
  for (const size_t columns : {size_t{128}, size_t{512}, size_t{1024}, size_t{4096}, size_t{16384}}) {
    PeerScratch scratch(columns);
    for (const Place& place : {kL2, kMemory}) RunTogether(bench, columns, place, out, &scratch);
  }
  for (const auto& [columns, place] : {std::pair(size_t{4096}, kL1), {32000, kL2}, {128256, kL2}, {128256, kMemory}}) {
    PeerScratch scratch(columns);
    RunSoftmax(bench, columns, place, 0, out, &scratch);
    RunSoftmax(bench, columns, place, 50, out, &scratch);
  }
}

}  // namespace
}  // namespace attnscope::bench

int main(int argc, char** argv) {
  size_t turns = 201;
  std::string_view filter;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--turns") == 0 && i + 1 < argc) {
      turns = std::strtoull(argv[++i], nullptr, 10);
    } else {
      filter = argv[i];
    }
  }
  attnscope::bench::Bench bench(turns < 3 ? 3 : turns, filter);
  attnscope::bench::RunAll(bench);
  return 0;
}
