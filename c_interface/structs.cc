// SPDX-License-Identifier: Apache-2.0
#include "c_interface/structs.h"

#include <cstddef>
#include <string_view>

#include "c_interface/fields.h"

namespace attnscope::c_interface {
namespace {

static_assert(static_cast<int>(ElementType::kFloat32) == ATTNSCOPE_FLOAT32);
static_assert(static_cast<int>(ElementType::kFloat16) == ATTNSCOPE_FLOAT16);
static_assert(static_cast<int>(ElementType::kBFloat16) == ATTNSCOPE_BFLOAT16);
static_assert(static_cast<int>(WindowKind::kSliding) == ATTNSCOPE_WINDOW_SLIDING);
static_assert(static_cast<int>(WindowKind::kChunked) == ATTNSCOPE_WINDOW_CHUNKED);
// An array of one may be read as an array of the other.
static_assert(sizeof(KeyPage) == sizeof(AttnscopeKeyPage) && alignof(KeyPage) == alignof(AttnscopeKeyPage));
static_assert(offsetof(KeyPage, data) == offsetof(AttnscopeKeyPage, data));
static_assert(offsetof(KeyPage, keys) == offsetof(AttnscopeKeyPage, keys));
static_assert(sizeof(size_t) == sizeof(uint64_t), "on such a machine, sizes from C need to be checked");

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

Status Read(const char* name, const AttnscopeAttentionView* in, AttentionView* out) {
  AttnscopeAttentionView view = {};
  if (Status status = ReadStruct(name, in, &view); !status.ok()) return status;
  out->data = view.data;
  out->batch = view.batch;
  out->heads = view.heads;
  out->queries = view.queries;
  out->keys = view.keys;
  out->batch_stride = view.batch_stride;
  out->head_stride = view.head_stride;
  out->query_stride = view.query_stride;
  out->first_sequence = view.first_sequence;
  out->first_head = view.first_head;
  if (Status status = CheckReserved(name, view.reserved); !status.ok()) return status;
  if (Status status = ReadFlag(name, "null_mass", view.null_mass, &out->null_mass); !status.ok()) return status;
  return ReadType(name, "type", view.type, &out->type);
}

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

Status Read(const char* name, const AttnscopeQueryKeyView* in, QueryKeyView* out) {
  AttnscopeQueryKeyView view = {};
  if (Status status = ReadStruct(name, in, &view); !status.ok()) return status;
  out->query_data = view.query_data;
  out->key_data = view.key_data;
  out->batch = view.batch;
  out->heads = view.heads;
  out->kv_heads = view.kv_heads;
  out->queries = view.queries;
  out->keys = view.keys;
  out->head_dim = view.head_dim;
  out->query_batch_stride = view.query_batch_stride;
  out->query_head_stride = view.query_head_stride;
  out->query_stride = view.query_stride;
  out->query_dim_stride = view.query_dim_stride;
  out->key_batch_stride = view.key_batch_stride;
  out->key_head_stride = view.key_head_stride;
  out->key_stride = view.key_stride;
  out->key_dim_stride = view.key_dim_stride;
  out->pages = reinterpret_cast<const KeyPage*>(view.pages);
  out->num_pages = view.num_pages;
  out->first_sequence = view.first_sequence;
  out->first_head = view.first_head;
  out->key_loader = {view.key_loader.load, view.key_loader.context};
  if (Status status = CheckReserved(name, view.reserved); !status.ok()) return status;
  if (Status status = ReadType(name, "query_type", view.query_type, &out->query_type); !status.ok()) return status;
  return ReadType(name, "key_type", view.key_type, &out->key_type);
}

Status Read(const char* name, const AttnscopeActivationView* in, ActivationView* out) {
  AttnscopeActivationView view = {};
  if (Status status = ReadStruct(name, in, &view); !status.ok()) return status;
  out->data = view.data;
  out->batch = view.batch;
  out->tokens = view.tokens;
  out->channels = view.channels;
  out->batch_stride = view.batch_stride;
  out->token_stride = view.token_stride;
  return ReadType(name, "type", view.type, &out->type);
}

Status Read(const char* name, const AttnscopeBufferView* in, BufferView* out) {
  AttnscopeBufferView view = {};
  if (Status status = ReadStruct(name, in, &view); !status.ok()) return status;
  out->data = view.data;
  out->size = view.size;
  return ReadType(name, "type", view.type, &out->type);
}

Status Read(const char* name, const AttnscopeRunner* in, Runner* out) {
  if (in == nullptr) return {};
  AttnscopeRunner runner = ToC(*out);
  if (Status status = ReadStruct(name, in, &runner); !status.ok()) return status;
  out->opaque = runner.opaque;
  out->run = runner.run;
  out->threads = runner.threads;
  return CheckReserved(name, runner.reserved);
}

Status Read(const char* name, const AttnscopeLayerConfig* in, LayerConfig* out) {
  AttnscopeLayerConfig config = ToC(*out);
  if (Status status = ReadStruct(name, in, &config); !status.ok()) return status;
  out->heads = config.heads;
  out->max_keys = config.max_keys;
  out->max_batch = config.max_batch;
  out->tolerance_float32 = config.tolerance_float32;
  out->tolerance_half = config.tolerance_half;
  out->saturation_bound = config.saturation_bound;
  return ReadFlag(name, "mean_matrix", config.mean_matrix, &out->mean_matrix);
}

AttnscopeAttentionView ToC(const AttentionView& view) {
  AttnscopeAttentionView out = {};
  out.struct_size = sizeof(out);
  out.type = static_cast<int32_t>(view.type);
  out.data = view.data;
  out.batch = view.batch;
  out.heads = view.heads;
  out.queries = view.queries;
  out.keys = view.keys;
  out.batch_stride = view.batch_stride;
  out.head_stride = view.head_stride;
  out.query_stride = view.query_stride;
  out.first_sequence = view.first_sequence;
  out.first_head = view.first_head;
  out.null_mass = view.null_mass ? 1 : 0;
  return out;
}

AttnscopeQueryKeyView ToC(const QueryKeyView& view) {
  AttnscopeQueryKeyView out = {};
  out.struct_size = sizeof(out);
  out.query_type = static_cast<int32_t>(view.query_type);
  out.key_type = static_cast<int32_t>(view.key_type);
  out.query_data = view.query_data;
  out.key_data = view.key_data;
  out.batch = view.batch;
  out.heads = view.heads;
  out.kv_heads = view.kv_heads;
  out.queries = view.queries;
  out.keys = view.keys;
  out.head_dim = view.head_dim;
  out.query_batch_stride = view.query_batch_stride;
  out.query_head_stride = view.query_head_stride;
  out.query_stride = view.query_stride;
  out.query_dim_stride = view.query_dim_stride;
  out.key_batch_stride = view.key_batch_stride;
  out.key_head_stride = view.key_head_stride;
  out.key_stride = view.key_stride;
  out.key_dim_stride = view.key_dim_stride;
  out.pages = reinterpret_cast<const AttnscopeKeyPage*>(view.pages);
  out.num_pages = view.num_pages;
  out.first_sequence = view.first_sequence;
  out.first_head = view.first_head;
  out.key_loader = {view.key_loader.load, view.key_loader.context};
  return out;
}

AttnscopeActivationView ToC(const ActivationView& view) {
  AttnscopeActivationView out = {};
  out.struct_size = sizeof(out);
  out.type = static_cast<int32_t>(view.type);
  out.data = view.data;
  out.batch = view.batch;
  out.tokens = view.tokens;
  out.channels = view.channels;
  out.batch_stride = view.batch_stride;
  out.token_stride = view.token_stride;
  return out;
}

AttnscopeRunner ToC(const Runner& runner) {
  AttnscopeRunner out = {};
  out.struct_size = sizeof(out);
  out.opaque = runner.opaque;
  out.run = runner.run;
  out.threads = runner.threads;
  return out;
}

AttnscopeLayerConfig ToC(const LayerConfig& config) {
  AttnscopeLayerConfig out = {};
  out.struct_size = sizeof(out);
  out.mean_matrix = config.mean_matrix ? 1 : 0;
  out.heads = config.heads;
  out.max_keys = config.max_keys;
  out.max_batch = config.max_batch;
  out.tolerance_float32 = config.tolerance_float32;
  out.tolerance_half = config.tolerance_half;
  out.saturation_bound = config.saturation_bound;
  return out;
}

AttnscopeVerdict ToC(const Verdict& verdict) {
  AttnscopeVerdict out = {};
  out.struct_size = sizeof(out);
  out.pathology = static_cast<int32_t>(verdict.pathology);
  out.severity = static_cast<int32_t>(verdict.severity);
  out.metric = static_cast<int32_t>(verdict.metric);
  out.layer = verdict.layer;
  out.head = verdict.head;
  out.value = verdict.value;
  out.bound = verdict.bound;
  out.message = verdict.message.c_str();
  out.baseline = verdict.baseline;
  return out;
}

AttnscopeUnjudged ToC(const Unjudged& unjudged) {
  AttnscopeUnjudged out = {};
  out.struct_size = sizeof(out);
  out.pathology = static_cast<int32_t>(unjudged.pathology);
  out.layer = unjudged.layer;
  out.head = unjudged.head;
  out.reason = unjudged.reason.c_str();
  return out;
}

}  // namespace attnscope::c_interface

using attnscope::c_interface::Guarded;
using attnscope::c_interface::WriteStruct;

AttnscopeStatus AttnscopeLayerConfigDefaults(AttnscopeLayerConfig* config) {
  return Guarded([&] { return WriteStruct("config", attnscope::c_interface::ToC(attnscope::LayerConfig()), config); });
}

AttnscopeStatus AttnscopeThresholdsDefaults(AttnscopeThresholds* thresholds) {
  return Guarded(
      [&] { return WriteStruct("thresholds", attnscope::c_interface::ToC(attnscope::Thresholds()), thresholds); });
}
