// SPDX-License-Identifier: Apache-2.0
//
// A .npz file: a zip archive of .npy files. Stored members are used where they lie, without a trip over them for their
// checksum, as a .npy file has none either; deflated ones are inflated when they are read, and checked.
#include <algorithm>
#include <set>
#include <string_view>

#include "tools/files/npy.h"
#include "tools/files/tensor_file.h"
#include "tools/files/zip.h"

namespace attnscope::tools {
namespace {

constexpr std::string_view kSuffix = ".npy";

// Reads the header of a member into `*header`, which ends at the first element.
Status ReadHeader(ZipMemberReader* reader, size_t member_bytes, std::vector<uint8_t>* header) {
  header->resize(std::min(kNpyPreludeBytes, member_bytes));
  Status status = reader->Read(header->data(), header->size());
  size_t header_bytes = 0;
  if (status.ok()) status = NpyHeaderBytes(*header, &header_bytes);
  if (!status.ok()) return status;
  header->resize(header_bytes);
  return reader->Read(header->data() + kNpyPreludeBytes, header_bytes - kNpyPreludeBytes);
}

class NpzFile : public TensorFile {
 public:
  NpzFile(std::string path, platform::MappedFile file)
      : TensorFile(std::move(path), /*is_archive=*/true, std::move(file)) {}

 private:
  struct Array {
    ZipMember member;
    size_t header_bytes = 0;
  };

  Status ReadInfo() override {
    std::vector<ZipMember> members;
    Status status = ReadZipDirectory(bytes(), &members);
    std::set<std::string> names;
    bool is_pytorch = false;
    size_t of_finder = 0;
    for (ZipMember& member : members) {
      if (!status.ok()) return status;
      is_pytorch |= member.name.ends_with("data.pkl");
      if (!member.name.ends_with(kSuffix)) continue;
      if (member.name.starts_with("__MACOSX/")) {  // what the Finder adds of each file
        ++of_finder;
        continue;
      }
      if (!names.insert(member.name).second) {
        return {StatusCode::kDataLoss, "member '" + member.name + "' is there twice"};
      }
      arrays_.push_back({.member = std::move(member)});
      status = ReadArrayInfo(&arrays_.back(), &tensors_.emplace_back());
    }
    if (of_finder > 0) {
      notes_.push_back("left out: " + std::to_string(of_finder) + (of_finder == 1 ? " member" : " members") +
                       " of __MACOSX, which holds no arrays");
    }
    if (!status.ok() || !arrays_.empty()) return status;
    if (is_pytorch) return {StatusCode::kDataLoss, "is a file of PyTorch; " + std::string(kFromPyTorch)};
    return {StatusCode::kDataLoss, "is a zip archive without .npy arrays"};
  }

  static Status ReadArrayInfo(Array* array, TensorInfo* info) {
    const ZipMember& member = array->member;
    info->name = member.name.substr(0, member.name.size() - kSuffix.size());
    info->problem = member.problem;
    if (!info->problem.empty()) return {};
    ZipMemberReader reader(member);
    std::vector<uint8_t> header;
    Status status = ReadHeader(&reader, member.size, &header);
    array->header_bytes = header.size();
    if (status.ok()) status = ParseNpyHeader(header, info);
    size_t needed = 0;
    if (status.ok() && info->dtype != Dtype::kOther) {
      status = TensorBytes(*info, &needed);
      // This is what keeps an archive from inflating to more than its arrays say.
      if (status.ok() && needed != member.size - array->header_bytes) {
        status = {StatusCode::kDataLoss, "shape " + ShapeText(info->shape) + " needs " + std::to_string(needed) +
                                             " bytes of elements, the archive has " +
                                             std::to_string(member.size - array->header_bytes)};
      }
    }
    return status.ok() ? status : Status(status.code(), "tensor '" + info->name + "': " + status.message());
  }

  Status ReadElements(size_t tensor, TensorData* out) const override {
    const Array& array = arrays_[tensor];
    if (array.member.is_stored) {
      return TensorData::FromMapped(array.member.content.subspan(array.header_bytes),
                                    ElementBytes(tensors()[tensor].dtype), out);
    }
    ZipMemberReader reader(array.member);
    std::vector<uint8_t> header;
    Status status = ReadHeader(&reader, array.member.size, &header);
    const size_t size = array.member.size - array.header_bytes;
    uint8_t* buffer = nullptr;
    if (status.ok()) status = TensorData::Allocate(size, &buffer, out);
    if (status.ok()) status = reader.Read(buffer, size);
    return status.ok() ? reader.Finish() : status;
  }

  std::vector<Array> arrays_;  // as tensors()
};

}  // namespace

std::unique_ptr<TensorFile> MakeNpzFile(std::string path, platform::MappedFile file) {
  return std::make_unique<NpzFile>(std::move(path), std::move(file));
}

}  // namespace attnscope::tools
