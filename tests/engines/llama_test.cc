// SPDX-License-Identifier: Apache-2.0
//
// LlamaProbe inside the real llama.cpp against the truth of the tensors that it used (truth.h). Usage:
// llama_test FOLDER_OF_MODELS [--long] [--gpu] [PART_OF_A_CASE'S_NAME]. Prints a line for each case; exit status 1 if a
// number is wrong, or something that cannot be known is not refused.
#include <attnscope/llama.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "attnscope/thread_runner.h"
#include "tests/engines/compare.h"
#include "tests/engines/truth.h"

namespace attnscope::test {
namespace {

constexpr double kTolerance = 1e-5;
constexpr int kSteps = 8;

enum class Kind { kPlain, kShift, kSecondPrompt, kRollback, kCopy, kEmbedding, kEncoder, kUnknown, kRestored };

struct Case {
  std::string name = {};
  std::string model = {};
  ggml_type keys = GGML_TYPE_F16;
  llama_flash_attn_type flash = LLAMA_FLASH_ATTN_TYPE_AUTO;
  int prompt = 200;
  int ubatch = 512;
  int sequences = 1;
  bool unified = true;
  Kind kind = Kind::kPlain;
  bool direct = false;  // llama_decode, not the probe's
  bool interleaved = false;
  size_t most_rows = 0;  // of LlamaProbeOptions
  size_t threads = 1;
};

// ---- models ----

using Model = std::unique_ptr<llama_model, decltype(&llama_model_free)>;
using Context = std::unique_ptr<llama_context, decltype(&llama_free)>;

bool on_gpu = false;

llama_model* ModelOf(const std::string& folder, const std::string& name) {
  static std::map<std::string, Model> models;
  auto at = models.find(name);
  if (at == models.end()) {
    const std::string path = folder + "/" + name + ".gguf";
    llama_model_params params = llama_model_default_params();
    params.n_gpu_layers = on_gpu ? -1 : 0;
    at = models.emplace(name, Model(llama_model_load_from_file(path.c_str(), params), &llama_model_free)).first;
  }
  return at->second.get();
}

ThreadRunner Threads(size_t count) {
  ThreadRunner threads;
  if (!ThreadRunner::Create(count, &threads).ok()) std::abort();
  return threads;
}

// ---- one run ----

class Run {
 public:
  Run(const Case& the_case, const std::string& folder, bool with_truth, uint64_t every_steps = 1)
      : case_(the_case),
        model_(ModelOf(folder, the_case.model)),
        with_truth_(with_truth),
        threads_(Threads(the_case.threads)),
        probe_(&monitor_, {.runner = threads_.runner(), .most_rows = the_case.most_rows}) {
    if (model_ == nullptr) {
      error_ = "the model cannot be loaded";
      return;
    }
    layers_ = llama_model_n_layer(model_);
    MonitorConfig config = {.layers = static_cast<size_t>(layers_)};
    config.layer = {.heads = static_cast<size_t>(llama_model_n_head(model_)),
                    .max_keys = 4096,
                    .max_batch = static_cast<size_t>(the_case.sequences)};
    config.every_steps = every_steps;
    config.window_steps = 0;
    if (the_case.most_rows > 0) truth_.MeasureMiddle(the_case.most_rows);
    Keep(AttentionMonitor::Create(config, &monitor_));
    MakeContext();
  }

  void Go() {
    if (!error_.empty()) return;
    std::vector<int> lengths;
    for (int s = 0; s < case_.sequences; ++s) lengths.push_back(case_.prompt - 37 * s);
    if (case_.kind == Kind::kCopy) lengths = {case_.prompt};
    Prompt(lengths);
    if (case_.kind == Kind::kCopy) {
      llama_memory_seq_cp(llama_get_memory(context_.get()), 0, 1, -1, -1);
      truth_.Copy(0, 1);
      next_.resize(2, next_[0]);
    }
    if (case_.kind == Kind::kEmbedding || case_.kind == Kind::kEncoder) {
      // Once more: another text of each.
      if (llama_memory_t memory = llama_get_memory(context_.get())) llama_memory_clear(memory, true);
      for (int s = 0; s < case_.sequences; ++s) truth_.End(s);
      Prompt(lengths);
      return;
    }
    for (int i = 0; i < kSteps; ++i) {
      if (i == kSteps / 2) Interrupt();
      Step();
    }
  }

