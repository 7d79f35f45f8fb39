// SPDX-License-Identifier: Apache-2.0
//
// 32 bytes as one call with every field of a Visibility, by weights, logits, or queries and keys: what is accepted
// reads nothing but what it may, counts every row, and the masked ones as the oracle does, and gives the same bits in
// other calls; what is refused says why and changes nothing.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/row_outputs.h"
#include "tests/fuzz/call_bytes.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/support/visibility_oracle.h"

namespace attnscope::fuzz {
namespace {

constexpr int64_t kFar[] = {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), -1, -2, 1000};

// One in twelve numbers is beyond what it should be.
int64_t NumberUpTo(size_t most, CallBytes* bytes) {
  const size_t value = bytes->Next();
  return value >= 235 ? kFar[value % 5] : static_cast<int64_t>(value % (most + 1));
}

// -20 to 40, or far off, but not where positions of rows end: the kernels stay at 2^63 - 1 there, the oracle does not.
int64_t Offset(CallBytes* bytes) {
  const size_t value = bytes->Next();
  if (value < 235) return static_cast<int64_t>(value % 61) - 20;
  return std::min(kFar[value % 5], std::numeric_limits<int64_t>::max() - 40);
}

// Arrays of their own on the heap, as long as may be read.
class VisibilityOfBytes {
 public:
  VisibilityOfBytes(size_t batch, const test::MatrixSizes& sizes, size_t max_keys, CallBytes* bytes) {
    const size_t fields = bytes->Next();
    visibility.causal = (fields & 1) != 0;
    if ((fields & 2) != 0) visibility.causal_offset = Offset(bytes);
    if ((fields & 4) != 0) visibility.window = NumberUpTo(sizes.keys + 1, bytes);
    if ((fields & 8) != 0) visibility.window_after = NumberUpTo(sizes.keys, bytes);
    if ((fields & 16) != 0) visibility.window_kind = static_cast<WindowKind>(bytes->OneOf({1, 0, 1, 1, 2}));
    const size_t arrays = bytes->Next();
    if ((arrays & 32) != 0) MakePositions(batch, sizes.keys, max_keys, bytes);
    const size_t positions = visibility.key_positions == nullptr ? sizes.keys : max_keys;
    if ((arrays & 1) != 0) visibility.key_lengths = Lengths(batch, positions, bytes);
    if ((arrays & 2) != 0) visibility.first_keys = Lengths(batch, positions, bytes);
    if ((arrays & 4) != 0) visibility.query_lengths = Lengths(batch, sizes.queries, bytes);
    if ((arrays & 8) != 0) MakeSegments(positions, bytes);
    if ((arrays & 16) != 0) MakeMask(batch, sizes, bytes);
  }

  Visibility visibility;

 private:
  const int64_t* Keep(const std::vector<int64_t>& values) {
    arrays_.push_back(std::make_unique<int64_t[]>(values.size()));
    std::copy(values.begin(), values.end(), arrays_.back().get());
    return arrays_.back().get();
  }
  const int64_t* Lengths(size_t batch, size_t most, CallBytes* bytes) {
    std::vector<int64_t> lengths;
    for (size_t i = 0; i < batch; ++i) lengths.push_back(NumberUpTo(most, bytes));
    return Keep(lengths);
  }
  void MakeSegments(size_t keys, CallBytes* bytes) {
    std::vector<int64_t> segments(1 + bytes->Below(4));
    for (size_t i = 1; i < segments.size(); ++i) segments[i] = NumberUpTo(keys, bytes);
    if (!bytes->OneIn(8)) std::sort(segments.begin(), segments.end());
    visibility.segments = Keep(segments);
    visibility.num_segments = segments.size() - 1;
  }
  void MakePositions(size_t batch, size_t keys, size_t max_keys, CallBytes* bytes) {
    Random random(bytes->Next());
    const bool shared = bytes->OneIn(2);
    std::vector<int64_t> positions((shared ? 1 : batch) * keys);
    for (int64_t& position : positions) position = static_cast<int64_t>(random.Bits() % (max_keys + 1)) - 1;
    if (!positions.empty() && bytes->OneIn(8)) positions.back() = NumberUpTo(max_keys, bytes);
    visibility.key_positions = Keep(positions);
    visibility.key_positions_stride = shared ? 0 : static_cast<int64_t>(keys);
  }
  // Each byte of the mask serves all or one of a dimension; which comes first in memory changes.
  void MakeMask(size_t batch, const test::MatrixSizes& sizes, CallBytes* bytes) {
    KeyMaskView& mask = visibility.key_mask;
    const size_t kinds = bytes->Next();
    Random random(kinds);
    int64_t step = 1, first = 0;
    const auto stride_of = [&](size_t count, size_t kind) {
      if (kind == 0 || count == 0) return int64_t{0};
      const int64_t stride = kind == 1 ? -step : step;
      const int64_t span = static_cast<int64_t>(count - 1) * step;
      if (stride < 0) first += span;
      step += span;
      return stride;
    };
    mask.key_stride = stride_of(sizes.keys, kinds % 4);
    mask.query_stride = stride_of(sizes.queries, kinds / 4 % 4);
    mask.head_stride = stride_of(2, kinds / 16 % 4);
    mask.batch_stride = stride_of(batch, kinds / 64 % 4);
    mask_ = std::make_unique<uint8_t[]>(static_cast<size_t>(step));
    for (int64_t i = 0; i < step; ++i) mask_[static_cast<size_t>(i)] = static_cast<uint8_t>(random.Bits() % 3);
    mask.data = mask_.get() + first;
    if (bytes->OneIn(16)) mask.query_stride = kFar[kinds % 2];
  }

