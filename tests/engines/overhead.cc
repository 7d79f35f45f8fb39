// SPDX-License-Identifier: Apache-2.0
//
// What measuring costs inside llama.cpp: CPU time of the process beside the time inside attnscope, medians of runs that
// take turns, flash attention on, one thread. Usage: overhead MODEL.gguf [RUNS]. Prints a Markdown table.
#include <attnscope/llama.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

namespace {

using attnscope::AttentionMonitor;
using attnscope::LlamaProbe;
using attnscope::MonitorConfig;

double ProcessSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Work {
  const char* name;
  int past;    // tokens in the cache before
  int tokens;  // of each call
  int calls;
};

// The time that the probe's callback takes.
struct Clocked {
  ggml_backend_sched_eval_callback callback = nullptr;
  void* opaque = nullptr;
  double seconds = 0.0;

  static bool OnNode(ggml_tensor* node, bool ask, void* self) {
    Clocked& clocked = *static_cast<Clocked*>(self);
    const double begin = ProcessSeconds();
    const bool result = clocked.callback(node, ask, clocked.opaque);
    if (!ask) clocked.seconds += ProcessSeconds() - begin;
    return result;
  }
};

struct Times {
  std::vector<double> process, inside;
};

// One turn: every_steps 0 runs without attnscope.
bool RunOnce(llama_model* model, const Work& work, uint64_t every_steps, Times* times) {
  MonitorConfig config = {.layers = static_cast<size_t>(llama_model_n_layer(model))};
  config.layer = {.heads = static_cast<size_t>(llama_model_n_head(model)), .max_keys = 8192};
  config.every_steps = std::max<uint64_t>(every_steps, 1);
  config.window_steps = 0;
  AttentionMonitor monitor;
  if (!AttentionMonitor::Create(config, &monitor).ok() || !monitor.Reserve().ok()) return false;
  LlamaProbe probe(&monitor);
  Clocked clocked;
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<uint32_t>(work.past + work.tokens * work.calls + 8);
  params.n_batch = 4096;
  params.n_threads = params.n_threads_batch = 1;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
  if (every_steps != 0) {
    probe.Attach(&params);
    clocked = {params.cb_eval, params.cb_eval_user_data};
    params.cb_eval = &Clocked::OnNode;
    params.cb_eval_user_data = &clocked;
  }
  const std::unique_ptr<llama_context, decltype(&llama_free)> context(llama_init_from_model(model, params),
                                                                      &llama_free);
  std::vector<llama_token> tokens(static_cast<size_t>(std::max(work.past, work.tokens)));
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<llama_token>(i * 31 % 1000);
  const auto decode = [&](int count) {
    const llama_batch batch = llama_batch_get_one(tokens.data(), count);
    return (every_steps == 0 ? llama_decode(context.get(), batch) : probe.Decode(context.get(), batch)) == 0 &&
           (every_steps == 0 || probe.EndStep().ok());
  };
  if (work.past > 0 && !decode(work.past)) return false;
  clocked.seconds = 0.0;
  const double begin = ProcessSeconds();
  for (int i = 0; i < work.calls; ++i) {
    if (!decode(work.tokens)) return false;
  }
  llama_synchronize(context.get());
  times->process.push_back(ProcessSeconds() - begin);
  times->inside.push_back(clocked.seconds);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const int runs = argc > 2 ? std::atoi(argv[2]) : 7;
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  ggml_backend_load_all();
  llama_model* const model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (model == nullptr) return 1;
  std::printf("| work | sampled | engine, ms | with attnscope, ms | more, of process time | inside attnscope |\n");
  std::printf("|---|---|---|---|---|---|\n");
  for (const Work& work : {Work{"decode at 128 keys", 112, 1, 32}, Work{"decode at 4096 keys", 4080, 1, 32},
                           Work{"prefill of 512", 0, 512, 1}, Work{"prefill of 2048", 0, 2048, 1}}) {
    const bool decodes = work.tokens == 1;
    std::vector<uint64_t> every = {0, 1};
    if (decodes) every.push_back(16);
    std::vector<Times> times(every.size());
    for (int run = 0; run < runs; ++run) {
      for (size_t i = 0; i < every.size(); ++i) {
        if (!RunOnce(model, work, every[i], &times[i])) return 1;
      }
    }
    const double engine = Median(times[0].process);
    for (size_t i = 1; i < every.size(); ++i) {
      std::vector<double> more;
      for (size_t run = 0; run < times[i].process.size(); ++run) {
        more.push_back(times[i].process[run] / times[0].process[run] - 1.0);
      }
      std::printf("| %s | every %d. step | %.2f | %.2f | %+.2f %% | %.2f %% |\n", work.name, static_cast<int>(every[i]),
                  1e3 * engine, 1e3 * Median(times[i].process), 100.0 * Median(more),
                  100.0 * Median(times[i].inside) / engine);
      std::fflush(stdout);
    }
  }
  llama_model_free(model);
  return 0;
}
