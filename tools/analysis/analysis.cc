// SPDX-License-Identifier: Apache-2.0
//
// Feeds each layer's tensors to an accumulator in blocks of whole sequences, or of some rows of one, so that progress
// can be shown and float64 is narrowed piece by piece. The results do not depend on the blocks.
#include "tools/analysis/analysis.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include "attnscope/attention_view.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/limits.h"
#include "attnscope/row_outputs.h"
#include "tools/analysis/block_rows.h"
#include "tools/analysis/last_tensor.h"
#include "tools/analysis/weight_notes.h"
#include "tools/files/float32.h"

namespace attnscope::tools {
namespace {

// What the kernels read a tensor as; float64 after narrowing.
ElementType KernelType(Dtype dtype) {
  if (dtype == Dtype::kFloat16) return ElementType::kFloat16;
  return dtype == Dtype::kBFloat16 ? ElementType::kBFloat16 : ElementType::kFloat32;
}

// The lowest finite number of a float type is a mask, as in float16, which the kernels know of.
double MaskedBelow(Storage storage, double masked_below) {
  if (storage == Storage::kSame || std::isinf(masked_below)) return masked_below;
  return std::max(masked_below, storage == Storage::kFloat8E4M3 ? -448.0 : -57344.0);
}

// Some sequences of a part, or some rows of them.
struct Block {
  size_t first_sequence;
  size_t sequences;
  size_t first_row;
  size_t rows;
  size_t slot;  // of the accumulator, for the first sequence
};

struct BlockSteps {
  size_t sequences;
  size_t rows;
};

// Whole sequences if several fit into a block, and a state for `max_keys` keys of each too, but not more than `most`;
// else rows. Mean-matrix mode averages over all sequences at once.
BlockSteps StepsOf(const AttentionPart& part, size_t max_keys, const AnalysisOptions& options, size_t most) {
  const size_t sequence = part.heads * std::max(part.queries * part.keys, max_keys);
  BlockSteps steps = {};
  steps.sequences = options.mean_matrix ? part.batch
                                        : std::clamp(options.block_elements / sequence, size_t{1},
                                                     std::max(std::min(most, part.batch), size_t{1}));
  const size_t row = steps.sequences * part.heads * part.keys;
  steps.rows = std::min(part.queries, std::max(options.block_elements / row, kRowsPerBlock));
  return steps;
}

class LayerAnalysis {
 public:
  LayerAnalysis(int64_t layer, const LayerPlan& plan, const LayerShare& share, const AnalysisOptions& options,
                LastTensor* last_tensor, WeightNotes* notes)
      : layer_(layer),
        plan_(plan),
        share_(share),
        options_(options),
        block_rows_(options.rows, options.pieces, layer),
        last_tensor_(last_tensor),
        notes_(notes) {}

  Status Run(LayerAccumulator* out) {
    const LayerConfig config = Config();
    max_keys_ = config.max_keys;
    Status status = LayerAccumulator::Create(config, &accumulator_);
    if (!status.ok()) return plan_.attention.empty() ? status : Named(plan_.attention[0].source, status);
    for (const ShareItem& item : share_.items) {
      const AttentionPart& part = plan_.attention[item.part];
      status = AddAttention(part, item);
      if (!status.ok()) return Named(part.source, status);
    }
    for (const size_t residual : share_.residuals) {
      const ResidualPart& part = plan_.residuals[residual];
      status = AddResidual(part);
      if (!status.ok()) return Named(part.before, status);
    }
    if (HasKeys()) {
      status = options_.pictures->EndKeys(layer_, accumulator_);
      if (!status.ok()) return status;
    }
    *out = std::move(accumulator_);
    return {};
  }

 private:
  // The accumulator's and the readers' messages; the latter name their source already.
  static Status Named(const TensorRef& source, const Status& status) {
    const std::string name = source.file->Describe(source.tensor);
    return status.message().starts_with(name) ? status : Status(status.code(), name + ": " + status.message());
  }

  // The same in every share. Open sequences have the first slots; beside them, whole ones pass through one slot more.
  LayerConfig Config() const {
    LayerConfig config;
    config.mean_matrix = options_.mean_matrix;
    config.top_k = options_.top_k;
    config.max_batch = share_.open.size() + (share_.has_whole && !share_.open.empty() ? 1 : 0);
    config.max_batch = options_.mean_matrix ? 1 : std::max(config.max_batch, size_t{1});
    for (const AttentionPart& part : plan_.attention) {
      config.heads = options_.pieces.HeadsOf(part);
      config.max_keys = std::max(config.max_keys, part.keys);
    }
    for (const AttentionPart& part : plan_.attention) {
      const BlockSteps steps = StepsOf(part, config.max_keys, options_, MostSequences());
      config.max_batch = std::max(config.max_batch, steps.sequences);
    }
    return config;
  }