  std::vector<std::unique_ptr<int64_t[]>> arrays_;
  std::unique_ptr<uint8_t[]> mask_;
};

// Every output of rows [batch, heads, queries] on the heap, as long as may be written.
class OutputsOnHeap {
 public:
  OutputsOnHeap(size_t batch, size_t heads, size_t queries) : rows_(batch * heads * queries) {
    outputs_.query_stride = 1;
    outputs_.head_stride = static_cast<int64_t>(std::max<size_t>(queries, 1));
    outputs_.batch_stride = static_cast<int64_t>(heads) * outputs_.head_stride;
    for (auto& numbers : floats_) numbers = std::make_unique<float[]>(rows_);
    for (auto& numbers : whole_) numbers = std::make_unique<int32_t[]>(rows_);
  }

  RowOutputs From(size_t row) const {
    RowOutputs from = outputs_;
    size_t num_floats = 0, num_whole = 0;
    for (const RowOutputInfo& info : kRowOutputs) {
      from.*info.buffer = info.is_whole_number ? RowBuffer(whole_[num_whole++].get() + row)
                                               : RowBuffer(floats_[num_floats++].get() + row);
    }
    for (size_t i = 0; i < 3; ++i) from.top_mass[i] = floats_[num_floats++].get() + row;
    return from;
  }
  // Bit for bit.
  bool SameAs(const OutputsOnHeap& other) const {
    for (size_t i = 0; i < floats_.size(); ++i) {
      if (std::memcmp(floats_[i].get(), other.floats_[i].get(), rows_ * sizeof(float)) != 0) return false;
    }
    for (size_t i = 0; i < whole_.size(); ++i) {
      if (std::memcmp(whole_[i].get(), other.whole_[i].get(), rows_ * sizeof(int32_t)) != 0) return false;
    }
    return true;
  }

 private:
  size_t rows_;
  RowOutputs outputs_;
  std::array<std::unique_ptr<float[]>, 12> floats_;
  std::array<std::unique_ptr<int32_t[]>, 2> whole_;
};

enum class Kind { kWeights, kLogits, kQueriesKeys };

// One layer of two heads.
struct Call {
  Kind kind;
  size_t batch, head_dim;
  test::MatrixSizes sizes;
  std::vector<float> values, keys;  // weights, logits or queries; keys
  SoftmaxParams params;
  bool null_mass;

