// SPDX-License-Identifier: Apache-2.0
#include "python/module/tensor.h"

#include <cstring>
#include <string>
#include <string_view>

#include "python/module/errors.h"

namespace attnscope::python {
namespace {

// DLPack 1's DLManagedTensorVersioned, which the header of Debian 12 does not have.
struct VersionedTensor {
  uint32_t major;
  uint32_t minor;
  void* manager_ctx;
  void (*deleter)(VersionedTensor* self);
  uint64_t flags;
  DLTensor dl_tensor;
};
constexpr uint32_t kReadVersion = 1;

constexpr DLDataType kFloat32 = {kDLFloat, 32, 1};
constexpr DLDataType kFloat16 = {kDLFloat, 16, 1};
constexpr DLDataType kBFloat16 = {kDLBfloat, 16, 1};
constexpr DLDataType kByte = {kDLUInt, 8, 1};
constexpr uint8_t kBoolean = 6;  // kDLBool of later headers

constexpr char kWayOut[] = "; convert it, or pass copy=True to have it copied";

std::string TypeName(nb::handle object) { return Py_TYPE(object.ptr())->tp_name; }

std::string DtypeName(nb::handle object, const char* otherwise) {
  const nb::object dtype = nb::getattr(object, "dtype", nb::none());
  return dtype.is_none() ? otherwise : nb::str(dtype).c_str();
}

// The type of a buffer's elements by its format (module struct), as long as it is this machine's.
bool TypeOfFormat(std::string_view format, Tensor::Elements elements, DLDataType* type) {
  if (!format.empty() && (format[0] == '<' || format[0] == '=' || format[0] == '@')) format.remove_prefix(1);
  if (elements == Tensor::Elements::kBytes) {
    *type = kByte;
    return format == "?" || format == "B" || format == "b";
  }
  if (format == "f") return *type = kFloat32, true;
  if (format == "e") return *type = kFloat16, true;
  return false;
}

bool IsOf(Tensor::Elements elements, const DLDataType& type) {
  if (type.lanes != 1) return false;
  if (elements == Tensor::Elements::kBytes) {
    return type.bits == 8 && (type.code == kDLInt || type.code == kDLUInt || type.code == kBoolean);
  }
  return (type.code == kDLFloat && (type.bits == 32 || type.bits == 16)) || (type.code == kDLBfloat && type.bits == 16);
}

// "cuda:0" where the object says so, else the number of the type.
std::string DeviceName(nb::handle object, const DLDevice& device) {
  const nb::object named = nb::getattr(object, "device", nb::none());
  if (!named.is_none()) return nb::str(named).c_str();
  return "a device of DLPack's type " + std::to_string(device.device_type);
}

// Arrays of numpy.ma lend the numbers below their mask as if none were hidden.
void RefuseMasked(const char* name, nb::handle object) {
  if (std::string_view(Py_TYPE(object.ptr())->tp_name) == "numpy.ndarray") return;  // as most are
  if (!nb::hasattr(object, "filled") || !nb::hasattr(object, "fill_value")) return;
  Throw(PyExc_ValueError, std::string(name) + " is a masked array, whose mask is not read; pass " + name +
                              ".filled(...), or .data and a mask of its own");
}

// Views of PyTorch whose numbers are those in memory with the other sign, which its DLPack does not say.
bool IsNegated(nb::handle object) { return nb::hasattr(object, "is_neg") && object.attr("is_neg")().ptr() == Py_True; }

nb::object MethodOf(const char* name, nb::handle object) {
  nb::object method = nb::getattr(object, "__dlpack__", nb::none());
  if (PyCallable_Check(method.ptr()) == 0) {
    Throw(PyExc_TypeError, std::string(name) + " is of type " + TypeName(object) +
                               ", expected an array or tensor: something with the buffer protocol or __dlpack__");
  }
  return method;
}

// What is known of an object that does not lend its memory: " (dtype torch.float32, on meta)".
std::string Described(nb::handle object) {
  const std::string dtype = DtypeName(object, "");
  if (dtype.empty()) return "";
  const nb::object device = nb::getattr(object, "device", nb::none());
  return " (dtype " + dtype + (device.is_none() ? "" : std::string(", on ") + nb::str(device).c_str()) + ")";
}

nb::object Capsule(const nb::object& method) {
  // Objects of before DLPack 1 do not know max_version. Their TypeError does not become a C++ exception, which takes 40
  // us to catch in a process with libraries as large as PyTorch's.
  nb::dict keywords;
  keywords["max_version"] = nb::make_tuple(kReadVersion, 0);
  nb::object capsule = nb::steal(PyObject_Call(method.ptr(), nb::make_tuple().ptr(), keywords.ptr()));
  if (capsule.is_valid()) return capsule;
  if (PyErr_ExceptionMatches(PyExc_TypeError) == 0) nb::raise_python_error();
  PyErr_Clear();
  return method();
}

}  // namespace

Tensor::Tensor(const char* name, nb::handle object, bool copy, Elements elements) : elements_(elements) {
  owner_ = nb::borrow(object);
  RefuseMasked(name, object);
  if (copy) {
    const nb::module_ arrays = nb::module_::import_("attnscope._arrays");
    owner_ = arrays.attr(elements == Elements::kBytes ? "readable_bytes" : "readable")(name, owner_);
  }
  try {
    if (!ReadBuffer(name, owner_) && !ReadBFloat16(name, owner_)) ReadDLPack(name, owner_);
    CheckReadable(name);
  } catch (...) {
    Release();
    throw;
  }
}

void Tensor::ThrowType(const char* name, const std::string& dtype) const {
  const char* const expected = elements_ == Elements::kBytes ? "bool or uint8" : "float32, float16 or bfloat16";
  Throw(PyExc_ValueError, std::string(name) + " has dtype " + dtype + ", expected " + expected + kWayOut);
}

Tensor::~Tensor() { Release(); }

void Tensor::Release() {
  if (buffer_.obj != nullptr) PyBuffer_Release(&buffer_);
  if (managed_ != nullptr && is_versioned_) {
    auto* const managed = static_cast<VersionedTensor*>(managed_);
    if (managed->deleter != nullptr) managed->deleter(managed);
  } else if (managed_ != nullptr) {
    auto* const managed = static_cast<DLManagedTensor*>(managed_);
    if (managed->deleter != nullptr) managed->deleter(managed);
  }
  managed_ = nullptr;
}

// False if the object does not lend a buffer.
bool Tensor::ReadBuffer(const char* name, nb::handle object) {
  if (PyObject_CheckBuffer(object.ptr()) == 0) return false;
  if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_STRIDED_RO | PyBUF_FORMAT) != 0) {
    PyErr_Clear();  // such as bfloat16, which the protocol has no letter for
    buffer_.obj = nullptr;
    return false;
  }
  DLDataType type;
  const char* const format = buffer_.format == nullptr ? "B" : buffer_.format;
  if (!TypeOfFormat(format, elements_, &type)) ThrowType(name, DtypeName(object, format));
  TakeBuffer(name, type);
  return true;
}