  // Beside open sequences, whole ones go one by one: they are large then.
  size_t MostSequences() const { return share_.open.empty() ? SIZE_MAX : 1; }

  Status AddAttention(const AttentionPart& part, const ShareItem& item) {
    if (part.kind == AttentionKind::kQueriesKeys) return AddQueriesKeys(part, item);
    const uint8_t* elements = nullptr;
    Status status = last_tensor_->Read(part.source, &elements);
    if (!status.ok()) return status;
    elements += part.outer * part.layer_stride * ElementBytes(part.source.info().dtype);
    return ForEachBlock(part, item, [&](const Block& block) { return AddBlock(part, elements, block); });
  }

  bool HasKeys() const {
    return options_.pictures != nullptr && options_.pictures->HasKeys(layer_) && !plan_.attention.empty();
  }

  // Cuts an item into blocks, and ends its sequences unless other shares have rows of them.
  template <typename Add>
  Status ForEachBlock(const AttentionPart& part, const ShareItem& item, const Add& add) {
    const BlockSteps steps = StepsOf(part, max_keys_, options_, MostSequences());
    const size_t slot = options_.mean_matrix ? 0 : item.open.value_or(share_.open.size());
    const size_t end_sequence = item.first_sequence + item.sequences;
    const size_t end_row = item.first_row + item.rows;
    for (size_t b = item.first_sequence; b < end_sequence; b += steps.sequences) {
      const size_t sequences = std::min(steps.sequences, end_sequence - b);
      for (size_t row = item.first_row; row < end_row; row += steps.rows) {
        Status status = add(Block{b, sequences, row, std::min(steps.rows, end_row - row), slot});
        if (!status.ok()) return status;
        options_.on_progress(sequences * part.heads * std::min(steps.rows, end_row - row) * part.keys);
      }
      if (item.open.has_value()) continue;
      const size_t ending = options_.mean_matrix ? 1 : sequences;
      if (HasKeys()) options_.pictures->AddColumns(slot, ending, &accumulator_);
      for (size_t i = 0; i < ending; ++i) {
        if (Status status = EndSequence(slot + i, SequenceInFiles(part, b) + i); !status.ok()) return status;
      }
    }
    return {};
  }

  Status AddBlock(const AttentionPart& part, const uint8_t* elements, const Block& block) {
    const Dtype dtype = part.source.info().dtype;
    const SoftmaxParams params = ParamsOf(part, block);
    AttentionView view =
        ContiguousAttention(nullptr, KernelType(dtype), block.sequences, part.heads, block.rows, part.keys);
    if (dtype == Dtype::kFloat64) {
      NarrowBlock(part, reinterpret_cast<const double*>(elements), block);
      view.data = narrowed_.data();
    } else {
      const size_t first = block.first_sequence * part.batch_stride + block.first_row * part.query_stride;
      view.data = elements + first * ElementBytes(dtype);
      view.query_stride = static_cast<int64_t>(part.query_stride);
      view.head_stride = static_cast<int64_t>(part.head_stride);
      view.batch_stride = static_cast<int64_t>(part.batch_stride);
    }
    view.first_sequence = block.slot;
    view.first_head = options_.pieces.first_head;
    if (HasMaps(part, block)) {
      if (Status status = AddToMaps(part, block, view, params); !status.ok()) return status;
    }
    const std::optional<RowOutputs> rows = OutputsOf(part, block);
    const RowOutputs* const outputs = rows ? &*rows : nullptr;
    const NotedBlock noted = {.layer = layer_,
                              .first_sequence = FirstSequenceOf(part) + block.first_sequence,
                              .first_row = options_.pieces.first_row + block.first_row,
                              .all_rows = options_.pieces.RowsOf(part),
                              .weights = &view,
                              .visibility = &params.mask};
    if (part.kind == AttentionKind::kLogits) {
      notes_->LookAtLogits(noted);
      return accumulator_.AddLogits(view, params, options_.runner, outputs);
    }
    view.null_mass = options_.rows.null_mass;
    notes_->Look(noted);
    return accumulator_.AddWeights(view, params.mask, options_.runner, outputs);
  }

  // Where the rows of a block go.
  std::optional<RowOutputs> OutputsOf(const AttentionPart& part, const Block& block) const {
    if (options_.row_metrics == nullptr) return std::nullopt;
    return options_.row_metrics->OutputsOf(layer_, SequenceInFiles(part, block.first_sequence), block.first_row);
  }

