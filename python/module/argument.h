// SPDX-License-Identifier: Apache-2.0
//
// Numbers and truth values as arguments of what the module binds.
#ifndef ATTNSCOPE_PYTHON_MODULE_ARGUMENT_H_
#define ATTNSCOPE_PYTHON_MODULE_ARGUMENT_H_

#include <nanobind/nanobind.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace attnscope::python {

namespace nb = nanobind;

// Whole numbers of Python, NumPy and PyTorch; what PyFloat_AsDouble takes; True and False, also NumPy's. Throw
// TypeError, or ValueError for a whole number beyond the type. The message begins with `name` and has the value.
void Read(const char* name, nb::handle value, size_t* out);
void Read(const char* name, nb::handle value, int64_t* out);
void Read(const char* name, nb::handle value, int* out);
void Read(const char* name, nb::handle value, double* out);
void Read(const char* name, nb::handle value, bool* out);

// None is nullopt.
template <typename T>
void Read(const char* name, nb::handle value, std::optional<T>* out) {
  if (value.is_none()) {
    out->reset();
  } else {
    Read(name, value, &out->emplace());
  }
}

template <typename T>
T Read(const char* name, nb::handle value) {
  T out{};
  Read(name, value, &out);
  return out;
}

template <size_t kSize>
struct ArgumentName {
  // NOLINTNEXTLINE(google-explicit-constructor): so that a literal may stand in Argument<T, "name">
  constexpr ArgumentName(const char (&from)[kSize]) { std::copy_n(from, kSize, text); }
  char text[kSize] = {};
};

// In the place of T among a bound function's parameters: what it may not be becomes an exception with its name and
// value, which nanobind's own does not have.
template <typename T, ArgumentName kName>
class Argument {
 public:
  // Throws as Read does. The GIL may be released.
  // NOLINTNEXTLINE(google-explicit-constructor)
  operator T() const {
    if (refused_.is_valid()) {
      const nb::gil_scoped_acquire acquire;
      return Read<T>(kName.text, refused_);
    }
    return value_;
  }

  void Take(nb::handle source) noexcept {
    try {
      value_ = Read<T>(kName.text, source);
    } catch (const nb::python_error&) {
      refused_ = nb::borrow(source);
    }
  }

 private:
  T value_{};
  nb::object refused_;
};

template <typename T>
constexpr auto TypeName() {
  using nb::detail::const_name;
  if constexpr (std::is_same_v<T, double>) {
    return const_name("float");
  } else if constexpr (std::is_same_v<T, bool>) {
    return const_name("bool");
  } else if constexpr (std::is_integral_v<T>) {
    return const_name("int");
  } else {
    return const_name("int | None");
  }
}

}  // namespace attnscope::python

namespace nanobind::detail {

template <typename T, attnscope::python::ArgumentName kName>
struct type_caster<attnscope::python::Argument<T, kName>> {
  using Taken = attnscope::python::Argument<T, kName>;
  NB_TYPE_CASTER(Taken, attnscope::python::TypeName<T>())
  bool from_python(handle source, uint32_t /*flags*/, cleanup_list* /*cleanup*/) noexcept {
    value.Take(source);
    return true;
  }
};

}  // namespace nanobind::detail

#endif  // ATTNSCOPE_PYTHON_MODULE_ARGUMENT_H_
