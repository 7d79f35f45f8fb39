// SPDX-License-Identifier: Apache-2.0
//
// Structs of the C interface, and what they are in C++.
#ifndef ATTNSCOPE_C_INTERFACE_STRUCTS_H_
#define ATTNSCOPE_C_INTERFACE_STRUCTS_H_

#include "attnscope/attention_view.h"
#include "attnscope/attnscope_c.h"
#include "attnscope/diagnosis.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/query_key_view.h"
#include "attnscope/row_outputs.h"
#include "attnscope/runner.h"
#include "attnscope/softmax_params.h"
#include "attnscope/status.h"
#include "c_interface/struct_size.h"
#include "c_interface/thresholds.h"

namespace attnscope::c_interface {

// Each reads one struct, which messages call `name`. Errors: those of ReadStruct, and kInvalidArgument for a reserved
// field that is not zero, a flag that is neither 0 nor 1, and an element type that there is not. Masks, parameters and
// runners may be null, which leaves `*out` as it is.
Status Read(const char* name, const AttnscopeAttentionView* in, AttentionView* out);
Status Read(const char* name, const AttnscopeMask* in, Mask* out);
Status Read(const char* name, const AttnscopeSoftmaxParams* in, SoftmaxParams* out);
Status Read(const char* name, const AttnscopeQueryKeyView* in, QueryKeyView* out);
Status Read(const char* name, const AttnscopeActivationView* in, ActivationView* out);
Status Read(const char* name, const AttnscopeBufferView* in, BufferView* out);
Status Read(const char* name, const AttnscopeRunner* in, Runner* out);
Status Read(const char* name, const AttnscopeLayerConfig* in, LayerConfig* out);
Status Read(const char* name, const AttnscopeRowOutputs* in, RowOutputs* out);

// The other way. Sizes are those of this library. Texts last as long as what they are of.
AttnscopeAttentionView ToC(const AttentionView& view);
AttnscopeQueryKeyView ToC(const QueryKeyView& view);
AttnscopeActivationView ToC(const ActivationView& view);
AttnscopeRunner ToC(const Runner& runner);
AttnscopeLayerConfig ToC(const LayerConfig& config);
AttnscopeVerdict ToC(const Verdict& verdict);
AttnscopeUnjudged ToC(const Unjudged& unjudged);

// What messages call the parameters of an Add call.
inline const char* NameOfParams(const AttnscopeMask*) { return "mask"; }
inline const char* NameOfParams(const AttnscopeSoftmaxParams*) { return "params"; }

// The arguments of an Add call, read.
template <typename View, typename Params>
struct CallOf {
  template <typename CView, typename CParams>
  CallOf(const char* name, const CView* c_view, const CParams* c_params, const AttnscopeRunner* c_runner) {
    status = Read(name, c_view, &view);
    if (status.ok()) status = Read(NameOfParams(c_params), c_params, &params);
    if (status.ok()) status = Read("runner", c_runner, &runner);
  }
  bool ok() const { return status.ok(); }

  Status status;
  View view;
  Params params;
  Runner runner;
};

}  // namespace attnscope::c_interface

#endif  // ATTNSCOPE_C_INTERFACE_STRUCTS_H_
