// SPDX-License-Identifier: Apache-2.0
//
// attnscope/ggml.h inside the real whisper.cpp against the truth of the tensors that it used (truth.h): self-attention
// of encoder and decoder, and cross attention, with flash attention and without. Usage: whisper_test MODEL. Prints a
// line for each case and kind of attention; exit status 1 if a number is wrong.
//
// whisper.h lends no callback on the evaluation of its graphs. Its schedulers are ggml's, so this program stands
// between: its ggml_backend_sched_new calls ggml's, and sets the callback.
#include <attnscope/cache_mask.h>
#include <attnscope/ggml.h>
#include <attnscope/layer_accumulator.h>
#include <dlfcn.h>
#include <ggml-backend.h>
#include <ggml.h>
#include <whisper.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "tests/engines/compare.h"
#include "tests/engines/truth.h"

namespace attnscope::test {
namespace {

constexpr double kTolerance = 1e-5;
constexpr size_t kMostKeys = 512;

enum class Stage { kEncoder, kDecoder };

// A layer's key: encoder, self-attention of the decoder, cross attention.
constexpr int kSelf = 100;
constexpr int kCross = 200;

const char* KindOf(int layer) { return layer < kSelf ? "encoder" : layer < kCross ? "decoder" : "cross"; }

// Measures each attention node by the library, and by the truth.
class Watch {
 public:
  // Nodes come in the order of layers; of a decoder's layer self-attention, then cross attention.
  void Begin(Stage stage) {
    stage_ = stage;
    nodes_ = 0;
  }
  // Another audio.
  void EndSequence() {
    for (auto& [layer, accumulator] : layers_) accumulator.EndSequence();
    truth_.End(0);
  }

  static bool OnNode(ggml_tensor* node, bool ask, void* opaque) {
    if (!IsGgmlAttention(*node)) return false;
    if (!ask) static_cast<Watch*>(opaque)->Measure(*node);
    return true;
  }

  // Prints a line for each kind. Whether all went well.
  bool Print(const std::string& name, size_t layers) const {
    bool ok = error_.empty() && truth_.error().empty() && layers_.size() == layers;
    if (!ok)
      std::printf("FAIL  %s: %zu layers %s%s\n", name.c_str(), layers_.size(), error_.c_str(), truth_.error().c_str());
    if (!(truth_.worst_weight() <= 5e-2)) {
      std::printf("FAIL  %s: weights differ by %g\n", name.c_str(), truth_.worst_weight());
      ok = false;
    }
    std::map<std::string, std::pair<double, std::string>> kinds;
    for (const auto& [layer, accumulator] : layers_) {
      auto& [worst, where] = kinds[KindOf(layer)];
      CompareStats(accumulator.Stats(), truth_.Stats(layer), "layer " + std::to_string(layer % 100), &worst, &where);
    }
    for (const auto& [kind, result] : kinds) {
      const bool good = result.first <= kTolerance;
      std::printf("%s  %s %-8s %.1e  %s\n", good ? "ok  " : "FAIL", name.c_str(), kind.c_str(), result.first,
                  result.second.c_str());
      ok = ok && good;
    }
    return ok;
  }

 private:
  int TakeLayer() {
    const int node = nodes_++;
    if (stage_ == Stage::kEncoder) return node;
    return node / 2 + (node % 2 == 0 ? kSelf : kCross);
  }

  void Measure(const ggml_tensor& node) {
    const int layer = TakeLayer();
    truth_.AddNode(node, layer);
    GgmlAttention<ggml_tensor> attention;
    Status status = AttentionOfGgmlNode(node, &attention);
    if (status.ok())
      status = attention.weights != nullptr ? AddWeights(attention, layer) : AddProducts(attention, layer);
    if (!status.ok() && error_.empty()) error_ = status.message();
  }

  LayerAccumulator& Layer(int layer, size_t heads) {
    const auto [at, is_new] = layers_.try_emplace(layer);
    if (is_new) {
      const Status status = LayerAccumulator::Create({.heads = heads, .max_keys = kMostKeys}, &at->second);
      if (!status.ok()) error_ = status.message();
    }
    return at->second;
  }

  // What the mask shows, where there is one; else all rows see all keys.
  template <class View>
  Status Look(const BiasView& bias, const View& view, CacheMaskRows* rows) {
    if (bias.data == nullptr) {
      rows->cells = view.keys;
      rows->causal = true;  // no bias is needed
      return {};
    }
    std::vector<int64_t> positions(view.keys);
    std::iota(positions.begin(), positions.end(), 0);
    bytes_.resize(view.queries * view.keys);
    return ReadCacheMask(bias, view.queries, view.keys, positions.data(), bytes_.data(), rows);
  }

