// SPDX-License-Identifier: Apache-2.0
//
// attnscope inside a program on llama.cpp: measures the attention of every step that a monitor samples, on the engine's
// own tensors, whatever the cache does. Header only; needs llama.h, and the program's link to llama and ggml. Example:
//
//   attnscope::LlamaProbe probe(&monitor);
//   probe.Attach(&context_params);  // before llama_init_from_model
//   ...
//   probe.Decode(context, batch);   // in place of llama_decode(context, batch), which it calls
//   attnscope::Status status = probe.EndStep();
//
// Works with flash attention, which is llama.cpp's default, and without; with caches of any type, unified or split,
// ring buffers of windowed layers, context shift, several ubatches and sequences, learned sinks, soft caps, ALiBi, and
// models without causality or without a cache. What a row sees is what the engine's mask says. Metrics of logits are of
// flash attention only: without it weights are read, whose logits the engine has overwritten.
#ifndef ATTNSCOPE_LLAMA_H_
#define ATTNSCOPE_LLAMA_H_

#include <ggml-backend.h>
#include <ggml.h>
#include <llama.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attnscope/attention_monitor.h"
#include "attnscope/cache_mask.h"
#include "attnscope/ggml.h"
#include "attnscope/runner.h"

namespace attnscope {

// How a probe measures.
struct LlamaProbeOptions {
  // The threads that measure, such as ThreadRunner's: while a sample is taken, the engine's own wait. Results do not
  // depend on it.
  Runner runner = {};
  // Of the rows that one sequence has in a ubatch at most so many are measured, which are those in their middle, so
  // that they see as many keys as all do on average. Prompts cost less by it; steps of decoding have one row, or a few.
  // The others are left out, which the monitor's records say. 0: all are measured.
  size_t most_rows = 0;
};

// Feeds one monitor from one llama_context. The monitor's layer l is the model's; its sequence s is llama.cpp's, so
// that max_batch has to be above the largest llama_seq_id, and max_keys at least the context's size.
//
// Sequences and positions. Of a context of one sequence (n_seq_max 1) and of split caches (kv_unified off) llama_decode
// may be called instead of Decode: the graph tells the rest. Of several sequences in one cache only Decode knows which
// row is whose. A sequence whose positions go back, because another request has taken its place, tokens were taken back
// or the context was shifted, is ended for the monitor: its columns begin anew.
//
// What the probe cannot know is not measured, but an error, counted by refused(): never a number that might be wrong.
//
// Cost of a step that is not sampled: a comparison for each node of the graph, and the positions of its tokens; the
// graph is computed in one piece. At a sampled step it is computed up to each attention.
//
// Threads: all calls, and llama_decode, from one thread at a time. The probe must outlive the context, and stays where
// it is. The context may be freed before the monitor or after it.
class LlamaProbe {
 public:
  // Feeds `monitor`, which must outlive it.
  explicit LlamaProbe(AttentionMonitor* monitor, const LlamaProbeOptions& options = {})
      : monitor_(monitor), options_(options) {}
  LlamaProbe(const LlamaProbe&) = delete;
  LlamaProbe& operator=(const LlamaProbe&) = delete;

  // Sets the parameters' cb_eval. One that was there before is called as well. One context at a time: attached anew,
  // the probe knows nothing of the caches before.
  void Attach(llama_context_params* params) {
    ForgetCells();
    most_sequences_ = params->n_seq_max;
    next_callback_ = params->cb_eval;
    next_opaque_ = params->cb_eval_user_data;
    params->cb_eval = &LlamaProbe::OnNode;
    params->cb_eval_user_data = this;
  }

  // llama_decode and llama_encode, whose results they return, with the batch's sequences and positions made known.
  int32_t Decode(llama_context* context, const llama_batch& batch) { return Run(context, batch, &llama_decode); }
  int32_t Encode(llama_context* context, const llama_batch& batch) { return Run(context, batch, &llama_encode); }

