// SPDX-License-Identifier: Apache-2.0
//
// What measuring costs inside llama.cpp: CPU time of the process beside the time inside attnscope, medians of runs that
// take turns, flash attention on, one thread. Usage: overhead MODEL.gguf [RUNS [PART_OF_A_WORK'S_NAME]]. Prints a
// Markdown table. What is inside is clocked in turns of its own: to ask for the process's time is a system call, and
// two for each node of a graph cost more than the probe. The engine against itself shows what the table cannot tell
// apart from nothing.
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

std::string Percent(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", value);
  return text;
}

struct Work {
  const char* name;
  int past;    // tokens in the cache before
  int tokens;  // of each call
  int calls;
};

constexpr int kThreadsOfPast = 2;

constexpr uint64_t kEngineAlone = 0;
constexpr uint64_t kNever = 1000000;

// How a work is done.
struct Kind {
  uint64_t every_steps = kEngineAlone;
  size_t most_rows = 0;  // of LlamaProbeOptions
  bool is_clocked = false;
};

// One way of doing a work, whose context is kept from turn to turn.
class Turns {
 public:
  Turns(llama_model* model, const Work& work, const Kind& kind)
      : work_(work), kind_(kind), probe_(&monitor_, {.most_rows = kind.most_rows}) {
    MonitorConfig config = {.layers = static_cast<size_t>(llama_model_n_layer(model))};
    config.layer = {.heads = static_cast<size_t>(llama_model_n_head(model)), .max_keys = 8192};
    config.every_steps = std::max<uint64_t>(kind.every_steps, 1);
    config.window_steps = 0;
    if (!AttentionMonitor::Create(config, &monitor_).ok() || !monitor_.Reserve().ok()) std::abort();
    llama_context_params params = llama_context_default_params();
    params.n_ctx = static_cast<uint32_t>(work.past + work.tokens * work.calls + 8);
    params.n_batch = 4096;
    params.n_threads = params.n_threads_batch = 1;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
    if (has_probe()) probe_.Attach(&params);
    if (kind.is_clocked) {
      callback_ = params.cb_eval;
      params.cb_eval = &Turns::OnNode;
      params.cb_eval_user_data = this;
    }
    context_.reset(llama_init_from_model(model, params));
    if (context_ != nullptr) llama_set_n_threads(context_.get(), 1, kThreadsOfPast);
    for (int i = 0; i < std::max(work.past, work.tokens); ++i) tokens_.push_back(i * 31 % 1000);
    if (context_ == nullptr || (work.past > 0 && !Decode(work.past))) std::abort();
    llama_set_n_threads(context_.get(), 1, 1);
  }
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  // A turn from the same past as the one before.
  void Run() {
    llama_memory_seq_rm(llama_get_memory(context_.get()), 0, work_.past, -1);
    if (has_probe() && !probe_.EndSequence(0).ok()) std::abort();
    inside_ = 0.0;
    const double begin = ProcessSeconds();
    for (int i = 0; i < work_.calls; ++i) {
      if (!Decode(work_.tokens)) std::abort();
    }
    llama_synchronize(context_.get());
    seconds_.push_back(kind_.is_clocked ? inside_ : ProcessSeconds() - begin);
  }

  const Kind& kind() const { return kind_; }
  // Of the process; where it is clocked, inside attnscope.
  const std::vector<double>& seconds() const { return seconds_; }

 private:
  bool has_probe() const { return kind_.every_steps != kEngineAlone; }

  bool Decode(int count) {
    const llama_batch batch = llama_batch_get_one(tokens_.data(), count);
    if (!has_probe()) return llama_decode(context_.get(), batch) == 0;
    return probe_.Decode(context_.get(), batch) == 0 && probe_.EndStep().ok();
  }

