// SPDX-License-Identifier: Apache-2.0
#include "c_interface/structs.h"

#include <type_traits>

namespace attnscope::c_interface {
namespace {

static_assert(static_cast<int>(ElementType::kFloat32) == ATTNSCOPE_FLOAT32);
static_assert(static_cast<int>(ElementType::kFloat16) == ATTNSCOPE_FLOAT16);
static_assert(static_cast<int>(ElementType::kBFloat16) == ATTNSCOPE_BFLOAT16);
// An array of one may be read as an array of the other.
static_assert(sizeof(KeyPage) == sizeof(AttnscopeKeyPage) && alignof(KeyPage) == alignof(AttnscopeKeyPage));
static_assert(offsetof(KeyPage, data) == offsetof(AttnscopeKeyPage, data));
static_assert(offsetof(KeyPage, keys) == offsetof(AttnscopeKeyPage, keys));
static_assert(sizeof(size_t) == sizeof(uint64_t), "on such a machine, sizes from C need to be checked");
// Thresholds' bounds are the same, in the same order, behind the size.
static_assert(sizeof(AttnscopeThresholds) == sizeof(uint64_t) + sizeof(Thresholds));
static_assert(std::is_trivially_copyable_v<Thresholds>);

// An int32_t that is no ElementType becomes one that the checks of the call refuse.
ElementType TypeOf(int32_t type) { return static_cast<ElementType>(type < 0 || type > 255 ? 255 : type); }

}  // namespace

Status Read(const char* name, const AttnscopeAttentionView* in, AttentionView* out) {
  AttnscopeAttentionView view = {};
  if (Status status = ReadStruct(name, in, &view); !status.ok()) return status;
  out->data = view.data;
  out->type = TypeOf(view.type);
  out->batch = view.batch;
  out->heads = view.heads;
  out->queries = view.queries;
  out->keys = view.keys;
  out->batch_stride = view.batch_stride;
  out->head_stride = view.head_stride;
  out->query_stride = view.query_stride;
  out->first_sequence = view.first_sequence;
  out->first_head = view.first_head;
  return {};
}

Status Read(const AttnscopeMask* in, Mask* out) {
  if (in == nullptr) return {};
  AttnscopeMask mask = {};
  if (Status status = ReadStruct("mask", in, &mask); !status.ok()) return status;
  out->causal = mask.causal != 0;
  out->causal_offset = mask.causal_offset;
  out->key_lengths = mask.key_lengths;
  return {};
}

Status Read(const AttnscopeSoftmaxParams* in, SoftmaxParams* out) {
  if (in == nullptr) return {};
  AttnscopeSoftmaxParams params = {};
  if (Status status = ReadStruct("params", in, &params); !status.ok()) return status;
  out->scale = params.scale;
  out->soft_cap = params.soft_cap;
  if (Status status = Read(params.mask, &out->mask); !status.ok()) return status;
  if (params.bias == nullptr) return {};
  AttnscopeBiasView bias = {};
  if (Status status = ReadStruct("params->bias", params.bias, &bias); !status.ok()) return status;
  out->bias.data = bias.data;
  out->bias.type = TypeOf(bias.type);
  out->bias.batch_stride = bias.batch_stride;
  out->bias.head_stride = bias.head_stride;
  out->bias.query_stride = bias.query_stride;
  return {};
}

Status Read(const char* name, const AttnscopeQueryKeyView* in, QueryKeyView* out) {
  AttnscopeQueryKeyView view = {};
  if (Status status = ReadStruct(name, in, &view); !status.ok()) return status;
  out->query_data = view.query_data;
  out->key_data = view.key_data;
  out->query_type = TypeOf(view.query_type);
  out->key_type = TypeOf(view.key_type);
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
  return {};
}

Status Read(const char* name, const AttnscopeActivationView* in, ActivationView* out) {
  AttnscopeActivationView view = {};
  if (Status status = ReadStruct(name, in, &view); !status.ok()) return status;
  out->data = view.data;
  out->type = TypeOf(view.type);
  out->batch = view.batch;
  out->tokens = view.tokens;
  out->channels = view.channels;
  out->batch_stride = view.batch_stride;
  out->token_stride = view.token_stride;
  return {};
}

Status Read(const AttnscopeBufferView* in, BufferView* out) {
  AttnscopeBufferView view = {};
  if (Status status = ReadStruct("gradient", in, &view); !status.ok()) return status;
  out->data = view.data;
  out->type = TypeOf(view.type);
  out->size = view.size;
  return {};
}

Status Read(const AttnscopeRunner* in, Runner* out) {
  if (in == nullptr) return {};
  AttnscopeRunner runner = {};
  runner.threads = 1;
  if (Status status = ReadStruct("runner", in, &runner); !status.ok()) return status;
  out->opaque = runner.opaque;
  out->run = runner.run;
  out->threads = runner.threads;
  return {};
}

Status Read(const AttnscopeLayerConfig* in, LayerConfig* out) {
  AttnscopeLayerConfig config = {};
  config.struct_size = sizeof(config);
  AttnscopeLayerConfigDefaults(&config);
  if (Status status = ReadStruct("config", in, &config); !status.ok()) return status;
  out->mean_matrix = config.mean_matrix != 0;
  out->heads = config.heads;
  out->max_keys = config.max_keys;
  out->max_batch = config.max_batch;
  out->tolerance_float32 = config.tolerance_float32;
  out->tolerance_half = config.tolerance_half;
  out->saturation_bound = config.saturation_bound;
  return {};
}

Status Read(const AttnscopeThresholds* in, Thresholds* out) {
  if (in == nullptr) return {};
  AttnscopeThresholds thresholds = {};
  std::memcpy(&thresholds.one_hot_max_row_weight_warning, out, sizeof(*out));
  if (Status status = ReadStruct("thresholds", in, &thresholds); !status.ok()) return status;
  std::memcpy(static_cast<void*>(out), &thresholds.one_hot_max_row_weight_warning, sizeof(*out));
  return {};
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
  return out;
}

}  // namespace attnscope::c_interface

using attnscope::c_interface::WriteStruct;

void AttnscopeLayerConfigDefaults(AttnscopeLayerConfig* config) {
  const attnscope::LayerConfig defaults;
  AttnscopeLayerConfig out = {};
  out.mean_matrix = defaults.mean_matrix ? 1 : 0;
  out.heads = defaults.heads;
  out.max_keys = defaults.max_keys;
  out.max_batch = defaults.max_batch;
  out.tolerance_float32 = defaults.tolerance_float32;
  out.tolerance_half = defaults.tolerance_half;
  out.saturation_bound = defaults.saturation_bound;
  WriteStruct(out, config);
}

void AttnscopeThresholdsDefaults(AttnscopeThresholds* thresholds) {
  const attnscope::Thresholds defaults;
  AttnscopeThresholds out = {};
  std::memcpy(&out.one_hot_max_row_weight_warning, &defaults, sizeof(defaults));
  WriteStruct(out, thresholds);
}
