// SPDX-License-Identifier: Apache-2.0
#include "tests/support/visible_attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "attnscope/thread_runner.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/exact_logits.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr float kHidden = std::numeric_limits<float>::quiet_NaN();

std::vector<uint8_t> RandomElements(ElementType type, size_t count, double sigma, Random& random) {
  std::vector<uint8_t> bytes(count * ElementBytes(type));
  for (size_t i = 0; i < count; ++i) StoreElement(type, static_cast<float>(sigma * random.Normal()), bytes.data(), i);
  return bytes;
}

const void* Advanced(const void* data, ElementType type, int64_t elements) {
  return static_cast<const uint8_t*>(data) + elements * static_cast<int64_t>(ElementBytes(type));
}

std::vector<int64_t> RandomLengths(size_t count, size_t most, Random& random) {
  std::vector<int64_t> lengths(count);
  for (int64_t& length : lengths) length = static_cast<int64_t>(random.Below(most + 1));
  return lengths;
}

bool OneIn(size_t share, Random& random) { return random.Below(share) == 0; }

}  // namespace

const char* NameOf(InputKind kind) {
  return kind == InputKind::kWeights ? "weights" : kind == InputKind::kLogits ? "logits" : "queries and keys";
}

VisibleAttention::VisibleAttention(const AttentionSizes& sizes, const SoftmaxParams& params, ElementType type,
                                   uint64_t seed)
    : sizes_(sizes), params_(params), type_(type), side_by_side_(seed % 2 == 1) {
  Random random(seed);
  const size_t rows = sizes.batch * sizes.heads * sizes.queries;
  logits_ = RandomElements(type, rows * sizes.keys, 3.0, random);
  queries_ = RandomElements(type, rows * sizes.head_dim, 1.5, random);
  keys_ = RandomElements(type, sizes.batch * sizes.kv_heads * sizes.keys * sizes.head_dim, 1.5, random);
  weights_.resize(logits_.size());
  FillWeights(random);
  HideLogits();
  HideKeys();
}

void VisibleAttention::FillWeights(Random& random) {
  for (size_t i = 0; i < sizes_.keys * sizes_.batch * sizes_.heads * sizes_.queries; ++i) {
    StoreElement(type_, kHidden, weights_.data(), i);
  }
  std::vector<float> weights;
  for (size_t i = 0; i < sizes_.batch * sizes_.heads * sizes_.queries; ++i) {
    const size_t matrix = i / sizes_.queries;
    const SeenKeys seen =
        SeenKeysOf(params_.mask, sizes_.matrix(), matrix / sizes_.heads, matrix % sizes_.heads, i % sizes_.queries);
    weights.resize(seen.keys.size());
    RowInputOf("sigma1").fill(random, weights);  // sharper rows have columns whose sums are the same but for rounding
    const float share = params_.sinks == nullptr ? 1.0f : static_cast<float>(random.Uniform());
    for (size_t k = 0; k < weights.size(); ++k) {
      StoreElement(type_, share * weights[k], weights_.data(), i * sizes_.keys + seen.keys[k]);
    }
  }
}

void VisibleAttention::MaskLogits(const std::vector<float>& values, uint64_t seed) {
  Random random(seed);
  for (size_t i = 0; i < sizes_.keys * sizes_.batch * sizes_.heads * sizes_.queries; ++i) {
    if (OneIn(6, random)) StoreElement(type_, values[random.Below(values.size())], logits_.data(), i);
  }
  HideLogits();
}

void VisibleAttention::HideLogits() {
  for (size_t sequence = 0; sequence < sizes_.batch; ++sequence) {
    for (size_t head = 0; head < sizes_.heads; ++head) {
      for (size_t row = 0; row < sizes_.queries; ++row) {
        std::vector<bool> seen(sizes_.keys);
        for (const size_t key : SeenKeysOf(params_.mask, sizes_.matrix(), sequence, head, row).keys) seen[key] = true;
        const size_t first = RowOf(sequence, head, row) * sizes_.keys;
        for (size_t key = 0; key < sizes_.keys; ++key) {
          if (!seen[key]) StoreElement(type_, kHidden, logits_.data(), first + key);
        }
      }
    }
  }
}

