// SPDX-License-Identifier: Apache-2.0
//
// Bounds of verdicts from Python.
#ifndef ATTNSCOPE_PYTHON_MODULE_DIAGNOSIS_H_
#define ATTNSCOPE_PYTHON_MODULE_DIAGNOSIS_H_

#include <nanobind/nanobind.h>

#include "attnscope/diagnosis.h"

namespace attnscope::python {

// Of None, or a dictionary from names to numbers; those that are not named have their defaults. Throws TypeError or
// ValueError.
Thresholds ThresholdsOf(nanobind::handle thresholds);

}  // namespace attnscope::python

#endif  // ATTNSCOPE_PYTHON_MODULE_DIAGNOSIS_H_
