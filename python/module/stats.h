// SPDX-License-Identifier: Apache-2.0
//
// Metrics as dictionaries and arrays.
#ifndef ATTNSCOPE_PYTHON_MODULE_STATS_H_
#define ATTNSCOPE_PYTHON_MODULE_STATS_H_

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>

namespace attnscope::python {

namespace nb = nanobind;

using DoubleArray = nb::ndarray<nb::numpy, double, nb::ndim<1>>;

// An array of its own, zeros.
DoubleArray NewArray(size_t size, double** data);

}  // namespace attnscope::python

#endif  // ATTNSCOPE_PYTHON_MODULE_STATS_H_
