// SPDX-License-Identifier: Apache-2.0
//
// A .npy file: one array, used where it lies.
#include <algorithm>
#include <filesystem>

#include "platform/path.h"
#include "tools/files/npy.h"
#include "tools/files/tensor_file.h"

namespace attnscope::tools {
namespace {

class NpyFile : public TensorFile {
 public:
  NpyFile(std::string path, platform::MappedFile file)
      : TensorFile(std::move(path), /*is_archive=*/false, std::move(file)) {}

 private:
  Status ReadInfo() override {
    TensorInfo& info = tensors_.emplace_back();
    info.name = platform::Utf8Of(platform::PathOf(path()).stem());
    Status status = NpyHeaderBytes(bytes().first(std::min(kNpyPreludeBytes, bytes().size())), &header_bytes_);
    if (!status.ok()) return status;
    if (header_bytes_ > bytes().size()) {
      return {StatusCode::kDataLoss, "is truncated: its header has " + std::to_string(header_bytes_) +
                                         " bytes, the file " + std::to_string(bytes().size())};
    }
    status = ParseNpyHeader(bytes().first(header_bytes_), &info);
    if (!status.ok() || info.dtype == Dtype::kOther) return status;
    size_t needed = 0;
    status = TensorBytes(info, &needed);
    if (!status.ok()) return status;
    const size_t found = bytes().size() - header_bytes_;
    if (found == needed) return {};
    return {StatusCode::kDataLoss, (found < needed ? "is truncated: shape " : "has more than one array: shape ") +
                                       ShapeText(info.shape) + " needs " + std::to_string(needed) +
                                       " bytes of elements, the file has " + std::to_string(found)};
  }

  Status ReadElements(size_t tensor, TensorData* out) const override {
    return TensorData::FromMapped(bytes().subspan(header_bytes_), ElementBytes(tensors()[tensor].dtype), out);
  }

  size_t header_bytes_ = 0;
};

}  // namespace

std::unique_ptr<TensorFile> MakeNpyFile(std::string path, platform::MappedFile file) {
  return std::make_unique<NpyFile>(std::move(path), std::move(file));
}

}  // namespace attnscope::tools