// Keys that no row of their heads sees.
void VisibleAttention::HideKeys() {
  std::vector<bool> seen(sizes_.batch * sizes_.kv_heads * sizes_.keys);
  for (size_t i = 0; i < sizes_.batch * sizes_.heads * sizes_.queries; ++i) {
    const size_t head = i / sizes_.queries % sizes_.heads;
    const size_t sequence = i / sizes_.queries / sizes_.heads;
    const size_t first = (sequence * sizes_.kv_heads + head / (sizes_.heads / sizes_.kv_heads)) * sizes_.keys;
    const SeenKeys keys = SeenKeysOf(params_.mask, sizes_.matrix(), sequence, head, i % sizes_.queries);
    for (const size_t key : keys.keys) seen[first + key] = true;
  }
  const QueryKeyView view = queries_keys();
  for (size_t i = 0; i < seen.size(); ++i) {
    if (seen[i]) continue;
    const int64_t offset = static_cast<int64_t>(i / sizes_.keys / sizes_.kv_heads) * view.key_batch_stride +
                           static_cast<int64_t>(i / sizes_.keys % sizes_.kv_heads) * view.key_head_stride +
                           static_cast<int64_t>(i % sizes_.keys) * view.key_stride;
    for (size_t dim = 0; dim < sizes_.head_dim; ++dim) {
      StoreElement(type_, kHidden, keys_.data(), static_cast<size_t>(offset) + dim);
    }
  }
}

AttentionView VisibleAttention::weights() const {
  AttentionView view =
      ContiguousAttention(weights_.data(), type_, sizes_.batch, sizes_.heads, sizes_.queries, sizes_.keys);
  view.null_mass = params_.sinks != nullptr;
  return view;
}

AttentionView VisibleAttention::logits() const {
  return ContiguousAttention(logits_.data(), type_, sizes_.batch, sizes_.heads, sizes_.queries, sizes_.keys);
}

QueryKeyView VisibleAttention::queries_keys() const {
  QueryKeyView view = ContiguousQueryKey(queries_.data(), keys_.data(), type_, sizes_.batch, sizes_.heads,
                                         sizes_.kv_heads, sizes_.queries, sizes_.keys, sizes_.head_dim);
  if (side_by_side_) {
    view.key_head_stride = static_cast<int64_t>(sizes_.head_dim);
    view.key_stride = static_cast<int64_t>(sizes_.kv_heads * sizes_.head_dim);
  }
  return view;
}

LayerConfig VisibleAttention::config() const {
  return {.heads = sizes_.heads, .max_keys = sizes_.max_keys, .max_batch = sizes_.batch};
}

template <class Layer, class... Rows>
Status VisibleAttention::AddRowsTo(InputKind kind, size_t first, size_t count, Layer& layer, const Runner& runner,
                                   Rows... outputs) const {
  std::vector<int64_t> lengths(sizes_.batch);
  SoftmaxParams params = params_;
  if (count != sizes_.queries) params.mask = VisibilityOfRows(params_.mask, sizes_.matrix(), first, count, lengths);
  if (params.bias.data != nullptr) {
    params.bias.data =
        Advanced(params.bias.data, params.bias.type, static_cast<int64_t>(first) * params.bias.query_stride);
  }
  if (kind == InputKind::kQueriesKeys) {
    QueryKeyView view = queries_keys();
    view.query_data = Advanced(view.query_data, type_, static_cast<int64_t>(first) * view.query_stride);
    view.queries = count;
    return layer.AddQueriesKeys(view, params, runner, outputs...);
  }
  if (kind == InputKind::kLogits)
    return layer.AddLogits(RowsOfView(logits(), first, count), params, runner, outputs...);
  return layer.AddWeights(RowsOfView(weights(), first, count), params.mask, runner, outputs...);
}

Status VisibleAttention::MeasureAll(InputKind kind, const RowOutputs& outputs, const Runner& runner) const {
  if (kind == InputKind::kQueriesKeys) return MeasureQueryKeyRows(queries_keys(), params_, outputs, runner);
  if (kind == InputKind::kLogits) return MeasureLogitRows(logits(), params_, outputs, runner);
  return MeasureRows(weights(), params_.mask, outputs, runner);
}

void VisibleAttention::ExpectExactRowsOf(InputKind kind, const std::string& what) const {
  RowBuffers rows(shape());
  const RowOutputs outputs = rows.All();
  LayerAccumulator layer = CreateLayer(config());
  LayerAccumulator without = CreateLayer(config());
  ASSERT_TRUE(AddRows(kind, 0, sizes_.queries, layer, {}, &outputs).ok()) << what;
  ASSERT_TRUE(AddAll(kind, without).ok()) << what;
  EXPECT_TRUE(SameBits(StateOf(layer), StateOf(without))) << what << ", with outputs";
  EXPECT_TRUE(rows.OnlyRowsWritten()) << what;
  if (kind == InputKind::kWeights) ExpectExactRows(weights(), params_.mask, rows, what);
  if (kind == InputKind::kLogits) ExpectExactRowsOfLogits(logits(), params_, rows, what);
  if (kind == InputKind::kQueriesKeys) ExpectExactRows(queries_keys(), params_, rows, what);
  Random random(sizes_.queries * 1000 + sizes_.keys);
  for (const bool narrow : {false, true}) {
    RowBuffers measured(shape(), narrow, random);
    ASSERT_TRUE(MeasureAll(kind, measured.All()).ok()) << what;
    ExpectSameRows(measured, rows, narrow, what + (narrow ? ", float" : ", double") + ", without an accumulator");
  }
}