  // To be called after each step, one or several calls of Decode. Ends it for the monitor. Errors: the first
  // measurement of the step that failed or was refused, and those of AttentionMonitor::EndStep.
  Status EndStep() {
    Status failure = std::exchange(failure_, Status());
    Status status = monitor_->EndStep(step_++, std::exchange(tokens_, 0));
    return failure.ok() ? status : failure;
  }

  // Ends a request. Not needed where the next one of this sequence starts at a smaller position.
  Status EndSequence(llama_seq_id sequence) {
    if (static_cast<size_t>(sequence) < sequences_.size()) sequences_[static_cast<size_t>(sequence)] = {};
    return monitor_->EndSequence(static_cast<size_t>(sequence));
  }

  // To be called when cells got keys that no llama_decode has written: after llama_state_set_data and its like. What
  // sees such cells is refused, until they are written again.
  void ForgetCells() {
    caches_.clear();
    cache_of_layer_.clear();
    for (size_t i = 0; i < sequences_.size(); ++i) {
      if (sequences_[i].fed) Keep(monitor_->EndSequence(i));
    }
    sequences_.clear();
    last_event_ = -1;
  }

  // The present step, from 0; samples that were refused, or failed, so far.
  uint64_t step() const { return step_; }
  uint64_t refused() const { return refused_; }

 private:
  // A token of the ubatch that is being computed.
  struct Row {
    llama_seq_id sequence = -1;
    int64_t position = -1;
  };
  struct Sequence {
    int64_t last = -1;  // largest position that has been computed
    bool fed = false;   // since it was ended last
  };
  // The cells of one cache; all layers that are written at the same indices share one.
  struct Cache {
    int leader = -1;                       // first layer of it
    const ggml_tensor* indices = nullptr;  // of the present ubatch
    const ggml_tensor* shift = nullptr;    // that was applied last
    std::vector<int64_t> positions = {};   // [streams * cells], -1: never written
  };
  // What the mask shows of a run of rows, for all layers of a ubatch that have this mask.
  struct MaskRun {
    Status status;
    CacheMaskRows rows;
    std::vector<uint8_t> bytes;  // [queries, cells], for weights
  };

  // ggml_backend_sched_eval_callback. Always lets the graph go on, unless the program's own callback does not.
  static bool OnNode(ggml_tensor* node, bool ask, void* opaque) {
    LlamaProbe& probe = *static_cast<LlamaProbe*>(opaque);
    if (ask) {
      probe.wanted_ = probe.Ask(*node);
      probe.next_wanted_ = probe.next_callback_ != nullptr && probe.next_callback_(node, true, probe.next_opaque_);
      return probe.wanted_ || probe.next_wanted_;
    }
    if (probe.wanted_) probe.Measure(*node);
    return !probe.next_wanted_ || probe.next_callback_(node, false, probe.next_opaque_);
  }

  template <typename Call>
  int32_t Run(llama_context* context, const llama_batch& batch, Call call) {
    batch_.assign(static_cast<size_t>(std::max(batch.n_tokens, 0)), {});
    llama_memory_t memory = llama_get_memory(context);
    std::map<llama_seq_id, int64_t> next;
    for (size_t i = 0; i < batch_.size(); ++i) {
      Row& row = batch_[i];
      row.sequence = batch.seq_id == nullptr ? 0 : batch.seq_id[i][0];
      if (batch.pos != nullptr) {
        row.position = batch.pos[i];
        continue;
      }
      const auto [at, is_new] = next.try_emplace(row.sequence, 0);
      if (is_new && memory != nullptr) at->second = llama_memory_seq_pos_max(memory, row.sequence) + 1;
      row.position = at->second++;
    }
    next_in_batch_.clear();
    last_event_ = -1;
    const int32_t result = call(context, batch);
    batch_.clear();
    return result;
  }

