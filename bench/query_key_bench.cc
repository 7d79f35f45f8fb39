// SPDX-License-Identifier: Apache-2.0
//
// The whole diagnosis from queries and keys beside what OpenBLAS needs for their product alone, in turns, one thread,
// float32, one head of n queries and n keys. Counters are medians:
//
//   over_sgemm     time of the diagnosis over that of sgemm
//   of_full        time under a causal mask over the time without
//   of_causal      time under a causal mask with a window of 1024 keys over the time without the window
//   speedup        time of one thread over that of two
//   sgemm_flops    of sgemm, multiplications and additions; flops: of the diagnosis, counting only those of the product
//
// Names: <what>/<head size>/<n>. `latent` is the absorbed form of latent attention (DeepSeek): 128 query heads of 576,
// one head of keys whose rows stand 640 apart, a chunk of n queries beside 2048 keys.
#include <benchmark/benchmark.h>
#include <cblas.h>
#include <unistd.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/thread_runner.h"
#include "bench/inputs.h"
#include "bench/interleaved.h"
#include "bench/paired.h"

namespace attnscope::bench {
namespace {

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(1);
}

// Queries and keys of one head whose logits, scaled by 1 / sqrt(head_dim), have about the standard deviation of
// attention that is neither uniform nor collapsed.
class Head {
 public:
  Head(size_t tokens, size_t head_dim)
      : tokens_(tokens),
        head_dim_(head_dim),
        queries_(GaussianFloats(1, tokens * head_dim)),
        keys_(GaussianFloats(2, tokens * head_dim)) {
    Check(LayerAccumulator::Create({.heads = 1, .max_keys = tokens}, &layer_));
    Check(ThreadRunner::Create(2, &threads_));
  }

  // All metrics; ends the sequence.
  void Diagnose(bool causal, bool two_threads, int64_t window = 0) {
    const QueryKeyView view =
        ContiguousQueryKey(queries_.data(), keys_.data(), ElementType::kFloat32, 1, 1, 1, tokens_, tokens_, head_dim_);
    SoftmaxParams params;
    params.mask.causal = causal;
    params.mask.window = window;
    Check(layer_.AddQueriesKeys(view, params, two_threads ? threads_.runner() : Runner()));
    layer_.EndSequence();
  }

  void Multiply() {
    products_.resize(tokens_ * tokens_);
    const auto n = static_cast<blasint>(tokens_);
    const auto d = static_cast<blasint>(head_dim_);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, d, 1.0f, queries_.data(), d, keys_.data(), d, 0.0f,
                products_.data(), n);
    benchmark::DoNotOptimize(products_.data());
  }

  double flops() const { return 2.0 * static_cast<double>(tokens_ * tokens_ * head_dim_); }

 private:
  size_t tokens_;
  size_t head_dim_;
  std::vector<float> queries_;
  std::vector<float> keys_;
  std::vector<float> products_;
  LayerAccumulator layer_;
  ThreadRunner threads_;
};

void RunTurns(benchmark::State& state, Interleaved& turns) {
  turns.Turn();
  for (auto _ : state) state.SetIterationTime(turns.Turn());
}

void AgainstSgemm(benchmark::State& state, size_t head_dim, size_t tokens) {
  Head head(tokens, head_dim);
  Interleaved turns({[&] { head.Diagnose(false, false); }, [&] { head.Multiply(); }});
  RunTurns(state, turns);
  state.counters["over_sgemm"] = turns.Median(0) / turns.Median(1);
  state.counters["flops"] = head.flops() / turns.Median(0);
  state.counters["sgemm_flops"] = head.flops() / turns.Median(1);
}

void Causal(benchmark::State& state, size_t head_dim, size_t tokens) {
  Head head(tokens, head_dim);
  Interleaved turns({[&] { head.Diagnose(true, false); }, [&] { head.Diagnose(false, false); }});
  RunTurns(state, turns);
  state.counters["of_full"] = turns.Median(0) / turns.Median(1);
}

