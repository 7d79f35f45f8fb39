// SPDX-License-Identifier: Apache-2.0
#include "tests/soak/decoding_engine.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/support/elements.h"
#include "tests/support/exact_logits.h"

namespace attnscope::test {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

DecodingEngine::DecodingEngine(uint64_t seed)
    : random_(seed),
      cache_(kSlots * kKvHeads * kMostKeys * kHeadDim),
      queries_(kHeads * kMostPrompt * kHeadDim),
      rows_(kHeads * std::max(kMostPrompt * kMostPrompt, kSlots * kMostKeys)),
      stored_(rows_.size() * sizeof(float)) {}

void DecodingEngine::Begin(size_t slot) {
  Request& request = slots_[slot];
  request.queries = request.keys = 1 + random_.Below(kMostPrompt);
  request.left = random_.Below(kMostKeys - kMostPrompt);
  ++requests_;
}

// Eighths, so that products and their sums are exact in float32 and the bounds need no term for them.
void DecodingEngine::Grow(size_t slot) {
  const Request& request = slots_[slot];
  for (size_t head = 0; head < kKvHeads; ++head) {
    float* const keys = cache_.data() + (slot * kKvHeads + head) * kMostKeys * kHeadDim;
    for (size_t i = (request.keys - request.queries) * kHeadDim; i < request.keys * kHeadDim; ++i) {
      keys[i] = static_cast<float>(random_.Below(33)) / 8.0f - 2.0f;
    }
  }
}

// What a row must not see is NaN.
void DecodingEngine::FillLogits(size_t visible, float* row) {
  const double sharpness = 0.5 + 5.0 * random_.Uniform();
  for (size_t i = 0; i < visible; ++i) {
    row[i] = static_cast<float>(sharpness * (random_.Uniform() + random_.Uniform() + random_.Uniform() - 1.5));
  }
  const size_t fate = random_.Below(100);
  if (fate < 2) {
    row[random_.Below(visible)] = fate == 0 ? kNaN : kInfinity;
    ++fed_.invalid;
  } else if (fate == 2) {
    std::fill(row, row + visible, -kInfinity);
    ++fed_.empty;
  }
}

void DecodingEngine::FillWeights(size_t visible, float* row) {
  const double sharpness = 0.5 + 8.0 * random_.Uniform();
  double sum = 0.0;
  for (size_t i = 0; i < visible; ++i) {
    row[i] = std::exp(static_cast<float>(sharpness * random_.Uniform()));
    sum += static_cast<double>(row[i]);
  }
  const size_t fate = random_.Below(100);
  const double scale = (fate == 4 ? 1.5 : 1.0) / sum;  // unnormalised, but measured
  for (size_t i = 0; i < visible; ++i) row[i] = static_cast<float>(static_cast<double>(row[i]) * scale);
  if (fate < 3) {
    row[random_.Below(visible)] = fate == 0 ? kNaN : fate == 1 ? kInfinity : -0.5f;
    ++fed_.invalid;
  } else if (fate == 3) {
    std::fill(row, row + visible, 0.0f);
    ++fed_.empty;
  }
}

Status DecodingEngine::FeedWeights(size_t slot, AttentionMonitor* monitor, WindowOracle* oracle) {
  const auto [queries, keys, left] = slots_[slot];
  const size_t size = kHeads * queries * keys;
  std::fill(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(size), kNaN);
  for (size_t row = 0; row < kHeads * queries; ++row) {
    FillWeights(keys - queries + row % queries + 1, rows_.data() + row * keys);
  }
  const ElementType type = kAllTypes[random_.Below(3)];
  StoreElements(type, {rows_.data(), size}, stored_.data());
  AttentionView view = ContiguousAttention(stored_.data(), type, 1, kHeads, queries, keys);
  view.first_sequence = slot;
  const Mask mask = {.causal = true, .causal_offset = static_cast<int64_t>(keys - queries)};
  for (size_t head = 0; head < kHeads; ++head) {
    oracle->Add(RowKind::kWeights, slot, head, ExactLogitsOf(view, {.mask = mask}, 0, head));
  }
  fed_.calls += 1;
  fed_.rows += kHeads * queries;
  return monitor->AddWeights(0, view, mask);
}

Status DecodingEngine::FeedLogits(size_t slot, AttentionMonitor* monitor, WindowOracle* oracle) {
  const auto [queries, keys, left] = slots_[slot];
  std::fill(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(kHeads * queries * keys), kNaN);
  for (size_t row = 0; row < kHeads * queries; ++row) {
    FillLogits(keys - queries + row % queries + 1, rows_.data() + row * keys);
  }
  AttentionView view = ContiguousAttention(rows_.data(), ElementType::kFloat32, 1, kHeads, queries, keys);
  view.first_sequence = slot;
  const SoftmaxParams params = {.mask = {.causal = true, .causal_offset = static_cast<int64_t>(keys - queries)}};
  for (size_t head = 0; head < kHeads; ++head) {
    oracle->Add(RowKind::kLogits, slot, head, ExactLogitsOf(view, params, 0, head));
  }
  fed_.calls += 1;
  fed_.rows += kHeads * queries;
  return monitor->AddLogits(1, view, params);
}

Status DecodingEngine::FeedLogitsOfAll(AttentionMonitor* monitor, WindowOracle* oracle) {
  std::array<int64_t, kSlots> lengths = {};
  size_t keys = 1;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    lengths[slot] = slots_[slot].queries == 0 ? 0 : static_cast<int64_t>(slots_[slot].keys);
    keys = std::max(keys, static_cast<size_t>(lengths[slot]));
  }
  std::fill(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(kSlots * kHeads * keys), kNaN);
  for (size_t row = 0; row < kSlots * kHeads; ++row) {
    if (lengths[row / kHeads] == 0) {
      ++fed_.empty;
    } else {
      FillLogits(static_cast<size_t>(lengths[row / kHeads]), rows_.data() + row * keys);
    }
  }
  const AttentionView view = ContiguousAttention(rows_.data(), ElementType::kFloat32, kSlots, kHeads, 1, keys);
  const SoftmaxParams params = {.mask = {.key_lengths = lengths.data()}};
  for (size_t slot = 0; slot < kSlots; ++slot) {
    for (size_t head = 0; head < kHeads; ++head) {
      oracle->Add(RowKind::kLogits, slot, head, ExactLogitsOf(view, params, slot, head));
    }
  }
  fed_.calls += 1;
  fed_.rows += kSlots * kHeads;
  return monitor->AddLogits(1, view, params);
}

