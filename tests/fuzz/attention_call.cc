// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/attention_call.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "tests/fuzz/fuzz_check.h"

namespace attnscope::fuzz {
namespace {

constexpr std::initializer_list<double> kBadFactors = {-1.0, 1e-40, 1e40, std::numeric_limits<double>::infinity(),
                                                       std::numeric_limits<double>::quiet_NaN()};

ElementType ChooseType(CallBytes* bytes) {
  return bytes->OneOf({ElementType::kFloat32, ElementType::kFloat16, ElementType::kBFloat16});
}

// A struct as a program would pass it that was compiled against an older or newer header: exactly `size` bytes.
template <typename T>
std::unique_ptr<uint8_t[]> Resized(const T& in, uint32_t size, uint8_t filler) {
  const size_t reserved = size > 4096 ? sizeof(uint32_t) : std::max<size_t>(size, sizeof(uint32_t));
  auto out = std::make_unique<uint8_t[]>(reserved);
  std::fill_n(out.get(), reserved, filler);
  std::memcpy(out.get(), &in, std::min(reserved, sizeof(T)));
  std::memcpy(out.get(), &size, sizeof(size));
  return out;
}

// Of buffers in the other order of dimensions, every sequence has the same elements.
void CheckTokenMajor(const AttnscopeQueryKeyView& contiguous) {
  AttnscopeQueryKeyView view = {};
  view.struct_size = sizeof(view);
  const AttnscopeStatus status = AttnscopeTokenMajorQueryKey(
      contiguous.query_data, contiguous.key_data, contiguous.query_type, contiguous.batch, contiguous.heads,
      contiguous.kv_heads, contiguous.queries, contiguous.keys, contiguous.head_dim, &view);
  FUZZ_CHECK(status == ATTNSCOPE_OK, AttnscopeLastError());
  FUZZ_CHECK(view.query_batch_stride == contiguous.query_batch_stride, "sequences as large");
  FUZZ_CHECK(view.key_batch_stride == contiguous.key_batch_stride, "sequences as large");
  FUZZ_CHECK(view.query_stride == view.query_head_stride * static_cast<int64_t>(view.heads),
             "a token's heads together");
  FUZZ_CHECK(view.key_stride == view.key_head_stride * static_cast<int64_t>(view.kv_heads), "a token's heads together");
}

}  // namespace

AttentionCall::AttentionCall(AttentionKind kind, const AttnscopeLayerConfig& config, CallBytes bytes, uint64_t junk)
    : kind_(kind), junk_(junk) {
  const size_t lie = bytes.Next();
  const size_t resize = bytes.Next();
  batch_ = 1 + bytes.Below(std::min<size_t>(config.max_batch, 3));
  heads_ = config.mean_matrix != 0 ? config.heads : 1 + bytes.Below(config.heads);
  queries_ = bytes.OneOf<size_t>({3, 1, 2, 5, 16, 17, 23, 0});
  keys_ = std::min<size_t>(config.max_keys, bytes.OneOf<size_t>({16, 1, 2, 7, 15, 17, 33, 64, 65, 130, 0, 255}));
  MakeMask(&bytes);
  if (kind == AttentionKind::kQueriesKeys) {
    MakeQueriesKeys(config, &bytes);
  } else {
    MakeMatrices(&bytes);
  }
  MakeParams(&bytes);
  if (lie >= 192) Lie(config, &bytes);
  if (resize >= 224) {
    const size_t own = kind == AttentionKind::kQueriesKeys ? sizeof(queries_keys_) : sizeof(matrices_);
    is_resized_ = true;
    struct_bytes_ =
        static_cast<uint32_t>(bytes.OneOf<size_t>({own + 8, own - 8, 8, 4, 0, 5000, own + 100, own / 16 * 8}));
    struct_filler_ = bytes.OneOf<uint8_t>({0, 1});
    const bool has_unknown = struct_bytes_ > own && struct_filler_ != 0;
    const size_t first = kind == AttentionKind::kQueriesKeys ? 176 : 88;  // what the first published header had
    is_struct_refused_ = struct_bytes_ < first || struct_bytes_ > 4096 || struct_bytes_ % 8 != 0 || has_unknown;
  }
  if (!is_lie_ && !is_resized_) HideMore(lie);
}

void AttentionCall::HideMore(size_t choice) {
  const size_t kind = choice % 16;
  const size_t more = choice / 16;  // 0 to 11
  if (kind == 0) return;
  has_mask_ = true;
  has_params_ = true;
  mask_.has_causal_offset = 1;
  mask_.keys_were_evicted = more % 2 == 0 ? 1 : 0;
  const auto lengths = [&](size_t most) {
    std::vector<int64_t> each;
    for (size_t b = 0; b < batch_; ++b) each.push_back(static_cast<int64_t>((3 * more + 5 * b) % (most + 1)));
    return each;
  };
  switch (kind) {
    case 1:
    case 2:
      mask_.window = more == 11 ? INT64_MAX : static_cast<int64_t>(1 + more * more);
      mask_.window_kind = kind == 1 ? ATTNSCOPE_WINDOW_SLIDING : ATTNSCOPE_WINDOW_CHUNKED;
      break;
    case 3:
      mask_.window_after = more == 11 ? INT64_MAX : static_cast<int64_t>(more);
      mask_.has_window_after = 1;
      break;
    case 4:
      first_keys_ = lengths(keys_);
      mask_.first_keys = first_keys_.data();
      break;
    case 5:
      query_lengths_ = lengths(queries_);
      break;
    case 6:
      segments_ = {0, static_cast<int64_t>(more % (keys_ + 1)), static_cast<int64_t>(keys_)};
      mask_.segments = segments_.data();
      mask_.num_segments = segments_.size() - 1;
      break;
    case 7:
      for (size_t h = 0; h < heads_; ++h) sinks_.push_back(static_cast<float>(more) - 4.0f * static_cast<float>(h));
      params_.sinks = sinks_.data();
      break;
    default: {  // key by key
      const bool every_head = kind % 2 == 0;
      shown_.resize(batch_ * (every_head ? heads_ : 1) * queries_ * keys_);
      for (size_t i = 0; i < shown_.size(); ++i) shown_[i] = (i + more) * 7 % (2 + more) < 2 ? 1 : 0;
      const auto matrix = static_cast<int64_t>(queries_ * keys_);
      key_mask_ = {sizeof(key_mask_),
                   0,
                   shown_.data(),
                   every_head ? matrix * static_cast<int64_t>(heads_) : matrix,
                   every_head ? matrix : 0,
                   static_cast<int64_t>(keys_),
                   1};
    }
  }
}

AttnscopeMask AttentionCall::MaskFrom(size_t first, size_t rows, std::vector<int64_t>* query_lengths,
                                      AttnscopeKeyMaskView* key_mask) const {
  AttnscopeMask mask = mask_;
  const auto offset = static_cast<int64_t>(first);
  // Saturated, as the sum may overflow: what all rows see stays the same.
  if (mask.causal_offset < INT64_MAX - offset) mask.causal_offset += offset;
  for (const int64_t length : query_lengths_) {
    query_lengths->push_back(std::clamp<int64_t>(length - offset, 0, static_cast<int64_t>(rows)));
  }
  if (!query_lengths_.empty()) mask.query_lengths = query_lengths->data();
  if (key_mask_.data != nullptr) {
    *key_mask = key_mask_;
    key_mask->data += offset * key_mask_.query_stride;
    mask.key_mask = key_mask;
  }
  return mask;
}

void AttentionCall::MakeMask(CallBytes* bytes) {
  mask_.struct_size = sizeof(mask_);
  const size_t kind = bytes->Below(6);
  if (kind == 0) return;
  has_mask_ = true;
  mask_.causal = kind == 1 || kind == 2 || kind == 4 ? 1 : 0;
  mask_.has_causal_offset = 1;  // also where it is 0: rows are cut into calls
  // INT64_MIN has a meaning of its own.
  if (kind == 2) mask_.causal_offset = bytes->OneOf<int64_t>({4, -2, 1000, -1000, INT64_MAX, INT64_MIN + 1});
  if (kind < 3) return;
  for (size_t b = 0; b < batch_; ++b) key_lengths_.push_back(static_cast<int64_t>(bytes->Below(keys_ + 1)));
  mask_.key_lengths = key_lengths_.data();
}

size_t AttentionCall::VisibleKeys(size_t sequence, size_t row) const {
  size_t visible = keys_;
  if (!key_lengths_.empty()) visible = std::min(visible, static_cast<size_t>(key_lengths_[sequence]));
  if (mask_.causal == 0) return visible;
  // In a wider type: the sum may overflow.
  const __int128 seen = static_cast<__int128>(row) + 1 + mask_.causal_offset;
  return seen < 0 ? 0 : static_cast<size_t>(std::min<__int128>(seen, static_cast<__int128>(visible)));
}

Content AttentionCall::ContentOf(ElementType type, CallBytes* bytes) {
  Content content = {.type = type};
  const Fill ordinary = kind_ == AttentionKind::kWeights ? Fill::kSoftmax : Fill::kLogits;
  const size_t fill = bytes->Below(kNumFills);
  content.fill = fill == 0 ? ordinary : static_cast<Fill>(fill);
  content.seed = bytes->Next();
  content.junk = junk_;
  content.shift = content.seed % 5;
  return content;
}

void AttentionCall::MakeMatrices(CallBytes* bytes) {
  const ElementType type = ChooseType(bytes);
  const Layout layout = ChooseLayout(batch_, heads_, queries_, keys_, bytes);
  const Content content = ContentOf(type, bytes);
  buffers_.emplace_back(layout, content, [this](size_t b, size_t row) { return VisibleKeys(b, row); });
  matrices_.struct_size = sizeof(matrices_);
  AttnscopeContiguousAttention(buffers_[0].data(), static_cast<int32_t>(type), batch_, heads_, queries_, keys_,
                               &matrices_);
  matrices_.batch_stride = layout.strides[0];
  matrices_.head_stride = layout.strides[1];
  matrices_.query_stride = layout.strides[2];
}

void AttentionCall::MakeQueriesKeys(const AttnscopeLayerConfig& config, CallBytes* bytes) {
  const ElementType type = ChooseType(bytes);
  const size_t head_dim = bytes->OneOf<size_t>({8, 1, 3, 16, 33, 64});
  const size_t kv_heads = heads_ % 2 == 0 && bytes->OneIn(2) ? heads_ / 2 : heads_;
  const bool has_pages = config.mean_matrix == 0 && bytes->OneIn(3);
  if (has_pages) batch_ = 1;
  const auto all = [head_dim](size_t, size_t) { return head_dim; };
  const Layout queries = ChooseLayout(batch_, heads_, queries_, head_dim, bytes);
  const Layout keys = ChooseLayout(batch_, kv_heads, keys_, head_dim, bytes);
  buffers_.emplace_back(queries, ContentOf(type, bytes), all);
  buffers_.emplace_back(keys, ContentOf(type, bytes), all);
  AttnscopeQueryKeyView& view = queries_keys_;
  view.struct_size = sizeof(view);
  AttnscopeContiguousQueryKey(buffers_[0].data(), buffers_[1].data(), static_cast<int32_t>(type), batch_, heads_,
                              kv_heads, queries_, keys_, head_dim, &view);
  CheckTokenMajor(view);
  view.query_batch_stride = queries.strides[0];
  view.query_head_stride = queries.strides[1];
  view.query_stride = queries.strides[2];
  view.key_batch_stride = keys.strides[0];
  view.key_head_stride = keys.strides[1];
  view.key_stride = keys.strides[2];
  if (has_pages) MakePages(kv_heads, head_dim, bytes);
}

// The keys in up to three blocks, each [keys, kv_heads, head_dim].
void AttentionCall::MakePages(size_t kv_heads, size_t head_dim, CallBytes* bytes) {
  const auto type = static_cast<ElementType>(queries_keys_.key_type);
  const Content content = ContentOf(type, bytes);
  size_t left = keys_;
  for (size_t i = 0; i < 3; ++i) {
    const size_t keys = i == 2 ? left : bytes->Below(left + 1);
    Layout layout;
    layout.sizes = {1, kv_heads, keys, head_dim};
    layout.strides = {0, static_cast<int64_t>(head_dim), static_cast<int64_t>(kv_heads * head_dim), 1};
    buffers_.emplace_back(layout, content, [head_dim](size_t, size_t) { return head_dim; });
    pages_.push_back({buffers_.back().data(), keys});
    left -= keys;
  }
  queries_keys_.key_head_stride = static_cast<int64_t>(head_dim);
  queries_keys_.key_stride = static_cast<int64_t>(kv_heads * head_dim);
  queries_keys_.key_data = nullptr;
  queries_keys_.pages = pages_.data();
  queries_keys_.num_pages = pages_.size();
}

void AttentionCall::MakeParams(CallBytes* bytes) {
  params_.struct_size = sizeof(params_);
  const size_t kind = bytes->Below(6);
  has_params_ = kind != 0 || has_mask_;
  if (kind == 1) params_.scale = bytes->OneOf({0.125, 1e-28, 1e28, 1.0});
  if (kind == 2) params_.soft_cap = bytes->OneOf({30.0, 1e-28, 1e28, 1.0});
  if (kind < 3 || kind_ == AttentionKind::kWeights) return;
  const Layout layout = ChooseLayout(batch_, heads_, queries_, keys_, bytes);
  const ElementType type = ChooseType(bytes);
  buffers_.emplace_back(layout, ContentOf(type, bytes), [this](size_t b, size_t row) { return VisibleKeys(b, row); });
  has_bias_ = true;
  bias_ = {sizeof(bias_),
           static_cast<int32_t>(type),
           buffers_.back().data(),
           layout.strides[0],
           layout.strides[1],
           layout.strides[2],
           nullptr};
}

void AttentionCall::Lie(const AttnscopeLayerConfig& config, CallBytes* bytes) {
  is_lie_ = true;
  const bool is_qk = kind_ == AttentionKind::kQueriesKeys;
  AttnscopeAttentionView& m = matrices_;
  AttnscopeQueryKeyView& q = queries_keys_;
  const uint64_t too_many = bytes->OneOf<uint64_t>({1, 65536, uint64_t{1} << 40, UINT64_MAX / 2});
  const int32_t no_type = bytes->OneOf<int32_t>({3, -1, 255, 256, INT32_MAX, INT32_MIN});
  switch (bytes->Below(8)) {
    case 0:
      m.type = q.query_type = no_type;
      break;
    case 1:
      m.heads = q.heads = config.heads + too_many;
      q.kv_heads = 1;
      break;
    case 2:
      m.keys = q.keys = config.max_keys + too_many;
      break;
    case 3:
      m.batch = q.batch = config.max_batch + too_many;
      break;
    case 4:
      m.first_head = q.first_head = bytes->OneOf<uint64_t>({config.heads, UINT64_MAX, UINT64_MAX - 1});
      break;
    case 5:  // offsets that overflow
      m.queries = q.queries = uint64_t{1} << 61;
      m.query_stride = q.query_stride = bytes->OneOf<int64_t>({INT64_MAX, INT64_MIN, 16});
      break;
    case 6:
      if (is_qk) {
        q.head_dim = bytes->OneOf<uint64_t>({0, ATTNSCOPE_MAX_HEAD_DIM + 1, UINT64_MAX});
      } else {
        m.type = no_type;
      }
      break;
    default:
      has_mask_ = true;
      has_params_ = true;
      key_lengths_.assign(batch_, bytes->OneOf<int64_t>({-1, INT64_MIN, INT64_MAX, static_cast<int64_t>(keys_) + 1}));
      mask_.key_lengths = key_lengths_.data();
  }
  if (kind_ != AttentionKind::kWeights && bytes->OneIn(4)) {
    has_params_ = true;
    params_.scale = bytes->OneOf(kBadFactors);
  }
}

size_t AttentionCall::FewestKeys() const {
  if (mask_.key_lengths == nullptr) return keys_;
  return static_cast<size_t>(*std::min_element(key_lengths_.begin(), key_lengths_.end()));
}

AttnscopeStatus AttentionCall::Add(const AttentionSink& sink, size_t first, size_t rows,
                                   const AttnscopeRunner* runner) const {
  const auto offset = static_cast<int64_t>(first);
  std::vector<int64_t> query_lengths;
  AttnscopeKeyMaskView key_mask = {};
  const AttnscopeMask mask = MaskFrom(first, rows, &query_lengths, &key_mask);
  AttnscopeBiasView bias = bias_;
  if (has_bias_ && first != 0) {
    bias.data = Advanced(bias.data, offset * bias.query_stride, static_cast<ElementType>(bias.type));
  }
  AttnscopeSoftmaxParams params = params_;
  if (has_mask_) params.mask = &mask;
  if (has_bias_) params.bias = &bias;
  const AttnscopeSoftmaxParams* const used_params = has_params_ ? &params : nullptr;

  if (kind_ == AttentionKind::kQueriesKeys) {
    AttnscopeQueryKeyView view = queries_keys_;
    if (!is_lie_) view.queries = rows;
    if (first != 0) {
      view.query_data =
          Advanced(view.query_data, offset * view.query_stride, static_cast<ElementType>(view.query_type));
    }
    const auto bytes = Resized(view, is_resized() ? struct_bytes_ : sizeof(view), struct_filler_);
    const auto* const passed = reinterpret_cast<const AttnscopeQueryKeyView*>(bytes.get());
    return sink.monitor != nullptr
               ? AttnscopeMonitorAddQueriesKeys(sink.monitor, sink.layer, passed, used_params, runner)
               : AttnscopeAccumulatorAddQueriesKeys(sink.accumulator, passed, used_params, runner);
  }
  AttnscopeAttentionView view = matrices_;
  if (!is_lie_) view.queries = rows;
  if (first != 0) {
    view.data = Advanced(view.data, offset * view.query_stride, static_cast<ElementType>(view.type));
  }
  const auto bytes = Resized(view, is_resized() ? struct_bytes_ : sizeof(view), struct_filler_);
  const auto* const passed = reinterpret_cast<const AttnscopeAttentionView*>(bytes.get());
  if (kind_ == AttentionKind::kLogits) {
    return sink.monitor != nullptr ? AttnscopeMonitorAddLogits(sink.monitor, sink.layer, passed, used_params, runner)
                                   : AttnscopeAccumulatorAddLogits(sink.accumulator, passed, used_params, runner);
  }
  const AttnscopeMask* const used_mask = has_mask_ ? &mask : nullptr;
  return sink.monitor != nullptr ? AttnscopeMonitorAddWeights(sink.monitor, sink.layer, passed, used_mask, runner)
                                 : AttnscopeAccumulatorAddWeights(sink.accumulator, passed, used_mask, runner);
}

}  // namespace attnscope::fuzz