  bool Ask(const ggml_tensor& node) {
    switch (node.op) {
      case GGML_OP_SET_ROWS:
        OnStore(node);
        return false;
      case GGML_OP_ROPE:
        OnRope(node);
        return false;
      case GGML_OP_SOFT_MAX:  // also of experts
        return std::string_view(node.name).starts_with("kq_soft_max") && Wants(node);
      case GGML_OP_FLASH_ATTN_EXT:
        return Wants(node);
      default:
        return false;
    }
  }

  bool Wants(const ggml_tensor& node) {
    const int layer = LayerOf(node);
    if (layer < 0) {
      if (!monitor_->ShouldSample(0, step_)) return false;
      ++refused_;
      monitor_->CountRefused(0);
      Keep(Unknown("no name of an attention node's inputs tells its layer"));
      return false;
    }
    return monitor_->ShouldSample(static_cast<size_t>(layer), step_);
  }

  // ---- names ----

  // The layer of "Qcur-12", also with " (view)" and the like behind it; -1 of other names.
  static int LayerOfName(std::string_view name) {
    while (name.ends_with(")")) {
      const size_t open = name.rfind(" (");
      if (open == std::string_view::npos) return -1;
      name = name.substr(0, open);
    }
    const size_t dash = name.rfind('-');
    if (dash == std::string_view::npos) return -1;
    int layer = -1;
    const char* const end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + dash + 1, end, layer);
    return error == std::errc() && stop == end && layer >= 0 ? layer : -1;
  }

  // The layer of the cache "cache_k_l12", or -1.
  static int LayerOfCache(const ggml_tensor* tensor) {
    constexpr std::string_view kName = "cache_k_l";
    if (tensor == nullptr) return -1;
    std::string_view name = tensor->name;
    if (!name.starts_with(kName)) return -1;
    int layer = -1;
    const auto result = std::from_chars(name.data() + kName.size(), name.data() + name.size(), layer);
    return result.ec == std::errc() ? layer : -1;
  }

  // The tensor that this one is computed from without mixing tokens: its view, copy, or rotation.
  static const ggml_tensor* Before(const ggml_tensor* tensor) {
    return tensor->op == GGML_OP_MUL_MAT ? tensor->src[1] : tensor->src[0];
  }

  // The cache that keys are a view of, or a copy in another type; null: none.
  static const ggml_tensor* CacheBehind(const ggml_tensor* keys) {
    for (int i = 0; i < 8 && keys != nullptr; ++i, keys = Before(keys)) {
      if (LayerOfCache(keys->view_src) >= 0) return keys->view_src;
    }
    return nullptr;
  }

  static int LayerOf(const ggml_tensor& node) {
    if (node.op == GGML_OP_SOFT_MAX) return LayerOfName(node.name);
    // The queries' name first: layers may share the cache of another.
    const ggml_tensor* queries = node.src[0];
    for (int i = 0; i < 8 && queries != nullptr; ++i, queries = Before(queries)) {
      if (const int layer = LayerOfName(queries->name); layer >= 0) return layer;
    }
    return LayerOfCache(CacheBehind(node.src[1]));
  }

  // ---- what the steps do to the caches ----

  template <typename T>
  static std::vector<T> ReadTensor(const ggml_tensor& tensor) {
    std::vector<T> values(static_cast<size_t>(ggml_nelements(&tensor)));
    ggml_backend_tensor_get(&tensor, values.data(), 0, values.size() * sizeof(T));
    return values;
  }

  // Layers come in order: one that is not after the last one belongs to another ubatch. `rows` are its tokens.
  bool BeginsUbatch(int64_t event) {
    const bool begins = event <= last_event_ || last_event_ < 0;
    last_event_ = event;
    return begins;
  }

