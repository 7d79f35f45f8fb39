// SPDX-License-Identifier: Apache-2.0
#include "python/module/accumulator.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <new>
#include <span>
#include <utility>

#include "python/module/argument.h"
#include "python/module/docstrings.h"
#include "python/module/errors.h"
#include "python/module/module.h"
#include "python/module/row_arrays.h"
#include "python/module/stats.h"
#include "python/module/top_k.h"

namespace attnscope::python {

namespace {

// Copies `count` numbers from one place of an array to a place of another.
void Copy(std::span<const double> from, size_t from_place, size_t count, std::span<double> to, size_t to_place) {
  const std::span<const double> numbers = from.subspan(from_place, count);
  std::copy(numbers.begin(), numbers.end(), to.subspan(to_place, count).begin());
}

// To an accumulator that is new, of as many heads, and has at least as many keys and sequences. A matrix has the same
// number in both, as sequences come one after another.
void CopyState(const LayerAccumulator& from, LayerAccumulator* to) {
  const OpenParts old_parts = from.open_parts();
  const OpenParts new_parts = to->open_parts();
  const std::span<double> sums = to->sums();
  const std::span<double> maxima = to->maxima();
  Copy(from.sums(), 0, old_parts.columns, sums, 0);  // of the layer, the heads, and the rows of open matrices
  for (size_t matrix = 0; matrix < old_parts.matrices; ++matrix) {
    Copy(from.sums(), old_parts.columns + matrix * old_parts.keys, old_parts.keys, sums,
         new_parts.columns + matrix * new_parts.keys);
    Copy(from.sums(), old_parts.partial_columns + matrix * old_parts.keys, old_parts.keys, sums,
         new_parts.partial_columns + matrix * new_parts.keys);
  }
  // Of the layer and how many keys each matrix has; then, matrix by matrix, the other maxima.
  Copy(from.maxima(), 0, old_parts.matrix_keys + old_parts.matrices, maxima, 0);
  const size_t others = old_parts.matrix_keys + old_parts.matrices;
  Copy(from.maxima(), others, from.maxima().size() - others, maxima, new_parts.matrix_keys + new_parts.matrices);
}

}  // namespace

Accumulator::Accumulator(const LayerConfig& config) { Check(LayerAccumulator::Create(config, &layer_)); }

void Accumulator::Remember(tools::AttentionKind kind, const SoftmaxParams& params) {
  if (manner_.kind.has_value()) return;
  manner_.kind = kind;
  manner_.causal = params.mask.causal;
  manner_.scale = params.scale;
  manner_.soft_cap = params.soft_cap;
}

template <typename Add>
Status Accumulator::Alone(const Add& add) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (scores_ == nullptr) return add();
  const std::lock_guard<std::mutex> scores_lock(scores_->mutex);
  return add();
}

Status Accumulator::Attach(std::shared_ptr<SharedScores> scores) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (scores == nullptr) {
    layer_.Detach();
  } else {
    const std::lock_guard<std::mutex> scores_lock(scores->mutex);
    Status status = layer_.Attach(scores->scores);
    if (!status.ok()) return status;
  }
  scores_ = std::move(scores);
  return {};
}

Status Accumulator::AddWeights(const AttentionView& weights, const Mask& mask, const Runner& runner,
                               const RowOutputs* rows) {
  return Alone([&] {
    Status status = layer_.AddWeights(weights, mask, runner, rows);
    if (status.ok()) Remember(tools::AttentionKind::kWeights, {.mask = mask});
    return status;
  });
}

Status Accumulator::AddLogits(const AttentionView& logits, const SoftmaxParams& params, const Runner& runner,
                              const RowOutputs* rows) {
  return Alone([&] {
    Status status = layer_.AddLogits(logits, params, runner, rows);
    if (status.ok()) Remember(tools::AttentionKind::kLogits, params);
    return status;
  });
}

Status Accumulator::AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params, const Runner& runner,
                                   const RowOutputs* rows) {
  return Alone([&] {
    Status status = layer_.AddQueriesKeys(view, params, runner, rows);
    if (status.ok()) Remember(tools::AttentionKind::kQueriesKeys, params);
    return status;
  });
}

Status Accumulator::AddResidual(const ActivationView& before, const ActivationView& after) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return layer_.AddResidual(before, after);
}

Status Accumulator::AddGradient(const BufferView& gradient) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return layer_.AddGradient(gradient);
}

void Accumulator::EndSequences() {
  const std::lock_guard<std::mutex> lock(mutex_);
  layer_.EndSequence();
}

Status Accumulator::EndSequence(size_t sequence) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return layer_.EndSequence(sequence);
}

LayerStats Accumulator::Stats() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return layer_.Stats();
}