// False if the object is no array of ml_dtypes' bfloat16; these are read as the whole numbers that they lie over.
bool Tensor::ReadBFloat16(const char* name, nb::handle object) {
  if (elements_ != Elements::kFloats || PyObject_CheckBuffer(object.ptr()) == 0 || !nb::hasattr(object, "view")) {
    return false;
  }
  if (DtypeName(object, "") != "bfloat16") return false;
  owner_ = object.attr("view")("uint16");
  if (PyObject_GetBuffer(owner_.ptr(), &buffer_, PyBUF_STRIDED_RO | PyBUF_FORMAT) != 0) throw nb::python_error();
  TakeBuffer(name, kBFloat16);
  return true;
}

void Tensor::TakeBuffer(const char* name, DLDataType type) {
  if (buffer_.ndim > kMaxDimensions) {
    Throw(PyExc_ValueError,
          std::string(name) + " has " + std::to_string(buffer_.ndim) + " dimensions, expected at most 4");
  }
  for (int i = 0; i < buffer_.ndim; ++i) {
    shape_[i] = buffer_.shape[i];
    if (shape_[i] > 1 && buffer_.strides[i] % buffer_.itemsize != 0) {
      Throw(PyExc_ValueError, std::string(name) + " has a stride of " + std::to_string(buffer_.strides[i]) +
                                  " bytes in dimension " + std::to_string(i) +
                                  ", which is no whole number of elements" + kWayOut);
    }
    strides_[i] = buffer_.strides[i] / buffer_.itemsize;
  }
  tensor_.data = buffer_.buf;
  tensor_.device.device_type = kDLCPU;
  tensor_.ndim = buffer_.ndim;
  tensor_.dtype = type;
  tensor_.shape = shape_;
  tensor_.strides = strides_;
}

