// SPDX-License-Identifier: Apache-2.0
#include "python/module/argument.h"

#include <string>
#include <string_view>

#include "python/module/errors.h"

namespace attnscope::python {
namespace {

[[noreturn]] void Refuse(PyObject* type, const char* name, nb::handle value, const char* expected) {
  Throw(type, std::string(name) + " is " + nb::repr(value).c_str() + ", expected " + expected);
}

// Without __int__, which would round what is no whole number.
template <typename T>
void ReadWhole(const char* name, nb::handle value, const char* expected, T* out) {
  const nb::object index = nb::steal(PyNumber_Index(value.ptr()));
  if (index.is_valid() && nb::try_cast(index, *out, /*convert=*/false)) return;
  PyErr_Clear();
  Refuse(index.is_valid() ? PyExc_ValueError : PyExc_TypeError, name, value, expected);
}

bool IsOfNumPy(nb::handle value) {
  const std::string_view type = Py_TYPE(value.ptr())->tp_name;
  return type == "numpy.bool" || type == "numpy.bool_";  // since 2.0, and before
}

}  // namespace

void Read(const char* name, nb::handle value, size_t* out) { ReadWhole(name, value, "a whole number >= 0", out); }
void Read(const char* name, nb::handle value, int64_t* out) { ReadWhole(name, value, "a whole number", out); }
void Read(const char* name, nb::handle value, int* out) { ReadWhole(name, value, "a whole number", out); }

void Read(const char* name, nb::handle value, double* out) {
  *out = PyFloat_AsDouble(value.ptr());
  if (*out == -1.0 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    Refuse(PyExc_TypeError, name, value, "a number");
  }
}

void Read(const char* name, nb::handle value, bool* out) {
  *out = value.ptr() == Py_True;
  if (*out || value.ptr() == Py_False) return;
  if (!IsOfNumPy(value)) Refuse(PyExc_TypeError, name, value, "True or False");
  *out = PyObject_IsTrue(value.ptr()) == 1;
}

}  // namespace attnscope::python