  Status Add(const SoftmaxParams& of_rows, size_t first, size_t count, LayerAccumulator* layer,
             const RowOutputs& outputs) const {
    if (kind == Kind::kQueriesKeys) {
      QueryKeyView view = ContiguousQueryKey(values.data(), keys.data(), ElementType::kFloat32, batch, 2, 1,
                                             sizes.queries, sizes.keys, head_dim);
      view.query_data = values.data() + first * head_dim;
      view.queries = count;
      return layer->AddQueriesKeys(view, of_rows, {}, &outputs);
    }
    AttentionView view = ContiguousAttention(values.data(), ElementType::kFloat32, batch, 2, sizes.queries, sizes.keys);
    view.data = values.data() + first * sizes.keys;
    view.queries = count;
    view.null_mass = null_mass;
    return kind == Kind::kLogits ? layer->AddLogits(view, of_rows, {}, &outputs)
                                 : layer->AddWeights(view, of_rows.mask, {}, &outputs);
  }
};

std::vector<double> StateOf(const LayerAccumulator& layer) {
  std::vector<double> state(layer.sums().begin(), layer.sums().end());
  state.insert(state.end(), layer.maxima().begin(), layer.maxima().end());
  return state;
}

bool SameBits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

// Rows that see no key, where nothing is masked by value.
size_t MaskedRows(const Call& call) {
  size_t masked = 0;
  for (size_t i = 0; i < call.batch * 2 * call.sizes.queries; ++i) {
    const size_t matrix = i / call.sizes.queries;
    masked +=
        test::SeenKeysOf(call.params.mask, call.sizes, matrix / 2, matrix % 2, i % call.sizes.queries).keys.empty() ? 1
                                                                                                                    : 0;
  }
  return masked;
}

OutputsOnHeap OutputsOf(const Call& call, const LayerConfig& config) {
  return {config.mean_matrix ? 1 : call.batch, config.mean_matrix ? size_t{1} : size_t{2}, call.sizes.queries};
}

void CheckCuts(const Call& call, const LayerConfig& config, size_t rows_at_once, const LayerAccumulator& whole,
               const OutputsOnHeap& rows_of_whole) {
  const Visibility& mask = call.params.mask;
  // With positions of each sequence the default offset is another one for each.
  if (mask.key_positions_stride != 0 && mask.causal_offset == kLastQuerySeesLastKey) return;
  LayerAccumulator cut;
  FUZZ_CHECK(LayerAccumulator::Create(config, &cut).ok(), "no memory");
  const OutputsOnHeap rows_of_cut = OutputsOf(call, config);
  std::vector<int64_t> lengths(call.batch);
  for (size_t first = 0; first < call.sizes.queries; first += rows_at_once) {
    const size_t count = std::min(rows_at_once, call.sizes.queries - first);
    SoftmaxParams rows = call.params;
    rows.mask = test::VisibilityOfRows(mask, call.sizes, first, count, lengths);
    rows.mask.keys_were_evicted = true;
    const Status status = call.Add(rows, first, count, &cut, rows_of_cut.From(first));
    FUZZ_CHECK(status.ok(), status.message());
  }
  FUZZ_CHECK(rows_of_cut.SameAs(rows_of_whole), "other rows in other calls");
  FUZZ_CHECK(SameBits(StateOf(cut), StateOf(whole)), "other bits in other calls");
}

void Run(CallBytes bytes) {
  constexpr size_t kMaxKeys = 70;
  Call call = {.kind = static_cast<Kind>(bytes.Below(3)),
               .batch = 1 + bytes.Below(2),
               .head_dim = 1 + bytes.Below(9),
               .sizes = {.queries = bytes.Below(40), .keys = bytes.Below(kMaxKeys + 1)},
               .values = {},
               .keys = {},
               .params = {},
               .null_mass = bytes.OneIn(4)};
  const size_t options = bytes.Next();
  Random random(bytes.Next());
  const VisibilityOfBytes visibility(call.batch, call.sizes, kMaxKeys, &bytes);
  call.params.mask = visibility.visibility;
  const bool is_product = call.kind == Kind::kQueriesKeys;
  call.values.resize(call.batch * 2 * call.sizes.queries * (is_product ? call.head_dim : call.sizes.keys));
  call.keys.resize(is_product ? call.batch * call.sizes.keys * call.head_dim : 0);
  for (float& value : call.values) value = random.Unit();
  for (float& value : call.keys) value = random.Unit() - 0.5f;
  const float sinks[] = {options % 5 == 0 ? -std::numeric_limits<float>::infinity() : random.Unit(), 50.0f};
  if ((options & 8) != 0) call.params.sinks = sinks;
  const LayerConfig config = {
      .heads = 2, .max_keys = kMaxKeys, .max_batch = 2, .mean_matrix = options % 7 == 6 && call.batch == 2};
  LayerAccumulator layer;
  FUZZ_CHECK(LayerAccumulator::Create(config, &layer).ok(), "no memory");
  const std::vector<double> before = StateOf(layer);
  const OutputsOnHeap outputs = OutputsOf(call, config);
  const Status status = call.Add(call.params, 0, call.sizes.queries, &layer, outputs.From(0));
  if (!status.ok()) {
    FUZZ_CHECK(status.message().find("mask.") != std::string::npos, status.message());
    FUZZ_CHECK(SameBits(StateOf(layer), before), "a call that failed changed the state");
    return;
  }
  const LayerStats stats = layer.Stats();
  if (call.sizes.queries == 0) return;
  const size_t rows = (config.mean_matrix ? 1 : call.batch * 2) * call.sizes.queries;
  FUZZ_CHECK(stats.layer[Metric::kRows] == static_cast<double>(rows), "every row is counted");
  FUZZ_CHECK(stats.layer[Metric::kInvalidRows] == 0.0, "nothing bad is seen");
  if (!config.mean_matrix) {
    FUZZ_CHECK(stats.layer[Metric::kMaskedRows] == static_cast<double>(MaskedRows(call)), "rows that see nothing");
  }
  CheckCuts(call, config, 1 + options % 9, layer, outputs);
}

}  // namespace
}  // namespace attnscope::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  attnscope::fuzz::Run(attnscope::fuzz::CallBytes(data, size));
  return 0;
}