  // Worst relative error of any metric of any layer and head.
  double Compare(std::string* where) {
    double worst = 0.0;
    for (int layer = 0; layer < layers_; ++layer) {
      CompareStats(Stats(layer), truth_.Stats(layer), "layer " + std::to_string(layer), &worst, where);
    }
    return worst;
  }

  LayerStats Stats(int layer) {
    LayerAccumulator accumulator;
    LayerConfig config = {.heads = static_cast<size_t>(llama_model_n_head(model_)),
                          .max_keys = 4096,
                          .max_batch = static_cast<size_t>(case_.sequences)};
    Keep(LayerAccumulator::Create(config, &accumulator));
    Keep(monitor_.MergeInto(static_cast<size_t>(layer), &accumulator));
    return accumulator.Stats();
  }

  const std::string& error() const { return error_.empty() ? truth_.error() : error_; }
  double worst_weight() const { return truth_.worst_weight(); }
  uint64_t refused() const { return probe_.refused(); }
  const std::string& refusal() const { return refusal_; }
  int layers() const { return layers_; }
  int wanted() const { return wanted_; }
  // Whether attention was in memory that is not the host's.
  bool is_on_device() const { return is_on_device_; }
  void ForgetWanted() { wanted_ = 0; }
  void Step() {
    std::vector<std::pair<int, int>> tokens;
    for (size_t s = 0; s < next_.size(); ++s) tokens.emplace_back(static_cast<int>(s), next_[s]++);
    Decode(tokens);
  }
  void Prompt(const std::vector<int>& lengths) {
    next_ = lengths;
    std::vector<std::pair<int, int>> tokens;
    const int longest = *std::max_element(lengths.begin(), lengths.end());
    if (case_.interleaved) {
      for (int i = 0; i < longest; ++i) {
        for (size_t s = 0; s < lengths.size(); ++s) {
          if (i < lengths[s]) tokens.emplace_back(static_cast<int>(s), i);
        }
      }
    } else {
      for (size_t s = 0; s < lengths.size(); ++s) {
        for (int i = 0; i < lengths[s]; ++i) tokens.emplace_back(static_cast<int>(s), i);
      }
    }
    Decode(tokens);
  }

 private:
  void Keep(const Status& status) {
    if (!status.ok() && error_.empty()) error_ = status.message();
  }

  void MakeContext() {
    llama_context_params params = llama_context_default_params();
    params.n_ctx = static_cast<uint32_t>(1280 * case_.sequences);
    params.n_batch = 4096;
    params.n_ubatch = static_cast<uint32_t>(case_.ubatch);
    params.n_seq_max = static_cast<uint32_t>(case_.sequences);
    params.n_threads = params.n_threads_batch = 1;
    params.type_k = case_.keys;
    params.flash_attn_type = case_.flash;
    params.kv_unified = case_.unified;
    params.swa_full = false;
    if (case_.kind == Kind::kEmbedding || case_.kind == Kind::kEncoder) {
      params.embeddings = true;
      params.pooling_type = LLAMA_POOLING_TYPE_NONE;
      if (case_.kind == Kind::kEmbedding) params.attention_type = LLAMA_ATTENTION_TYPE_NON_CAUSAL;
    }
    if (with_truth_) {
      params.cb_eval = &Truth::OnNode;
      params.cb_eval_user_data = &truth_;
    }
    probe_.Attach(&params);
    probe_callback_ = params.cb_eval;
    params.cb_eval = &Run::Count;
    params.cb_eval_user_data = this;
    context_.reset(llama_init_from_model(model_, params));
    if (context_ == nullptr) error_ = "the context cannot be made";
  }

  // Counts the nodes for which the graph is cut.
  static bool Count(ggml_tensor* node, bool ask, void* opaque) {
    Run& run = *static_cast<Run*>(opaque);
    const bool result = run.probe_callback_(node, ask, &run.probe_);
    if (ask && result) ++run.wanted_;
    if (node->op == GGML_OP_FLASH_ATTN_EXT || node->op == GGML_OP_SOFT_MAX) {
      const ggml_tensor& queries = *node->src[0];
      ggml_backend_buffer* const memory = queries.view_src != nullptr ? queries.view_src->buffer : queries.buffer;
      run.is_on_device_ = run.is_on_device_ || (memory != nullptr && !ggml_backend_buffer_is_host(memory));
    }
    return result;
  }

