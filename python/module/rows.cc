// SPDX-License-Identifier: Apache-2.0
//
// measure_rows: rows without an accumulator.
#include <nanobind/nanobind.h>

#include "attnscope/row_outputs.h"
#include "python/module/calls.h"
#include "python/module/docstrings.h"
#include "python/module/module.h"
#include "python/module/row_arrays.h"
#include "python/module/top_k.h"

namespace attnscope::python {
namespace {

class RowMeasurer final : public AttentionSink {
 public:
  explicit RowMeasurer(RowArrays* rows) : rows_(rows) {}

  Status AddWeights(const AttentionView& weights, const Mask& mask, const Runner& runner) override {
    Status status = rows_->Allocate(weights.batch, weights.heads, weights.queries);
    return status.ok() ? MeasureRows(weights, mask, rows_->outputs(), runner) : status;
  }
  Status AddLogits(const AttentionView& logits, const SoftmaxParams& params, const Runner& runner) override {
    Status status = rows_->Allocate(logits.batch, logits.heads, logits.queries);
    return status.ok() ? MeasureLogitRows(logits, params, rows_->outputs(), runner) : status;
  }
  Status AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params, const Runner& runner) override {
    Status status = rows_->Allocate(view.batch, view.heads, view.queries);
    return status.ok() ? MeasureQueryKeyRows(view, params, rows_->outputs(), runner) : status;
  }

 private:
  RowArrays* rows_;
};

nb::dict Measure(nb::handle weights, nb::handle logits, nb::handle queries, nb::handle keys, nb::handle outputs,
                 nb::handle top_k, const nb::kwargs& keywords) {
  RowArrays rows("outputs", outputs, /*has_logits=*/weights.is_none(), TopKOf(top_k));
  RowMeasurer measurer(&rows);
  CallAddOneOf({weights, logits, queries, keys}, keywords, &measurer, "measure_rows");
  return rows.Take();
}

}  // namespace

void BindRows(nb::module_& module) {
  module.def("measure_rows", &Measure, nb::arg("weights") = nb::none(), nb::kw_only(), nb::arg("logits") = nb::none(),
             nb::arg("queries") = nb::none(), nb::arg("keys") = nb::none(), nb::arg("outputs") = true,
             nb::arg("top_k") = TupleOf(kDefaultTopK), nb::arg("keywords"), kMeasureRowsDoc);
}

}  // namespace attnscope::python
