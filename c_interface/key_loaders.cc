// SPDX-License-Identifier: Apache-2.0
//
// Loaders of quantised keys, as attnscope/key_loaders.h makes them. The context of a loader is the caller's own struct,
// which was checked when the loader was made, and is read anew in each call.
#include "attnscope/key_loaders.h"

#include "c_interface/fields.h"
#include "c_interface/structs.h"

namespace attnscope::c_interface {
namespace {

static_assert(static_cast<int>(Float8::kE4M3Fn) == ATTNSCOPE_FLOAT8_E4M3FN);
static_assert(static_cast<int>(Float8::kE5M2) == ATTNSCOPE_FLOAT8_E5M2);
static_assert(static_cast<int>(GgmlBlock::kQ8_0) == ATTNSCOPE_GGML_Q8_0);
static_assert(static_cast<int>(GgmlBlock::kQ4_0) == ATTNSCOPE_GGML_Q4_0);

Status Read(const char* name, const AttnscopeFloat8Keys* in, Float8Keys* out) {
  AttnscopeFloat8Keys keys = {};
  if (Status status = ReadStruct(name, in, &keys); !status.ok()) return status;
  if (keys.type < ATTNSCOPE_FLOAT8_E4M3FN || keys.type > ATTNSCOPE_FLOAT8_E5M2) {
    return WrongField(name, "type", keys.type, "an AttnscopeFloat8, 0 or 1");
  }
  out->data = keys.data;
  out->type = static_cast<Float8>(keys.type);
  out->batch_stride = keys.batch_stride;
  out->head_stride = keys.head_stride;
  out->key_stride = keys.key_stride;
  out->dim_stride = keys.dim_stride;
  if (keys.scale != 0.0f) out->scale = keys.scale;
  out->head_scales = keys.head_scales;
  return CheckReserved(name, keys.reserved);
}

Status Read(const char* name, const AttnscopeGgmlBlockKeys* in, GgmlBlockKeys* out) {
  AttnscopeGgmlBlockKeys keys = {};
  if (Status status = ReadStruct(name, in, &keys); !status.ok()) return status;
  if (keys.type < ATTNSCOPE_GGML_Q8_0 || keys.type > ATTNSCOPE_GGML_Q4_0) {
    return WrongField(name, "type", keys.type, "an AttnscopeGgmlBlock, 0 or 1");
  }
  out->data = keys.data;
  out->type = static_cast<GgmlBlock>(keys.type);
  out->batch_stride = keys.batch_stride;
  out->head_stride = keys.head_stride;
  out->key_stride = keys.key_stride;
  return {};
}

template <typename CKeys, typename Keys>
void Load(const void* context, size_t sequence, size_t kv_head, size_t first, size_t count, size_t head_dim,
          float* to) {
  Keys keys;
  (void)Read("keys", static_cast<const CKeys*>(context), &keys);
  const KeyLoader loader = LoaderOf(keys);
  loader.load(loader.context, sequence, kv_head, first, count, head_dim, to);
}

template <typename Keys, typename CKeys>
AttnscopeStatus MakeLoader(const CKeys* keys, AttnscopeKeyLoader* out) {
  return Guarded([&]() -> Status {
    if (out == nullptr) return NullArgument("out");
    Keys read;
    if (Status status = Read("keys", keys, &read); !status.ok()) return status;
    *out = {&Load<CKeys, Keys>, keys};
    return {};
  });
}

}  // namespace
}  // namespace attnscope::c_interface

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

AttnscopeStatus AttnscopeKeyLoaderOfFloat8(const AttnscopeFloat8Keys* keys, AttnscopeKeyLoader* out) {
  return MakeLoader<Float8Keys>(keys, out);
}

AttnscopeStatus AttnscopeKeyLoaderOfGgmlBlocks(const AttnscopeGgmlBlockKeys* keys, AttnscopeKeyLoader* out) {
  return MakeLoader<GgmlBlockKeys>(keys, out);
}