  // In which ubatches llama.cpp computes the tokens: in their order where all sequences share the cells, else as many
  // of each sequence that has some left.
  std::vector<std::vector<TruthRow>> Ubatches(const std::vector<std::pair<int, int>>& tokens) const {
    std::vector<std::vector<TruthRow>> ubatches;
    if (case_.unified || case_.sequences == 1) {
      for (size_t i = 0; i < tokens.size(); ++i) {
        if (i % static_cast<size_t>(case_.ubatch) == 0) ubatches.emplace_back();
        ubatches.back().push_back({tokens[i].first, tokens[i].second});
      }
      return ubatches;
    }
    std::map<int, std::vector<int>> left;
    for (const auto& [sequence, position] : tokens) left[sequence].push_back(position);
    while (!left.empty()) {
      size_t count = static_cast<size_t>(case_.ubatch) / left.size();
      for (const auto& [sequence, positions] : left) count = std::min(count, positions.size());
      ubatches.emplace_back();
      for (auto at = left.begin(); at != left.end();) {
        for (size_t i = 0; i < count; ++i) ubatches.back().push_back({at->first, at->second[i]});
        at->second.erase(at->second.begin(), at->second.begin() + static_cast<int64_t>(count));
        at = at->second.empty() ? left.erase(at) : std::next(at);
      }
    }
    return ubatches;
  }

  void Decode(const std::vector<std::pair<int, int>>& tokens) {
    truth_.Expect(Ubatches(tokens));
    llama_batch batch = llama_batch_init(static_cast<int32_t>(tokens.size()), 0, 1);
    batch.n_tokens = static_cast<int32_t>(tokens.size());
    for (size_t i = 0; i < tokens.size(); ++i) {
      batch.token[i] = static_cast<llama_token>((tokens[i].second * 31 + tokens[i].first * 7 + calls_ * 5 + 3) % 250);
      batch.pos[i] = tokens[i].second;
      batch.n_seq_id[i] = 1;
      batch.seq_id[i][0] = tokens[i].first;
      batch.logits[i] = i + 1 == tokens.size() || case_.kind == Kind::kEmbedding || case_.kind == Kind::kEncoder;
    }
    ++calls_;
    const int32_t result = case_.direct ? llama_decode(context_.get(), batch) : probe_.Decode(context_.get(), batch);
    llama_batch_free(batch);
    if (result != 0 && error_.empty()) error_ = "llama_decode gives " + std::to_string(result);
    const Status status = probe_.EndStep();
    if (!status.ok() && refusal_.empty()) refusal_ = status.message();
  }

  void Interrupt() {
    llama_memory_t memory = llama_get_memory(context_.get());
    if (case_.kind == Kind::kShift) {
      llama_memory_seq_rm(memory, 0, 10, 60);
      llama_memory_seq_add(memory, 0, 60, -1, -50);
      truth_.Shift(0, 10, 60, 100000);
      truth_.Shift(0, 60, 100000, -50);
      truth_.End(0);
      next_[0] -= 50;
    } else if (case_.kind == Kind::kSecondPrompt) {
      llama_memory_seq_rm(memory, 0, -1, -1);
      truth_.Shift(0, 0, 100000, 100000);
      truth_.End(0);
      Prompt({case_.prompt / 2});
    } else if (case_.kind == Kind::kRollback) {
      llama_memory_seq_rm(memory, 0, next_[0] - 3, -1);
      truth_.Shift(0, next_[0] - 3, 100000, 100000);
      truth_.End(0);
      next_[0] -= 3;
    } else if (case_.kind == Kind::kRestored) {
      std::vector<uint8_t> state(llama_state_get_size(context_.get()));
      state.resize(llama_state_get_data(context_.get(), state.data(), state.size()));
      MakeContext();
      llama_state_set_data(context_.get(), state.data(), state.size());
    }
  }