void Tensor::ReadDLPack(const char* name, nb::handle object) {
  nb::object source = nb::borrow(object);
  const nb::object requires_grad = nb::getattr(object, "requires_grad", nb::none());
  if (requires_grad.ptr() == Py_True && nb::hasattr(object, "detach")) source = object.attr("detach")();
  if (IsNegated(source)) {
    Throw(PyExc_ValueError, std::string(name) + " is a view that negates what it is a view of" + kWayOut);
  }
  const nb::object method = MethodOf(name, source);
  nb::object capsule;
  try {
    capsule = Capsule(method);
  } catch (nb::python_error& error) {
    if (!error.matches(PyExc_Exception)) throw;
    nb::raise_from(error, PyExc_ValueError, "%s cannot be read in place%s%s", name, Described(object).c_str(), kWayOut);
  }
  const bool is_versioned = PyCapsule_IsValid(capsule.ptr(), "dltensor_versioned") != 0;
  if (!is_versioned && PyCapsule_IsValid(capsule.ptr(), "dltensor") == 0) {
    Throw(PyExc_TypeError, std::string(name) + ".__dlpack__() gives no DLPack capsule, or one that was used before");
  }
  managed_ = PyCapsule_GetPointer(capsule.ptr(), is_versioned ? "dltensor_versioned" : "dltensor");
  is_versioned_ = is_versioned;
  PyCapsule_SetName(capsule.ptr(), is_versioned ? "used_dltensor_versioned" : "used_dltensor");
  if (is_versioned) {
    const auto& managed = *static_cast<const VersionedTensor*>(managed_);
    if (managed.major != kReadVersion) {
      Throw(PyExc_ValueError, std::string(name) + " comes by DLPack " + std::to_string(managed.major) + ", expected 1");
    }
    tensor_ = managed.dl_tensor;
  } else {
    tensor_ = static_cast<const DLManagedTensor*>(managed_)->dl_tensor;
  }
  const DLDevice& device = tensor_.device;
  constexpr int kCudaHost = 3;   // pinned memory of CUDA and ROCm, which the CPU reads; the header's names differ
  constexpr int kRocmHost = 11;  // between versions
  const int type = static_cast<int>(device.device_type);
  if (type != kDLCPU && type != kCudaHost && type != kRocmHost) {
    Throw(PyExc_ValueError, std::string(name) + " is on " + DeviceName(object, device) +
                                ", expected memory of the CPU; pass copy=True to have it copied there");
  }
  if (!IsOf(elements_, tensor_.dtype)) ThrowType(name, DtypeName(object, "unknown"));
}

void Tensor::CheckReadable(const char* name) const {
  const uintptr_t address = reinterpret_cast<uintptr_t>(tensor_.data) + tensor_.byte_offset;
  if (tensor_.data != nullptr && address % (tensor_.dtype.bits / 8U) != 0) {
    Throw(PyExc_ValueError, std::string(name) + " is not aligned to its elements" + kWayOut);
  }
}

}  // namespace attnscope::python