  // The positions that keys were rotated by, which are those of their tokens; null without rotation.
  static const ggml_tensor* RotationOf(const ggml_tensor* keys, int depth = 8) {
    if (keys == nullptr || depth == 0) return nullptr;
    switch (keys->op) {
      case GGML_OP_ROPE:
        return keys->src[1];
      case GGML_OP_CONCAT:
        if (const ggml_tensor* found = RotationOf(keys->src[0], depth - 1)) return found;
        return RotationOf(keys->src[1], depth - 1);
      case GGML_OP_VIEW:
      case GGML_OP_RESHAPE:
      case GGML_OP_PERMUTE:
      case GGML_OP_CONT:
      case GGML_OP_CPY:
      case GGML_OP_MUL_MAT:
      case GGML_OP_SCALE:
        return RotationOf(Before(keys), depth - 1);
      default:
        return nullptr;
    }
  }

  Cache& CacheOf(int layer, const ggml_tensor* indices) {
    if (static_cast<size_t>(layer) >= cache_of_layer_.size())
      cache_of_layer_.resize(static_cast<size_t>(layer) + 1, -1);
    int& index = cache_of_layer_[static_cast<size_t>(layer)];
    for (size_t c = 0; index < 0 && c < caches_.size(); ++c) {
      if (caches_[c].indices == indices) index = static_cast<int>(c);
    }
    if (index < 0) {
      index = static_cast<int>(caches_.size());
      caches_.push_back({.leader = layer});
    }
    return caches_[static_cast<size_t>(index)];
  }

  // SET_ROWS into a cache of keys: tokens get their cells.
  void OnStore(const ggml_tensor& node) {
    const ggml_tensor* const root = node.view_src;
    const int layer = LayerOfCache(root);
    if (layer < 0) return;
    const ggml_tensor* const indices = node.src[1];
    const bool begins = BeginsUbatch(2 * static_cast<int64_t>(layer));
    if (begins) {
      for (Cache& cache : caches_) cache.indices = nullptr;
    }
    Cache& cache = CacheOf(layer, indices);
    if (cache.leader != layer) return;
    cache.indices = indices;
    cache.shift = nullptr;
    const std::vector<int64_t> cells = ReadTensor<int64_t>(*indices);
    if (begins) BeginUbatch(cells, static_cast<int64_t>(root->ne[1]), root->ne[2], RotationOf(node.src[0]));
    cache.positions.resize(static_cast<size_t>(root->ne[1] * root->ne[2]), -1);
    for (size_t i = 0; i < cells.size(); ++i) {
      const size_t cell = static_cast<size_t>(cells[i]);
      if (cell < cache.positions.size()) cache.positions[cell] = i < rows_.size() ? rows_[i].position : -1;
    }
  }

  // ROPE of a cache itself: a context shift, or positions that were divided. Tokens get other positions.
  void OnRope(const ggml_tensor& node) {
    const ggml_tensor* keys = node.src[0];
    int layer = LayerOfCache(node.view_src);
    for (int i = 0; i < 6 && layer < 0 && keys != nullptr; ++i, keys = Before(keys)) {
      layer = LayerOfCache(keys->view_src);
    }
    if (layer < 0 || static_cast<size_t>(layer) >= cache_of_layer_.size() ||
        cache_of_layer_[static_cast<size_t>(layer)] < 0) {
      return;
    }
    Cache& cache = caches_[static_cast<size_t>(cache_of_layer_[static_cast<size_t>(layer)])];
    const ggml_tensor* const shift = node.src[1];
    if (cache.shift == shift || static_cast<size_t>(shift->ne[0]) != cache.positions.size()) return;
    cache.shift = shift;
    const std::vector<int32_t> deltas = ReadTensor<int32_t>(*shift);
    for (size_t i = 0; i < deltas.size(); ++i) {
      if (cache.positions[i] >= 0) cache.positions[i] += deltas[i];
    }
  }

