// SPDX-License-Identifier: Apache-2.0
//
// The keywords of the calls that add rows: which there are, and what each sets. A new one is a member here and a line
// in the table of arguments.cc; attnscope/_core.pyi and the docstrings name it for people.
#ifndef ATTNSCOPE_PYTHON_MODULE_ARGUMENTS_H_
#define ATTNSCOPE_PYTHON_MODULE_ARGUMENTS_H_

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "attnscope/softmax_params.h"
#include "python/module/tensor.h"

namespace attnscope::python {

// Whole numbers from a list, a tuple, an array or a tensor. Throws TypeError, or ValueError for negative ones; the
// message begins with `name`.
std::vector<size_t> ReadSizes(const char* name, nb::handle values, const char* expected);

// What rows are added from. Each has nearly all keywords of those before it.
enum class Source : uint8_t { kActivations, kWeights, kLogits, kQueriesKeys };

// Of the attention that a call adds.
struct AttentionShape {
  size_t batch = 0;
  size_t heads = 0;
  size_t queries = 0;
  size_t keys = 0;
};

// What keywords said.
struct CallOptions {
  size_t first_sequence = 0;
  size_t first_head = 0;
  size_t threads = 1;
  bool copy = false;
  bool null_mass = false;  // of weights: sums below 1 are meant
  // Which keys are seen, and what the softmax does. The arrays are set by Fit.
  SoftmaxParams params;
  nb::object key_lengths;
  nb::object first_keys;
  nb::object query_lengths;
  nb::object segments;
  nb::object mask;
  nb::object key_positions;
  nb::object bias;
  nb::object bias_factors;
  nb::object sinks;

  // Reads them. Throws TypeError for a keyword that the call does not have or a value of another type. `method` is for
  // messages.
  CallOptions(const char* method, Source source, const nb::kwargs& keywords);

  // Sets what depends on the shape: offsets, arrays of one number a sequence, the bias. Throws ValueError where these
  // do not fit it.
  void Fit(const AttentionShape& shape);

 private:
  // Throws for a keyword that means nothing without another one.
  void CheckCompany(const nb::kwargs& keywords) const;
  void FitMask(const AttentionShape& shape);
  void FitPositions(const AttentionShape& shape);

  std::vector<int64_t> key_lengths_;
  std::vector<int64_t> first_keys_;
  std::vector<int64_t> query_lengths_;
  std::vector<int64_t> segments_;
  std::vector<int64_t> key_positions_;
  std::vector<float> bias_factors_;
  std::vector<float> sinks_;
  std::optional<Tensor> bias_;
  std::optional<Tensor> mask_;
};

}  // namespace attnscope::python

#endif  // ATTNSCOPE_PYTHON_MODULE_ARGUMENTS_H_
