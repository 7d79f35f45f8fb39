// SPDX-License-Identifier: Apache-2.0
#include "tools/files/number_file.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "platform/mapped_file.h"
#include "tools/files/decode.h"
#include "tools/files/float32.h"
#include "tools/files/npy.h"

namespace attnscope::tools {
namespace {

template <typename T>
std::vector<T> ElementsOf(const TensorData& data) {
  std::vector<T> elements(data.bytes().size() / sizeof(T));
  if (!elements.empty()) std::memcpy(elements.data(), data.bytes().data(), elements.size() * sizeof(T));
  return elements;
}

template <typename T, typename To, typename Widen>
void WidenAll(const TensorData& data, const Widen& widen, std::vector<To>* out) {
  const std::vector<T> elements = ElementsOf<T>(data);
  out->resize(elements.size());
  std::transform(elements.begin(), elements.end(), out->begin(), widen);
}

// Above 2^63 - 1 it is that: no length is.
template <typename T>
void FillWhole(const TensorData& data, NumberArray* out) {
  const auto widen = [](T value) {
    return std::in_range<int64_t>(value) ? static_cast<int64_t>(value) : std::numeric_limits<int64_t>::max();
  };
  WidenAll<T>(data, widen, &out->whole);
}

void Fill(const TensorData& data, NumberArray* out) {
  switch (out->dtype) {
    case Dtype::kBool:
    case Dtype::kUInt8:
      out->bytes = ElementsOf<uint8_t>(data);
      return;
    case Dtype::kInt8:
      return FillWhole<int8_t>(data, out);
    case Dtype::kInt16:
      return FillWhole<int16_t>(data, out);
    case Dtype::kUInt16:
      return FillWhole<uint16_t>(data, out);
    case Dtype::kInt32:
      return FillWhole<int32_t>(data, out);
    case Dtype::kUInt32:
      return FillWhole<uint32_t>(data, out);
    case Dtype::kInt64:
      return FillWhole<int64_t>(data, out);
    case Dtype::kUInt64:
      return FillWhole<uint64_t>(data, out);
    case Dtype::kFloat16:
      WidenAll<uint16_t>(data, WidenHalf, &out->floats);
      return;
    case Dtype::kBFloat16:
      WidenAll<uint16_t>(data, WidenBFloat, &out->floats);
      return;
    case Dtype::kFloat32:
      out->floats = ElementsOf<float>(data);
      return;
    case Dtype::kFloat64:
      out->floats.resize(data.bytes().size() / sizeof(double));
      NarrowToFloat32({reinterpret_cast<const double*>(data.bytes().data()), out->floats.size()}, out->floats.data());
      return;
    case Dtype::kOther:
      return;
  }
}

Status ReadArray(Bytes bytes, bool void_is_bfloat16, NumberArray* out) {
  size_t header_bytes = 0;
  Status status = NpyHeaderBytes(bytes.first(std::min(kNpyPreludeBytes, bytes.size())), &header_bytes);
  if (!status.ok()) return status;
  if (header_bytes > bytes.size()) return {StatusCode::kDataLoss, "is truncated within its header"};
  TensorInfo info;
  status = ParseNpyHeader(bytes.first(header_bytes), &info);
  if (!status.ok()) return status;
  if (info.whole_dtype != Dtype::kOther) {
    info.dtype = info.whole_dtype;
  } else if (!info.problem.empty() && !(void_is_bfloat16 && info.may_be_bfloat16)) {
    return {StatusCode::kInvalidArgument, info.problem};
  }
  size_t needed = 0;
  status = TensorBytes(info, &needed);
  if (!status.ok()) return status;
  const Bytes elements = bytes.subspan(header_bytes);
  if (elements.size() != needed) {
    return {StatusCode::kDataLoss, "shape " + ShapeText(info.shape) + " needs " + std::to_string(needed) +
                                       " bytes of elements, the file has " + std::to_string(elements.size())};
  }
  TensorData data;
  status = TensorData::FromMapped(elements, ElementBytes(info.dtype), &data);
  if (status.ok()) status = DecodeElements(info, &data);
  if (!status.ok()) return status;
  out->dtype = info.dtype;
  out->shape = info.shape;
  Fill(data, out);
  return {};
}

}  // namespace

Status ReadNumberFile(const std::string& path, bool void_is_bfloat16, NumberArray* out) {
  platform::MappedFile file;
  Status status = platform::MappedFile::Open(path, &file);
  if (!status.ok()) return status;
  NumberArray array;
  status = ReadArray(file.bytes(), void_is_bfloat16, &array);
  if (!status.ok()) return {status.code(), path + ": " + status.message()};
  *out = std::move(array);
  return {};
}

}  // namespace attnscope::tools