void Window(benchmark::State& state, size_t head_dim, size_t tokens) {
  Head head(tokens, head_dim);
  Interleaved turns({[&] { head.Diagnose(true, false, 1024); }, [&] { head.Diagnose(true, false); }});
  RunTurns(state, turns);
  state.counters["of_causal"] = turns.Median(0) / turns.Median(1);
}

void Latent(benchmark::State& state, size_t queries) {
  constexpr size_t kHeads = 128, kHeadDim = 576, kKeys = 2048, kKeyStride = 640;
  const std::vector<float> query_data = GaussianFloats(1, kHeads * queries * kHeadDim);
  const std::vector<float> key_data = GaussianFloats(2, kKeys * kKeyStride);
  std::vector<float> products(kHeads * queries * kKeys);
  LayerAccumulator layer;
  Check(LayerAccumulator::Create({.heads = kHeads, .max_keys = kKeys}, &layer));
  QueryKeyView view = ContiguousQueryKey(query_data.data(), key_data.data(), ElementType::kFloat32, 1, kHeads, 1,
                                         queries, kKeys, kHeadDim);
  view.key_stride = static_cast<int64_t>(kKeyStride);
  const auto multiply = [&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<blasint>(kHeads * queries),
                static_cast<blasint>(kKeys), static_cast<blasint>(kHeadDim), 1.0f, query_data.data(),
                static_cast<blasint>(kHeadDim), key_data.data(), static_cast<blasint>(kKeyStride), 0.0f,
                products.data(), static_cast<blasint>(kKeys));
    benchmark::DoNotOptimize(products.data());
  };
  // Chunk after chunk of one sequence.
  Interleaved turns({[&] { Check(layer.AddQueriesKeys(view)); }, multiply});
  RunTurns(state, turns);
  state.counters["over_sgemm"] = turns.Median(0) / turns.Median(1);
}

void TwoThreads(benchmark::State& state, size_t head_dim, size_t tokens) {
  Head head(tokens, head_dim);
  Interleaved turns({[&] { head.Diagnose(false, true); }, [&] { head.Diagnose(false, false); }});
  RunTurns(state, turns);
  state.counters["speedup"] = turns.Median(1) / turns.Median(0);
}

void RegisterAll() {
  for (const size_t tokens : {size_t{4096}, size_t{16384}}) {
    const std::string name = "query_key_window/128/" + std::to_string(tokens);
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { Window(state, 128, tokens); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  }
  for (const size_t queries : {size_t{1}, size_t{16}}) {
    const std::string name = "query_key_latent/576/" + std::to_string(queries);
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { Latent(state, queries); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  }
  const struct {
    const char* name;
    void (*run)(benchmark::State& state, size_t head_dim, size_t tokens);
  } kinds[] = {{"query_key", AgainstSgemm}, {"query_key_causal", Causal}, {"query_key_two_threads", TwoThreads}};
  for (const auto& kind : kinds) {
    for (const size_t head_dim : {size_t{64}, size_t{128}}) {
      for (const size_t tokens : {size_t{512}, size_t{2048}, size_t{8192}}) {
        const std::string name = std::string(kind.name) + "/" + std::to_string(head_dim) + "/" + std::to_string(tokens);
        benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { kind.run(state, head_dim, tokens); })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
}

// OpenBLAS reads these before main; they would have it run another CPU's kernel.
void RestartWithoutOpenBlasSettings(char** argv) {
  bool found = false;
  for (const char* name : {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_VERBOSE"}) {
    found |= std::getenv(name) != nullptr;
    unsetenv(name);
  }
  if (found) execv("/proc/self/exe", argv);
}

}  // namespace
}  // namespace attnscope::bench

int main(int argc, char** argv) {
  attnscope::bench::RestartWithoutOpenBlasSettings(argv);
  openblas_set_num_threads(1);
  benchmark::AddCustomContext("openblas", openblas_get_config());
  benchmark::AddCustomContext("openblas_kernel", openblas_get_corename());
  attnscope::bench::RegisterAll();
  return attnscope::bench::RunBenchmarks(argc, argv);
}