Status Accumulator::ColumnSums(size_t sequence, size_t head, std::vector<double>* columns) {
  const std::lock_guard<std::mutex> lock(mutex_);
  columns->assign(layer_.OpenKeys(sequence, head), 0.0);
  return layer_.ColumnSums(sequence, head, *columns);
}

void Accumulator::Reset() {
  const std::lock_guard<std::mutex> lock(mutex_);
  layer_.Reset();
  manner_ = {};
}

Status Accumulator::Merge(Accumulator* other) {
  if (other == this) return {StatusCode::kInvalidArgument, "an accumulator cannot be merged into itself"};
  const std::scoped_lock lock(mutex_, other->mutex_);
  Status status = layer_.Merge(other->layer_);
  if (status.ok() && !manner_.kind.has_value()) manner_ = other->manner_;
  return status;
}

Status Accumulator::Grow(size_t max_keys, size_t max_batch) {
  const std::lock_guard<std::mutex> lock(mutex_);
  LayerConfig config = layer_.config();
  config.max_keys = std::max(config.max_keys, max_keys);
  config.max_batch = std::max(config.max_batch, max_batch);
  if (config == layer_.config()) return {};
  LayerAccumulator grown;
  Status status = LayerAccumulator::Create(config, &grown);
  if (!status.ok()) return status;
  if (scores_ != nullptr) {
    const std::lock_guard<std::mutex> scores_lock(scores_->mutex);
    status = grown.Attach(scores_->scores);
    if (!status.ok()) return status;
  }
  static_cast<void>(layer_.sums());  // brings the state up to date
  CopyState(layer_, &grown);
  if (has_lent_) left_behind_.push_back(std::move(layer_));
  layer_ = std::move(grown);
  return {};
}

std::span<double> Accumulator::Sums() {
  const std::lock_guard<std::mutex> lock(mutex_);
  has_lent_ = true;
  return layer_.sums();
}

std::span<double> Accumulator::Maxima() {
  const std::lock_guard<std::mutex> lock(mutex_);
  has_lent_ = true;
  return layer_.maxima();
}

namespace {

using Array = nb::ndarray<nb::numpy, double, nb::ndim<1>>;

template <typename Function>
auto WithoutGil(const Function& function) {
  const nb::gil_scoped_release release;
  return function();
}

void Make(Accumulator* memory, const Argument<size_t, "heads">& heads, const Argument<size_t, "max_keys">& max_keys,
          const Argument<size_t, "max_batch">& max_batch, const Argument<bool, "mean_matrix">& mean_matrix,
          const Argument<double, "tolerance_float32">& tolerance_float32,
          const Argument<double, "tolerance_half">& tolerance_half,
          const Argument<double, "saturation_bound">& saturation_bound, nb::handle top_k) {
  new (memory) Accumulator({.heads = heads,
                            .max_keys = max_keys,
                            .max_batch = max_batch,
                            .mean_matrix = mean_matrix,
                            .tolerance_float32 = tolerance_float32,
                            .tolerance_half = tolerance_half,
                            .saturation_bound = saturation_bound,
                            .top_k = TopKOf(top_k)});
}

void EndSequence(Accumulator& self, const Argument<std::optional<size_t>, "sequence">& given) {
  const std::optional<size_t> sequence = given;
  if (sequence.has_value()) {
    Check(WithoutGil([&] { return self.EndSequence(*sequence); }));
  } else {
    WithoutGil([&] { self.EndSequences(); });
  }
}

// Adds rows, and keeps what each of them measures.
class RowKeeper final : public AttentionSink {
 public:
  RowKeeper(Accumulator* layer, RowArrays* rows) : layer_(layer), rows_(rows) {}

  Status AddWeights(const AttentionView& weights, const Mask& mask, const Runner& runner) override {
    Status status = Allocate(weights.batch, weights.heads, weights.queries);
    return status.ok() ? layer_->AddWeights(weights, mask, runner, &rows_->outputs()) : status;
  }
  Status AddLogits(const AttentionView& logits, const SoftmaxParams& params, const Runner& runner) override {
    Status status = Allocate(logits.batch, logits.heads, logits.queries);
    return status.ok() ? layer_->AddLogits(logits, params, runner, &rows_->outputs()) : status;
  }
  Status AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params, const Runner& runner) override {
    Status status = Allocate(view.batch, view.heads, view.queries);
    return status.ok() ? layer_->AddQueriesKeys(view, params, runner, &rows_->outputs()) : status;
  }

 private:
  Status Allocate(size_t batch, size_t heads, size_t queries) {
    return layer_->config().mean_matrix ? rows_->Allocate(1, 1, queries) : rows_->Allocate(batch, heads, queries);
  }