  Case case_;
  llama_model* model_ = nullptr;
  bool with_truth_ = false;
  int layers_ = 0;
  int calls_ = 0;
  int wanted_ = 0;
  bool is_on_device_ = false;
  std::vector<int> next_;  // position, by sequence
  std::string error_, refusal_;
  Truth truth_;
  AttentionMonitor monitor_;
  ThreadRunner threads_;
  LlamaProbe probe_;
  ggml_backend_sched_eval_callback probe_callback_ = nullptr;
  Context context_{nullptr, &llama_free};
};

// ---- cases ----

const char* NameOf(llama_flash_attn_type flash) {
  return flash == LLAMA_FLASH_ATTN_TYPE_AUTO ? "default" : flash == LLAMA_FLASH_ATTN_TYPE_ENABLED ? "on" : "off";
}

std::vector<Case> Cases(bool all) {
  std::vector<Case> cases;
  const auto add = [&](Case the_case, const std::string& what) {
    the_case.name = what + " " + the_case.model + " " + ggml_type_name(the_case.keys) + " flash-" +
                    NameOf(the_case.flash) + " prompt-" + std::to_string(the_case.prompt) + " ubatch-" +
                    std::to_string(the_case.ubatch) + " sequences-" + std::to_string(the_case.sequences) +
                    (the_case.sequences == 1 ? ""
                     : the_case.unified      ? "-unified"
                                             : "-split") +
                    (the_case.direct ? " direct" : "") + (the_case.interleaved ? " interleaved" : "") +
                    (the_case.threads > 1 ? " threads-" + std::to_string(the_case.threads) : "");
    cases.push_back(the_case);
  };
  const auto flashes = {LLAMA_FLASH_ATTN_TYPE_AUTO, LLAMA_FLASH_ATTN_TYPE_ENABLED, LLAMA_FLASH_ATTN_TYPE_DISABLED};
  const auto models = {"llama", "gemma2", "gemma3", "gptoss"};
  const auto types = {GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0};
  int count = 0;
  for (const char* model : models) {
    for (const auto flash : flashes) {
      // Every type of keys, prompt, ubatch and kind of cache with every model; all of their combinations only with
      // --long.
      for (const ggml_type keys : types) {
        for (const int prompt : {200, 900}) {
          for (const int ubatch : {64, 512}) {
            for (const auto& [sequences, unified] : {std::pair(1, true), std::pair(3, true), std::pair(3, false)}) {
              if (!all && (prompt == 900 || count++ % 7 != 0)) continue;
              add({.model = model,
                   .keys = keys,
                   .flash = flash,
                   .prompt = prompt,
                   .ubatch = ubatch,
                   .sequences = sequences,
                   .unified = unified,
                   .direct = flash == LLAMA_FLASH_ATTN_TYPE_AUTO && (sequences == 1 || !unified)},
                  "plain");
            }
          }
        }
      }
      // Long prompts of several sequences: each size of ubatch and kind of cache by one of the two ways to measure.
      for (const int ubatch : {64, 512}) {
        if (all || flash == LLAMA_FLASH_ATTN_TYPE_ENABLED) continue;
        add({.model = model,
             .flash = flash,
             .prompt = 900,
             .ubatch = ubatch,
             .sequences = 3,
             .unified = (ubatch == 64) == (flash == LLAMA_FLASH_ATTN_TYPE_AUTO)},
            "long");
      }
      for (const Kind kind : {Kind::kShift, Kind::kSecondPrompt, Kind::kRollback}) {
        // A window cannot be taken back where its cells are gone, nor shifted.
        if (std::strcmp(model, "llama") != 0 && kind != Kind::kSecondPrompt) continue;
        const char* what = kind == Kind::kShift ? "shift" : kind == Kind::kRollback ? "rollback" : "second prompt";
        for (const bool direct : {false, true})
          add({.model = model, .flash = flash, .kind = kind, .direct = direct}, what);
      }
      add({.model = model, .flash = flash, .ubatch = 64, .sequences = 3, .interleaved = true}, "interleaved");
      add({.model = model, .flash = flash, .sequences = 2, .kind = Kind::kCopy}, "copy");
      add({.model = model, .flash = flash, .ubatch = 64, .sequences = 2, .most_rows = 15, .threads = 2}, "middle rows");
      add({.model = model, .flash = flash, .prompt = 900}, "long");
      add({.model = model, .flash = flash, .sequences = 3, .kind = Kind::kUnknown, .direct = true}, "unknown");
      add({.model = model, .flash = flash, .kind = Kind::kRestored}, "restored");
    }
  }
  for (const auto flash : flashes) {
    add({.model = "llama", .keys = GGML_TYPE_Q8_0, .flash = flash, .kind = Kind::kShift}, "shift");
    add({.model = "refact", .flash = flash, .sequences = 3}, "alibi");
    add({.model = "llama", .flash = flash, .kind = Kind::kEmbedding}, "no causality");
    add({.model = "llama", .flash = flash, .sequences = 3, .kind = Kind::kEmbedding}, "no causality");
    add({.model = "bert", .flash = flash, .kind = Kind::kEncoder}, "encoder");
    add({.model = "bert", .flash = flash, .sequences = 3, .kind = Kind::kEncoder}, "encoder");
  }
  return cases;
}

bool Refuses(const Case& the_case) { return the_case.kind == Kind::kUnknown || the_case.kind == Kind::kRestored; }

// Whether the case went as it should; prints a line.
bool Check(const Case& the_case, const std::string& folder, double* worst_of_all) {
  Run run(the_case, folder, /*with_truth=*/true);
  run.Go();
  std::string what = run.error();
  std::string where;
  double worst = 0.0;
  if (what.empty() && run.is_on_device() != on_gpu) what = on_gpu ? "no attention on a GPU" : "attention on a GPU";
  if (what.empty() && Refuses(the_case)) {
    if (run.refused() == 0 || run.refusal().empty()) what = "not refused";
    where = run.refusal();
  } else if (what.empty()) {
    worst = run.Compare(&where);
    if (!(worst <= kTolerance)) what = where;
    if (!run.refusal().empty()) what = "refused: " + run.refusal();
    // Without flash attention: that queries and keys are those of the softmax. Its product is one of half floats. A GPU
    // may have used the queries' memory again by then; what is measured are the weights.
    if (!on_gpu && !(run.worst_weight() <= 5e-2)) what = "weights differ by " + std::to_string(run.worst_weight());
    *worst_of_all = std::max(*worst_of_all, worst);
  }
  std::printf("%s  %-90s %.1e  %s\n", what.empty() ? "ok  " : "FAIL", the_case.name.c_str(), worst,
              what.empty() ? where.c_str() : what.c_str());
  std::fflush(stdout);
  return what.empty();
}

// The probe alone, without the truth's callback, measures the same; steps that are not sampled cut no graph.
bool CheckAlone(const std::string& folder) {
  bool ok = true;
  for (const char* model : {"llama", "gemma3"}) {
    const Case the_case = {.name = "alone", .model = model, .ubatch = 64};
    Run both(the_case, folder, true), alone(the_case, folder, false);
    both.Go(), alone.Go();
    double worst = 0.0;
    std::string where = both.error() + alone.error();
    for (int layer = 0; layer < both.layers(); ++layer) {
      CompareValues(alone.Stats(layer).layer, both.Stats(layer).layer, "layer", true, &worst, &where);
    }
    Run seldom(the_case, folder, false, /*every_steps=*/3);
    seldom.Prompt({20});
    std::string cuts;
    for (int step = 1; step < 7; ++step) {
      seldom.ForgetWanted();
      seldom.Step();
      if (seldom.wanted() != (step % 3 == 0 ? seldom.layers() : 0)) {
        cuts += " step " + std::to_string(step) + " cuts the graph " + std::to_string(seldom.wanted()) + " times";
      }
    }
    const bool good = worst == 0.0 && cuts.empty();
    std::printf("%s  alone %s: %g%s%s\n", good ? "ok  " : "FAIL", model, worst, good ? "" : where.c_str(),
                cuts.c_str());
    ok = ok && good;
  }
  return ok;
}

int Main(int argc, char** argv) {
  bool all = false;
  std::string part;
  for (int i = 2; i < argc; ++i) {
    if (std::string(argv[i]) == "--long")
      all = true;
    else if (std::string(argv[i]) == "--gpu")
      on_gpu = true;
    else
      part = argv[i];
  }
  llama_log_set(
      [](ggml_log_level level, const char* text, void*) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
      },
      nullptr);
  ggml_backend_load_all();
  int failed = 0, ran = 0;
  double worst = 0.0;
  for (const Case& the_case : Cases(all)) {
    if (the_case.name.find(part) == std::string::npos) continue;
    ++ran;
    if (!Check(the_case, argv[1], &worst)) ++failed;
  }
  if (part.empty() || part == "alone") {
    ++ran;
    if (!CheckAlone(argv[1])) ++failed;
  }
  std::printf("%d cases, %d failed, worst relative error %.1e\n", ran, failed, worst);
  return failed == 0 && ran > 0 ? 0 : 1;
}

}  // namespace
}  // namespace attnscope::test

int main(int argc, char** argv) { return argc < 2 ? 2 : attnscope::test::Main(argc, argv); }