  // The time that the probe takes at the nodes that it has asked for.
  static bool OnNode(ggml_tensor* node, bool ask, void* self) {
    Turns& turns = *static_cast<Turns*>(self);
    if (ask) return turns.callback_(node, ask, &turns.probe_);
    const double begin = ProcessSeconds();
    const bool result = turns.callback_(node, ask, &turns.probe_);
    turns.inside_ += ProcessSeconds() - begin;
    return result;
  }

  Work work_;
  Kind kind_;
  AttentionMonitor monitor_;
  LlamaProbe probe_;
  ggml_backend_sched_eval_callback callback_ = nullptr;
  std::vector<llama_token> tokens_;
  double inside_ = 0.0;
  std::vector<double> seconds_;
  std::unique_ptr<llama_context, decltype(&llama_free)> context_{nullptr, &llama_free};
};

std::string NameOf(const Kind& kind) {
  if (kind.every_steps == kEngineAlone) return "the engine alone, again";
  if (kind.every_steps == kNever) return "none";
  const std::string steps = kind.every_steps == 1 ? "all" : "every " + std::to_string(kind.every_steps) + "th";
  return kind.most_rows == 0 ? steps : steps + ", " + std::to_string(kind.most_rows) + " rows of a ubatch";
}

// By how much a kind's turns are longer than the engine's of the same rounds, in percent: median and quartiles.
void PrintRow(const Work& work, const Turns& engine, const Turns& turns, const Turns* clocked) {
  std::vector<double> more;
  for (size_t i = 0; i < turns.seconds().size(); ++i) {
    more.push_back(100.0 * (turns.seconds()[i] / engine.seconds()[i] - 1.0));
  }
  std::sort(more.begin(), more.end());
  const std::string inside =
      clocked == nullptr ? "" : Percent(100.0 * Median(clocked->seconds()) / Median(engine.seconds()));
  std::printf("| %s | %s | %.2f | %+.2f | %+.2f to %+.2f | %s |\n", work.name, NameOf(turns.kind()).c_str(),
              1e3 * Median(engine.seconds()), Median(more), more[more.size() / 4],
              more[more.size() - 1 - more.size() / 4], inside.c_str());
  std::fflush(stdout);
}

// All kinds take turns, forwards and backwards, so that what drifts meets all alike.
void Compare(llama_model* model, const Work& work, int runs) {
  std::vector<Kind> kinds = {{kEngineAlone}, {kEngineAlone}, {kNever}, {1}, {1, 0, true}};
  const Kind more = work.tokens == 1 ? Kind{16} : Kind{1, 64};
  kinds.push_back(more);
  kinds.push_back({more.every_steps, more.most_rows, true});
  std::vector<std::unique_ptr<Turns>> turns;
  for (const Kind& kind : kinds) turns.push_back(std::make_unique<Turns>(model, work, kind));
  for (int run = 0; run < runs; ++run) {
    for (size_t i = 0; i < turns.size(); ++i) turns[run % 2 == 0 ? i : turns.size() - 1 - i]->Run();
  }
  for (size_t i = 1; i < turns.size(); ++i) {
    if (kinds[i].is_clocked) continue;
    const bool has_clocked = i + 1 < kinds.size() && kinds[i + 1].is_clocked;
    PrintRow(work, *turns[0], *turns[i], has_clocked ? turns[i + 1].get() : nullptr);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const int runs = argc > 2 ? std::atoi(argv[2]) : 7;
  const std::string part = argc > 3 ? argv[3] : "";
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  ggml_backend_load_all();
  llama_model* const model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (model == nullptr) return 1;
  std::printf("| work | steps sampled | engine, ms | more, %% of process time | quartiles | inside attnscope, %% |\n");
  std::printf("|---|---|---|---|---|---|\n");
  for (const Work& work : {Work{"decode at 128 keys", 112, 1, 32}, Work{"decode at 4096 keys", 4080, 1, 32},
                           Work{"prefill of 512", 0, 512, 1}, Work{"prefill of 2048", 0, 2048, 1}}) {
    if (std::string(work.name).find(part) != std::string::npos) Compare(model, work, runs);
  }
  llama_model_free(model);
  return 0;
}