template Status VisibleAttention::AddRowsTo(InputKind, size_t, size_t, LayerAccumulator&, const Runner&,
                                            const RowOutputs*) const;
template Status VisibleAttention::AddRowsTo(InputKind, size_t, size_t, KeyScores&, const Runner&) const;

void VisibleAttention::ExpectExact(InputKind kind, const std::string& what) const {
  LayerAccumulator layer = CreateLayer(config());
  const Status status = AddAll(kind, layer);
  ASSERT_TRUE(status.ok()) << status.message() << ", " << what;
  const std::string text = what + ", " + NameOf(type_) + " " + NameOf(kind) + TextOf(params_.mask, sizes_.batch);
  if (kind == InputKind::kWeights) {
    ExactLayer exact(sizes_.heads);
    exact.Add(weights(), params_.mask);
    exact.ExpectEqual(layer.Stats(), text);
    ExpectExactRowsOf(kind, text);
    return;
  }
  ExactLogitLayer exact(sizes_.heads);
  if (kind == InputKind::kLogits) {
    exact.Add(logits(), params_);
  } else {
    exact.Add(queries_keys(), params_);
  }
  exact.ExpectEqual(layer.Stats(), text);
  ExpectExactRowsOf(kind, text);
}

void VisibleAttention::ExpectCutsDoNotMatter(InputKind kind, uint64_t seed, const std::string& what) const {
  LayerAccumulator whole = CreateLayer(config());
  RowBuffers rows(shape());
  const RowOutputs outputs = rows.All();
  ASSERT_TRUE(AddRows(kind, 0, sizes_.queries, whole, {}, &outputs).ok()) << what;
  const std::vector<double> state = StateOf(whole);
  const std::vector<double> numbers = NumbersOf(whole.Stats());
  Random random(seed);
  // With positions of each sequence the default offset is another one for each, which rows that are cut cannot name.
  const Visibility& mask = params_.mask;
  std::vector<std::string> without;
  if (mask.key_positions_stride != 0 && mask.causal_offset == kLastQuerySeesLastKey) {
    without = {"self_weight", "previous_weight"};
  }
  for (const size_t threads : {size_t{1}, size_t{3}}) {
    ThreadRunner pool;
    ASSERT_TRUE(ThreadRunner::Create(threads, &pool).ok());
    LayerAccumulator cut = CreateLayer(config());
    RowBuffers cut_rows(shape(), false, random);
    std::string cuts;
    for (size_t first = 0, count = 0; first < sizes_.queries; first += count) {
      count = 1 + random.Below(sizes_.queries - first);
      cuts += " " + std::to_string(first);
      const RowOutputs cut_outputs = cut_rows.From(first);
      ASSERT_TRUE(AddRows(kind, first, count, cut, pool.runner(), &cut_outputs).ok()) << what;
    }
    ExpectSameRows(cut_rows, rows, false, without, what + ", " + std::to_string(threads) + " threads, cut at" + cuts);
    EXPECT_TRUE(SameBits(StateOf(cut), state)) << what << ", " << threads << " threads, cut at" << cuts;
    EXPECT_TRUE(SameBits(NumbersOf(cut.Stats()), numbers)) << what << ", " << threads << " threads, cut at" << cuts;
  }
}

void ExpectExactOfAllInputs(const AttentionSizes& sizes, const SoftmaxParams& params, uint64_t seed,
                            const std::string& what) {
  for (const ElementType type : kAllTypes) {
    if (kSlowBuild && type != ElementType::kFloat32) continue;
    const VisibleAttention attention(sizes, params, type, seed);
    for (const InputKind kind : kAllInputs) {
      attention.ExpectExact(kind, what);
      if (type != ElementType::kFloat32) continue;
      attention.ExpectCutsDoNotMatter(kind, seed, what + ", " + NameOf(kind) + TextOf(params.mask, sizes.batch));
    }
  }
}

