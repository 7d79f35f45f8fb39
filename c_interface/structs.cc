// SPDX-License-Identifier: Apache-2.0
#include "c_interface/structs.h"

#include <cstddef>
#include <string>

#include "c_interface/fields.h"

namespace attnscope::c_interface {
namespace {

static_assert(static_cast<int>(ElementType::kFloat32) == ATTNSCOPE_FLOAT32);
static_assert(static_cast<int>(ElementType::kFloat16) == ATTNSCOPE_FLOAT16);
static_assert(static_cast<int>(ElementType::kBFloat16) == ATTNSCOPE_BFLOAT16);
static_assert(static_cast<int>(RowBufferType::kFloat32) == ATTNSCOPE_ROW_FLOAT32);
static_assert(static_cast<int>(RowBufferType::kFloat64) == ATTNSCOPE_ROW_FLOAT64);
static_assert(static_cast<int>(RowBufferType::kInt32) == ATTNSCOPE_ROW_INT32);
static_assert(static_cast<int>(RowBufferType::kInt64) == ATTNSCOPE_ROW_INT64);
// An array of one may be read as an array of the other.
static_assert(sizeof(KeyPage) == sizeof(AttnscopeKeyPage) && alignof(KeyPage) == alignof(AttnscopeKeyPage));
static_assert(offsetof(KeyPage, data) == offsetof(AttnscopeKeyPage, data));
static_assert(offsetof(KeyPage, keys) == offsetof(AttnscopeKeyPage, keys));
static_assert(sizeof(size_t) == sizeof(uint64_t), "on such a machine, sizes from C need to be checked");

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
  if (Status status = ReadTopK(name, config.top_k, &out->top_k); !status.ok()) return status;
  return ReadFlag(name, "mean_matrix", config.mean_matrix, &out->mean_matrix);
}

Status Read(const char* name, const AttnscopeRowOutputs* in, RowOutputs* out) {
  AttnscopeRowOutputs rows = {};
  if (Status status = ReadStruct(name, in, &rows); !status.ok()) return status;
  if (Status status = CheckReserved(name, rows.reserved); !status.ok()) return status;
  Status status;
  const auto read = [&](const char* field, const AttnscopeRowBuffer& from, RowBuffer* to) {
    if (!status.ok()) return;
    if (from.reserved != 0) {
      status = WrongField(name, (std::string(field) + ".reserved").c_str(), from.reserved, "0");
    } else if (from.type < ATTNSCOPE_ROW_FLOAT32 || from.type > ATTNSCOPE_ROW_INT64) {
      status = WrongField(name, (std::string(field) + ".type").c_str(), from.type, "an AttnscopeRowBufferType, 0 to 3");
    } else {
      to->data = from.data;
      to->type = static_cast<RowBufferType>(from.type);
    }
  };
  read("entropy", rows.entropy, &out->entropy);
  read("effective_rank", rows.effective_rank, &out->effective_rank);
  read("max_weight", rows.max_weight, &out->max_weight);
  read("argmax", rows.argmax, &out->argmax);
  read("row_sum", rows.row_sum, &out->row_sum);
  read("visible_keys", rows.visible_keys, &out->visible_keys);
  read("first_token_weight", rows.first_token_weight, &out->first_token_weight);
  read("self_weight", rows.self_weight, &out->self_weight);
  read("previous_weight", rows.previous_weight, &out->previous_weight);
  read("logsumexp", rows.logsumexp, &out->logsumexp);
  read("max_logit", rows.max_logit, &out->max_logit);
  for (size_t i = 0; i < kMaxTopMasses; ++i) read("top_mass", rows.top_mass[i], &out->top_mass[i]);
  out->query_stride = rows.query_stride;
  out->head_stride = rows.head_stride;
  out->batch_stride = rows.batch_stride;
  if (status.ok()) status = ReadTopK(name, rows.top_k, &out->top_k);
  return status;
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
  out.top_k = ToC(config.top_k);
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
