// SPDX-License-Identifier: Apache-2.0
//
// A .safetensors file: eight bytes that hold the length of a JSON header, the header, and the elements, which are used
// where they lie.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "report/io/json_text.h"
#include "tools/files/little_endian.h"
#include "tools/files/tensor_file.h"

namespace attnscope::tools {
namespace {

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::string_view kMetadataKey = "__metadata__";

Status DataLoss(const std::string& message) { return {StatusCode::kDataLoss, message}; }

// A whole number from 0 to 2^64 - 1.
bool ReadSize(const nlohmann::json& value, size_t* out) {
  if (!value.is_number_unsigned()) return false;
  *out = value.get<size_t>();
  return true;
}

bool ReadSizes(const nlohmann::json& tensor, const char* key, std::vector<size_t>* out) {
  const auto found = tensor.find(key);
  if (found == tensor.end() || !found->is_array()) return false;
  out->resize(found->size());
  for (size_t i = 0; i < out->size(); ++i) {
    if (!ReadSize((*found)[i], &(*out)[i])) return false;
  }
  return true;
}

Dtype ReadDtype(std::string_view name) {
  if (name == "F16") return Dtype::kFloat16;
  if (name == "BF16") return Dtype::kBFloat16;
  if (name == "F32") return Dtype::kFloat32;
  if (name == "F64") return Dtype::kFloat64;
  if (name == "F8_E4M3" || name == "F8_E5M2") return Dtype::kFloat16;  // which holds all their values
  return Dtype::kOther;
}

Storage ReadStorage(std::string_view name) {
  if (name == "F8_E4M3") return Storage::kFloat8E4M3;
  return name == "F8_E5M2" ? Storage::kFloat8E5M2 : Storage::kSame;
}

class SafetensorsFile : public TensorFile {
 public:
  SafetensorsFile(std::string path, platform::MappedFile file)
      : TensorFile(std::move(path), /*is_archive=*/true, std::move(file)) {}

 private:
  struct Range {
    size_t begin;
    size_t end;
  };

  Status ReadInfo() override {
    const size_t file_bytes = bytes().size();
    if (file_bytes < kLengthBytes) return DataLoss("is truncated: " + std::to_string(file_bytes) + " bytes");
    const auto header_bytes = LoadLittleEndian<uint64_t>(bytes(), 0);
    if (header_bytes > kMaxHeaderBytes || header_bytes > file_bytes - kLengthBytes) {
      return DataLoss("its header claims " + std::to_string(header_bytes) + " bytes, the file has " +
                      std::to_string(file_bytes));
    }
    elements_ = bytes().subspan(kLengthBytes + header_bytes);
    const Bytes header = bytes().subspan(kLengthBytes, header_bytes);
    nlohmann::json tensors;
    Status status = ParseJson({reinterpret_cast<const char*>(header.data()), header.size()}, &tensors);
    if (!status.ok()) return {status.code(), "its header: " + status.message()};
    if (!tensors.is_object()) return DataLoss("its header is no JSON object");
    return ReadTensors(tensors);
  }

  Status ReadTensors(const nlohmann::json& tensors) {
    for (const auto& [name, tensor] : tensors.items()) {
      if (name == kMetadataKey) continue;
      TensorInfo& info = tensors_.emplace_back();
      info.name = name;
      Status status = ReadTensor(tensor, &info, &ranges_.emplace_back());
      if (!status.ok()) return {status.code(), "tensor '" + name + "': " + status.message()};
    }
    if (tensors_.empty()) return DataLoss("holds no tensors");
    return CheckRanges();
  }

  Status ReadTensor(const nlohmann::json& tensor, TensorInfo* info, Range* range) const {
    std::vector<size_t> offsets;
    if (!tensor.is_object() || !tensor.contains("dtype") || !tensor["dtype"].is_string() ||
        !ReadSizes(tensor, "shape", &info->shape) || !ReadSizes(tensor, "data_offsets", &offsets) ||
        offsets.size() != 2) {
      return DataLoss("its header entry needs a dtype, a shape and two data_offsets");
    }
    if (info->shape.size() > kMaxDimensions) {
      return DataLoss("the shape has " + std::to_string(info->shape.size()) + " dimensions, more than " +
                      std::to_string(kMaxDimensions));
    }
    *range = {offsets[0], offsets[1]};
    if (range->begin > range->end || range->end > elements_.size()) {
      return DataLoss("data_offsets " + ShapeText(offsets) + " lie outside of the file's " +
                      std::to_string(elements_.size()) + " bytes of elements");
    }
    const auto& dtype = tensor["dtype"].get_ref<const std::string&>();
    info->dtype = ReadDtype(dtype);
    info->storage = ReadStorage(dtype);
    if (info->dtype == Dtype::kOther) {
      info->problem = "element type '" + dtype + "' is not supported (only F8_E4M3, F8_E5M2, F16, BF16, F32 and F64)";
      info->is_never_attention = dtype.starts_with('I') || dtype.starts_with('U') || dtype.starts_with('B');
      return {};
    }
    size_t needed = 0;
    Status status = TensorBytes(*info, &needed);
    if (!status.ok() || needed == range->end - range->begin) return status;
    return DataLoss("shape " + ShapeText(info->shape) + " needs " + std::to_string(needed) + " bytes, data_offsets " +
                    ShapeText(offsets) + " have " + std::to_string(range->end - range->begin));
  }

  // The format has every byte of the elements belong to one tensor: what else is there was not meant to be read.
  Status CheckRanges() const {
    std::vector<size_t> sorted;
    for (size_t i = 0; i < ranges_.size(); ++i) {
      if (ranges_[i].begin < ranges_[i].end) sorted.push_back(i);
    }
    std::sort(sorted.begin(), sorted.end(), [this](size_t a, size_t b) { return ranges_[a].begin < ranges_[b].begin; });
    size_t end = 0;
    for (size_t i = 0; i < sorted.size(); ++i) {
      const Range& next = ranges_[sorted[i]];
      if (next.begin < end) {
        return DataLoss("tensors '" + tensors_[sorted[i - 1]].name + "' and '" + tensors_[sorted[i]].name +
                        "' overlap at byte " + std::to_string(next.begin) + " of the elements");
      }
      if (next.begin > end) return NoTensors(end, next.begin);
      end = next.end;
    }
    return end == elements_.size() ? Status() : NoTensors(end, elements_.size());
  }

  static Status NoTensors(size_t begin, size_t end) {
    return DataLoss("bytes " + std::to_string(begin) + " to " + std::to_string(end) +
                    " of the elements belong to no tensor");
  }

  Status ReadElements(size_t tensor, TensorData* out) const override {
    const Range& range = ranges_[tensor];
    return TensorData::FromMapped(elements_.subspan(range.begin, range.end - range.begin),
                                  ElementBytes(tensors()[tensor].dtype), out);
  }

  Bytes elements_;
  std::vector<Range> ranges_;  // as tensors()
};

}  // namespace

std::unique_ptr<TensorFile> MakeSafetensorsFile(std::string path, platform::MappedFile file) {
  return std::make_unique<SafetensorsFile>(std::move(path), std::move(file));
}

}  // namespace attnscope::tools
