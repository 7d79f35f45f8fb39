// SPDX-License-Identifier: Apache-2.0
#include "python/module/arguments.h"

#include <string>
#include <string_view>

#include "attnscope/dlpack.h"
#include "python/module/errors.h"

namespace attnscope::python {
namespace {

template <typename T>
T Number(const char* name, nb::handle value, const char* expected) {
  T out{};
  if (nb::try_cast(value, out)) return out;
  // Whole numbers of NumPy and PyTorch, which are none of Python's.
  const nb::object index = nb::steal(PyNumber_Index(value.ptr()));
  if (index.is_valid() && nb::try_cast(index, out)) return out;
  PyErr_Clear();
  Throw(index.is_valid() ? PyExc_ValueError : PyExc_TypeError,
        std::string(name) + " is " + nb::repr(value).c_str() + ", expected " + expected);
}

size_t Size(const char* name, nb::handle value) { return Number<size_t>(name, value, "a whole number >= 0"); }
int64_t Whole(const char* name, nb::handle value) { return Number<int64_t>(name, value, "a whole number"); }

double Real(const char* name, nb::handle value) {
  const double number = PyFloat_AsDouble(value.ptr());
  if (number == -1.0 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    Throw(PyExc_TypeError, std::string(name) + " is " + nb::repr(value).c_str() + ", expected a number");
  }
  return number;
}

bool Truth(const char* name, nb::handle value) {
  if (value.ptr() == Py_True || value.ptr() == Py_False) return value.ptr() == Py_True;
  Throw(PyExc_TypeError, std::string(name) + " is " + nb::repr(value).c_str() + ", expected True or False");
}

struct Keyword {
  const char* name;
  Source least;  // the first source that has it
  void (*set)(const char* name, nb::handle value, CallOptions* out);
};

#define ATTNSCOPE_SETTER(statement) [](const char* name, nb::handle value, CallOptions* out) { statement; }
constexpr Keyword kKeywords[] = {
    {"copy", Source::kActivations, ATTNSCOPE_SETTER(out->copy = Truth(name, value))},
    {"threads", Source::kWeights, ATTNSCOPE_SETTER(out->threads = Size(name, value))},
    {"first_sequence", Source::kWeights, ATTNSCOPE_SETTER(out->first_sequence = Size(name, value))},
    {"first_head", Source::kWeights, ATTNSCOPE_SETTER(out->first_head = Size(name, value))},
    {"causal", Source::kWeights, ATTNSCOPE_SETTER(out->params.mask.causal = Truth(name, value))},
    {"causal_offset", Source::kWeights, ATTNSCOPE_SETTER(out->causal_offset = Whole(name, value))},
    {"key_lengths", Source::kWeights, ATTNSCOPE_SETTER(static_cast<void>(name); out->key_lengths = nb::borrow(value))},
    {"scale", Source::kLogits, ATTNSCOPE_SETTER(out->params.scale = Real(name, value))},
    {"soft_cap", Source::kLogits, ATTNSCOPE_SETTER(out->params.soft_cap = Real(name, value))},
    {"bias", Source::kLogits, ATTNSCOPE_SETTER(static_cast<void>(name); out->bias = nb::borrow(value))},
};
#undef ATTNSCOPE_SETTER

std::string NamesOf(Source source) {
  std::string names;
  for (const Keyword& keyword : kKeywords) {
    if (keyword.least > source) continue;
    if (!names.empty()) names += ", ";
    names += keyword.name;
  }
  return names;
}

const Keyword* Find(std::string_view name, Source source) {
  for (const Keyword& keyword : kKeywords) {
    if (keyword.least <= source && name == keyword.name) return &keyword;
  }
  return nullptr;
}

// One whole number for each sequence: of a list, a tuple or an array.
std::vector<int64_t> Wholes(const char* name, nb::handle values, size_t count) {
  const nb::object list = nb::hasattr(values, "tolist") ? values.attr("tolist")() : nb::borrow(values);
  if (!nb::isinstance<nb::sequence>(list) || nb::isinstance<nb::str>(list)) {
    Throw(PyExc_TypeError,
          std::string(name) + " is " + nb::repr(list).c_str() + ", expected a whole number for each sequence");
  }
  std::vector<int64_t> out;
  for (const nb::handle value : list) out.push_back(Whole(name, value));
  if (out.size() != count) {
    Throw(PyExc_ValueError, std::string(name) + " has " + std::to_string(out.size()) + " numbers, expected " +
                                std::to_string(count) + ": one for each sequence");
  }
  return out;
}

// A bias [batch, heads, queries, keys] or the last dimensions of that; those of size 1 serve all.
BiasView BiasOf(const DLTensor& tensor, const AttentionShape& shape) {
  internal::DLPackLayout layout;
  Check("bias", internal::ReadDLPack("array", tensor, 1, 4, &layout));
  Check("bias", internal::CheckDLPackRows("array", layout));
  const size_t expected[] = {shape.batch, shape.heads, shape.queries, shape.keys};
  for (int i = 0; i < 4; ++i) {
    if (layout.sizes[i] == expected[i]) continue;
    if (layout.sizes[i] == 1 && i < 3) {
      layout.strides[i] = 0;
      continue;
    }
    std::string text = "bias has size " + std::to_string(layout.sizes[i]);
    text += i == 0 ? " for the batch" : i == 1 ? " for the heads" : i == 2 ? " for the queries" : " for the keys";
    Throw(PyExc_ValueError, text + ", expected " + std::to_string(expected[i]) + (i < 3 ? " or 1" : ""));
  }
  BiasView view;
  view.data = layout.data;
  view.type = layout.type;
  view.batch_stride = layout.strides[0];
  view.head_stride = layout.strides[1];
  view.query_stride = layout.strides[2];
  return view;
}

bool IsGiven(const nb::object& value) { return value.is_valid() && !value.is_none(); }

}  // namespace

CallOptions::CallOptions(const char* method, Source source, const nb::kwargs& keywords) {
  for (const auto& [key, value] : keywords) {
    const char* const name = nb::borrow<nb::str>(key).c_str();
    const Keyword* const keyword = Find(name, source);
    if (keyword == nullptr) {
      Throw(PyExc_TypeError, std::string(method) + "() has no keyword '" + name + "'; it has " + NamesOf(source));
    }
    if (!value.is_none()) keyword->set(keyword->name, value, this);
  }
}

void CallOptions::Fit(const AttentionShape& shape) {
  Mask& mask = params.mask;
  mask.causal_offset = causal_offset.value_or(static_cast<int64_t>(shape.keys) - static_cast<int64_t>(shape.queries));
  if (IsGiven(key_lengths)) {
    key_lengths_ = Wholes("key_lengths", key_lengths, shape.batch);
    mask.key_lengths = key_lengths_.data();
  }
  if (IsGiven(bias)) {
    bias_.emplace("bias", bias, copy);
    params.bias = BiasOf(bias_->dl(), shape);
  }
}

}  // namespace attnscope::python
