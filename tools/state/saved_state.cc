// SPDX-License-Identifier: Apache-2.0
#include "tools/state/saved_state.h"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "kernels/accumulator/state_layout.h"

namespace attnscope::tools {
namespace {

std::vector<double> Slice(std::span<const double> values, size_t first, size_t count) {
  const std::span<const double> slice = values.subspan(first, count);
  return {slice.begin(), slice.end()};
}

// Adds what `from` has to the closed part of a layer: layer sums, and one head's.
void AddClosedHead(const LayerAccumulator& from, size_t head, SavedLayer* layer) {
  const StateLayout one(1, 1, 0);
  const StateLayout all(layer->heads, 1, 0);
  const std::span<const double> sums = from.sums();
  const std::span<const double> maxima = from.maxima();
  for (size_t i = 0; i < kNumHeadSums; ++i) layer->sums[all.HeadSums(head) + i] += sums[one.HeadSums(0) + i];
  for (size_t i = 0; i < kNumHeadMaxima; ++i) {
    double& maximum = layer->maxima[all.HeadMaxima(head) + i];
    maximum = std::max(maximum, maxima[one.HeadMaxima(0) + i]);
  }
}

// Says "not kept" where a state does not have a number.
void MarkMissing(const StateContents& contents, NumberList list, double* numbers) {
  for (size_t i = 0; i < NumbersIn(list); ++i) {
    if (!contents.Has(list, i)) numbers[i] = std::numeric_limits<double>::quiet_NaN();
  }
}

void MarkMissing(const StateContents& contents, SavedLayer* layer) {
  const StateLayout layout(layer->heads, 1, 0);
  MarkMissing(contents, NumberList::kLayerSums, layer->sums.data());
  for (size_t head = 0; head < layer->heads; ++head) {
    double* sums = layer->sums.data() + layout.HeadSums(head);
    MarkMissing(contents, NumberList::kRowSums, sums);
    MarkMissing(contents, NumberList::kMatrixSums, sums + kNumRowSums);
    MarkMissing(contents, NumberList::kHeadMaxima, layer->maxima.data() + layout.HeadMaxima(head));
  }
}

}  // namespace

SavedLayer SaveLayer(const MeasuredLayer& measured) {
  const LayerAccumulator& accumulator = measured.accumulator;
  const std::span<const double> sums = accumulator.sums();
  const std::span<const double> maxima = accumulator.maxima();
  const StateLayout layout(accumulator.config());
  SavedLayer saved;
  saved.layer = measured.layer;
  saved.kind = measured.kind;
  saved.model_heads = accumulator.config().heads;
  saved.heads = layout.heads();
  saved.sums = Slice(sums, 0, layout.closed_sums());
  saved.maxima = Slice(maxima, 0, layout.closed_maxima());
  saved.open = measured.open;
  for (size_t sequence = 0; sequence < measured.open.size(); ++sequence) {
    for (size_t head = 0; head < layout.heads(); ++head) {
      OpenMatrix matrix = {.sequence = sequence, .head = head};
      matrix.row_sums = Slice(sums, layout.OpenRowSums(sequence, head), kNumRowSums);
      if (NumRows(matrix.row_sums.data()) == 0.0) continue;
      const auto keys = static_cast<size_t>(maxima[layout.OpenKeys(sequence, head)]);
      matrix.maxima = Slice(maxima, layout.OpenMaxima(sequence, head), kNumOpenMaxima);
      matrix.columns = Slice(sums, layout.OpenColumns(sequence, head), keys);
      matrix.partial = Slice(sums, layout.OpenPartial(sequence, head), keys);
      saved.matrices.push_back(std::move(matrix));
    }
  }
  return saved;
}

// A small accumulator takes one open matrix after another, whose kernels end it as they would have where it was
// measured.
Status EndSequences(SavedLayer* layer) {
  size_t max_keys = 0;
  for (const OpenMatrix& matrix : layer->matrices) max_keys = std::max(max_keys, matrix.columns.size());
  LayerAccumulator one;
  Status status = LayerAccumulator::Create({.heads = 1, .max_keys = max_keys}, &one);
  if (!status.ok()) return status;
  const StateLayout layout(1, 1, max_keys);
  for (const OpenMatrix& matrix : layer->matrices) {
    one.Reset();
    const std::span<double> sums = one.sums();
    std::copy(matrix.row_sums.begin(), matrix.row_sums.end(), sums.subspan(layout.OpenRowSums(0, 0)).begin());
    std::copy(matrix.columns.begin(), matrix.columns.end(), sums.subspan(layout.OpenColumns(0, 0)).begin());
    std::copy(matrix.partial.begin(), matrix.partial.end(), sums.subspan(layout.OpenPartial(0, 0)).begin());
    one.maxima()[layout.OpenKeys(0, 0)] = static_cast<double>(matrix.columns.size());
    std::copy(matrix.maxima.begin(), matrix.maxima.end(), one.maxima().subspan(layout.OpenMaxima(0, 0)).begin());
    one.EndSequence();
    AddClosedHead(one, matrix.head, layer);
  }
  layer->open.clear();
  layer->matrices.clear();
  return {};
}

Status ReportOf(const SavedState& state, Report* report) {
  std::vector<LayerReport> layers;
  for (const SavedLayer& layer : state.layers) {
    SavedLayer ended = layer;
    LayerAccumulator accumulator;
    Status status = EndSequences(&ended);
    if (status.ok()) {
      const LayerConfig config = {
          .heads = layer.heads, .mean_matrix = state.settings.mean_matrix, .top_k = state.settings.top_k};
      status = LayerAccumulator::Create(config, &accumulator);
    }
    if (!status.ok()) return status;
    MarkMissing(state.contents, &ended);
    std::copy(ended.sums.begin(), ended.sums.end(), accumulator.sums().begin());
    std::copy(ended.maxima.begin(), ended.maxima.end(), accumulator.maxima().begin());
    layers.push_back({layer.layer, StatsOf(accumulator)});
  }
  report->layers = std::move(layers);
  report->epoch = state.settings.epoch;
  report->stage = state.settings.stage;
  return {};
}

}  // namespace attnscope::tools
