// SPDX-License-Identifier: Apache-2.0
//
// What rows see, and what their softmax does.
#include <string_view>

#include "c_interface/fields.h"
#include "c_interface/structs.h"

namespace attnscope::c_interface {
namespace {

static_assert(static_cast<int>(WindowKind::kSliding) == ATTNSCOPE_WINDOW_SLIDING);
static_assert(static_cast<int>(WindowKind::kChunked) == ATTNSCOPE_WINDOW_CHUNKED);

Status ReadBias(const char* name, const AttnscopeBiasView* in, BiasView* out) {
  if (in == nullptr) return {};
  AttnscopeBiasView bias = {};
  if (Status status = ReadStruct(name, in, &bias); !status.ok()) return status;
  out->data = bias.data;
  out->batch_stride = bias.batch_stride;
  out->head_stride = bias.head_stride;
  out->query_stride = bias.query_stride;
  out->head_factors = bias.head_factors;
  return ReadType(name, "type", bias.type, &out->type);
}

Status ReadKeyMask(const char* name, const AttnscopeKeyMaskView* in, KeyMaskView* out) {
  if (in == nullptr) return {};
  AttnscopeKeyMaskView mask = {};
  if (Status status = ReadStruct(name, in, &mask); !status.ok()) return status;
  out->data = mask.data;
  out->batch_stride = mask.batch_stride;
  out->head_stride = mask.head_stride;
  out->query_stride = mask.query_stride;
  out->key_stride = mask.key_stride;
  return CheckReserved(name, mask.reserved);
}

// Where a row stands, and how far its window reaches: fields whose zero is a default.
Status ReadOffsets(const char* name, const AttnscopeMask& mask, bool is_first_version, Mask* out) {
  bool has_offset = false;
  bool has_after = false;
  if (Status status = ReadFlag(name, "has_causal_offset", mask.has_causal_offset, &has_offset); !status.ok()) {
    return status;
  }
  if (Status status = ReadFlag(name, "has_window_after", mask.has_window_after, &has_after); !status.ok()) {
    return status;
  }
  if (has_offset || is_first_version || mask.causal_offset != 0) out->causal_offset = mask.causal_offset;
  if (has_after || mask.window_after != 0) out->window_after = mask.window_after;
  return {};
}

// What messages call the key mask of a mask that they call `name`.
const char* NameOfKeyMask(const char* name) {
  return std::string_view(name) == "mask" ? "mask->key_mask" : "params->mask->key_mask";
}

}  // namespace

Status Read(const char* name, const AttnscopeMask* in, Mask* out) {
  if (in == nullptr) return {};
  AttnscopeMask mask = {};
  if (Status status = ReadStruct(name, in, &mask); !status.ok()) return status;
  if (mask.window_kind < ATTNSCOPE_WINDOW_SLIDING || mask.window_kind > ATTNSCOPE_WINDOW_CHUNKED) {
    return WrongField(name, "window_kind", mask.window_kind, "an AttnscopeWindowKind, 0 or 1");
  }
  out->key_lengths = mask.key_lengths;
  out->first_keys = mask.first_keys;
  out->query_lengths = mask.query_lengths;
  out->window = mask.window;
  out->window_kind = static_cast<WindowKind>(mask.window_kind);
  out->segments = mask.segments;
  out->num_segments = mask.num_segments;
  out->key_positions = mask.key_positions;
  out->key_positions_stride = mask.key_positions_stride;
  const bool is_first_version = in->struct_size == kFirstSize<AttnscopeMask>;
  Status status = ReadOffsets(name, mask, is_first_version, out);
  if (status.ok()) status = ReadFlag(name, "causal", mask.causal, &out->causal);
  if (status.ok()) status = ReadFlag(name, "keys_were_evicted", mask.keys_were_evicted, &out->keys_were_evicted);
  return status.ok() ? ReadKeyMask(NameOfKeyMask(name), mask.key_mask, &out->key_mask) : status;
}

Status Read(const char* name, const AttnscopeSoftmaxParams* in, SoftmaxParams* out) {
  if (in == nullptr) return {};
  AttnscopeSoftmaxParams params = {};
  if (Status status = ReadStruct(name, in, &params); !status.ok()) return status;
  out->scale = params.scale;
  out->soft_cap = params.soft_cap;
  if (params.masked_below != 0.0) out->masked_below = params.masked_below;
  out->sinks = params.sinks;
  if (Status status = CheckReserved(name, params.reserved); !status.ok()) return status;
  if (Status status = Read("params->mask", params.mask, &out->mask); !status.ok()) return status;
  return ReadBias("params->bias", params.bias, &out->bias);
}

}  // namespace attnscope::c_interface