RandomVisibility::RandomVisibility(const AttentionSizes& sizes, Random& random) {
  if (OneIn(4, random)) DrawPositions(sizes, random);
  DrawRanges(sizes, random);
  DrawLengths(sizes, random);
  if (OneIn(3, random)) DrawSegments(positions_.empty() ? sizes.keys : sizes.max_keys, random);
  if (OneIn(3, random)) DrawMask(sizes, random);
}

void RandomVisibility::DrawRanges(const AttentionSizes& sizes, Random& random) {
  visibility_.causal = OneIn(2, random);
  // With positions of each sequence the default is another one for each, which rows that are cut cannot name.
  if (visibility_.key_positions_stride != 0 || OneIn(2, random)) {
    const int64_t extremes[] = {std::numeric_limits<int64_t>::min() + 1, std::numeric_limits<int64_t>::max() - 64};
    visibility_.causal_offset = OneIn(12, random) ? extremes[random.Below(2)]
                                                  : static_cast<int64_t>(random.Below(sizes.queries + sizes.keys)) -
                                                        static_cast<int64_t>(sizes.queries);
  }
  if (OneIn(2, random)) {
    visibility_.window = 1 + static_cast<int64_t>(random.Below(sizes.keys + 2));
    if (OneIn(20, random)) visibility_.window = std::numeric_limits<int64_t>::max();
    if (OneIn(3, random)) visibility_.window_kind = WindowKind::kChunked;
  }
  if (OneIn(4, random)) visibility_.window_after = static_cast<int64_t>(random.Below(sizes.keys));
}

void RandomVisibility::DrawLengths(const AttentionSizes& sizes, Random& random) {
  const size_t positions = positions_.empty() ? sizes.keys : sizes.max_keys;
  if (OneIn(3, random)) {
    key_lengths_ = RandomLengths(sizes.batch, positions, random);
    visibility_.key_lengths = key_lengths_.data();
  }
  if (OneIn(3, random)) {
    first_keys_ = RandomLengths(sizes.batch, positions / 2, random);
    visibility_.first_keys = first_keys_.data();
  }
  if (OneIn(4, random)) {
    query_lengths_ = RandomLengths(sizes.batch, sizes.queries, random);
    visibility_.query_lengths = query_lengths_.data();
  }
}

// Ascending, some empty, and often with a tail that is in none.
void RandomVisibility::DrawSegments(size_t positions, Random& random) {
  segments_ = RandomLengths(1 + random.Below(6), positions, random);
  segments_[0] = 0;
  if (OneIn(2, random)) segments_.push_back(static_cast<int64_t>(positions));
  std::sort(segments_.begin(), segments_.end());
  visibility_.segments = segments_.data();
  visibility_.num_segments = segments_.size() - 1;
}

// Any order of dimensions and any sign; some dimensions are repeated.
void RandomVisibility::DrawMask(const AttentionSizes& sizes, Random& random) {
  const size_t counts[] = {sizes.batch, sizes.heads, sizes.queries, sizes.keys};
  int64_t strides[4];
  size_t order[] = {3, 2, 1, 0};
  for (size_t i = 4; i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
  int64_t step = 1 + static_cast<int64_t>(random.Below(2));
  int64_t first = 0;
  for (const size_t dimension : order) {
    strides[dimension] = OneIn(4, random) ? 0 : OneIn(3, random) ? -step : step;
    if (strides[dimension] == 0) continue;
    const auto span = static_cast<int64_t>(counts[dimension] - 1) * step;
    if (strides[dimension] < 0) first += span;
    step += span;
  }
  const uint8_t shows[] = {1, 2, 128, 255};
  const size_t hidden = 2 + random.Below(4);
  mask_.resize(static_cast<size_t>(step));
  for (uint8_t& byte : mask_) byte = OneIn(hidden, random) ? uint8_t{0} : shows[random.Below(4)];
  visibility_.key_mask = {mask_.data() + first, strides[0], strides[1], strides[2], strides[3]};
}

// Rings that have come around, with some cells still empty.
void RandomVisibility::DrawPositions(const AttentionSizes& sizes, Random& random) {
  const size_t rings = OneIn(2, random) ? 1 : sizes.batch;
  for (size_t ring = 0; ring < rings; ++ring) {
    const size_t turn = random.Below(sizes.keys);
    const size_t oldest = random.Below(sizes.max_keys - sizes.keys + 1);
    for (size_t cell = 0; cell < sizes.keys; ++cell) {
      positions_.push_back(OneIn(9, random) ? -1 : static_cast<int64_t>(oldest + (cell + turn) % sizes.keys));
    }
  }
  visibility_.key_positions = positions_.data();
  visibility_.key_positions_stride = rings == 1 ? 0 : static_cast<int64_t>(sizes.keys);
}

}  // namespace attnscope::test