  // Takes the ubatch's tokens from the batch, or from the graph. Where neither knows, `unknown_` says what.
  void BeginUbatch(const std::vector<int64_t>& cells, int64_t cells_of_stream, int64_t streams,
                   const ggml_tensor* rotation) {
    rows_.assign(cells.size(), {});
    tokens_ += cells.size();
    unknown_.clear();
    runs_.clear();
    mask_copies_.clear();
    std::vector<int32_t> rotations;
    if (rotation != nullptr && static_cast<size_t>(rotation->ne[0]) >= cells.size()) {
      rotations = ReadTensor<int32_t>(*rotation);
    }
    for (size_t i = 0; i < rows_.size() && unknown_.empty(); ++i) {
      const int64_t stream = streams > 1 ? cells[i] / cells_of_stream : -1;
      FindRow(stream, &rows_[i]);
      if (rotations.empty()) continue;
      if (rows_[i].position >= 0 && rows_[i].position != rotations[i]) {
        unknown_ = "the engine's order of tokens is not the batch's: token " + std::to_string(i) +
                   " of a ubatch is at position " + std::to_string(rotations[i]) + ", expected " +
                   std::to_string(rows_[i].position);
      }
      rows_[i].position = rotations[i];
    }
    for (const Row& row : rows_) {
      if (!unknown_.empty()) break;
      if (row.sequence < 0)
        unknown_ = "the cache holds several sequences, and this batch's are not known: call LlamaProbe::Decode";
      else if (row.position < 0)
        unknown_ = "the tokens' positions are not known: call LlamaProbe::Decode";
    }
    EndThoseThatWentBack();
  }

  // Row i of a ubatch is the batch's next, or its stream's next. A stream is a sequence.
  void FindRow(int64_t stream, Row* row) {
    row->sequence = stream >= 0 ? static_cast<llama_seq_id>(stream) : most_sequences_ == 1 ? 0 : -1;
    if (batch_.empty()) return;
    size_t& next = next_in_batch_[stream];
    while (next < batch_.size() && stream >= 0 && batch_[next].sequence != stream) ++next;
    if (next < batch_.size()) {
      *row = batch_[next++];
      return;
    }
    unknown_ = "the engine computes more tokens than the batch has";
  }

  void EndThoseThatWentBack() {
    if (!unknown_.empty()) return;
    std::map<llama_seq_id, bool> seen;
    for (const Row& row : rows_) {
      const size_t index = static_cast<size_t>(row.sequence);
      if (index >= sequences_.size()) sequences_.resize(index + 1);
      Sequence& sequence = sequences_[index];
      if (!std::exchange(seen[row.sequence], true) && row.position <= sequence.last) {
        if (sequence.fed) Keep(monitor_->EndSequence(index));
        sequence = {};
      }
      sequence.last = std::max(sequence.last, row.position);
    }
  }

  // ---- measuring ----

  void Keep(Status status) {
    if (failure_.ok() && !status.ok()) failure_ = std::move(status);
  }

  // Calls of the monitor that fail are in its records.
  Status Counted(Status status) {
    is_counted_ = !status.ok();
    return status;
  }

  void Measure(const ggml_tensor& node) {
    const int layer = LayerOf(node);
    Status status = MeasureNode(node, static_cast<size_t>(layer));
    const bool is_counted = std::exchange(is_counted_, false);  // by the monitor
    if (status.ok()) return;
    ++refused_;
    if (!is_counted) monitor_->CountRefused(static_cast<size_t>(layer));
    Keep({status.code(), "layer " + std::to_string(layer) + ": " + status.message()});
  }

  static Status Unknown(std::string what) { return {StatusCode::kInvalidArgument, std::move(what)}; }

  // The bytes of a tensor that the CPU cannot read, in `buffer`; null where it can.
  static const void* CopyOf(const ggml_tensor* tensor, std::vector<char>* buffer) {
    if (tensor == nullptr) return nullptr;
    ggml_backend_buffer* const memory = tensor->view_src != nullptr ? tensor->view_src->buffer : tensor->buffer;
    if (memory == nullptr || ggml_backend_buffer_is_host(memory)) return nullptr;
    buffer->resize(ggml_nbytes(tensor));
    ggml_backend_tensor_get(tensor, buffer->data(), 0, buffer->size());
    return buffer->data();
  }