  // Ends the sequence in a slot of the accumulator, which is sequence `in_files` of the layer's arrays.
  Status EndSequence(size_t slot, size_t in_files) {
    if (options_.key_metrics == nullptr) return accumulator_.EndSequence(slot);
    auto take = [&](size_t head, std::span<const double> columns) {
      options_.key_metrics->Take(layer_, in_files, head, columns);
    };
    using Take = decltype(take);
    return accumulator_.EndSequence(slot, {&take, [](void* opaque, size_t, size_t head, std::span<const double> sums) {
                                             (*static_cast<Take*>(opaque))(head, sums);
                                           }});
  }

  // Sequence `sequence` of a part among those of the layer's arrays.
  size_t SequenceInFiles(const AttentionPart& part, size_t sequence) const {
    if (options_.mean_matrix) return static_cast<size_t>(&part - plan_.attention.data());
    return FirstSequenceOf(part) + sequence;
  }

  // The first sequence of the layer is the one that is drawn.
  bool HasMaps(const AttentionPart& part, const Block& block) const {
    return options_.pictures != nullptr && options_.pictures->HasMaps(layer_) && &part == plan_.attention.data() &&
           block.first_sequence == 0;
  }

  Status AddToMaps(const AttentionPart& part, const Block& block, AttentionView view, const SoftmaxParams& params) {
    view.batch = 1;
    AttentionPictures* const pictures = options_.pictures;
    return part.kind == AttentionKind::kLogits
               ? pictures->AddLogits(layer_, view, block.first_row, part.queries, params, options_.runner)
               : pictures->AddWeights(layer_, view, block.first_row, part.queries, params.mask, options_.runner);
  }

  SoftmaxParams ParamsOf(const AttentionPart& part, const Block& block) {
    SoftmaxParams params = block_rows_.ParamsOf(part, {.first_sequence = FirstSequenceOf(part) + block.first_sequence,
                                                       .sequences = block.sequences,
                                                       .first_row = options_.pieces.first_row + block.first_row,
                                                       .rows = block.rows});
    if (part.kind == AttentionKind::kLogits) {
      params.masked_below = MaskedBelow(part.source.info().storage, params.masked_below);
    }
    params.scale = options_.scale;
    params.soft_cap = options_.soft_cap;
    return params;
  }

  // Among the sequences of the layer.
  size_t FirstSequenceOf(const AttentionPart& part) const {
    size_t first = 0;
    for (const AttentionPart* before = plan_.attention.data(); before != &part; ++before) first += before->batch;
    return first;
  }

  Status AddQueriesKeys(const AttentionPart& part, const ShareItem& item) {
    TensorData query_data;
    TensorData key_data;
    Status status = part.source.file->Read(part.source.tensor, &query_data);
    if (status.ok()) status = part.key_source.file->Read(part.key_source.tensor, &key_data);
    if (!status.ok()) return status;
    const QueryKeyView all =
        QueryKeyViewOf(part, LayerOfTensor(part, part.source, query_data, part.query_elements(), &narrowed_),
                       LayerOfTensor(part, part.key_source, key_data, part.key_elements(), &narrowed_after_));
    return ForEachBlock(part, item, [&](const Block& block) {
      QueryKeyView view = all;
      view.batch = block.sequences;
      view.queries = block.rows;
      const size_t first_query = block.first_sequence * static_cast<size_t>(all.query_batch_stride) +
                                 block.first_row * static_cast<size_t>(all.query_stride);
      const size_t first_key = block.first_sequence * static_cast<size_t>(all.key_batch_stride);
      view.query_data = static_cast<const uint8_t*>(all.query_data) + first_query * ElementBytes(all.query_type);
      view.key_data = static_cast<const uint8_t*>(all.key_data) + first_key * ElementBytes(all.key_type);
      view.first_sequence = block.slot;
      view.first_head = options_.pieces.first_head;
      const SoftmaxParams params = ParamsOf(part, block);
      if (HasMaps(part, block)) {
        QueryKeyView first = view;
        first.batch = 1;
        Status added =
            options_.pictures->AddQueriesKeys(layer_, first, block.first_row, part.queries, params, options_.runner);
        if (!added.ok()) return added;
      }
      const std::optional<RowOutputs> rows = OutputsOf(part, block);
      return accumulator_.AddQueriesKeys(view, params, options_.runner, rows ? &*rows : nullptr);
    });
  }

