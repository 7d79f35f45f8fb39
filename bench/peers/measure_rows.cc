// SPDX-License-Identifier: Apache-2.0
//
// attnscope's side of bench/peers/compare: maps a file of float32 rows that the script also maps, and for each line
// "first count" on standard input measures those rows, one thread, and answers with one line of numbers: the seconds
// that AddWeights and EndSequence took, then the metrics of kPrinted.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "attnscope/layer_accumulator.h"

namespace attnscope::bench {
namespace {

constexpr Metric kPrinted[] = {Metric::kEntropy, Metric::kEffectiveRank, Metric::kTop5,       Metric::kTop10,
                               Metric::kTop50,   Metric::kMaxRowWeight,  Metric::kColEntropy, Metric::kMaxColSum};

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "measure_rows: %s\n", what);
  std::exit(2);
}

void Check(const Status& status) {
  if (!status.ok()) Fail(status.message().c_str());
}

std::span<const float> MapFile(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (file < 0 || fstat(file, &info) != 0 || info.st_size == 0) Fail("cannot read the file of rows");
  const auto bytes = static_cast<size_t>(info.st_size);
  void* memory = mmap(nullptr, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
  if (memory == MAP_FAILED) Fail("cannot map the file of rows");
  return {static_cast<const float*>(memory), bytes / sizeof(float)};
}

void Answer(std::span<const float> weights, size_t keys, size_t count, LayerAccumulator& layer) {
  using Clock = std::chrono::steady_clock;
  layer.Reset();
  const Clock::time_point start = Clock::now();
  Check(layer.AddWeights(ContiguousAttention(weights.data(), ElementType::kFloat32, 1, 1, count, keys)));
  layer.EndSequence();
  std::printf("%.9g", std::chrono::duration<double>(Clock::now() - start).count());
  const LayerStats stats = layer.Stats();
  for (const Metric metric : kPrinted) std::printf(" %.17g", stats.layer[metric]);
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace
}  // namespace attnscope::bench

int main(int argc, char** argv) {
  using attnscope::LayerAccumulator;
  const size_t keys = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
  if (keys == 0) attnscope::bench::Fail("usage: measure_rows FILE KEYS");
  const std::span<const float> weights = attnscope::bench::MapFile(argv[1]);
  LayerAccumulator layer;
  attnscope::bench::Check(LayerAccumulator::Create({.heads = 1, .max_keys = keys}, &layer));
  size_t first = 0;
  size_t count = 0;
  while (std::scanf("%zu %zu", &first, &count) == 2) {
    const size_t rows = weights.size() / keys;
    if (count > rows || first > rows - count) attnscope::bench::Fail("no such rows");
    attnscope::bench::Answer(weights.subspan(first * keys, count * keys), keys, count, layer);
  }
  return 0;
}
