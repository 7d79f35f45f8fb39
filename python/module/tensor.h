// SPDX-License-Identifier: Apache-2.0
//
// An argument that holds numbers, whosever it is: read where it lies, by the buffer protocol or DLPack.
#ifndef ATTNSCOPE_PYTHON_MODULE_TENSOR_H_
#define ATTNSCOPE_PYTHON_MODULE_TENSOR_H_

#include <dlpack/dlpack.h>
#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>

namespace attnscope::python {

namespace nb = nanobind;

// Lends the memory of an object for as long as it lives: a NumPy array (also read-only, and bfloat16 of ml_dtypes), a
// tensor of PyTorch (also one that requires a gradient), an array of JAX, or whatever else has the buffer protocol or
// `__dlpack__`. Made and destroyed with the GIL; in between the memory may be read without it.
class Tensor {
 public:
  enum class Elements : uint8_t {
    kFloats,  // float32, float16, bfloat16
    kBytes,   // booleans, and whole numbers of a byte
  };

  // `copy`: what cannot be read in place (memory of a GPU, float64, a last dimension that is not contiguous) is copied.
  // Throws TypeError for an object that holds no numbers, ValueError for memory or types that the library cannot read;
  // the message begins with `name`.
  Tensor(const char* name, nb::handle object, bool copy, Elements elements = Elements::kFloats);
  ~Tensor();
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;

  // In memory of the CPU, aligned to its elements.
  const DLTensor& dl() const { return tensor_; }

 private:
  static constexpr int kMaxDimensions = 8;

  bool ReadBuffer(const char* name, nb::handle object);
  bool ReadBFloat16(const char* name, nb::handle object);
  void ReadDLPack(const char* name, nb::handle object);
  [[noreturn]] void ThrowType(const char* name, const std::string& dtype) const;
  void TakeBuffer(const char* name, DLDataType type);
  void CheckReadable(const char* name) const;
  void Release();

  const Elements elements_;
  nb::object owner_;
  Py_buffer buffer_ = {};    // obj is null if there is none
  void* managed_ = nullptr;  // of either version of DLPack
  bool is_versioned_ = false;
  DLTensor tensor_ = {};
  int64_t shape_[kMaxDimensions] = {};
  int64_t strides_[kMaxDimensions] = {};
};

}  // namespace attnscope::python

#endif  // ATTNSCOPE_PYTHON_MODULE_TENSOR_H_