  // Masks are the same for many layers: each is copied once a ubatch.
  const void* CopyOfMask(const ggml_tensor* mask) {
    const auto [at, is_new] = mask_copies_.try_emplace(mask);
    if (is_new) return CopyOf(mask, &at->second);
    return at->second.empty() ? nullptr : at->second.data();
  }

  Status MeasureNode(const ggml_tensor& node, size_t layer) {
    GgmlAttention<ggml_tensor> attention;
    if (Status status = AttentionOfGgmlNode(node, &attention); !status.ok()) return status;
    if (attention.keys == nullptr) return Unknown("something is added to the products of queries and keys");
    if (attention.mask == nullptr) return Unknown("attention without a mask");
    const ggml_tensor* const root = CacheBehind(attention.keys);
    const int cache_layer = LayerOfCache(root);
    const std::vector<int64_t>* positions = &own_positions_;
    size_t cells_of_stream = 0;
    if (cache_layer >= 0) {
      if (static_cast<size_t>(cache_layer) >= cache_of_layer_.size() ||
          cache_of_layer_[static_cast<size_t>(cache_layer)] < 0) {
        return Unknown("the cache was never seen to be written");
      }
      positions = &caches_[static_cast<size_t>(cache_of_layer_[static_cast<size_t>(cache_layer)])].positions;
      cells_of_stream = static_cast<size_t>(root->ne[1]);
    } else if (!caches_.empty()) {
      return Unknown("keys that are not in the cache, such as those of cross attention");
    } else if (attention.keys->ne[3] != 1) {
      return Unknown("keys that are not in a cache, in several streams");
    } else if (BeginsUbatch(2 * static_cast<int64_t>(layer) + 1)) {
      BeginWithoutCache(*attention.queries, *attention.keys);
    }
    if (!unknown_.empty()) return Unknown(unknown_);
    return attention.weights != nullptr ? MeasureWeights(attention, layer, *positions, cells_of_stream)
                                        : MeasureQueriesKeys(attention, layer, *positions, cells_of_stream);
  }

  // Models without a cache: key j is that of token j, with some that are none behind, and all tokens are in one ubatch.
  void BeginWithoutCache(const ggml_tensor& queries, const ggml_tensor& keys) {
    const std::vector<int64_t> none(static_cast<size_t>(queries.ne[1]), 0);
    BeginUbatch(none, 1, 1, nullptr);
    own_positions_.assign(static_cast<size_t>(std::max(keys.ne[1], queries.ne[1])), -1);
    for (size_t i = 0; i < rows_.size(); ++i) own_positions_[i] = rows_[i].position;
  }

  struct RowRange {
    size_t first = 0;  // in the ubatch
    size_t count = 0;
    size_t batch = 0;  // of the node's tensors
    size_t query = 0;  // first row there
  };

  // The part of these rows that is measured.
  RowRange Middle(RowRange rows) const {
    const size_t left_out =
        options_.most_rows == 0 || rows.count <= options_.most_rows ? 0 : rows.count - options_.most_rows;
    rows.first += left_out / 2;
    rows.query += left_out / 2;
    rows.count -= left_out;
    return rows;
  }

