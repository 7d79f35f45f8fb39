// SPDX-License-Identifier: Apache-2.0
#include "python/module/calls.h"

#include <string>

#include "attnscope/dlpack.h"
#include "python/module/arguments.h"
#include "python/module/errors.h"
#include "python/module/tensor.h"
#include "python/module/thread_pools.h"

namespace attnscope::python {
namespace {

template <typename Add>
void CheckWithoutGil(const Add& add) {
  Status status;
  {
    const nb::gil_scoped_release release;
    status = add();
  }
  Check(status);
}

AttentionView ReadAttention(const char* name, const Tensor& tensor, CallOptions* options) {
  AttentionView view;
  Check(name, AttentionFromDLPack(tensor.dl(), &view));
  view.first_sequence = options->first_sequence;
  view.first_head = options->first_head;
  view.null_mass = options->null_mass;
  options->Fit({view.batch, view.heads, view.queries, view.keys});
  return view;
}

}  // namespace

void CallAddWeights(nb::handle weights, const nb::kwargs& keywords, AttentionSink* sink, const char* method) {
  CallOptions options(method, Source::kWeights, keywords);
  const Tensor tensor("weights", weights, options.copy);
  const AttentionView view = ReadAttention("weights", tensor, &options);
  const BorrowedPool pool(options.threads);
  CheckWithoutGil([&] { return sink->AddWeights(view, options.params.mask, pool.runner()); });
}

void CallAddLogits(nb::handle logits, const nb::kwargs& keywords, AttentionSink* sink, const char* method) {
  CallOptions options(method, Source::kLogits, keywords);
  const Tensor tensor("logits", logits, options.copy);
  const AttentionView view = ReadAttention("logits", tensor, &options);
  const BorrowedPool pool(options.threads);
  CheckWithoutGil([&] { return sink->AddLogits(view, options.params, pool.runner()); });
}

void CallAddQueriesKeys(nb::handle queries, nb::handle keys, const nb::kwargs& keywords, AttentionSink* sink,
                        const char* method) {
  CallOptions options(method, Source::kQueriesKeys, keywords);
  const Tensor query_tensor("queries", queries, options.copy);
  const Tensor key_tensor("keys", keys, options.copy);
  QueryKeyView view;
  Check(QueriesKeysFromDLPack(query_tensor.dl(), key_tensor.dl(), &view));
  view.first_sequence = options.first_sequence;
  view.first_head = options.first_head;
  options.Fit({view.batch, view.heads, view.queries, view.keys});
  const BorrowedPool pool(options.threads);
  CheckWithoutGil([&] { return sink->AddQueriesKeys(view, options.params, pool.runner()); });
}

void CallAddOneOf(const AnySource& source, const nb::kwargs& keywords, AttentionSink* sink, const char* method) {
  const int sources = static_cast<int>(!source.weights.is_none()) + static_cast<int>(!source.logits.is_none()) +
                      static_cast<int>(!source.queries.is_none() || !source.keys.is_none());
  if (sources != 1 || source.queries.is_none() != source.keys.is_none()) {
    Throw(PyExc_TypeError, std::string(method) + "() takes one of: weights; logits=; queries= and keys=");
  }
  if (!source.weights.is_none()) {
    CallAddWeights(source.weights, keywords, sink, method);
  } else if (!source.logits.is_none()) {
    CallAddLogits(source.logits, keywords, sink, method);
  } else {
    CallAddQueriesKeys(source.queries, source.keys, keywords, sink, method);
  }
}

void CallAddResidual(nb::handle before, nb::handle after, const nb::kwargs& keywords, RowSink* sink) {
  const CallOptions options("add_residual", Source::kActivations, keywords);
  const Tensor before_tensor("before", before, options.copy);
  const Tensor after_tensor("after", after, options.copy);
  ActivationView before_view;
  ActivationView after_view;
  Check("before", ActivationFromDLPack(before_tensor.dl(), &before_view));
  Check("after", ActivationFromDLPack(after_tensor.dl(), &after_view));
  CheckWithoutGil([&] { return sink->AddResidual(before_view, after_view); });
}

void CallAddGradient(nb::handle gradient, const nb::kwargs& keywords, RowSink* sink) {
  const CallOptions options("add_gradient", Source::kActivations, keywords);
  const Tensor tensor("gradient", gradient, options.copy);
  BufferView view;
  Check("gradient", BufferFromDLPack(tensor.dl(), &view));
  CheckWithoutGil([&] { return sink->AddGradient(view); });
}

}  // namespace attnscope::python