  Status AddProducts(const GgmlAttention<ggml_tensor>& attention, int layer) {
    GgmlQueriesKeys inputs;
    CacheMaskRows rows;
    Status status = ReadGgmlQueriesKeys(attention, {}, &inputs);
    if (status.ok()) status = Look(inputs.params.bias, inputs.view, &rows);
    if (!status.ok()) return status;
    inputs.view.keys = rows.cells;
    if (rows.causal) {
      inputs.params.mask = rows.visibility;
      inputs.params.bias = {};
    }
    return Layer(layer, inputs.view.heads).AddQueriesKeys(inputs.view, inputs.params);
  }

  Status AddWeights(const GgmlAttention<ggml_tensor>& attention, int layer) {
    GgmlLayout layout;
    AttentionView view;
    SoftmaxParams params;
    std::vector<float> slopes;
    CacheMaskRows rows;
    Status status = HostLayoutOfGgml("weights", *attention.weights, nullptr, &layout);
    if (status.ok()) status = AttentionFromGgml(layout, &view);
    if (status.ok()) status = ReadGgmlMask(attention, {}, view, &params, &slopes);
    if (status.ok()) status = Look(params.bias, view, &rows);
    if (!status.ok()) return status;
    Visibility visibility = rows.visibility;
    if (!rows.causal) visibility.key_mask = {.data = bytes_.data(), .query_stride = static_cast<int64_t>(view.keys)};
    view.keys = rows.cells;
    return Layer(layer, view.heads).AddWeights(view, visibility);
  }

  Stage stage_ = Stage::kEncoder;
  int nodes_ = 0;
  std::map<int, LayerAccumulator> layers_;
  std::vector<uint8_t> bytes_;
  std::string error_;
  Truth truth_;
};

std::optional<Watch> watch;  // of the present case

using Context = std::unique_ptr<whisper_context, decltype(&whisper_free)>;

// Two audios of noise: encoder, a prompt of 9 tokens, and 7 more.
bool Run(const std::string& model, bool flash) {
  Watch& own = watch.emplace();
  whisper_context_params params = whisper_context_default_params();
  params.use_gpu = false;
  params.flash_attn = flash;
  const Context context(whisper_init_from_file_with_params(model.c_str(), params), &whisper_free);
  if (context == nullptr) {
    std::printf("FAIL  the model cannot be loaded\n");
    return false;
  }
  const int frames = 2 * whisper_model_n_audio_ctx(context.get()), mels = whisper_model_n_mels(context.get());
  uint32_t random = 1;
  for (int audio = 0; audio < 2; ++audio) {
    if (audio > 0) own.EndSequence();
    std::vector<float> mel(static_cast<size_t>(frames * mels));
    for (float& value : mel) {
      random = random * 1664525u + 1013904223u;
      value = static_cast<float>(random >> 8) * 0x1p-23f - 1.0f;
    }
    bool ran = whisper_set_mel(context.get(), mel.data(), frames, mels) == 0;
    own.Begin(Stage::kEncoder);
    ran = ran && whisper_encode(context.get(), 0, 1) == 0;
    int past = 0;
    for (const int count : {9, 1, 1, 1, 1, 1, 1, 1}) {
      std::vector<whisper_token> tokens;
      for (int i = 0; i < count; ++i) tokens.push_back((past + i) * 31 % 290 + audio);
      own.Begin(Stage::kDecoder);
      ran = ran && whisper_decode(context.get(), tokens.data(), count, past, 1) == 0;
      past += count;
    }
    if (!ran) {
      std::printf("FAIL  whisper.cpp has failed\n");
      return false;
    }
  }
  const int layers = whisper_model_n_audio_layer(context.get()) + 2 * whisper_model_n_text_layer(context.get());
  return own.Print(flash ? "whisper flash-on " : "whisper flash-off", static_cast<size_t>(layers));
}

}  // namespace
}  // namespace attnscope::test

// Takes the place of ggml's for whisper.cpp.
extern "C" __attribute__((visibility("default"))) ggml_backend_sched_t ggml_backend_sched_new(
    ggml_backend_t* backends, ggml_backend_buffer_type_t* types, int count, size_t graph_size, bool parallel,
    bool op_offload) {
  using New = decltype(&ggml_backend_sched_new);
  static const New ggml_new = reinterpret_cast<New>(dlsym(RTLD_NEXT, "ggml_backend_sched_new"));
  ggml_backend_sched_t scheduler = ggml_new(backends, types, count, graph_size, parallel, op_offload);
  ggml_backend_sched_set_eval_callback(scheduler, &attnscope::test::Watch::OnNode, &*attnscope::test::watch);
  return scheduler;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  whisper_log_set(
      [](ggml_log_level level, const char* text, void*) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
      },
      nullptr);
  ggml_backend_load_all();
  bool ok = true;
  for (const bool flash : {true, false}) ok = attnscope::test::Run(argv[1], flash) && ok;
  return ok ? 0 : 1;
}
