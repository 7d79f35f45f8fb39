// SPDX-License-Identifier: Apache-2.0
#include "python/module/errors.h"

namespace attnscope::python {
namespace {

PyObject* TypeOf(StatusCode code) {
  switch (code) {
    case StatusCode::kOutOfMemory:
      return PyExc_MemoryError;
    case StatusCode::kNotFound:
      return PyExc_LookupError;
    case StatusCode::kIoError:
      return PyExc_OSError;
    default:
      return PyExc_ValueError;
  }
}

}  // namespace

void Throw(PyObject* type, const std::string& message) {
  PyErr_SetString(type, message.c_str());
  throw nb::python_error();
}

void Check(const Status& status) {
  if (!status.ok()) Throw(TypeOf(status.code()), status.message());
}

void Check(const char* argument, const Status& status) {
  if (!status.ok()) Throw(TypeOf(status.code()), std::string(argument) + ": " + status.message());
}

}  // namespace attnscope::python