  Accumulator* layer_;
  RowArrays* rows_;
};

// What a call returns: None, or what its rows measure where these are asked for.
template <typename Call>
nb::object WithRows(Accumulator* self, nb::handle rows, bool has_logits, const Call& call) {
  if (rows.ptr() == Py_False || rows.is_none()) {
    call(self);
    return nb::none();
  }
  const LayerConfig config = self->config();
  RowArrays arrays("rows", rows, has_logits && !config.mean_matrix, config.top_k);
  RowKeeper keeper(self, &arrays);
  call(&keeper);
  return arrays.Take();
}

nb::object ColumnSums(Accumulator& self, const Argument<size_t, "sequence">& sequence,
                      const Argument<size_t, "head">& head) {
  std::vector<double> columns;
  Check(WithoutGil([&] { return self.ColumnSums(sequence, head, &columns); }));
  double* values = nullptr;
  const nb::object array = nb::cast(NewArray(columns.size(), &values));
  std::copy(columns.begin(), columns.end(), values);
  return array;
}

nb::object ArrayOver(std::span<double> numbers, nb::handle owner) {
  return nb::cast(Array(numbers.data(), {numbers.size()}, owner));
}

void BindCalls(nb::class_<Accumulator>* bound) {
  bound
      ->def(
          "add_weights",
          [](Accumulator& self, nb::handle weights, nb::handle rows, const nb::kwargs& keywords) {
            return WithRows(&self, rows, /*has_logits=*/false,
                            [&](AttentionSink* sink) { CallAddWeights(weights, keywords, sink); });
          },
          nb::arg("weights").none(), nb::kw_only(), nb::arg("rows").none() = false, nb::arg("keywords"), kAddWeightsDoc)
      .def(
          "add_logits",
          [](Accumulator& self, nb::handle logits, nb::handle rows, const nb::kwargs& keywords) {
            return WithRows(&self, rows, /*has_logits=*/true,
                            [&](AttentionSink* sink) { CallAddLogits(logits, keywords, sink); });
          },
          nb::arg("logits").none(), nb::kw_only(), nb::arg("rows").none() = false, nb::arg("keywords"), kAddLogitsDoc)
      .def(
          "add_queries_keys",
          [](Accumulator& self, nb::handle queries, nb::handle keys, nb::handle rows, const nb::kwargs& keywords) {
            return WithRows(&self, rows, /*has_logits=*/true,
                            [&](AttentionSink* sink) { CallAddQueriesKeys(queries, keys, keywords, sink); });
          },
          nb::arg("queries").none(), nb::arg("keys").none(), nb::kw_only(), nb::arg("rows").none() = false,
          nb::arg("keywords"), kAddQueriesKeysDoc)
      .def(
          "add_residual",
          [](Accumulator& self, nb::handle before, nb::handle after, const nb::kwargs& keywords) {
            CallAddResidual(before, after, keywords, &self);
          },
          nb::arg("before").none(), nb::arg("after").none(), nb::arg("keywords"), kAddResidualDoc)
      .def(
          "add_gradient",
          [](Accumulator& self, nb::handle gradient, const nb::kwargs& keywords) {
            CallAddGradient(gradient, keywords, &self);
          },
          nb::arg("gradient").none(), nb::arg("keywords"), kAddGradientDoc);
}

}  // namespace

