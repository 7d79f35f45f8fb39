// SPDX-License-Identifier: Apache-2.0
//
// Structs that carry their size, and what they become in C++. Included by the C interface.
#ifndef ATTNSCOPE_C_INTERFACE_STRUCTS_H_
#define ATTNSCOPE_C_INTERFACE_STRUCTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "attnscope/attention_view.h"
#include "attnscope/attnscope_c.h"
#include "attnscope/diagnosis.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/query_key_view.h"
#include "attnscope/runner.h"
#include "attnscope/softmax_params.h"
#include "attnscope/status.h"
#include "c_interface/status.h"

namespace attnscope::c_interface {

// Copies what a caller's struct, `size` bytes, and ours, `known` bytes, both have. Inline, since each of the libraries
// needs it and none shows it.
inline Status ReadBytes(const char* name, const void* in, size_t size, size_t known, void* out) {
  if (in == nullptr) return NullArgument(name);
  if (size < sizeof(uint64_t) || size > 4096) {
    return {StatusCode::kInvalidArgument,
            std::string(name) + "->struct_size is " + std::to_string(size) + ", expected the struct's sizeof"};
  }
  const char* const bytes = static_cast<const char*>(in);
  if (size > known && std::any_of(bytes + known, bytes + size, [](char byte) { return byte != 0; })) {
    return {StatusCode::kInvalidArgument,
            std::string(name) + " sets fields that attnscope " + AttnscopeVersion() + " does not know"};
  }
  std::memcpy(out, in, std::min(size, known));
  return {};
}

// Copies what a caller's struct and ours both have to `*out`, which holds the defaults. Errors: kInvalidArgument for
// null, a size that was not set, and fields that only a newer library knows and that are not zero.
template <typename T>
Status ReadStruct(const char* name, const T* in, T* out) {
  return ReadBytes(name, in, in == nullptr ? 0 : in->struct_size, sizeof(T), out);
}

// Copies ours to a caller's struct as far as that reaches, and keeps its size.
template <typename T>
void WriteStruct(const T& in, T* out) {
  if (out == nullptr) return;
  const uint32_t size = out->struct_size;
  if (size < sizeof(uint64_t)) return;
  std::memcpy(static_cast<void*>(out), &in, std::min<size_t>(size, sizeof(T)));
  out->struct_size = size;
}

// Each reads one struct. Where null stands for defaults, `*out` is left as it is.
Status Read(const char* name, const AttnscopeAttentionView* in, AttentionView* out);
Status Read(const AttnscopeMask* in, Mask* out);
Status Read(const AttnscopeSoftmaxParams* in, SoftmaxParams* out);
Status Read(const char* name, const AttnscopeQueryKeyView* in, QueryKeyView* out);
Status Read(const char* name, const AttnscopeActivationView* in, ActivationView* out);
Status Read(const AttnscopeBufferView* in, BufferView* out);
Status Read(const AttnscopeRunner* in, Runner* out);
Status Read(const AttnscopeLayerConfig* in, LayerConfig* out);
Status Read(const AttnscopeThresholds* in, Thresholds* out);

// The arguments of an Add call, read.
template <typename View, typename Params>
struct CallOf {
  template <typename CView, typename CParams>
  CallOf(const char* name, const CView* c_view, const CParams* c_params, const AttnscopeRunner* c_runner) {
    status = Read(name, c_view, &view);
    if (status.ok()) status = Read(c_params, &params);
    if (status.ok()) status = Read(c_runner, &runner);
  }
  bool ok() const { return status.ok(); }

  Status status;
  View view;
  Params params;
  Runner runner;
};

// `message` as long as the verdict lasts.
AttnscopeVerdict ToC(const Verdict& verdict);

}  // namespace attnscope::c_interface

#endif  // ATTNSCOPE_C_INTERFACE_STRUCTS_H_
