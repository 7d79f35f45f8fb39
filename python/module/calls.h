// SPDX-License-Identifier: Apache-2.0
//
// The calls that add rows, which accumulators, monitors and scores of keys have: arguments to views, and without the
// GIL on to whatever adds them.
#ifndef ATTNSCOPE_PYTHON_MODULE_CALLS_H_
#define ATTNSCOPE_PYTHON_MODULE_CALLS_H_

#include <nanobind/nanobind.h>

#include "attnscope/attention_view.h"
#include "attnscope/query_key_view.h"
#include "attnscope/runner.h"
#include "attnscope/softmax_params.h"
#include "attnscope/status.h"

namespace attnscope::python {

namespace nb = nanobind;

// Takes the attention that calls bring; called without the GIL.
class AttentionSink {
 public:
  virtual Status AddWeights(const AttentionView& weights, const Mask& mask, const Runner& runner) = 0;
  virtual Status AddLogits(const AttentionView& logits, const SoftmaxParams& params, const Runner& runner) = 0;
  virtual Status AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params, const Runner& runner) = 0;

 protected:
  ~AttentionSink() = default;
};

// And activations.
class RowSink : public AttentionSink {
 public:
  virtual Status AddResidual(const ActivationView& before, const ActivationView& after) = 0;
  virtual Status AddGradient(const BufferView& gradient) = 0;

 protected:
  ~RowSink() = default;
};

// `method` is for messages.
void CallAddWeights(nb::handle weights, const nb::kwargs& keywords, AttentionSink* sink,
                    const char* method = "add_weights");
void CallAddLogits(nb::handle logits, const nb::kwargs& keywords, AttentionSink* sink,
                   const char* method = "add_logits");
void CallAddQueriesKeys(nb::handle queries, nb::handle keys, const nb::kwargs& keywords, AttentionSink* sink,
                        const char* method = "add_queries_keys");
// Of functions that take one of several sources.
struct AnySource {
  nb::handle weights;
  nb::handle logits;
  nb::handle queries;
  nb::handle keys;
};
// The one of the calls above whose arguments are not None. Throws TypeError if that is not one.
void CallAddOneOf(const AnySource& source, const nb::kwargs& keywords, AttentionSink* sink, const char* method);
void CallAddResidual(nb::handle before, nb::handle after, const nb::kwargs& keywords, RowSink* sink);
void CallAddGradient(nb::handle gradient, const nb::kwargs& keywords, RowSink* sink);

}  // namespace attnscope::python

#endif  // ATTNSCOPE_PYTHON_MODULE_CALLS_H_
