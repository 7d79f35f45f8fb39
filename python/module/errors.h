// SPDX-License-Identifier: Apache-2.0
//
// Failures of the library as exceptions of Python. To be called with the GIL.
#ifndef ATTNSCOPE_PYTHON_MODULE_ERRORS_H_
#define ATTNSCOPE_PYTHON_MODULE_ERRORS_H_

#include <nanobind/nanobind.h>

#include <string>

#include "attnscope/status.h"

namespace attnscope::python {

namespace nb = nanobind;

// Throws what Python knows as `type`: PyExc_ValueError, ...
[[noreturn]] void Throw(PyObject* type, const std::string& message);

// Returns if `status` is ok. Otherwise throws ValueError for an argument that makes no sense or is beyond its range and
// for malformed input, MemoryError, LookupError for what is not there, OSError for what the system refused.
void Check(const Status& status);
// The same with the name of an argument before the message.
void Check(const char* argument, const Status& status);

}  // namespace attnscope::python

#endif  // ATTNSCOPE_PYTHON_MODULE_ERRORS_H_
