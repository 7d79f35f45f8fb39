// SPDX-License-Identifier: Apache-2.0
//
// Arrays of NumPy for what each row of a call measures.
#ifndef ATTNSCOPE_PYTHON_MODULE_ROW_ARRAYS_H_
#define ATTNSCOPE_PYTHON_MODULE_ROW_ARRAYS_H_

#include <nanobind/nanobind.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "attnscope/row_outputs.h"
#include "attnscope/status.h"

namespace attnscope::python {

namespace nb = nanobind;

// Made with the GIL from the names that are asked for; allocated without it once the shape is known; handed to Python
// with it.
class RowArrays {
 public:
  // `names`: True for all that there are, or the names of some. `has_logits`: whether those of logits are among them.
  // `top_k`: the masses that there are; what is no k is refused by the call that measures.
  // Throws ValueError for a name that there is not, TypeError for what is no names; the message begins with `argument`.
  RowArrays(const char* argument, nb::handle names, bool has_logits, const TopKValues& top_k);

  // Errors: kOutOfMemory.
  Status Allocate(size_t batch, size_t heads, size_t queries);
  // Of what was allocated last.
  const RowOutputs& outputs() const { return outputs_; }
  // From names to arrays [batch, heads, queries], which own the memory from now on.
  nb::dict Take();

 private:
  struct Array {
    std::string name;
    bool is_whole_number = false;
    std::unique_ptr<std::byte[]> memory;  // of int64_t or double
  };

  std::vector<Array> arrays_;
  RowOutputs outputs_;
  size_t shape_[3] = {};
};

}  // namespace attnscope::python

#endif  // ATTNSCOPE_PYTHON_MODULE_ROW_ARRAYS_H_