  // Calls measure(range) for the rows of one sequence that are next to each other in the node's tensors.
  template <class View, typename Function>
  Status ForEachRun(const View& view, size_t layer, Function measure) {
    if (view.batch * view.queries != rows_.size()) {
      return Unknown("attention of " + std::to_string(view.batch * view.queries) + " rows in a ubatch of " +
                     std::to_string(rows_.size()));
    }
    for (size_t b = 0; b < view.batch; ++b) {
      for (size_t i = 0, end = 0; i < view.queries; i = end) {
        const size_t first = b * view.queries + i;
        const llama_seq_id sequence = rows_[first].sequence;
        for (end = i + 1; end < view.queries && rows_[b * view.queries + end].sequence == sequence;) ++end;
        const RowRange measured = Middle({first, end - i, b, i});
        if (Status status = measure(measured); !status.ok()) return status;
        if (measured.count < end - i) monitor_->CountLeftOut(layer, end - i - measured.count);
        sequences_[static_cast<size_t>(sequence)].fed = true;
      }
    }
    return {};
  }

  // What the mask shows of these rows; read once for all layers that have this mask.
  const MaskRun& RunOf(const ggml_tensor* mask, const BiasView& bias, const RowRange& range, size_t cells,
                       const int64_t* positions, bool bytes) {
    const auto [at, is_new] = runs_.try_emplace({mask, range.first});
    if (is_new) {
      MaskRun& run = at->second;
      if (bytes) run.bytes.resize(range.count * cells);
      run.status = ReadCacheMask(bias, range.count, cells, positions, bytes ? run.bytes.data() : nullptr, &run.rows);
    }
    return at->second;
  }

  static const void* Advance(const void* data, int64_t elements, ElementType type) {
    return static_cast<const char*>(data) + elements * static_cast<int64_t>(ElementBytes(type));
  }

  static BiasView Rows(const BiasView& bias, const RowRange& range) {
    BiasView rows = bias;
    rows.data = Advance(
        bias.data,
        static_cast<int64_t>(range.batch) * bias.batch_stride + static_cast<int64_t>(range.query) * bias.query_stride,
        bias.type);
    return rows;
  }

  // Of a stream: the positions of its cells.
  const int64_t* PositionsOf(const std::vector<int64_t>& positions, const RowRange& range, size_t cells_of_stream,
                             bool streams) const {
    const size_t stream = streams ? static_cast<size_t>(rows_[range.first].sequence) : 0;
    return positions.data() + stream * cells_of_stream;
  }

  Status MeasureQueriesKeys(const GgmlAttention<ggml_tensor>& attention, size_t layer,
                            const std::vector<int64_t>& positions, size_t cells_of_stream) {
    const GgmlCopies copies = {.queries = CopyOf(attention.queries, &query_copy_),
                               .keys = CopyOf(attention.keys, &key_copy_),
                               .mask = CopyOfMask(attention.mask),
                               .sinks = CopyOf(attention.sinks, &sink_copy_)};
    GgmlQueriesKeys inputs;
    if (Status status = ReadGgmlQueriesKeys(attention, copies, &inputs); !status.ok()) return status;
    const bool streams = positions.size() > cells_of_stream && cells_of_stream > 0;
    return ForEachRun(inputs.view, layer, [&](const RowRange& range) {
      QueryKeyView view = inputs.view;
      SoftmaxParams params = inputs.params;
      params.bias = Rows(inputs.params.bias, range);
      const int64_t* const at = PositionsOf(positions, range, cells_of_stream, streams);
      const MaskRun& run = RunOf(attention.mask, params.bias, range, view.keys, at, false);
      if (!run.status.ok()) return run.status;
      view.batch = 1;
      view.queries = range.count;
      view.first_sequence = static_cast<size_t>(rows_[range.first].sequence);
      view.query_data = Advance(view.query_data,
                                static_cast<int64_t>(range.batch) * view.query_batch_stride +
                                    static_cast<int64_t>(range.query) * view.query_stride,
                                view.query_type);
      GgmlWidenedKeys widened = inputs.widened;
      if (view.key_loader.load != nullptr) {
        widened.layout.data = static_cast<const char*>(widened.layout.data) + range.batch * widened.layout.nb[3];
        view.key_loader.context = &widened;
      } else {
        view.key_data =
            Advance(view.key_data, static_cast<int64_t>(range.batch) * view.key_batch_stride, view.key_type);
      }
      view.keys = run.rows.cells;
      if (run.rows.causal) {
        params.mask = run.rows.visibility;
        params.bias = {};
      } else {
        params.mask.key_positions = run.rows.positions.data();
      }
      return Counted(monitor_->AddQueriesKeys(layer, view, params, options_.runner));
    });
  }