  // The part's layer of a tensor of queries or keys, narrowed into `scratch` if it must be.
  static const void* LayerOfTensor(const AttentionPart& part, const TensorRef& source, const TensorData& data,
                                   size_t elements, std::vector<float>* scratch) {
    const Dtype dtype = source.info().dtype;
    const uint8_t* from = data.bytes().data() + part.outer * elements * ElementBytes(dtype);
    if (dtype != Dtype::kFloat64) return from;
    scratch->resize(elements);
    NarrowToFloat32({reinterpret_cast<const double*>(from), elements}, scratch->data());
    return scratch->data();
  }

  static QueryKeyView QueryKeyViewOf(const AttentionPart& part, const void* queries, const void* keys) {
    const auto make = part.layout == QueryKeyLayout::kTokenMajor ? &TokenMajorQueryKey : &ContiguousQueryKey;
    QueryKeyView view = make(queries, keys, ElementType::kFloat32, part.batch, part.heads, part.kv_heads, part.queries,
                             part.keys, part.head_dim);
    view.query_type = KernelType(part.source.info().dtype);
    view.key_type = KernelType(part.key_source.info().dtype);
    return view;
  }

  // Fills narrowed_ with the block, contiguous: [sequences, heads, rows, keys].
  void NarrowBlock(const AttentionPart& part, const double* elements, const Block& block) {
    narrowed_.resize(block.sequences * part.heads * block.rows * part.keys);
    float* to = narrowed_.data();
    const double* const first = elements + block.first_row * part.query_stride;
    for (size_t matrix = 0; matrix < block.sequences * part.heads; ++matrix) {
      const size_t sequence = block.first_sequence + matrix / part.heads;
      const double* row = first + sequence * part.batch_stride + matrix % part.heads * part.head_stride;
      for (size_t i = 0; i < block.rows; ++i, row += part.query_stride, to += part.keys) {
        NarrowToFloat32({row, part.keys}, to);
      }
    }
  }

  Status AddResidual(const ResidualPart& part) {
    TensorData before;
    TensorData after;
    Status status = part.before.file->Read(part.before.tensor, &before);
    if (status.ok()) status = part.after.file->Read(part.after.tensor, &after);
    for (size_t b = 0; b < part.batch && status.ok(); ++b) {
      status = accumulator_.AddResidual(SequenceOf(part, part.before, before, b, &narrowed_),
                                        SequenceOf(part, part.after, after, b, &narrowed_after_));
      options_.on_progress(part.tokens * part.channels);
    }
    return status;
  }

  // One sequence of one side, narrowed into `scratch` if it must be.
  static ActivationView SequenceOf(const ResidualPart& part, const TensorRef& source, const TensorData& data,
                                   size_t sequence, std::vector<float>* scratch) {
    const Dtype dtype = source.info().dtype;
    const size_t size = part.tokens * part.channels;
    const uint8_t* elements = data.bytes().data() + sequence * size * ElementBytes(dtype);
    ActivationView view = ContiguousActivation(elements, KernelType(dtype), 1, part.tokens, part.channels);
    if (dtype == Dtype::kFloat64) {
      scratch->resize(size);
      NarrowToFloat32({reinterpret_cast<const double*>(elements), size}, scratch->data());
      view.data = scratch->data();
    }
    return view;
  }

  const int64_t layer_;
  const LayerPlan& plan_;
  const LayerShare& share_;
  const AnalysisOptions& options_;
  BlockRows block_rows_;
  LastTensor* last_tensor_;
  WeightNotes* notes_;
  size_t max_keys_ = 0;  // of all parts
  LayerAccumulator accumulator_;
  std::vector<float> narrowed_;
  std::vector<float> narrowed_after_;
};

}  // namespace

Status MeasureShare(const Plan& plan, const Share& share, const AnalysisOptions& options,
                    const std::function<Status(MeasuredLayer layer)>& take) {
  LastTensor last_tensor;
  WeightNotes notes;
  for (const auto& [index, layer] : plan.layers) {
    const LayerShare& of_layer = share.layers.at(index);
    MeasuredLayer measured;
    measured.layer = index;
    if (!layer.attention.empty()) measured.kind = layer.attention[0].kind;
    measured.open = of_layer.open;
    Status status = LayerAnalysis(index, layer, of_layer, options, &last_tensor, &notes).Run(&measured.accumulator);
    if (status.ok()) status = take(std::move(measured));
    if (!status.ok()) return status;
  }
  for (const std::string& note : notes.Finish()) options.on_note(note);
  for (const std::unique_ptr<TensorFile>& file : plan.files) {
    if (Status status = file->CheckUnchanged(); !status.ok()) return status;
  }
  return {};
}

LayerStats StatsOf(const LayerAccumulator& accumulator) {
  LayerStats stats = accumulator.Stats();
  if (accumulator.config().mean_matrix) stats.heads.clear();  // the one matrix is the layer
  return stats;
}

}  // namespace attnscope::tools
