// SPDX-License-Identifier: Apache-2.0
#include "tools/files/tensor.h"

#include <cstring>
#include <limits>
#include <new>

namespace attnscope::tools {

std::string TypeText(const TensorInfo& info) {
  if (info.storage == Storage::kFloat8E4M3) return "float8_e4m3";
  if (info.storage == Storage::kFloat8E5M2) return "float8_e5m2";
  switch (info.dtype) {
    case Dtype::kFloat16:
      return "float16";
    case Dtype::kBFloat16:
      return "bfloat16";
    case Dtype::kFloat32:
      return "float32";
    case Dtype::kFloat64:
      return "float64";
    case Dtype::kBool:
      return "bool";
    case Dtype::kUInt8:
      return "uint8";
    case Dtype::kInt32:
      return "int32";
    case Dtype::kInt64:
      return "int64";
    case Dtype::kInt8:
      return "int8";
    case Dtype::kInt16:
      return "int16";
    case Dtype::kUInt16:
      return "uint16";
    case Dtype::kUInt32:
      return "uint32";
    case Dtype::kUInt64:
      return "uint64";
    case Dtype::kOther:
      break;
  }
  return "other";
}

std::string ShapeText(std::span<const size_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

size_t StoredBytes(const TensorInfo& info) { return info.storage == Storage::kSame ? ElementBytes(info.dtype) : 1; }

Status TensorBytes(const TensorInfo& info, size_t* bytes) {
  constexpr size_t kMax = std::numeric_limits<size_t>::max();
  size_t product = StoredBytes(info);
  for (const size_t size : info.shape) {
    // An empty tensor is empty whatever its other sizes are, but they must make sense without it.
    const size_t factor = size == 0 ? 1 : size;
    if (product > kMax / factor) {
      return {StatusCode::kDataLoss, "shape " + ShapeText(info.shape) + " has more bytes than can be counted"};
    }
    product *= factor;
  }
  for (const size_t size : info.shape) {
    if (size == 0) product = 0;
  }
  *bytes = product;
  return {};
}

Status TensorData::FromMapped(Bytes bytes, size_t alignment, TensorData* out) {
  if (reinterpret_cast<uintptr_t>(bytes.data()) % alignment == 0) {
    out->owned_.reset();
    out->bytes_ = bytes;
    return {};
  }
  uint8_t* buffer = nullptr;
  Status status = Allocate(bytes.size(), &buffer, out);
  if (status.ok()) std::memcpy(buffer, bytes.data(), bytes.size());
  return status;
}

Status TensorData::Allocate(size_t size, uint8_t** buffer, TensorData* out) {
  std::unique_ptr<uint8_t[]> owned(new (std::nothrow) uint8_t[size]);
  if (owned == nullptr) return {StatusCode::kOutOfMemory, std::to_string(size) + " bytes do not fit in memory"};
  *buffer = owned.get();
  out->bytes_ = {owned.get(), size};
  out->owned_ = std::move(owned);
  return {};
}

}  // namespace attnscope::tools