  Status MeasureWeights(const GgmlAttention<ggml_tensor>& attention, size_t layer,
                        const std::vector<int64_t>& positions, size_t cells_of_stream) {
    AttentionView weights;
    GgmlLayout layout;
    Status status = HostLayoutOfGgml("weights", *attention.weights, CopyOf(attention.weights, &key_copy_), &layout);
    if (status.ok()) status = AttentionFromGgml(layout, &weights);
    SoftmaxParams params;
    std::vector<float> slopes;
    const GgmlCopies copies = {.mask = CopyOfMask(attention.mask), .sinks = CopyOf(attention.sinks, &sink_copy_)};
    if (status.ok()) status = ReadGgmlMask(attention, copies, weights, &params, &slopes);
    if (!status.ok()) return status;
    const bool streams = positions.size() > cells_of_stream && cells_of_stream > 0;
    return ForEachRun(weights, layer, [&](const RowRange& range) {
      AttentionView view = weights;
      const int64_t* const at = PositionsOf(positions, range, cells_of_stream, streams);
      const size_t cells = weights.keys;
      const MaskRun& run = RunOf(attention.mask, Rows(params.bias, range), range, cells, at, true);
      if (!run.status.ok()) return run.status;
      view.batch = 1;
      view.queries = range.count;
      view.null_mass = attention.sinks != nullptr;
      view.first_sequence = static_cast<size_t>(rows_[range.first].sequence);
      view.data = Advance(
          view.data,
          static_cast<int64_t>(range.batch) * view.batch_stride + static_cast<int64_t>(range.query) * view.query_stride,
          view.type);
      view.keys = run.rows.cells;
      Visibility visibility = run.rows.visibility;
      if (!run.rows.causal) {
        visibility.key_positions = run.rows.positions.data();
        visibility.key_mask = {.data = run.bytes.data(), .query_stride = static_cast<int64_t>(cells)};
      }
      return Counted(monitor_->AddWeights(layer, view, visibility, options_.runner));
    });
  }

  AttentionMonitor* monitor_;
  LlamaProbeOptions options_;
  uint64_t step_ = 0;
  uint64_t tokens_ = 0;  // of the step
  uint64_t refused_ = 0;
  Status failure_;  // the step's first
  uint32_t most_sequences_ = 1;
  ggml_backend_sched_eval_callback next_callback_ = nullptr;  // the program's own
  void* next_opaque_ = nullptr;
  bool wanted_ = false;  // the node that was asked for last: by the probe, by the program
  bool next_wanted_ = false;
  bool is_counted_ = false;  // the failure of the present node

  std::vector<Row> batch_;                   // of the call; empty where the program called llama_decode itself
  std::map<int64_t, size_t> next_in_batch_;  // by stream; -1: one that all sequences share
  std::vector<Sequence> sequences_;          // by llama_seq_id
  std::vector<Cache> caches_;
  std::vector<int> cache_of_layer_;

  // The ubatch.
  int64_t last_event_ = -1;  // 2 * layer of a store, 1 more of an attention
  std::vector<Row> rows_;
  std::string unknown_;                 // what is not known of its rows; empty: all is
  std::vector<int64_t> own_positions_;  // of its tokens, where there is no cache
  std::map<std::pair<const ggml_tensor*, size_t>, MaskRun> runs_;
  std::map<const ggml_tensor*, std::vector<char>> mask_copies_;
  // Of the present node, where it is not in memory of the host; of weights in place of keys.
  std::vector<char> query_copy_, key_copy_, sink_copy_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_LLAMA_H_