void BindAccumulator(nb::module_& module) {
  constexpr LayerConfig kDefaults;
  nb::class_<Accumulator> bound(module, "LayerAccumulator", nb::is_weak_referenceable(), kLayerAccumulatorDoc);
  bound.def("__init__", &Make, nb::kw_only(), nb::arg("heads") = kDefaults.heads,
            nb::arg("max_keys") = kDefaults.max_keys, nb::arg("max_batch") = kDefaults.max_batch,
            nb::arg("mean_matrix") = kDefaults.mean_matrix, nb::arg("tolerance_float32") = kDefaults.tolerance_float32,
            nb::arg("tolerance_half") = kDefaults.tolerance_half,
            nb::arg("saturation_bound") = kDefaults.saturation_bound, nb::arg("top_k") = TupleOf(kDefaults.top_k));
  BindCalls(&bound);
  bound
      .def("end_sequence", &EndSequence, nb::arg("sequence").none() = nb::none(),
           "Ends the open sequences, or one of them: folds their column sums into the layer's. The next rows begin new "
           "ones. Raises ValueError for a sequence beyond max_batch.")
      .def(
          "stats", [](Accumulator& self) { return WithoutGil([&] { return self.Stats(); }); },
          "What was measured so far, as a LayerStats, as if end_sequence() had been called now; the state stays as it "
          "is.")
      .def(
          "attach",
          [](Accumulator& self, const Scores* scores) {
            Check(WithoutGil([&] { return self.Attach(scores == nullptr ? nullptr : scores->shared()); }));
          },
          nb::arg("scores").none(),
          "From now on rows that are added here are also added to a KeyScores, from the weights that are made anyway; "
          "None: no longer. Sequences end, and are forgotten, in each by its own calls. Copies and pickles have no "
          "scores attached. Raises ValueError if these have other heads or sequences or fewer keys than the "
          "accumulator, and in mean-matrix mode.")
      .def("column_sums", &ColumnSums, nb::arg("sequence") = 0, nb::arg("head") = 0,
           "The attention that each key of an open sequence has received in a head so far, summed over its rows: a "
           "float64 array, as long as the sequence has keys. In mean-matrix mode there is one matrix, [0, 0]. Raises "
           "ValueError for a sequence or head that the accumulator does not have.")
      .def(
          "reset", [](Accumulator& self) { WithoutGil([&] { self.Reset(); }); },
          "Forgets everything but the configuration.")
      .def(
          "merge", [](Accumulator& self, Accumulator& other) { Check(WithoutGil([&] { return self.Merge(&other); })); },
          nb::arg("other"),
          "Adds what another accumulator of the same configuration measured; sequences that are open in both go on as "
          "one. Raises ValueError for another configuration.")
      .def(
          "sums",
          [](nb::handle_t<Accumulator> self) {
            return ArrayOver(WithoutGil([&] { return nb::inst_ptr<Accumulator>(self)->Sums(); }), self);
          },
          "The sums of the state, for an all-reduce that adds: a float64 array over the accumulator's own memory, of "
          "the same length on every rank with the same configuration. Call it before each all-reduce.")
      .def(
          "maxima",
          [](nb::handle_t<Accumulator> self) {
            return ArrayOver(WithoutGil([&] { return nb::inst_ptr<Accumulator>(self)->Maxima(); }), self);
          },
          "The maxima of the state, for an all-reduce that takes the larger: an array as that of sums().")
      .def(
          "reserve",
          [](Accumulator& self, const Argument<size_t, "max_keys">& max_keys,
             const Argument<size_t, "max_batch">& max_batch) {
            Check(WithoutGil([&] { return self.Grow(max_keys, max_batch); }));
          },
          nb::kw_only(), nb::arg("max_keys") = 0, nb::arg("max_batch") = 0,
          "Makes room for rows of more keys, and for more sequences at once. What was measured stays, open sequences "
          "too; smaller numbers than there are change nothing. Arrays of sums() and maxima() from before are no longer "
          "the accumulator's. Raises ValueError, MemoryError.")
      .def_prop_ro("heads", [](const Accumulator& self) { return self.config().heads; })
      .def_prop_ro("max_keys", [](const Accumulator& self) { return self.config().max_keys; })
      .def_prop_ro("max_batch", [](const Accumulator& self) { return self.config().max_batch; })
      .def_prop_ro("mean_matrix", [](const Accumulator& self) { return self.config().mean_matrix; })
      .def_prop_ro("top_k", [](const Accumulator& self) { return TupleOf(self.config().top_k); })
      .def(
          "state",
          [](Accumulator& self, const Argument<int64_t, "layer">& layer, const std::string& stage,
             const Argument<std::optional<int64_t>, "epoch">& epoch) { return self.SaveState(layer, stage, epoch); },
          nb::arg("layer") = 0, nb::arg("stage") = "", nb::arg("epoch").none() = nb::none(),
          "What was measured as bytes, open sequences ended: what `attnscope analyze --state-out` writes, and "
          "`attnscope merge` and Report.from_states read. `layer` is its index in the model.")
      .def_static(
          "from_state",
          [](const nb::bytes& state, const Argument<std::optional<int64_t>, "layer">& layer,
             const Argument<size_t, "max_keys">& max_keys, const Argument<size_t, "max_batch">& max_batch) {
            const nb::object made = nb::inst_alloc(nb::type<Accumulator>());
            Accumulator::LoadState(nb::inst_ptr<Accumulator>(made), state, layer, max_keys, max_batch);
            nb::inst_mark_ready(made);
            return made;
          },
          nb::arg("state"), nb::arg("layer").none() = nb::none(), nb::arg("max_keys") = 0, nb::arg("max_batch") = 1,
          "The accumulator of a state, as state() or the command wrote it. `layer`: which of a state of several; "
          "max_keys and max_batch, which a state does not have, say what may be added. Raises ValueError for what is "
          "no state, LookupError for a layer that is not there.")
      .def("__getstate__", &Accumulator::GetState)
      .def("__setstate__", [](Accumulator& self, const nb::tuple& state) { Accumulator::SetState(&self, state); });
}

}  // namespace attnscope::python