Status DecodingEngine::FeedQueriesKeys(size_t slot, AttentionMonitor* monitor, WindowOracle* oracle) {
  const auto [queries, keys, left] = slots_[slot];
  for (size_t row = 0; row < kHeads * queries; ++row) {
    float* const query = queries_.data() + row * kHeadDim;
    for (size_t d = 0; d < kHeadDim; ++d) query[d] = static_cast<float>(random_.Below(33)) / 8.0f - 2.0f;
    if (random_.Below(50) == 0) {
      query[random_.Below(kHeadDim)] = kNaN;
      ++fed_.invalid;
    }
  }
  QueryKeyView view = ContiguousQueryKey(queries_.data(), cache_.data() + slot * kKvHeads * kMostKeys * kHeadDim,
                                         ElementType::kFloat32, 1, kHeads, kKvHeads, queries, keys, kHeadDim);
  view.key_head_stride = static_cast<int64_t>(kMostKeys * kHeadDim);
  view.first_sequence = slot;
  const SoftmaxParams params = {.mask = {.causal = true, .causal_offset = static_cast<int64_t>(keys - queries)}};
  long double error = 0.0L;  // of products that are not exact
  for (size_t head = 0; head < kHeads; ++head) {
    oracle->Add(RowKind::kLogits, slot, head, ExactLogitsOf(view, params, 0, head, &error));
  }
  fed_.calls += 1;
  fed_.rows += kHeads * queries;
  return monitor->AddQueriesKeys(2, view, params);
}

Status DecodingEngine::FeedLayer(size_t layer, AttentionMonitor* monitor, WindowOracle* oracle) {
  const bool all_decode =
      std::all_of(slots_.begin(), slots_.end(), [](const Request& request) { return request.queries <= 1; });
  if (layer == 1 && all_decode && random_.Below(2) == 0) return FeedLogitsOfAll(monitor, oracle);
  Status status;
  for (size_t slot = 0; slot < kSlots && status.ok(); ++slot) {
    if (slots_[slot].queries == 0) continue;
    status = layer == 0   ? FeedWeights(slot, monitor, oracle)
             : layer == 1 ? FeedLogits(slot, monitor, oracle)
                          : FeedQueriesKeys(slot, monitor, oracle);
  }
  return status;
}

uint64_t DecodingEngine::Step(uint64_t step, AttentionMonitor* monitor, std::vector<WindowOracle>* oracles,
                              Status* status) {
  uint64_t tokens = 0;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (slots_[slot].queries == 0 && random_.Below(5) == 0) Begin(slot);
    if (slots_[slot].queries > 0) Grow(slot);
    tokens += slots_[slot].queries;
  }
  for (size_t layer = 0; layer < kLayers && status->ok(); ++layer) {
    // What is given is measured, due or not.
    if (monitor->ShouldSample(layer, step) || random_.Below(300) == 0) {
      *status = FeedLayer(layer, monitor, &(*oracles)[layer]);
    }
  }
  for (size_t slot = 0; slot < kSlots && status->ok(); ++slot) {
    Request& request = slots_[slot];
    if (request.queries == 0) continue;
    if (request.left-- > 0) {
      request.queries = 1;
      request.keys += 1;
      continue;
    }
    request = {};
    *status = monitor->EndSequence(slot);
    for (WindowOracle& oracle : *oracles) oracle.EndSequence(slot);
  }
  return tokens;
}

}  // namespace attnscope::test
