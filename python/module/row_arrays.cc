// SPDX-License-Identifier: Apache-2.0
#include "python/module/row_arrays.h"

#include <nanobind/ndarray.h>

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

#include "attnscope/metrics.h"
#include "python/module/errors.h"

namespace attnscope::python {
namespace {

struct Output {
  std::string_view name;
  bool is_whole_number = false;
};

std::vector<Output> OutputsOf(bool has_logits, const TopKValues& top_k) {
  std::vector<Output> outputs;
  for (const RowOutputInfo& info : kRowOutputs) {
    if (has_logits || !info.needs_logits) outputs.push_back({info.name, info.is_whole_number});
  }
  for (const uint32_t k : top_k) outputs.push_back({InfoOf(TopMass(k)).name});
  return outputs;
}

std::string NamesOf(const std::vector<Output>& outputs) {
  std::string names;
  for (const Output& output : outputs) names += (names.empty() ? "" : ", ") + std::string(output.name);
  return names;
}

RowBuffer* Find(std::string_view name, RowOutputs* outputs) {
  for (const RowOutputInfo& info : kRowOutputs) {
    if (name == info.name) return &(outputs->*info.buffer);
  }
  const auto* const found = std::find(outputs->top_k.begin(), outputs->top_k.end(), TopKNamed(name));
  return &outputs->top_mass[static_cast<size_t>(found - outputs->top_k.begin())];
}

template <typename T>
nb::object Give(std::unique_ptr<std::byte[]> memory, const size_t (&shape)[3]) {
  auto* const data = reinterpret_cast<T*>(memory.get());
  const nb::capsule owner(memory.release(), [](void* p) noexcept { delete[] static_cast<std::byte*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, T>(data, 3, shape, owner));
}

}  // namespace

RowArrays::RowArrays(const char* argument, nb::handle names, bool has_logits, const TopKValues& top_k) {
  outputs_.top_k = top_k;
  const std::vector<Output> all = OutputsOf(has_logits, top_k);
  if (names.ptr() == Py_True) {
    for (const Output& output : all) arrays_.push_back({std::string(output.name), output.is_whole_number, nullptr});
    return;
  }
  if (!nb::isinstance<nb::sequence>(names) || nb::isinstance<nb::str>(names)) {
    Throw(PyExc_TypeError, std::string(argument) + " is " + nb::repr(names).c_str() +
                               ", expected True or a list of names, among: " + NamesOf(all));
  }
  for (const nb::handle one : names) {
    const std::string name = nb::isinstance<nb::str>(one) ? nb::borrow<nb::str>(one).c_str() : "";
    const auto found = std::find_if(all.begin(), all.end(), [&](const Output& output) { return output.name == name; });
    if (found == all.end()) {
      Throw(PyExc_ValueError,
            std::string(argument) + " has " + nb::repr(one).c_str() + ", expected one of: " + NamesOf(all));
    }
    const bool is_there =
        std::any_of(arrays_.begin(), arrays_.end(), [&](const Array& array) { return array.name == name; });
    if (!is_there) arrays_.push_back({name, found->is_whole_number, nullptr});
  }
}

Status RowArrays::Allocate(size_t batch, size_t heads, size_t queries) {
  static_assert(sizeof(int64_t) == sizeof(double));
  size_t bytes = sizeof(double);
  for (const size_t size : {batch, heads, queries}) {
    if (__builtin_mul_overflow(bytes, std::max<size_t>(size, 1), &bytes)) {
      return {StatusCode::kOutOfMemory, "no address space for the rows' arrays"};
    }
  }
  shape_[0] = batch, shape_[1] = heads, shape_[2] = queries;
  for (Array& array : arrays_) {
    array.memory.reset(new (std::nothrow) std::byte[bytes]);
    if (array.memory == nullptr) {
      return {StatusCode::kOutOfMemory,
              "cannot allocate " + std::to_string(bytes) + " bytes for the rows' " + array.name};
    }
    RowBuffer* const buffer = Find(array.name, &outputs_);
    if (array.is_whole_number) {
      *buffer = reinterpret_cast<int64_t*>(array.memory.get());
    } else {
      *buffer = reinterpret_cast<double*>(array.memory.get());
    }
  }
  return {};
}

nb::dict RowArrays::Take() {
  nb::dict out;
  for (Array& array : arrays_) {
    out[array.name.c_str()] = array.is_whole_number ? Give<int64_t>(std::move(array.memory), shape_)
                                                    : Give<double>(std::move(array.memory), shape_);
  }
  return out;
}

}  // namespace attnscope::python
