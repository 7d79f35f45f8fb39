// SPDX-License-Identifier: Apache-2.0
//
// The callback that puts attnscope into llama.cpp (or another program on ggml's scheduler). With llama.h included:
//
//   example::AttentionCallback callback = {.monitor = &monitor};
//   llama_context_params params = llama_context_default_params();
//   params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;  // fused attention writes no weights
//   params.cb_eval = example::OnTensor<ggml_tensor>;
//   params.cb_eval_user_data = &callback;
//   ...
//   callback.past = n_past;  // before each step
//   llama_decode(context, batch);
//   status = monitor.EndStep(callback.step++, batch.n_tokens);
//
// ggml calls it twice for each tensor of the graph: first it asks whether the data is wanted, then it shows the data. A
// step that is not sampled costs a comparison of names and ShouldSample; only tensors that are wanted are waited for.
#ifndef ATTNSCOPE_EXAMPLES_GGML_CALLBACK_ATTENTION_CALLBACK_H_
#define ATTNSCOPE_EXAMPLES_GGML_CALLBACK_ATTENTION_CALLBACK_H_

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "attnscope/attention_monitor.h"
#include "attnscope/ggml.h"

namespace example {

struct AttentionCallback {
  attnscope::AttentionMonitor* monitor = nullptr;
  uint64_t step = 0;
  size_t past = 0;           // tokens that are in the cache already
  attnscope::Status status;  // of the first call that failed
};

// The layer of "kq_soft_max-12" (llama.cpp's name for the softmax's output; "kq_soft_max_ext-12" in older versions), or
// false for any other tensor.
inline bool LayerOfSoftmax(std::string_view name, size_t* layer) {
  if (!name.starts_with("kq_soft_max")) return false;
  const size_t dash = name.rfind('-');
  if (dash == std::string_view::npos) return false;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + dash + 1, end, *layer);
  return error == std::errc() && stop == end;
}

// Measures one softmax output. Of the cache's cells, which llama.cpp rounds up, those in use are looked at.
template <typename Tensor>
attnscope::Status Measure(const Tensor& tensor, size_t layer, const AttentionCallback& callback) {
  attnscope::AttentionView view;
  attnscope::Status status = attnscope::AttentionFromGgml(attnscope::LayoutOfGgml(tensor), &view);
  if (!status.ok()) return status;
  view.keys = std::min(view.keys, callback.past + view.queries);
  return callback.monitor->AddWeights(layer, view, {.causal = true});
}

// ggml_backend_sched_eval_callback. Always lets the graph go on.
template <typename Tensor>
bool OnTensor(Tensor* tensor, bool ask, void* user_data) {
  AttentionCallback& callback = *static_cast<AttentionCallback*>(user_data);
  size_t layer = 0;
  if (!LayerOfSoftmax(tensor->name, &layer)) return !ask;
  if (ask) return callback.monitor->ShouldSample(layer, callback.step);
  attnscope::Status status = Measure(*tensor, layer, callback);
  if (callback.status.ok()) callback.status = status;
  return true;
}

}  // namespace example

#endif  // ATTNSCOPE_EXAMPLES_GGML_CALLBACK_ATTENTION_CALLBACK_H_
