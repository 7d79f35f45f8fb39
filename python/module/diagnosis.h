// SPDX-License-Identifier: Apache-2.0
//
// Bounds of verdicts from Python.
#ifndef ATTNSCOPE_PYTHON_MODULE_DIAGNOSIS_H_
#define ATTNSCOPE_PYTHON_MODULE_DIAGNOSIS_H_

#include <nanobind/nanobind.h>

#include "attnscope/baseline.h"
#include "attnscope/diagnosis.h"

namespace attnscope::python {

// Of None, or a dictionary from names to numbers; those that are not named have their defaults. Throws TypeError or
// ValueError.
Thresholds ThresholdsOf(nanobind::handle thresholds);

// Of None, or an attnscope.Baseline, which must outlive the pointer. Throws TypeError.
const Baseline* BaselineOf(nanobind::handle baseline);

}  // namespace attnscope::python

#endif  // ATTNSCOPE_PYTHON_MODULE_DIAGNOSIS_H_
